"""`@command`: the options every command has, and errors turned into messages and exit codes."""

from __future__ import annotations

import functools
import sys
import traceback
from collections.abc import Callable, Iterable
from typing import Any

import click

from talon.cli.exits import Exit, exit_of
from talon.cli.output import Output, OutputGone
from talon.cli.wording import in_options
from talon.ir.errors import Diagnostic, TalonError

Body = Callable[..., Exit | None]

PATH = click.Path(readable=False)
"""The type of file arguments: shells complete them; whether one can be read is for the library to say."""


TRUSTED = click.option(
    "--trusted",
    is_flag=True,
    help="Parse HDF5 without an index in this process, compressed arrays too: for files of your own.",
)
"""For commands that read a file; given to the `trusted` of `talon.storage`."""


def common() -> list[click.Parameter]:
    """The options that every command has."""
    return [
        click.Option(["--json"], is_flag=True, help="Print one JSON object."),
        click.Option(["--quiet"], is_flag=True, help="Print results and errors only."),
        click.Option(["--debug"], is_flag=True, help="Show the traceback of an error."),
    ]


def command(name: str) -> Callable[[Body], click.Command]:
    """Make a click command of `body(out, ...)`, which returns an `Exit` or None for 0.

    Adds `--json`, `--quiet` and `--debug`. A `TalonError` becomes its message and exit code, anything unexpected one
    line and exit code 70; the traceback is shown with `--debug`.
    """

    def wrap(body: Body) -> click.Command:
        @functools.wraps(body)
        def run(*, json: bool, quiet: bool, debug: bool, **kwargs: Any) -> None:
            sys.exit(guarded(functools.partial(body, **kwargs), Output(json, quiet), debug))

        return click.Command(name, callback=run, params=[*parameters(run), *common()], help=body.__doc__)

    return wrap


def group(name: str) -> Callable[[Body], click.Group]:
    """Make a click group that, called without a subcommand, does what `body(out)` does."""

    def wrap(body: Body) -> click.Group:
        def run(*, json: bool, quiet: bool, debug: bool) -> None:
            if click.get_current_context().invoked_subcommand is None:
                sys.exit(guarded(body, Output(json, quiet), debug))

        return click.Group(name, callback=run, params=common(), help=body.__doc__, invoke_without_command=True)

    return wrap


def beginning(names: Callable[[click.Context], Iterable[str]]) -> Callable[..., list[str]]:
    """A `shell_complete` of an argument: the names that begin with what was typed; where they cannot be had, none."""

    def complete(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
        try:
            return [name for name in names(ctx) if name.lower().startswith(incomplete.lower())]
        except Exception:  # noqa: BLE001 - at TAB there is nobody to tell
            return []

    return complete


def parameters(body: Callable[..., Any]) -> list[click.Parameter]:
    """What `@click.argument` and `@click.option` have left on the function, first one first."""
    found: list[click.Parameter] = getattr(body, "__click_params__", [])
    return found[::-1]


def guarded(body: Callable[[Output], Exit | None], out: Output, debug: bool) -> int:
    """Run a command's body; every way in which it can end has its exit code."""
    try:
        status = body(out) or Exit.OK
    except TalonError as error:
        out.problem(in_options(error.diagnostic))
        status = exit_of(error.code)
        if debug:
            traceback.print_exc()
    except click.ClickException:
        raise
    except KeyboardInterrupt:
        click.echo("interrupted", err=True)
        return Exit.INTERRUPTED
    except OutputGone as gone:
        return gone.status
    except Exception as error:  # noqa: BLE001 - the last line of defence: no traceback without --debug
        found = f"{type(error).__name__}: {error}"
        help_line = "run it again with --debug and report what it prints"
        out.problem(Diagnostic("T900", "an error that talon did not expect", found=found, help=help_line))
        status = Exit.BUG
        if debug:
            traceback.print_exc()
    try:
        out.finish(status == Exit.OK)
    except OutputGone as gone:
        return gone.status
    return int(status)
