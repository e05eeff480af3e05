"""`python -m talon` is the `talon` command."""

from talon.cli.main import main

if __name__ == "__main__":
    main()
