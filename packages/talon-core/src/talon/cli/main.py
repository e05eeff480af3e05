"""The `talon` command: a lazy group. Help loads neither a command's module nor a plugin's."""

from __future__ import annotations

import os
import sys
import warnings
from typing import Any, NamedTuple

import click

from talon.cli.exits import Exit
from talon.plugins.lazy import load


class Lazy(NamedTuple):
    target: str
    help: str


COMMANDS: dict[str, Lazy] = {
    "demo": Lazy("talon.cli.demo:demo", "Run a trained spiking network on real handwritten digits."),
    "info": Lazy("talon.cli.info:info", "Say what a file holds, without reading its weights."),
    "ls": Lazy("talon.cli.ls:ls", "List the nodes of a file with their shapes."),
    "show": Lazy("talon.cli.show:show", "Show one node of a file: fields, shapes, edges."),
    "check": Lazy("talon.cli.check:check", "Check a file: structure, shapes, cycles, values."),
    "explain": Lazy("talon.cli.explain:explain", "Explain an error code, with an example and its mend."),
    "draw": Lazy("talon.cli.draw:draw", "Draw a file as SVG or HTML."),
    "run": Lazy("talon.cli.run:run", "Run a file on arrays and write the outputs."),
    "compare": Lazy("talon.cli.compare:compare", "Say where two files, or two engines, part."),
    "convert": Lazy("talon.cli.convert:convert", "Write a file in another format or place, without loss."),
    "hash": Lazy("talon.cli.hash:hash_files", "Print the fingerprint of files."),
    "primitives": Lazy("talon.cli.primitives:primitives", "List the installed primitives, or show one."),
    "plugins": Lazy("talon.cli.plugins:plugins", "List the plugins and what they provide."),
    "doctor": Lazy("talon.cli.doctor:doctor", "Check the installation."),
    "new": Lazy("talon.cli.new:new", "Begin a plugin: a distribution with a neuron and tests that pass."),
    "completion": Lazy("talon.cli.completion:completion", "Print the completion script of a shell."),
}


class LazyGroup(click.Group):
    """Core commands from the table above, a group for every plugin that has commands."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [*COMMANDS, *sorted(plugin_groups())]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name in COMMANDS:
            command: click.Command = load(COMMANDS[cmd_name].target)
            return command
        entry = plugin_groups().get(cmd_name)
        return None if entry is None else entry.load()

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        rows = [(name, lazy.help) for name, lazy in COMMANDS.items()]
        groups = [(n, f"Commands of {e.distribution} {e.version}.") for n, e in sorted(plugin_groups().items())]
        with formatter.section("Commands"):
            formatter.write_dl(rows)
        if groups:
            with formatter.section("Plugins"):
                formatter.write_dl(groups)

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        asked = args and not args[0].startswith("-") and not ctx.resilient_parsing  # not by a shell that completes
        if asked and self.get_command(ctx, args[0]) is None:
            from talon.ir.errors import suggest
            from talon.ir.facade import not_installed
            from talon.ir.known import COMMAND_GROUPS

            if (distribution := COMMAND_GROUPS.get(args[0])) is not None:
                raise not_installed(f"'talon {args[0]}' is a group of commands", distribution)
            hint = suggest(args[0], self.list_commands(ctx), "'talon --help' lists the commands")
            raise click.UsageError(f"there is no command {args[0]!r}: {hint}", ctx)
        return super().resolve_command(ctx, args)


def plugin_groups() -> dict[str, Any]:
    from talon.plugins import registry

    found = dict(registry.collected("talon_commands"))
    for name in COMMANDS.keys() & found.keys():
        registry.complain(found.pop(name), f"provides the command {name!r}, which talon has itself: it is not used")
    return found


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="talon-core", prog_name="talon")
def cli() -> None:
    """TALON: graphs of spiking and hybrid neural networks, from file to result.

    Example: talon demo
    """


def main() -> None:
    """The entry point: exit codes as `talon.cli.exits` says, warnings as one line each."""
    from talon.cli.warned import one_line_warnings

    if "_TALON_COMPLETE" in os.environ:
        warnings.simplefilter("ignore")  # nobody wants to read them at TAB
    one_line_warnings()
    try:
        status = cli.main(prog_name="talon", standalone_mode=False)
    except click.exceptions.Exit as stop:
        status = stop.exit_code
    except click.Abort:
        status = Exit.INTERRUPTED
    except Exception as error:  # noqa: BLE001 - commands guard themselves; this is for what comes before them
        status = failed(error, as_json="--json" in sys.argv)
    sys.exit(int(status or 0))


def failed(error: Exception, as_json: bool) -> Exit:
    """Say what is wrong with a call of `talon` that reached no command's body."""
    from talon.cli.exits import exit_of
    from talon.cli.output import Output
    from talon.ir.errors import Diagnostic, TalonError

    out = Output(as_json)
    if isinstance(error, click.ClickException) and not as_json:
        error.show()
        return Exit.USAGE
    if isinstance(error, click.ClickException):
        out.problem(Diagnostic("T206", error.format_message(), help="'talon --help' and 'talon COMMAND --help'"))
        status = Exit.USAGE
    elif isinstance(error, TalonError):
        out.problem(error.diagnostic)
        status = exit_of(error.code)
    else:
        out.problem(Diagnostic("T900", f"{type(error).__name__}: {error}"))
        status = Exit.BUG
    out.finish(False)
    return status
