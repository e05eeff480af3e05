"""Results -> docs/performance-files.md."""

from __future__ import annotations

import os
import platform
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from contests import Goal, goals

if TYPE_CHECKING:
    from contests import Contest
    from run import Result

    Results = Mapping[Contest, Sequence[Result]]

HEAD = """\
# Speed of files

How fast talon writes, lists and reads its files, beside what else holds weights: safetensors, NIR, the published
`talon-ir`, and bare arrays. Written by `make bench-files`, which installs each product in an environment of its own and
lets the candidates take turns in one run, each with nothing left to write to the disk. Compare ratios; the times are
those of one machine on one day.

What they do is not the same. talon proves every array by a checksum when it is read, and a write returns when the new
file is on the disk and in its place, with the old one whole until then. safetensors has neither checksums nor `fsync`
and knows arrays by name, no graph. NIR and the published package write no checksums, and straight into the target.
They take part only at sizes that they finish in reasonable time.
"""


def page(results: Results, folder: Path) -> str:
    return "\n".join([HEAD, *machine(results, folder), *goal_table(results), *tables(results)])


def machine(results: Results, folder: Path) -> Iterator[str]:
    versions: dict[str, str] = {}
    for found in results.values():
        for one in found:
            versions |= one.versions
    where = f"{processor()}, {os.cpu_count()} cores, {platform.system()} {platform.release()}, {file_system(folder)}"
    yield f"Measured with {where}."
    yield "Versions: " + ", ".join(f"{name} {number}" for name, number in sorted(versions.items())) + "."
    yield ""


def processor() -> str:
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def file_system(folder: Path) -> str:
    done = subprocess.run(["stat", "-f", "-c", "%T", folder.parent], capture_output=True, text=True, check=False)
    return done.stdout.strip() or "unknown file system"


def goal_table(results: Results) -> Iterator[str]:
    yield "## What is wanted"
    yield ""
    yield "| what | against | wanted | found | |"
    yield "|---|---|---|---|---|"
    measured = {
        contest.name: {one.candidate.label: one for one in found if not one.failure}
        for contest, found in results.items()
    }
    for goal in goals():
        found = figure(goal, measured.get(goal.contest, {}))
        against = goal.against or "-"
        if found is None:
            yield f"| {goal.what} | {against} | <= {shown(goal.most, goal.unit)} | not measured | |"
        else:
            met = "met" if found <= goal.most else "**missed**"
            yield f"| {goal.what} | {against} | <= {shown(goal.most, goal.unit)} | {shown(found, goal.unit)} | {met} |"
    yield ""


def figure(goal: Goal, found: Mapping[str, Result]) -> float | None:
    if goal.label not in found or (goal.against is not None and goal.against not in found):
        return None
    one = found[goal.label]
    if goal.unit == "MB":
        return one.grown / 1e6
    return one.median / (found[goal.against].median if goal.against is not None else 1)


def shown(value: float, unit: str) -> str:
    """Two digits, with the unit."""
    if unit == "s" and value < 0.1:
        value, unit = value * 1000, "ms"
    digits = f"{value:.2g}" if value < 10 else f"{value:.0f}"
    return digits + ("x" if unit == "x" else f" {unit}")


def tables(results: Results) -> Iterator[str]:
    yield "## Every figure"
    yield ""
    yield "Median of the turns, the fastest and the slowest, the ratio to the first line, and by how many megabytes the"
    yield "process grew at most in any turn."
    for contest, found in results.items():
        yield ""
        yield f"### {contest.name}"
        yield ""
        yield "| | median | turns | ratio | memory |"
        yield "|---|---|---|---|---|"
        for one in found:
            if one.failure:
                yield f"| {one.candidate.label} | {one.failure} | | | |"
                continue
            span = f"{len(one.seconds)}: {shown(min(one.seconds), 's')} to {shown(max(one.seconds), 's')}"
            ratio = shown(one.median / found[0].median, "x")
            yield f"| {one.candidate.label} | {shown(one.median, 's')} | {span} | {ratio} | {one.grown / 1e6:.1f} |"
        if contest.left_out:
            yield ""
            yield f"Left out: {contest.left_out}."
    yield ""
