"""Where the build comes from: every rewrite, every warning, hashes and versions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from talon.hw.report import plural
from talon.hw.reporting.figures import Report
from talon.hw.reporting.markup import Html, cell, element, join, row, section, table, text


def warnings(report: Report) -> Html:
    """What the target does not say, and what else is to be known."""
    if not report.warnings:
        return section("warnings", "Warnings", "There are none.")
    items = [
        element("li", element("b", text(f"{d.severity} {d.code} ")), element("pre", text(d.body())), class_=d.severity)
        for d in report.warnings
    ]
    return section(
        "warnings", "Warnings", f"{plural(len(items), 'finding')}.", element("ul", *items, class_="findings")
    )


def ledger(report: Report) -> Html:
    """Every rewrite between the network and what runs on the chip."""
    lines = report.ledger
    if not lines:
        return section("ledger", "Ledger", "Nothing was rewritten.")
    exact = sum(bool(line.get("exact")) for line in lines)
    passes = ", ".join(f"{name} {count:,}" for name, count in Counter(str(line.get("pass")) for line in lines).items())
    rows = [rewrite(line) for line in lines]
    heads = ["node", "field", "pass", "before", "after", "exact", "why not"]
    inside = element("details", element("summary", text(f"all rewrites ({passes})")), table("rewrites", heads, rows))
    about = f"{plural(len(lines), 'rewrite')}, {exact:,} of them exact."
    return section("ledger", "Ledger", about, inside)


def rewrite(line: Mapping[str, Any]) -> Html:
    words = [cell(line.get(key) or "") for key in ("field", "pass", "before", "after")]
    return row(
        text(line.get("node") or ""), [*words, cell("yes" if line.get("exact") else "no"), cell(line.get("why") or "")]
    )


def host(report: Report) -> Html:
    """What no core computes."""
    if not report.host:
        return section("host", "On the host", "Nothing: the chip computes the whole network.")
    rows = [row(text(node["node"]), [cell(node["type"])]) for node in report.host]
    about = (
        f"{plural(len(rows), 'node')} of the network run on no core; the host computes them from what leaves the chip."
    )
    return section("host", "On the host", about, table("nodes on the host", ["node", "primitive"], rows, False))


def identity(report: Report) -> Html:
    """What this report is about, to the bit."""
    facts = {
        "target": f"{report.target.id}: {report.target.summary}",
        "target hash": report.target.hash,
        "graph fingerprint": report.graph,
        "build hash": report.build,
        **({} if report.calibration is None else {"calibration hash": report.calibration}),
        **({} if report.seed is None else {"seed of the mapping": str(report.seed)}),
        **{f"{name} version": version for name, version in report.versions.items()},
    }
    pairs = (
        join([element("dt", text(key)), element("dd", element("code", text(value)))]) for key, value in facts.items()
    )
    return section("identity", "Identity", "The same hashes give the same figures.", element("dl", *pairs))
