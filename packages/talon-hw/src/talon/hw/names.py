"""What the commands of the group share: the option for a target, names for shells, and files that must not be
replaced."""

from __future__ import annotations

import os

import click

from talon.cli.command import beginning
from talon.ir.errors import TalonFileError

DEFAULT = "generic-mesh"


def target_names(ctx: click.Context) -> list[str]:
    """For shells: the targets that there are."""
    from talon import hw

    return hw.targets()


TARGET = click.option(
    "--target",
    "name",
    default=DEFAULT,
    show_default=True,
    help="A target, or a .toml of your own.",
    shell_complete=beginning(target_names),
)


def refuse_same(output: str, *given: str | None) -> None:
    """What was given is never replaced."""
    for file in given:
        if file is not None and os.path.exists(output) and os.path.exists(file) and os.path.samefile(file, output):
            help = "give the new file another name"
            raise TalonFileError("T308", "the new file is the old one", file=output, help=help)
