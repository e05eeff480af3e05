"""Ways to colour the map of cores, and the buttons that choose one: style rules do it, and no script."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from talon.hw.reporting.amounts import level
from talon.hw.reporting.colours import FAMILIES
from talon.hw.reporting.figures import Report
from talon.hw.reporting.markup import Html, element, text

RESOURCES = 12
"""Of which a map can be shown."""
LETTERS = "abcdefghijklmnopqrstuvwxyz"


@dataclass(frozen=True)
class View:
    """One way to colour the cores: a number for each, as a share of what there is."""

    title: str
    shares: Mapping[int, float | None]


def views_of(report: Report) -> Iterator[View]:
    """The fullest resource, each resource by itself, and the work."""
    yield View("fullest", {core.number: core.fullest.share if core.fullest else None for core in report.cores})
    resources = list(dict.fromkeys(use.resource for core in report.cores for use in core.uses))
    for resource in resources[:RESOURCES]:
        found = {core.number: use.share for core in report.cores for use in core.uses if use.resource == resource}
        yield View(resource, found)
    most = max((core.synops for core in report.cores), default=0)
    yield View("events", {core.number: core.synops / most if most else 0.0 for core in report.cores})


def buttons(titles: Sequence[str]) -> Iterator[Html]:
    for letter, title in zip(LETTERS, titles, strict=False):
        checked = "" if letter != LETTERS[0] else "checked"
        first = {"checked": checked} if checked else {}
        yield element("input", type="radio", name="view", id=f"view-{letter}", **first)
        yield element("label", text(title), for_=f"view-{letter}")


def switches(views: Sequence[View]) -> str:
    """Style rules that colour the cores by the chosen button."""
    lines = []
    for letter, view in zip(LETTERS, views, strict=False):
        here = f"#view-{letter}:checked~.map "
        for step in sorted({level(view.shares.get(core)) for core in view.shares} | {"u"}):
            known = step.isdigit()
            fill = f"var(--use{step})" if known else "var(--bad)" if step == "o" else "var(--card)"
            ink = f"var(--use{step}-ink)" if known else "var(--card)" if step == "o" else "var(--text)"
            lines.append(f"{here}.{letter}{step}{{--at:{fill};--on:{ink}}}")
        lines.append(f"{here}.n{letter}{{display:inline}}")
    last = LETTERS[len(views)]
    lines += [
        f"#view-{last}:checked~.map .l{family}{{--at:var(--f{family});--on:var(--on-f{family})}}"
        for family in range(len(FAMILIES))
    ]
    return "\n".join(lines)
