"""Reading a stranger's file in another process, which may crash, hang or run out of memory without harm."""
