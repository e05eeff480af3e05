"""Parts -> docs/performance.md and docs/performance-scaling.svg."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from contests import THREADS
from crossover import crossing
from figures import rows, void
from plot import Panel, svg
from report_peers import WHAT, peers

HEAD = """\
# Speed of running networks

How fast talon's native engine runs networks, beside snnTorch, Norse, sinabs, SpikingJelly, torch written by hand, the
published package, onnxruntime and Brian 2. Written by `make bench-engines`, which installs each product in environments
of their own and lets the candidates, all on the CPU, take turns in one run. Compare ratios; the times are those of one
machine on one day.

All run the same network on the same inputs. Weights lie on a grid and membranes halve at every step, so that every
product can compute the same to the bit; a row whose spikes are not those of torch by hand, layer by layer of the
network, is void. Products that take a step at a time are used both ways: step by step, and layer by layer with all
steps folded into one batch before each neuron. talon counts spikes, operations and updates in every run; the others
count nothing while they are timed. Every turn begins with some runs that are not timed, for caches and clocks that
slept meanwhile.
"""
SHOWN = ("0.001", "0.01", "0.05", "0.1", "0.2", "0.5", "1.0")
"""Of the shares of active inputs that were measured."""


def write(found: Mapping[str, Any], folder: Path) -> None:
    workloads = {name: found[name] for name in WHAT if name in found}
    lines = [HEAD, *(peers(workloads) if workloads else [])]
    for part, make in SECTIONS.items():
        if part in found:
            lines += make(found[part])
    lines += apart(found)
    (folder / "performance.md").write_text("\n".join(lines).rstrip() + "\n")
    if "scaling" in found:
        (folder / "performance-scaling.svg").write_text(svg(list(panels(found["scaling"]))))


def apart(found: Mapping[str, Any]) -> Iterator[str]:
    """Which parts are of another run than the last."""
    last = max((said["run"] for said in found.values()), default=0)
    earlier = [name for name, said in found.items() if said["run"] != last]
    if earlier:
        yield "## Not of one run"
        yield ""
        yield f"Measured earlier than the rest: {', '.join(earlier)}."


def crossovers(part: Mapping[str, Any]) -> Iterator[str]:
    yield "## Events or dense"
    yield ""
    yield "Microseconds of one layer for one step, by share of active inputs: through the active inputs alone, through"
    yield "all of them, and as the engine chooses. The last column is where both take the same."
    yield ""
    layers = part["layers"]
    chosen = [rate for rate in next(iter(layers.values())) if rate in SHOWN]
    yield "| | | " + " | ".join(f"{float(rate):.3g}" for rate in chosen) + " | crosses |"
    yield "|---|---|" + "---|" * (len(chosen) + 1)
    for name, rates in layers.items():
        at = crossing(rates)
        where = "never" if at is None else f"{at:.2g}"
        for way, first in (("event", name), ("dense", ""), ("auto", "")):
            took = " | ".join(f"{rates[rate][way] * 1e6:.3g}" for rate in chosen)
            yield f"| {first} | {way} | {took} | {where if way == 'event' else ''} |"
    yield ""


def scaling(part: Mapping[str, Any]) -> Iterator[str]:
    yield "## How time grows"
    yield ""
    yield "W1 with one thing changed, one thread, median CPU milliseconds; and neurons behind a convolution, 10 steps,"
    yield "with the memory that a run takes at most."
    yield ""
    yield "![time and memory against size](performance-scaling.svg)"
    yield ""
    for name, curve in part["curves"].items():
        yield f"| {name} | " + " | ".join(f"{point['at']:g}" for point in curve) + " |"
        yield "|---|" + "---|" * len(curve)
        yield "| ms | " + " | ".join(f"{point['seconds'] * 1e3:.3g}" for point in curve) + " |"
        yield "| ns a synaptic operation | " + " | ".join(f"{per_synop(point):.2g}" for point in curve) + " |"
        yield ""
    yield "| neurons | " + " | ".join(f"{point['neurons']:,}" for point in part["neurons"]) + " |"
    yield "|---|" + "---|" * len(part["neurons"])
    yield "| ms | " + " | ".join(f"{point['seconds'] * 1e3:.3g}" for point in part["neurons"]) + " |"
    yield "| MB | " + " | ".join(f"{point['bytes'] / 1e6:.3g}" for point in part["neurons"]) + " |"
    yield ""


def per_synop(point: Mapping[str, Any]) -> float:
    return float(point["seconds"] / point["synops"] * 1e9)


def panels(part: Mapping[str, Any]) -> Iterator[Panel]:
    for name, curve in part["curves"].items():
        yield Panel(name, "ms", [(point["at"], point["seconds"] * 1e3) for point in curve])
    yield Panel("neurons", "ms", [(point["neurons"], point["seconds"] * 1e3) for point in part["neurons"]])
    yield Panel("neurons", "MB", [(point["neurons"], max(point["bytes"] / 1e6, 0.01)) for point in part["neurons"]])


def detector(part: Mapping[str, Any]) -> Iterator[str]:
    yield "## A whole detector"
    yield ""
    yield f"`examples/detector/build.py`: ghost blocks, {part['weights']:,} weights, 320x320, 4 steps an image."
    yield "Frames a second."
    yield ""
    yield "| | | used | 1 thread | 2 threads | spikes | |"
    yield "|---|---|---|---|---|---|---|"
    for name, said in part["frames"].items():
        found = {threads: rows({"threads": said}, threads) for threads in THREADS}
        for one, two in zip(*(found[threads] for threads in THREADS), strict=True):
            rates = " | ".join(
                "refused" if row.refused else f"{1 / row.median(threads):.3g}"
                for threads, row in zip(THREADS, (one, two), strict=True)
            )
            yield f"| {name} | {one.product} | {one.way} | {rates} | {one.total:,} | {void(one, found[1])} |"
    yield ""


SECTIONS: dict[str, Callable[[Mapping[str, Any]], Iterator[str]]] = {
    "crossover": crossovers,
    "scaling": scaling,
    "detector": detector,
}
