"""What the network did: the table of layers, what it took in energy, and which core takes longest."""

from __future__ import annotations

from talon.hw.report import plural
from talon.hw.reporting import amounts
from talon.hw.reporting.figures import Layer, Report
from talon.hw.reporting.latency import Peak
from talon.hw.reporting.markup import Html, cell, element, join, number, row, section, table, text
from talon.hw.reporting.ramps import bar

BOUND = (
    "Only what is counted is priced: clocks, leakage and the network on the chip are not, so the sum is a lower bound."
)


def layers(report: Report) -> Html:
    """The table of layers, numbered as on the map."""
    priced = any(layer.energy is not None and layer.energy.picojoules is not None for layer in report.layers)
    heads = ["layer", "#neurons", "#tiles", "#cores", "#synaptic events", "#updates", "#spikes", "#rate"]
    heads += ["#energy a sample"] * priced
    rows = [layer_row(place, layer, report, priced) for place, layer in enumerate(report.layers)]
    run = f"{plural(report.steps, 'step')} of {plural(report.samples, 'sample')}"
    about = f"In {run}; a rate is spikes for each neuron and step."
    return section("layers", "Layers", about, table(f"{plural(len(rows), 'layer')} on the chip", heads, rows))


def layer_row(place: int, layer: Layer, report: Report, priced: bool) -> Html:
    rate = layer.rate(report.places)
    cells = [number(n) for n in (layer.neurons, layer.tiles, layer.cores, layer.synops, layer.updates)]
    if layer.spiking:
        cells += [number(sum(layer.spikes)), number(rate, amounts.rate(rate))]
    else:
        cells += [cell("-", class_="num"), cell("sums", class_="num")]
    if priced:
        taken = None if layer.energy is None else layer.energy.picojoules
        cells.append(number(taken, amounts.energy(taken)))
    head = join([element("b", text(f"L{place + 1}")), text(f" {layer.name}")])
    return row(head, cells, data_layer=place)


def energy(report: Report) -> Html:
    """Every operation with its count, its price and where that comes from."""
    found = report.energy
    if found is None:
        return section("energy", "Energy", "Not priced: the run was not counted, or the target has no costs.")
    total = found.picojoules
    rows = []
    for line in found.lines:
        part = line.picojoules
        share = None if part is None or not total else part / total
        cells = [number(line.count, f"{line.count:,.1f}".removesuffix(".0")), cell(line.row), cell(line.price)]
        cells += [number(part, amounts.energy(part)), bar(share, "" if share is None else f"{share:.2%} of the sum")]
        rows.append(row(text(line.what), cells))
    heads = ["operation", "#count", "row", "price and source", "#energy", "#share"]
    sum_ = f"A sample takes at least {amounts.energy(total)} by the costs that {found.target} states."
    if total is None:
        sum_ = f"The sum is unknown: {found.target} does not state {', '.join(found.unknown)}."
    cited = element("dl", *(join([element("dt", text(k)), element("dd", text(v))]) for k, v in found.citations.items()))
    return section("energy", "Energy", f"{sum_} {BOUND}", table("energy of one sample", heads, rows), cited)


def latency(report: Report) -> Html:
    """The critical core."""
    found = report.latency
    if found is None:
        return section("latency", "Critical core", "Unknown: the work of single steps was not counted.")
    peaks = [(core.peak, core.number) for core in report.cores if core.peak]
    peaks.sort(key=lambda pair: (-pair[0].work, pair[1]))
    rows = [peak_row(peak, core, found.work) for peak, core in peaks[:BUSIEST]]
    times = [
        row(
            text(line.what),
            [
                number(line.count),
                cell(line.row or "-"),
                cell(line.price),
                number(line.nanoseconds, duration(line.nanoseconds)),
            ],
        )
        for line in found.lines
    ]
    told = (
        "unknown, as the target does not state what all of it takes"
        if found.nanoseconds is None
        else duration(found.nanoseconds)
    )
    cycles = "" if found.cycles is None else f" ({found.cycles:,.0f} cycles)"
    about = (
        "No step is done before its busiest core is: "
        f"core {found.core} in step {found.step}, with {found.work:,} events. "
        f"The time of that step is {told}{cycles}."
    )
    heads = [
        "core",
        "#busiest step",
        "#synaptic events",
        "#neuron updates",
        "#packets received",
        "#of the critical core",
    ]
    return section(
        "latency",
        "Critical core",
        about,
        table("the busiest cores, each in its busiest step", heads, rows),
        table(
            f"core {found.core} in step {found.step}",
            ["events", "#count", "row", "time and source", "#time"],
            times,
            False,
        ),
    )


BUSIEST = 10
"""Cores in the table of those that do most."""


def peak_row(peak: Peak, core: int, most: int) -> Html:
    counts = (peak.step, peak.synops, peak.updates, peak.packets)
    shares = bar(peak.work / max(most, 1), f"{peak.work:,} events")
    return row(element("a", text(core), href=f"#core-{core}"), [*map(number, counts), shares])


def duration(nanoseconds: float | None) -> str:
    """With three digits and the unit that fits."""
    if nanoseconds is None:
        return amounts.UNKNOWN
    size, unit = next((pair for pair in ((1e6, "ms"), (1e3, "\N{MICRO SIGN}s")) if nanoseconds >= pair[0]), (1.0, "ns"))
    return f"{nanoseconds / size:.3g} {unit}"
