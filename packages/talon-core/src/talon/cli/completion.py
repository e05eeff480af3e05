"""`talon completion SHELL`"""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from talon.cli.command import command
from talon.cli.output import Output


@command("completion")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(out: Output, shell: str) -> None:
    """Print the script that makes SHELL complete talon's commands and options.

    Example: eval "$(talon completion bash)"
    """
    found = get_completion_class(shell)
    assert found is not None  # click knows the three shells of the choice
    script = found(click.get_current_context().find_root().command, {}, "talon", "_TALON_COMPLETE").source()
    out.data = {"shell": shell, "script": script}
    out.line(script)
