"""Parts -> docs/performance.md and docs/performance-scaling.svg."""

from __future__ import annotations

import os
import platform
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from contests import CONTRACTED, DENSE, GOALS, LIBRARIES, TALON, THREADS
from crossover import crossing
from figures import fastest, of_limit, rows, times_faster, void
from plot import Panel, svg

from limit import Limit

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
count nothing while they are timed.
"""
WHAT = {
    "W1 B1": "784-512-10 LIF, 100 steps, 10 % of the inputs active",
    "W1 B64": "the same, 64 samples",
    "W2 B1": "28x28, conv 8, LIF, pool, conv 16, LIF, pool, 10 LIF, 25 steps",
    "W2 B16": "the same, 16 samples",
    "W3": "3x160x160, stem of stride 2, four ghost stages with two LIF each, head, 4 steps",
    "W4": "20,000 LIF with 100 synapses each, recurrent, about 1 % firing, 200 steps",
}


def write(parts: Mapping[str, Any], folder: Path) -> None:
    lines = [HEAD]
    for part, make in SECTIONS.items():
        if part in parts:
            lines += make(parts[part])
    (folder / "performance.md").write_text("\n".join(lines).rstrip() + "\n")
    if "scaling" in parts:
        (folder / "performance-scaling.svg").write_text(svg(list(panels(parts["scaling"]))))


def peers(part: Mapping[str, Any]) -> Iterator[str]:
    limit, workloads = Limit(**part["limit"]), part["workloads"]
    versions = ", ".join(f"{name} {number}" for name, number in sorted(part["versions"].items()))
    yield f"Measured with {processor()}, {os.cpu_count()} cores, {platform.system()} {platform.release()}."
    yield f"Versions: {versions}."
    yield f"At most {part['rounds']} turns each."
    yield ""
    yield from goals(workloads, limit)
    yield from exactness(workloads)
    yield "## Every candidate"
    yield ""
    yield "Median milliseconds of one run; how many times longer than talon; spikes of all neurons together. One thread:"
    yield "CPU time. Two threads: time on the clock."
    yield ""
    for name, said in workloads.items():
        yield f"### {name}: {WHAT[name]}"
        yield ""
        yield from candidates(said)
    if missing := [name for name in WHAT if name not in workloads]:
        yield f"Left out: {', '.join(missing)}, which needs sparse weights that this version does not have."
        yield ""


def goals(workloads: Mapping[str, Any], limit: Limit) -> Iterator[str]:
    yield "## What is wanted"
    yield ""
    yield "One thread, times the best library of spiking networks, and of what the machine could do at most: one addition a"
    yield f"synaptic operation, {limit.lanes} a cycle at {limit.cycles / 1e9:.2f} GHz, or the bytes to be moved at"
    yield f"{limit.bandwidth / 1e9:.1f} GB/s, whichever takes longer, and then {limit.updates / 1e9:.1f} billion updates of LIF"
    yield "neurons a second; all three measured in the same run."
    yield ""
    yield "| | talon | best library | times | wanted | | limit | of limit | wanted | |"
    yield "|---|---|---|---|---|---|---|---|---|---|"
    for name, said in workloads.items():
        found, goal = rows(said, 1), GOALS[name]
        ours, than, share = fastest(found, (TALON,), 1), times_faster(found, LIBRARIES, 1), of_limit(said, limit)
        if ours is None or than is None or share is None:
            yield f"| {name} | not measured | | | | | | | | |"
            continue
        best, faster = than
        yield (
            f"| {name} | {ms(ours.median(1))} | {best.product} {ms(best.median(1))} | {digits(faster)}x | {goal.faster:g}x"
            f" | {met(faster >= goal.faster)} | {ms(ours.median(1) * share)} | {share:.0%} | {goal.of_limit:.0%} | {met(share >= goal.of_limit)} |"
        )
    yield ""
    if "W3" in workloads and (than := times_faster(rows(workloads["W3"], 1), (DENSE,), 1)):
        level = met(than[1] >= 1)
        yield f"W3 against onnxruntime, which runs its dense convolutions and nothing else: {digits(than[1])}x, wanted 1x, {level}."
        yield ""


def exactness(workloads: Mapping[str, Any]) -> Iterator[str]:
    """talon against itself with sums that the compiler may contract."""
    pairs = {
        name: (ours.median(1), other.median(1))
        for name, said in workloads.items()
        if (ours := fastest(rows(said, 1), (TALON,), 1)) and (other := fastest(rows(said, 1), (CONTRACTED,), 1))
    }
    if not pairs:
        return
    yield "## What the same bits everywhere cost"
    yield ""
    yield "The same engine, compiled so that a product and a sum may become one rounding, in the same turns."
    yield ""
    yield "| | exact | contracted | cost |"
    yield "|---|---|---|---|"
    for name, (exact, contracted) in pairs.items():
        yield f"| {name} | {ms(exact)} | {ms(contracted)} | {exact / contracted - 1:+.0%} |"
    yield ""


def candidates(said: Mapping[str, Any]) -> Iterator[str]:
    yield "| | used | 1 thread | times | 2 threads | times | spikes | |"
    yield "|---|---|---|---|---|---|---|---|"
    found = {threads: rows(said, threads) for threads in THREADS}
    ours = {threads: fastest(found[threads], (TALON,), threads) for threads in THREADS}
    for one, two in zip(*(found[threads] for threads in THREADS), strict=True):
        if one.refused:
            continue
        cells = []
        for threads, row in zip(THREADS, (one, two), strict=True):
            mine = ours[threads]
            took = None if row.refused else row.median(threads)
            ratio = f"{digits(took / mine.median(threads))}x" if took and mine else ""
            cells += ["refused" if took is None else ms(took), ratio]
        spikes = "none: no neurons" if one.product == DENSE else f"{one.total:,}"
        yield f"| {one.product} | {one.way} | {' | '.join(cells)} | {spikes} | {void(one, found[1]) or void(two, found[2])} |"
    yield ""
    out = {one.product: one.refused.partition(": ")[2] for one in found[1] if one.refused}
    out = {name: why for name, why in out.items() if name not in {one.product for one in found[1] if not one.refused}}
    if out:
        yield "Not here: " + "; ".join(f"{name} ({why})" for name, why in out.items()) + "."
        yield ""


def crossovers(part: Mapping[str, Any]) -> Iterator[str]:
    yield "## Events or dense"
    yield ""
    yield "Microseconds of one layer for one step, by share of active inputs: through the active inputs alone, through all of"
    yield "them, and as the engine chooses. The last column is where both take the same."
    yield ""
    layers = part["layers"]
    chosen = [rate for rate in next(iter(layers.values())) if rate in ("0.001", "0.01", "0.05", "0.1", "0.2", "0.5", "1.0")]
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
    yield "W1 with one thing changed, one thread, median CPU milliseconds; and neurons behind a convolution, 10 steps, with the"
    yield "memory that a run takes at most."
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
    yield f"`examples/detector/build.py`: ghost blocks, {part['weights']:,} weights, 320x320, 4 steps an image. Frames a second."
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
    "peers": peers,
    "crossover": crossovers,
    "scaling": scaling,
    "detector": detector,
}


def processor() -> str:
    info = Path("/proc/cpuinfo")
    names = info.read_text().splitlines() if info.exists() else []
    return next((line.partition(":")[2].strip() for line in names if line.startswith("model name")), platform.machine())


def ms(seconds: float) -> str:
    return f"{seconds * 1e3:.3g}"


def digits(value: float) -> str:
    return f"{value:.2g}" if value < 10 else f"{value:.0f}"


def met(reached: bool) -> str:
    return "met" if reached else "**missed**"


