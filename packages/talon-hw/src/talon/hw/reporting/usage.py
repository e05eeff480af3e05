"""How full the cores are: the fullest by resource, every core as a bar, and a table of them all."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from talon.hw.report import Use, amount, plural
from talon.hw.reporting.amounts import level, percent
from talon.hw.reporting.figures import Core, Report
from talon.hw.reporting.markup import ROWS, Html, element, number, row, section, table, text
from talon.hw.reporting.ramps import KINDS, bar
from talon.ir.drawing.svg import number as pixels

TALL, WIDE = 44.0, 560.0
"""Of a row of bars, in pixels."""


def memories(report: Report) -> Html:
    """For each resource a bar for every core, in order of number."""
    resources = list(dict.fromkeys(use.resource for core in report.cores for use in core.uses))
    return section(
        "memories",
        "Memories and resources",
        "One bar for every core in use, in order of number; a full bar is a full core.",
        element("div", *(strip(report.cores, resource) for resource in resources), class_="strips"),
    )


def strip(cores: Sequence[Core], resource: str) -> Html:
    """The bars of one resource, and the core that has least left of it."""
    found = [(core, use) for core in cores for use in core.uses if use.resource == resource]
    known = [(core, use) for core, use in found if use.share is not None]
    if known:
        core, use = max(known, key=lambda pair: (pair[1].share or 0.0, -pair[0].number))
        most = f"fullest: core {core.number}, {percent(use.share)}, {numbers(use)}"
        mean = sum(use.share or 0.0 for _, use in known) / len(known)
        most += f"; on average {percent(mean)}"
    else:
        needs = [use.need for _, use in found if use.need is not None]
        most = f"most in a core: {amount(max(needs, default=None), found[0][1].unit)}"
        most += "; the target does not say how much there is"
    size = WIDE / max(len(found), 1)
    paths: dict[str, str] = {}
    for place, (_, use) in enumerate(found):
        high = pixels(3.0 if use.share is None else min(use.share, 1.0) * TALL)
        wide = pixels(max(size - 1, size * 0.8))
        shape = f"M{pixels(place * size)} {pixels(TALL)}v-{high}h{wide}v{high}z"
        kind = KINDS.get(level(use.share), "some")
        paths[kind] = paths.get(kind, "") + shape
    label = text(f"{resource} of {plural(len(found), 'core')}: {most}")
    drawn = "".join(f'<path class="{kind}" d="{path}"/>' for kind, path in sorted(paths.items()))
    picture = Html(
        f'<svg viewBox="0 0 {pixels(WIDE)} {pixels(TALL)}" preserveAspectRatio="none" role="img" '
        f'aria-label="{label}">{drawn}</svg>'
    )
    return element("figure", element("figcaption", element("b", text(resource)), text(f" {most}")), picture)


def numbers(use: Use) -> str:
    return f"{amount(use.need, use.unit if use.unit == 'B' else '')} of {amount(use.have, use.unit)}"


def cores(report: Report) -> Html:
    """The table of cores. Of very many, the fullest ones."""
    resources = list(dict.fromkeys(use.resource for core in report.cores for use in core.uses))
    chosen = sorted(report.cores, key=lambda core: -(core.fullest.share or 0.0) if core.fullest else 0.0)[:ROWS]
    ordered = sorted(chosen, key=lambda core: core.number) + [core for core in report.cores if core not in set(chosen)]
    heads = ["core", "place", "kind", "layers", *(f"#{name}" for name in resources)]
    heads += ["#synaptic events", "#updates", "#spikes", "#sent", "#received"]
    layers = {layer.name: place for place, layer in enumerate(report.layers)}
    rows = [core_row(core, resources, layers) for core in ordered]
    caption = f"{plural(len(report.cores), 'core')} in use"
    return section(
        "cores",
        "Cores",
        "What each core holds and did in the run. Places are column, row.",
        table(caption, heads, rows),
    )


def core_row(core: Core, resources: Sequence[str], layers: dict[str, int]) -> Html:
    uses = {use.resource: use for use in core.uses}
    place = "unknown" if core.position is None else f"{core.position[0]}, {core.position[1]}"
    held = " ".join(f"L{layers[name] + 1}" if name in layers else name for name in core.layers)
    cells = [element("td", text(word)) for word in (place, core.kind)]
    cells += [element("td", text(held), title=", ".join(core.layers))]
    cells += list(resource_cells(uses, resources))
    cells += [number(value) for value in (core.synops, core.updates, core.spikes, core.sent, core.received)]
    return row(text(core.number), cells, id=f"core-{core.number}")


def resource_cells(uses: dict[str, Use], resources: Sequence[str]) -> Iterator[Html]:
    for resource in resources:
        use = uses.get(resource)
        yield element("td", text("-"), class_="num") if use is None else bar(use.share, numbers(use))


def links(report: Report) -> Html:
    """The links that carry most."""
    busy = sorted(
        (link for link in report.links if link.packets), key=lambda link: (-link.packets, link.start, link.end)
    )
    if not busy:
        none = (
            "No packet crossed a link."
            if report.target.mesh
            else "Unknown: the target does not say how cores are linked."
        )
        return section("links", "Link loads", none)
    most, total = busy[0].packets, sum(link.packets for link in busy)
    rows = [
        row(
            text(f"({link.start[0]}, {link.start[1]}) to ({link.end[0]}, {link.end[1]})"),
            [
                number(link.packets),
                bar(link.packets / most),
                number(link.packets / places(report), f"{link.packets / places(report):.2f}"),
            ],
        )
        for link in busy[:HEAVIEST]
    ]
    caption = f"the heaviest of {plural(len(busy), 'link')} that carry something; {total:,} crossings in all"
    return section(
        "links",
        "Link loads",
        "Packets that crossed a link in the run; the first one limits how fast the network can go. "
        f"Places are column, row. {copied(report)}",
        table(caption, ["link", "#packets", "#of the heaviest", "#a step"], rows),
    )


def copied(report: Report) -> str:
    """What the loads rest on."""
    return {
        True: "What several cores hear is one packet until its ways part.",
        False: "Every core that hears a neuron is sent a packet of its own.",
        None: "The target does not say whether packets are copied on their way; here they are not.",
    }[report.target.multicast]


HEAVIEST = 20


def places(report: Report) -> int:
    return max(report.places, 1)
