"""Reports made by hand, as a deployment gives them: layers cut over the cores of a mesh, packets on XY routes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from talon import hw
from talon.engine.comparing.divergence import Divergence, NodeComparison
from talon.engine.comparing.outcome import Comparison
from talon.hw.integers.plan import Proof
from talon.hw.ledger import Rewrite
from talon.hw.pricing import Energy, EnergyLine
from talon.hw.quantising.report import LayerReport, QuantReport
from talon.hw.report import Finding, Use
from talon.hw.reporting.figures import Chip, Core, Layer, Link, Position, Report
from talon.hw.reporting.latency import Peak

TARGET = hw.target("generic-mesh")
NET = (("conv1", 3136, 27), ("conv2", 1568, 144), ("conv3", 1568, 288), ("fc1", 512, 1568), ("fc2", 10, 512))
"""Layers of the small example: name, neurons, connections into each."""


def example() -> Report:
    """8 x 8 cores, 5 layers, 32 steps."""
    return made((8, 8), NET, steps=32, per_core=160)


def large() -> Report:
    """16 x 16 cores, all in use, 16 layers, 1,000 steps."""
    net = tuple((f"block{place}/conv", 4096, 9 * 16) for place in range(16))
    found = made((16, 16), net, steps=1000, per_core=256)
    assert len(found.cores) == 256
    return found


def many_links() -> Report:
    """A mesh of 52 x 52 with every link in use."""
    ways = [
        (x, y, x + dx, y + dy) for x in range(52) for y in range(52) for dx, dy in ((1, 0), (-1, 0), (0, 1), (0, -1))
    ]
    inside = [way for way in ways if 0 <= way[2] < 52 and 0 <= way[3] < 52]
    links = tuple(Link((a, b), (c, d), 1 + (a * 7 + b * 13 + c * 3) % 997) for a, b, c, d in inside)
    assert len(links) > 10_000
    found = large()
    return replace(found, links=links, target=replace(found.target, mesh=(52, 52), cores=2704))


def made(mesh: Position, net: tuple[tuple[str, int, int], ...], steps: int, per_core: int, seed: int = 0) -> Report:
    """Layers in order along the rows of the mesh; each core sends a packet for each spike to every core of the next."""
    random = np.random.default_rng(seed)
    names = [f"{name} + {name.replace('conv', 'lif').replace('fc', 'out')}" for name, _, _ in net]
    spikes = [spiking(random, neurons, steps, place) for place, (_, neurons, _) in enumerate(net)]
    tiles = [(place, part) for place, (_, neurons, _) in enumerate(net) for part in split(neurons, per_core)]
    owners = [place for place, _ in tiles]
    first = [owners.index(place) for place in range(len(net))]
    cores, loads = [], Counter[tuple[Position, Position]]()
    shared: list[list[np.ndarray]] = [shares(random, spikes[place], owners.count(place)) for place in range(len(net))]
    received = [0] * len(tiles)
    sent = [0] * len(tiles)
    for number, (place, _) in enumerate(tiles):
        count = int(shared[place][number - first[place]].sum())
        for other, whose in enumerate(owners):
            if whose == place + 1:
                sent[number] += count
                received[other] += count
                loads.update(dict.fromkeys(route(where(number, mesh), where(other, mesh)), count))
    for number, (place, neurons) in enumerate(tiles):
        mine = shared[place][number - first[place]]
        _, _, fan_in = net[place]
        coming = received[number] // steps
        synops = int(coming * min(fan_in, 40) * steps)
        busiest = int(np.argmax(mine))
        cores.append(
            Core(
                number,
                where(number, mesh),
                "core",
                (names[place],),
                uses(neurons, fan_in),
                synops,
                neurons * steps,
                int(mine.sum()),
                sent[number],
                received[number],
                Peak(busiest, int(synops / steps * (1 + mine[busiest] / max(mine.mean(), 1)) / 2), neurons, coming),
            )
        )
    layers = tuple(
        Layer(
            names[place],
            tuple(names[place].split(" + ")),
            owners.count(place),
            owners.count(place),
            neurons,
            sum(core.synops for core, owner in zip(cores, owners, strict=True) if owner == place),
            neurons * steps,
            tuple(spikes[place].tolist()),
            priced(sum(core.synops for core, o in zip(cores, owners, strict=True) if o == place), neurons * steps),
        )
        for place, (_, neurons, _) in enumerate(net)
    )
    engine = {key: sum(getattr(core, key) for core in cores) for key in ("synops", "updates", "spikes")}
    return Report(
        "digits, 8 bit",
        replace(Chip.of(TARGET), mesh=mesh, cores=mesh[0] * mesh[1]),
        "5c1d0f6a" * 8,
        "b7e42a90" * 8,
        {"talon-core": "0.1.0", "talon-hw": "0.1.0", "numpy": "2.3.1"},
        steps,
        1,
        tuple(cores),
        tuple(Link(start, end, packets) for (start, end), packets in sorted(loads.items())),
        layers,
        engine,
        sum(sent),
        priced(engine["synops"], engine["updates"]),
        TARGET.timing,
        quantised(net),
        compared(net, steps),
        tuple(rewrites(net)),
        (unsaid(),),
    )


def spiking(random: np.random.Generator, neurons: int, steps: int, place: int) -> np.ndarray:
    """Spikes by step: a layer wakes a step after the one before it, and swells and ebbs."""
    times = np.arange(steps)
    rates = 0.14 * 0.8 ** (place % 6) * (1 + 0.6 * np.sin(times / 3.1 + place)) * (times >= place)
    return random.binomial(neurons, np.clip(rates, 0, 1))


def split(neurons: int, most: int) -> list[int]:
    parts = -(-neurons // most)
    return [neurons // parts + (part < neurons % parts) for part in range(parts)]


def shares(random: np.random.Generator, spikes: np.ndarray, parts: int) -> list[np.ndarray]:
    """The spikes of a layer, spread over its cores."""
    weights = random.dirichlet(np.full(parts, 6.0))
    return list(np.stack([random.multinomial(count, weights) for count in spikes]).T)


def where(number: int, mesh: Position) -> Position:
    """Along the rows, to and fro, so that what follows is near."""
    row, column = divmod(number, mesh[0])
    return (column if row % 2 == 0 else mesh[0] - 1 - column, row)


def route(start: Position, end: Position) -> Iterator[tuple[Position, Position]]:
    """Along x first, then along y."""
    at = start
    while at != end:
        axis = 0 if at[0] != end[0] else 1
        step = 1 if end[axis] > at[axis] else -1
        following = (at[0] + step, at[1]) if axis == 0 else (at[0], at[1] + step)
        yield at, following
        at = following


def uses(neurons: int, fan_in: int) -> tuple[Use, ...]:
    weights = min(neurons * min(fan_in, 380), 65536)
    return (
        Use("neurons", neurons, 256, "neurons"),
        Use("weight memory", weights, 65536, "B"),
        Use("state memory", neurons * 4, 16384, "B"),
        Use("in-axons", min(1024, 64 + fan_in), 1024, "axons"),
        Use("out-edges", neurons * 9, 4096, "edges"),
    )


def priced(synops: int, updates: int) -> Energy:
    rows = TARGET.cost or {}
    counts: list[tuple[str, float, str]] = [
        ("additions of synaptic operations", synops, "int32_add"),
        ("additions of neuron updates", updates, "int32_add"),
        ("multiplications of decays", updates, "int32_mul"),
        ("reads of weights, 8 bits each", synops / 8, "sram_8kib_read_64bit"),
        ("reads and writes of membranes, 16 bits each", updates / 2, "sram_8kib_read_64bit"),
    ]
    lines = tuple(EnergyLine(what, count, row, rows[row]) for what, count, row in counts)
    return Energy(TARGET.id, lines, {"horowitz45": TARGET.citations["horowitz45"]})


def quantised(net: tuple[tuple[str, int, int], ...]) -> QuantReport:
    layers = tuple(
        LayerReport(name, neurons, 0.11, 0.109, 0.9987, place, 0, 0.0004)
        for place, (name, neurons, _) in enumerate(net)
    )
    proofs = tuple(Proof(name, 17 + place, 24, "saturate") for place, (name, _, _) in enumerate(net))
    return QuantReport(layers, proofs, ())


def compared(net: tuple[tuple[str, int, int], ...], steps: int) -> Comparison:
    nodes = {name: NodeComparison(name, "LIF", neurons * steps, rate_a=0.11, rate_b=0.11) for name, neurons, _ in net}
    name, neurons, _ = net[2]
    first = Divergence(name, "spikes", 7, 0, (3, 1, 5), 1.0, 0.0, 0.0021, -0.0009, True)
    nodes[name] = NodeComparison(
        name, "LIF", neurons * steps, 12, 5, 1.0, 0.11, 0.1098, 0.0007, 1, 1, {"spikes": first}
    )
    return Comparison("float", "build", steps, 1, 0.0, "spikes", nodes, spikes=frozenset({f"{name}.spikes"}))


def rewrites(net: tuple[tuple[str, int, int], ...]) -> Iterator[dict[str, Any]]:
    for name, _, _ in net:
        yield Rewrite(
            "quantize", name, "weight", "float32 -0.41 to 0.38", "int8 -127 to 118", False, "rounded to 8 bits"
        ).as_dict()
        yield Rewrite("split", name, "tiles", "1", "7", True).as_dict()


def unsaid() -> Finding:
    return Finding(
        "T505",
        "generic-mesh does not say how long it can delay a spike",
        "warning",
        expected="a number",
        found="unknown; 3 steps are needed",
        help="ask the maker, or measure",
        resource="delay",
        need=3,
    )
