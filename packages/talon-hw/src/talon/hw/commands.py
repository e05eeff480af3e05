"""The group `talon hw`: skins over `hw.targets`, `hw.target` and `hw.check`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from talon.cli.command import TRUSTED, command
from talon.cli.command import group as command_group
from talon.cli.exits import Exit
from talon.cli.output import Output
from talon.hw.demo import demo

if TYPE_CHECKING:
    from talon.hw.report import FitReport

DEFAULT = "generic-mesh"


@click.group("hw")
def group() -> None:
    """Hardware: targets, and whether a network fits on them.

    Example: talon hw check net.t1c --target generic-mesh
    """


@command_group("targets")
def targets(out: Output) -> None:
    """List the hardware targets, or show one with the source of every number.

    Example: talon hw targets show zcu102
    """
    from talon import hw

    found = [hw.target(name) for name in hw.targets()]
    out.data = [
        {"id": t.id, "cores": t.core.count.value, "neurons": t.core.neurons.value, "summary": t.summary, "hash": t.hash}
        for t in found
    ]
    head = ("target", "cores", "neurons a core", "what it is")
    out.table(head, [(t.id, t.core.count.value, t.core.neurons.value, t.summary) for t in found])
    out.note(f"{len(found)} targets; 'talon hw targets show NAME' shows one")


@command("show")
@click.argument("name")
def show(out: Output, name: str) -> None:
    """Show target NAME (or a .toml of your own): every number with its unit, its kind and where it comes from.

    Example: talon hw targets show generic-mesh
    """
    from talon import hw

    found = hw.target(name)
    out.data = {"hash": found.hash, "description": found.data}
    for key, text in found.facts():
        out.line(f"{key:<32} {text}")
    out.line(f"{'hash':<32} {found.hash}")


@command("check")
@click.argument("file")
@click.option("--target", "name", default=DEFAULT, show_default=True, help="A target, or a .toml of your own.")
@TRUSTED
def check(out: Output, file: str, name: str, trusted: bool) -> Exit:
    """Check whether FILE fits on a target: cores, neurons, memories, connections. Exits with 5 when it does not.

    Example: talon hw check net.t1c --target zcu102
    """
    from talon import hw
    from talon.storage import read

    report = hw.check(read(file, trusted=trusted), hw.target(name))
    out.data = report.as_dict()
    show_report(out, report)
    out.line(f"{file}: {report.verdict()}")
    return Exit.OK if report.ok else Exit.DOES_NOT_FIT


def show_report(out: Output, report: FitReport) -> None:
    """The layers as a table, how full the cores are, then every problem."""
    rows: list[Any] = report.table()
    if rows:
        out.table(rows[0], rows[1:])
        out.line()
    for line in report.bars():
        out.line(line)
    out.line()
    for finding in report.diagnostics:
        if finding.code == "T505":
            out.problems.append(finding)  # told together below
        else:
            out.problem(finding, err=False)
    if not out.quiet:
        for line in report.unknowns():
            out.line(line)


targets.add_command(show)
for item in (targets, check, demo):
    group.add_command(item)
