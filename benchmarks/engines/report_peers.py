"""The section of docs/performance.md about who is how fast."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator, Mapping
from functools import reduce
from pathlib import Path
from typing import Any

from contests import CONTRACTED, DENSE, GOALS, INTEGERS, INTEGERS_FASTER, LIBRARIES, TALON, THREADS
from figures import digits, fastest, met, ms, of_limit, rows, times_faster, void
from limit import Limit

WHAT = {
    "W1 B1": "784-512-10 LIF, 100 steps, 10 % of the inputs active",
    "W1 B64": "the same, 64 samples",
    "W2 B1": "28x28, conv 8, LIF, pool, conv 16, LIF, pool, 10 LIF, 25 steps",
    "W2 B16": "the same, 16 samples",
    "W3": "3x160x160, stem of stride 2, four ghost stages with two LIF each, head, 4 steps",
    "W4": "20,000 LIF with 100 synapses each, recurrent, about 1 % firing, 200 steps",
}


def peers(workloads: Mapping[str, Any]) -> Iterator[str]:
    versions = {name: number for said in workloads.values() for name, number in said["versions"].items()}
    yield f"Measured with {processor()}, {os.cpu_count()} cores, {platform.system()} {platform.release()}."
    yield "Versions: " + ", ".join(f"{name} {number}" for name, number in sorted(versions.items())) + "."
    yield ""
    yield from goals(workloads)
    yield from exactness(workloads)
    yield from integers(workloads)
    yield "## Every candidate"
    yield ""
    yield "Median milliseconds of one run, and how many times longer than talon. One thread: CPU time; two threads:"
    yield "time on the clock, with threads of OpenMP that sleep while they wait (`OMP_WAIT_POLICY=passive`), since"
    yield "spinning, their default, made them slower here. The spikes are those of all neurons together."
    yield ""
    for name, said in workloads.items():
        yield f"### {name}: {WHAT[name]}"
        yield ""
        yield f"{turns(said)}."
        yield ""
        yield from candidates(said)


def goals(workloads: Mapping[str, Any]) -> Iterator[str]:
    yield "## What is wanted"
    yield ""
    best = limit_of(workloads)
    yield "One thread, times the best library of spiking networks, and of what the machine could do at most: one"
    yield f"addition a synaptic operation, {best.lanes} a cycle at {best.cycles / 1e9:.1f} GHz, or the bytes to be"
    yield f"moved at {best.bandwidth / 1e9:.0f} GB/s, whichever takes longer, and then {best.updates / 1e9:.0f} billion"
    yield "updates of LIF neurons a second. All three were measured before and after each workload: here the best."
    yield ""
    yield "| | talon | best library | times | wanted | | limit | of limit | wanted | |"
    yield "|---|---|---|---|---|---|---|---|---|---|"
    for name, said in workloads.items():
        found, goal = rows(said, 1), GOALS[name]
        ours, than, share = fastest(found, (TALON,), 1), times_faster(found, LIBRARIES, 1), of_limit(said)
        if ours is None or than is None or share is None:
            yield f"| {name} | not measured | | | | | | | | |"
            continue
        best, faster = than
        cells = [
            ms(ours.median(1)),
            f"{best.product} {ms(best.median(1))}",
            f"{digits(faster)}x",
            f"{goal.faster:g}x",
            met(faster >= goal.faster),
            ms(ours.median(1) * share),
            f"{share:.0%}",
            f"{goal.of_limit:.0%}",
            met(share >= goal.of_limit),
        ]
        yield f"| {name} | {' | '.join(cells)} |"
    yield ""
    if "W3" in workloads and (than := times_faster(rows(workloads["W3"], 1), (DENSE,), 1)):
        yield f"W3 against onnxruntime, which runs its dense convolutions and nothing else: {digits(than[1])}x, wanted"
        yield f"1x, {met(than[1] >= 1)}."
        yield ""


def limit_of(workloads: Mapping[str, Any]) -> Limit:
    limits = [Limit(**said["limit"]) for said in workloads.values()]
    return reduce(Limit.best, limits)


def turns(said: Mapping[str, Any]) -> str:
    """How many turns there were; slow products make them fewer."""
    each = [max(len(one.cpu) for one in rows(said, threads)) for threads in THREADS]
    work = said["work"]
    counted = f"{work['synops']:,} synaptic operations of {work['macs']:,}, {work['updates']:,} updates"
    return f"{each[0]} turns with one thread, {each[1]} with two; {counted}"


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


def integers(workloads: Mapping[str, Any]) -> Iterator[str]:
    """talon against itself in 8 bits, and against the best library."""
    lines = []
    for name, said in workloads.items():
        found = rows(said, 1)
        ours, whole, best = (fastest(found, some, 1) for some in ((TALON,), (INTEGERS,), LIBRARIES))
        if ours is None or whole is None or best is None:
            continue
        faster, than = ours.median(1) / whole.median(1), best.median(1) / whole.median(1)
        wanted = INTEGERS_FASTER.get(name)
        cells = [ms(ours.median(1)), ms(whole.median(1)), f"{digits(faster)}x", met(faster >= 1), f"{digits(than)}x"]
        cells += ["", ""] if wanted is None else [f"{wanted:g}x", met(than >= wanted)]
        lines.append(f"| {name} | {' | '.join(cells)} | {ours.total:,} | {whole.total:,} |")
    if not lines:
        return
    yield "## Integers beside floats"
    yield ""
    yield "The same network quantised to 8 bits for `generic-mesh`, calibrated with the inputs that it runs; W4 to 10"
    yield "bits, since with 8 its drive is rounded to what never fires. It is to be never slower than float32. Its"
    yield "spikes are its own."
    yield ""
    yield "| | float32 | integers | times | never slower | times the best library | wanted | | spikes | of integers |"
    yield "|---|---|---|---|---|---|---|---|---|---|"
    yield from lines
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
        why = void(one, found[1]) or void(two, found[2])
        yield f"| {one.product} | {one.way} | {' | '.join(cells)} | {spikes} | {why} |"
    yield ""
    out = {one.product: one.refused.partition(": ")[2] for one in found[1] if one.refused}
    out = {name: why for name, why in out.items() if name not in {one.product for one in found[1] if not one.refused}}
    if out:
        yield "Not here: " + "; ".join(f"{name} ({why})" for name, why in out.items()) + "."
        yield ""


def processor() -> str:
    info = Path("/proc/cpuinfo")
    names = info.read_text().splitlines() if info.exists() else []
    return next((line.partition(":")[2].strip() for line in names if line.startswith("model name")), platform.machine())
