"""The group `talon hw`: skins over `hw.targets`, `hw.target`, `hw.check` and `hw.legalise`, and the other commands."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click

from talon.cli.command import PATH, TRUSTED, beginning, command
from talon.cli.command import group as command_group
from talon.cli.exits import Exit
from talon.cli.output import Output
from talon.hw.demo import demo
from talon.hw.deploying.commands import deploy, run
from talon.hw.evaluating.command import evaluate
from talon.hw.fit_shown import show_report
from talon.hw.names import TARGET, refuse_same, target_names
from talon.hw.quantising.command import quantize
from talon.hw.reporting.command import report as report_command
from talon.ir.errors import TalonFileError

if TYPE_CHECKING:
    from talon.hw.legalising import Legalised


@click.group("hw")
def group() -> None:
    """Hardware: targets, whether a network fits on them, and putting it there.

    Example: talon hw check net.t1c --target generic-mesh
    """


@command_group("targets")
def targets(out: Output) -> None:
    """List the hardware targets, or show one with the source of every number.

    Example: talon hw targets show loihi1
    """
    from talon.hw.catalogue import usable

    found = usable()
    out.data = [
        {
            "id": t.id,
            "family": t.family,
            "cores": t.core_count,
            "neurons": t.neuron_count,
            "summary": t.summary,
            "hash": t.hash,
        }
        for t in found
    ]
    head = ("target", "cores", "neurons", "what it is")
    out.table(head, [(t.id, told(t.core_count), told(t.neuron_count), t.summary) for t in found])
    out.note(f"{len(found)} targets; 'talon hw targets show NAME' shows one")


def told(number: int | None) -> str:
    return "unknown" if number is None else f"{number:,}"


@command("show")
@click.argument("name", shell_complete=beginning(target_names))
def show(out: Output, name: str) -> None:
    """Show target NAME (or a .toml of your own): every number with its unit, its kind and where it comes from.

    Example: talon hw targets show generic-mesh
    """
    from talon import hw

    found = hw.target(name)
    out.data = {"hash": found.hash, "description": found.data}
    facts = list(found.facts())
    width = max(len(key) for key, _ in facts)
    for key, text in facts:
        out.line(f"{key:<{width}}  {text}")
    out.line(f"{'hash':<{width}}  {found.hash}")


@command("check")
@click.argument("file", type=PATH)
@TARGET
@click.option("--fix", is_flag=True, help="Rewrite what the target cannot take, as far as that is possible; needs -o.")
@click.option("-o", "--output", type=PATH, help="With --fix: where the new network goes. FILE stays as it is.")
@click.option("--force", is_flag=True, help="Replace the new file if it exists.")
@TRUSTED
def check(out: Output, file: str, name: str, fix: bool, output: str | None, force: bool, trusted: bool) -> Exit:
    """Check whether FILE fits on a target: cores, memories, connections, arithmetic. Exits with 5 when it does not.

    Example: talon hw check net.t1c --target zcu102
    """
    from talon import hw
    from talon.storage import read

    if fix != (output is not None):
        raise click.UsageError("--fix and -o go together: --fix -o NEW writes the rewritten network to NEW")
    if output is not None:
        refuse_same(output, file)
        if os.path.lexists(output) and not force:
            raise TalonFileError("T306", "the new file exists already", file=output, help="pass --force to replace it")
    target = hw.target(name)
    graph = read(file, trusted=trusted)
    if output is not None:
        return fixed(out, hw.legalise(graph, target), file, output, force)
    report = hw.check(graph, target)
    out.data = report.as_dict()
    show_report(out, report)
    out.line(f"{file}: {report.verdict()}")
    return Exit.OK if report.ok else Exit.DOES_NOT_FIT


def fixed(out: Output, found: Legalised, file: str, output: str, force: bool) -> Exit:
    """Write the new network, with what was rewritten and what could not be."""
    from talon.hw.wishes import PASS
    from talon.storage import write

    rewritten = [rewrite for rewrite in found.ledger if rewrite.done_by != PASS]
    written = found.report.ok or bool(rewritten)
    if written:
        write(output, found.graph, overwrite=force)
    report = found.report
    ledger = [rewrite.as_dict() for rewrite in found.ledger]
    out.data = report.as_dict() | {"ledger": ledger, "exact": found.exact, "written": output if written else None}
    show_report(out, report)
    for rewrite in rewritten:
        out.line(f"rewritten  {rewrite}")
    if not rewritten:
        out.line("rewritten  nothing")
    for rewrite in found.ledger:
        if rewrite.done_by == PASS:
            out.line(f"hint       {rewrite.node}.{rewrite.field}={rewrite.before}: {rewrite.after}")
    if not written:
        out.line(f"{file}: {report.verdict()}; nothing could be mended, and nothing is written")
    else:
        left = "" if report.ok else f"; {len(report.errors)} left that no rewrite mends"
        exact = "computes the same" if found.exact else "does not compute exactly the same"
        out.line(f"{output}: {report.verdict()}{left}; it {exact} as {file}")
    return Exit.OK if report.ok else Exit.DOES_NOT_FIT


targets.add_command(show)
for item in (targets, check, quantize, evaluate, deploy, run, report_command, demo):
    group.add_command(item)
