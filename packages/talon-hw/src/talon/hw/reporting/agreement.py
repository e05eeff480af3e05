"""What agrees and what does not: counts, floats against integers, and what quantising changed."""

from __future__ import annotations

from talon.engine.comparing.outcome import HEAD
from talon.hw.report import plural
from talon.hw.reporting import amounts
from talon.hw.reporting.figures import Report
from talon.hw.reporting.markup import Html, cell, element, join, number, row, section, table, text
from talon.hw.reporting.reconciling import Balance

GOOD, BAD = "\N{CHECK MARK}", "\N{BALLOT X}"


def reconciliation(report: Report) -> Html:
    """Every count by everybody who counted; where they differ it is an error, and looks like one."""
    rows = []
    for balance in report.reconciliation:
        told = ", ".join(f"{who}: {amounts.count(n)}" for who, n in balance.sums.items())
        rows.append(row(text(balance.quantity), [cell(told), verdict(balance)]))
    about = "What was counted by core, by layer and by an engine that knows of neither must be the same number."
    if not report.engine:
        about += " No engine was run beside: it needs the quantised network."
    if not report.agrees:
        wrong = ", ".join(balance.quantity for balance in report.reconciliation if not balance.equal)
        alarm = element(
            "p",
            text(f"Counts do not agree: {wrong}. Figures of this report may be wrong."),
            role="alert",
            class_="alarm",
        )
    else:
        alarm = join([])
    found = table("counts by who counted", ["quantity", "counted", "agrees"], rows, False)
    return section("reconciliation", "Reconciliation", about, alarm, found)


def verdict(balance: Balance) -> Html:
    if balance.equal:
        return element("td", text(f"{GOOD} equal"), class_="good")
    return element("td", text(f"{BAD} not equal"), class_="bad")


def quantisation(report: Report) -> Html:
    """The rows of `hw.quantization_report`, and the proofs of accumulators."""
    found = report.quantisation
    if found is None:
        return section(
            "quantisation", "Quantisation", "Not compared: it needs the network in floats and the quantised one."
        )
    head, *lines = found.table()
    rows = [row(text(line[0]), [cell(value, class_="num") for value in line[1:]]) for line in lines]
    proofs = [
        row(
            text(p.node),
            [
                number(p.need),
                number(p.have),
                element(
                    "td",
                    text(f"{GOOD} cannot overflow" if p.safe else f"may {p.overflow}"),
                    class_="good" if p.safe else "warn",
                ),
            ],
        )
        for p in found.proofs
    ]
    heads = [head[0], *(f"#{word}" for word in head[1:])]
    shown = [table("neurons in floats and in integers", heads, rows)]
    if proofs:
        shown.append(table("bits of accumulators", ["node", "#needed", "#there", "verdict"], proofs))
    return section(
        "quantisation", "Quantisation", "How the integers' spikes differ from the floats', neuron for neuron.", *shown
    )


def divergence(report: Report) -> Html:
    """Where the float network and the build first part."""
    found = report.divergence
    if found is None:
        return section("divergence", "First divergence", "Not compared: it needs the network in floats.")
    size = f"{found.values:,} values in {plural(found.steps, 'step')} of {plural(found.batch, 'sample')}"
    size = f"{size}, {found.a} (a) against {found.b} (b)"
    if found.equal:
        return section("divergence", "First divergence", f"{GOOD} Equal: {size}.")
    heads = [HEAD[0], HEAD[1], *(f"#{word}" for word in HEAD[2:-1]), HEAD[-1]]
    rows = [
        row(text(line[0]), [cell(line[1]), *(cell(value, class_="num") for value in line[2:-1]), cell(line[-1])])
        for line in found.rows()
    ]
    first = "" if found.first is None else f" First: {found.first}."
    return section(
        "divergence", "First divergence", f"They differ: {size}.{first}", table("nodes that differ", heads, rows)
    )
