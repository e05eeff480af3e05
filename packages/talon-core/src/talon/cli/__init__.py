"""The `talon` command. One module a command, loaded when it is called; each is a thin skin over a Python function."""
