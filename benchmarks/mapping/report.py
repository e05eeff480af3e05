"""Results -> docs/performance-mapping.md."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from builds import Built

from talon.hw.mapping import Mesh

HEAD = """\
# Speed and quality of mapping

What `talon.hw.mapping` finds beside other ways to put neurons on cores. Written by `make bench-mapping`, which installs
the others in an environment of their own. A *delivery* is a packet that arrives on a core: a neuron's spike counts once
for every core but its own that hears it. Times are seconds of processor of all threads, on one machine on one day;
what else runs there does not count.

Cases: *conv28* is a convolutional network of 5,626 neurons and 595 thousand synapses on cores of 256; *local* has
neurons on a torus, each reaching 50 or 28 others around it, on cores of 256 or 1,024; *tiles* are pieces of 16 neurons
of the layers of a deep network, on cores with limits on neurons, words of weights and axons. Rates are drawn.

METIS cuts the graph of who talks to whom, which counts a spike once for every synapse that is cut, and takes the size
of a core for a wish. Mt-KaHyPar cuts the same hypergraph as talon on one thread, with the preset that a seed decides,
and our moves follow: `partition(..., engine="mtkahypar")`. Neither takes part in tiles: both know one need of a vertex.
"""

GOALS = {"conv28": (70_000, 6), "local 316 x 316": (900_000, 20)}
"""Deliveries and seconds that are wanted."""
WHOLE = ("10,240 tiles", 10)
"""Seconds that partition, place and route may take together."""
NEAR = 1.05
"""The cost of a placement of nine cores or fewer, beside the least."""


@dataclass(frozen=True)
class Placed:
    """A placement: its cost beside the least, and that of annealing alone, without trying all."""

    case: str
    cores: int
    mesh: Mesh
    ratio: float
    annealed: float


@dataclass(frozen=True)
class EndToEnd:
    """Seconds of partition, place and route; hops of a packet as placed, in the order of the cores, and at random."""

    case: str
    cores: int
    seconds: tuple[float, ...]
    hops: tuple[float, ...]
    busiest: int


Found = Mapping[str, Mapping[str, Mapping[str, Any]]]


def page(found: Found, placed: Sequence[Placed], chains: Sequence[EndToEnd], made: Sequence[Built]) -> str:
    parts = [HEAD, *machine(found), *goals(found, placed, chains), *cuts(found), *placements(placed), *wholes(chains)]
    parts += ["", *deployed(made)]
    return "\n".join(parts) + "\n"


def machine(found: Found) -> Iterator[str]:
    info = Path("/proc/cpuinfo")
    names = [line for line in info.read_text().splitlines() if "model name" in line] if info.exists() else []
    name = names[0].partition(":")[2].strip() if names else platform.machine()
    yield f"Measured with {name}, {os.cpu_count()} cores, {platform.system()} {platform.release()}."
    versions = {tool: one["version"] for tools in found.values() for tool, one in tools.items() if one["version"]}
    yield "Versions: " + ", ".join(f"{tool} {version}" for tool, version in sorted(versions.items())) + "."
    yield ""


def goals(found: Found, placed: Sequence[Placed], chains: Sequence[EndToEnd]) -> Iterator[str]:
    yield from ("## What is wanted", "", "| what | wanted | found | |", "|---|---|---|---|")
    rows = []
    for case, (most, seconds) in GOALS.items():
        ours = found[case]["talon"]
        rows.append((f"{case}: deliveries", f"<= {most:,}", f"{ours['deliveries']:,}", ours["deliveries"] <= most))
        rows.append((f"{case}: time", f"< {seconds} s", f"{ours['seconds']:.1f} s", ours["seconds"] < seconds))
    worst = max(one.ratio for one in placed)
    rows.append(("hops of nine cores or fewer, beside the least", f"<= {NEAR}", f"{worst:.3f}", worst <= NEAR))
    whole = next(sum(one.seconds) for one in chains if one.case == WHOLE[0])
    rows.append((f"{WHOLE[0]}: partition, place and route", f"< {WHOLE[1]} s", f"{whole:.1f} s", whole < WHOLE[1]))
    for what, wanted, got, met in rows:
        yield f"| {what} | {wanted} | {got} | {'met' if met else '**missed**'} |"
    yield ""


def cuts(found: Found) -> Iterator[str]:
    yield from ("## Partitions", "", "| case | by | cores | deliveries | beside talon | seconds | limits |")
    yield "|---|---|---|---|---|---|---|"
    for case, tools in found.items():
        for tool, one in tools.items():
            if "given up" in one:
                yield f"| {case} | {tool} | | | | given up after {one['given up']} | |"
                continue
            ratio = one["deliveries"] / tools["talon"]["deliveries"]
            kept = "kept" if one["fits"] else "**broken**"
            numbers = f"{one['cores']} | {one['deliveries']:,} | {ratio:.2f}x | {one['seconds']:.1f}"
            yield f"| {case} | {tool} | {numbers} | {kept} |"
    yield ""


def placements(placed: Sequence[Placed]) -> Iterator[str]:
    yield from ("## Placements beside the least there is", "")
    yield from ("| case | cores | mesh | `place` | annealing alone |", "|---|---|---|---|---|")
    for one in placed:
        mesh = f"{one.mesh.height} x {one.mesh.width}{', torus' if one.mesh.torus else ''}"
        yield f"| {one.case} | {one.cores} | {mesh} | {one.ratio:.3f}x | {one.annealed:.3f}x |"
    yield ""


def wholes(chains: Sequence[EndToEnd]) -> Iterator[str]:
    yield from ("## Partition, place and route", "", "Hops of a packet on the smallest square mesh.", "")
    yield "| case | cores | partition | place | route | hops | in the order of cores | at random | busiest link |"
    yield "|---|---|---|---|---|---|---|---|---|"
    for one in chains:
        times = " | ".join(f"{seconds:.2f} s" for seconds in one.seconds)
        hops = " | ".join(f"{number:.2f}" for number in one.hops)
        yield f"| {one.case} | {one.cores} | {times} | {hops} | {one.busiest:,} |"


def deployed(made: Sequence[Built]) -> Iterator[str]:
    yield from ("## Whole builds", "", "`hw.deploy` of two convolutions, on ever smaller cores: layers are cut in four")
    yield from ("ways, each spread, and the best compiled and run once for the golden sample.", "")
    yield from ("| neurons | cores | tiles | seconds | packets a step |", "|---|---|---|---|---|")
    for one in made:
        yield f"| {one.neurons:,} | {one.cores:,} | {one.tiles:,} | {one.seconds:.1f} | {one.packets:,.0f} |"
