"""The report as one HTML page: no network, no fonts, the same bytes for the same figures."""

from __future__ import annotations

import hashlib
from base64 import b64encode
from collections.abc import Callable, Iterator
from importlib.resources import files

from talon.hw.report import plural
from talon.hw.reporting import activity, agreement, amounts, colours, origins, usage
from talon.hw.reporting.coremap import core_map
from talon.hw.reporting.figures import Report
from talon.hw.reporting.markup import Html, element, text
from talon.hw.reporting.raster import raster
from talon.hw.reporting.views import switches, views_of
from talon.ir.drawing.svg import FONT

PARTS: dict[str, tuple[str, Callable[[Report], Html]]] = {
    "map": ("Core map", core_map),
    "raster": ("Spikes", raster),
    "layers": ("Layers", activity.layers),
    "memories": ("Memories", usage.memories),
    "links": ("Links", usage.links),
    "energy": ("Energy", activity.energy),
    "latency": ("Critical core", activity.latency),
    "reconciliation": ("Reconciliation", agreement.reconciliation),
    "quantisation": ("Quantisation", agreement.quantisation),
    "divergence": ("Divergence", agreement.divergence),
    "cores": ("Cores", usage.cores),
    "host": ("Host", origins.host),
    "ledger": ("Ledger", origins.ledger),
    "warnings": ("Warnings", origins.warnings),
    "identity": ("Identity", origins.identity),
}
"""Sections by their anchors, in the order in which they stand, with their names in the list of sections."""


def page(report: Report) -> str:
    """The whole page."""
    style = sheet(report)
    script = own("page.js")
    title = f"{report.title} on {report.target.id}"
    sections = [build(report) for _, build in PARTS.values()]
    head = (
        f'<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy(style, script)}">\n'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'<meta name="referrer" content="no-referrer">\n<title>{text(title)}</title>\n<style>{style}</style>\n</head>\n'
    )
    links = (element("a", text(name), href=f"#{key}") for key, (name, _) in PARTS.items())
    body = element(
        "body",
        Html("\n"),
        element(
            "header",
            element("h1", text(title)),
            element("p", text(report.target.summary), class_="about"),
            tiles(report),
        ),
        element("nav", *links, aria_label="Sections"),
        Html("\n"),
        element("main", *sections),
        Html(f"<script>{script}</script>\n"),
    )
    return f"{head}{body}\n</html>\n"


def sheet(report: Report) -> str:
    """The style sheet: colours of the palette, the file beside this one, and the buttons of the map."""
    widths = "".join(f".w{share}{{width:{share}%}}" for share in range(101))
    steps = range(amounts.LEVELS + 1)
    scales = "".join(f".{key}{step}{{background:var(--{key}{step})}}" for key in colours.SCALES for step in steps)
    strokes = "".join(f".s{step}{{stroke:var(--load{step})}}.k{step}{{fill:var(--load{step})}}" for step in steps)
    families = "".join(
        f".key .q{place}{{background:var(--f{place});border-color:var(--g{place})}}"
        for place in range(len(colours.FAMILIES))
    )
    made = "\n".join((widths, scales, strokes, families, switches(list(views_of(report)))))
    return f"{colours.rules()}:root{{--font:{FONT}}}\n{own('page.css')}{made}\n"


def own(name: str) -> str:
    """A file of this folder."""
    return files("talon.hw.reporting").joinpath(name).read_text(encoding="utf-8")


def policy(style: str, script: str) -> str:
    """What the page may do: use its own style sheet and its own script, by their hashes, and nothing else."""
    hashes = [b64encode(hashlib.sha256(part.encode()).digest()).decode() for part in (style, script)]
    none = "base-uri 'none'; form-action 'none'"
    return f"default-src 'none'; style-src 'sha256-{hashes[0]}'; script-src 'sha256-{hashes[1]}'; {none}"


def tiles(report: Report) -> Html:
    """The figures that one looks for first."""
    return element("ul", *(tile(*words) for words in facts(report)), class_="tiles")


def tile(name: str, value: str, more: str, state: str = "") -> Html:
    parts = [element("span", text(name)), element("b", text(value)), element("small", text(more))]
    return element("li", *parts, class_=state or None)


def facts(report: Report) -> Iterator[tuple[str, str, str, str]]:
    there = amounts.count(report.target.cores)
    yield "cores", f"{len(report.cores):,}", f"of {there} on the chip", ""
    full = [(core.fullest.share or 0.0, -core.number, core.fullest.resource) for core in report.cores if core.fullest]
    if full:
        share, number, resource = max(full)
        yield "fullest", amounts.percent(share), f"{resource} of core {-number}", "bad" if share > 1 else ""
    else:
        yield "fullest", "unknown", "the target does not say how much there is", ""
    spikes = sum(sum(layer.spikes) for layer in report.layers)
    yield "spikes", f"{spikes:,}", f"in {plural(report.steps, 'step')} of {plural(report.samples, 'sample')}", ""
    packets = sum(core.sent for core in report.cores)
    heaviest = max((link.packets for link in report.links), default=0)
    over = f"between cores; at most {heaviest:,} over a link" if report.links else "between cores"
    yield "packets", f"{packets:,}", over, ""
    latency = report.latency
    if latency is None:
        yield "critical core", "unknown", "steps were not counted", ""
    else:
        yield "critical core", f"core {latency.core}", f"{latency.work:,} events in step {latency.step}", ""
    energy = report.energy
    total = None if energy is None else energy.picojoules
    yield "energy", amounts.energy(total), "a sample, at least" if total is not None else "costs are not stated", ""
    if report.agrees:
        yield "counts", "agree", "by core, by layer" + ", by engine" * bool(report.engine), "good"
    else:
        yield "counts", "DO NOT AGREE", "see Reconciliation", "bad"
