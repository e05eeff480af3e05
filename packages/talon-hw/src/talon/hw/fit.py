"""`check`: does a graph fit on a target, and if not, what is missing, by how much, and what can be done."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence

from talon.hw.arguments import expect_graph
from talon.hw.catalogue import target as find_target
from talon.hw.contents import contents, words
from talon.hw.description import Core, Target, summed, times
from talon.hw.integers.planned import on_host, planned
from talon.hw.integers.wiring import IntegerWiring
from talon.hw.legality import illegal, illegal_connections, values_sent
from talon.hw.packing import Packed
from talon.hw.placed import Placed, layers_by_core, place
from talon.hw.problems import insufficient
from talon.hw.quantising.beforehand import refusals
from talon.hw.report import CoreUse, Finding, FitReport, LayerUse, Use
from talon.hw.tiles import boundary, heard, memory_use, of_core, uses
from talon.hw.unknowns import unknown
from talon.hw.wishes import Unheeded, effectless, impossible, meaningless
from talon.ir.graph import Graph


def check(graph: Graph, target: Target | str | os.PathLike[str]) -> FitReport:
    """How `graph` lies on `target` (an object, a name, or the path of a `.toml`), with every problem at once.

    Works from declarations and shapes alone: no weight is read. Of a quantised graph it is known besides how wide sums
    are and what the host computes, which takes no core: `deploy` raises the first error of that report.

    What `hw.quantize` would refuse whatever its calibration is among the problems (T506); that a target leaves its
    arithmetic open is a warning.

    Layers are cut into tiles that fit a core, and tiles share cores by first fit, so `cores` is what this packing
    takes, not the least possible. The hint `core_id` is heeded, or an error says why not (T509); other hints that have
    no effect are warnings. What stands outside the chip (Inputs, and primitives that no core can hold) takes no
    core. Raises `TalonGraphError` when shapes do not meet or stay open, `TalonTargetError` for a cycle that holds
    nothing (T504), and what `talon.hw.target` raises.
    """
    expect_graph(graph, "check")
    target = find_target(target)
    if not graph.quantization_config:
        placed = place(graph, target)
        refused = tuple(refusals(graph, target))
        return report_of(placed, refused=refused, unheeded=ignored(graph, placed))
    _, placed, bounds = in_integers(graph, target)
    return report_of(placed, bounds, unheeded=ignored(graph, placed))


def ignored(graph: Graph, placed: Placed) -> list[Unheeded]:
    """The hints of a graph that have no effect where it is placed."""
    return [*meaningless(graph), *effectless(graph, placed)]


def in_integers(graph: Graph, target: Target) -> tuple[IntegerWiring, Placed, dict[int, int]]:
    """A quantised graph as integers compute it, as it lies on a target, and how large the values of every layer can
    be."""
    flat = graph.flatten()
    wired = planned(flat)
    assert wired.plan is not None
    placed = place(flat, target, on_host(wired))
    values = wired.plan.values
    return wired, placed, {number: values[layer.members[-1], 0].bound for number, layer in enumerate(placed.layers)}


def report_of(
    placed: Placed,
    bounds: Mapping[int, int] | None = None,
    refused: Sequence[Finding] = (),
    unheeded: Sequence[Unheeded] = (),
) -> FitReport:
    """The report of a graph whose tiles have their cores. `bounds`: by layer, how large the values that it sends can
    be, where that is known. `refused`: what quantising would say, told of nodes of which nothing else is; `unheeded`:
    hints without effect."""
    total = totals(placed)
    unfit = list(illegal(placed.wiring, placed.target))
    told = {finding.node for finding in unfit}
    found = [
        *unfit,
        *(finding for finding in refused if finding.node is None or finding.node not in told),
        *illegal_connections(placed.wiring, placed.target),
        *values_sent(placed, bounds),
        *insufficient(placed, total),
        *impossible(placed),
        *(hint.finding() for hint in unheeded),
        *unknown(placed),
    ]
    return FitReport(
        placed.target.id,
        placed.target.hash,
        placed.target.core_count,
        None not in placed.tiled,
        tuple(layer_uses(placed)),
        core_uses(placed),
        total,
        tuple(sorted(found, key=lambda finding: finding.severity != "error")),
    )


def layer_uses(placed: Placed) -> Iterator[LayerUse]:
    """The row of every layer: sums over its tiles, or the whole layer where it has none."""
    for number, (layer, tiles, cores) in enumerate(
        zip(placed.layers, placed.tiled, layers_by_core(placed).tolist(), strict=True)
    ):
        core = placed.target.cores[tiles[0].kind if tiles else 0]
        if tiles:
            taken = [summed(column) for column in zip(*(tile.words for tile in tiles), strict=True)]
            axons = max(len(tile.inputs) for tile in tiles)
        else:
            taken = [words(placed.target, m, contents(layer, layer.shape, m.padding)) for m in core.memory]
            axons = len(heard(layer, tuple((0, n) for n in layer.shape)))
        yield LayerUse(
            placed.names[number],
            placed.paths(number),
            len(tiles or ()),
            cores,
            layer.spiking,
            placed.fan_ins[number],
            tuple(uses(core, layer.size, taken, axons, max(cores, 1))),
        )


def core_uses(placed: Placed) -> tuple[CoreUse, ...]:
    """What is used of every core."""
    return tuple(core_use(placed, core, edges) for core, edges in zip(placed.packed, placed.out_edges, strict=True))


def core_use(placed: Placed, core: Packed, edges: int) -> CoreUse:
    """What is used of one core."""
    kind = placed.target.cores[core.kind]
    border = boundary(kind, placed.units, core.inputs, core.sends)
    used = of_core(kind, core.neurons, core.words, len(core.inputs), border, edges)
    return CoreUse(kind.name, tuple(placed.names[n] for n in sorted(core.layers)), tuple(used))


def totals(placed: Placed) -> tuple[Use, ...]:
    """What the whole graph needs of the whole target, each value stored once; and the cores that packing takes."""
    target = placed.target
    found = [Use("neurons", sum(layer.size for layer in placed.layers), target.neuron_count, "neurons")]
    names = dict.fromkeys(memory.name for core in target.cores for memory in core.memory)
    found += [total_memory(placed, name) for name in names]
    if len(target.cores) > 1:
        for number, core in enumerate(target.cores):
            used = sum(packed.kind == number for packed in placed.packed)
            found.append(Use(f"cores ({core.name})", used, core.count.value, "cores"))
    return (*found, Use("cores", len(placed.packed), target.core_count, "cores"))


def total_memory(placed: Placed, name: str) -> Use:
    """Use of the memories of one name in all cores; they count alike in every kind."""
    having: list[Core] = [c for c in placed.target.cores if any(m.name == name for m in c.memory)]
    memory = next(m for m in having[0].memory if m.name == name)
    each = [words(placed.target, memory, contents(layer, layer.shape, memory.padding)) for layer in placed.layers]
    size = summed(
        times(core.count.value, next(m for m in core.memory if m.name == name).words.value) for core in having
    )
    one = memory_use(memory, summed(each), 1)
    scale = 1 if memory.bits.value is None or memory.bits.value % 8 else memory.bits.value // 8
    return Use(one.resource, one.need, times(size, scale), one.unit)
