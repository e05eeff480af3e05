"""What can be wrong between a graph and a target, as findings with what is there, what is needed, and a mend."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from talon.hw.description import Target
from talon.hw.families import FAMILIES
from talon.hw.layers import Layer, fed_by
from talon.hw.packing import tile_edges
from talon.hw.report import CoreUse, Finding, LayerUse, Use, amount
from talon.hw.tiles import Tile, smallest
from talon.hw.wiring import PASSIVE, Wiring

# Primitives that a core cannot hold, or the target does not run


def illegal(wiring: Wiring, target: Target) -> Iterator[Finding]:
    """Nodes without a place on this target (T504). Identities need none."""
    for number, node in enumerate(wiring.nodes):
        kind = type(node).__name__
        family = FAMILIES.get(kind)
        if node.identity:
            continue
        if family is None:
            yield unsupported(wiring.path(number), kind, target, f"no core can hold {kind}")
        elif reason := family.refusal(node):
            yield unsupported(wiring.path(number), kind, target, f"no core can hold this {kind}: {reason}")
        elif target.ops is not None and kind not in target.ops:
            yield unsupported(wiring.path(number), kind, target, f"{target.id} does not run {kind}")
        elif wiring.roles[number] == "fold" and not folds(wiring, number):
            reason = "it folds into weights, and here it does not follow dense or convolution layers that feed it alone"
            yield unsupported(wiring.path(number), kind, target, f"no core can hold this {kind}: {reason}")
        elif target.ops is not None:
            yield from refused_values(wiring.path(number), node, target, target.ops[kind])


def unsupported(path: str, kind: str, target: Target, message: str) -> Finding:
    runs = "any that cores can hold" if target.ops is None else ", ".join(target.ops)
    return Finding(
        "T504",
        message,
        node=path,
        expected=runs if len(runs) <= 200 else "a primitive that the target runs",
        found=kind,
        help=f"replace {path!r}, or cut it off (graph.subgraph) and run it on the host",
        resource="primitives",
    )


def refused_values(path: str, node: Any, target: Target, allowed: Mapping[str, tuple[Any, ...]]) -> Iterator[Finding]:
    """Attributes whose value is not among those that the target runs."""
    for name, values in allowed.items():
        value = node.stored(name)
        if any(item not in values for item in (value if isinstance(value, tuple) else (value,))):
            words = " or ".join(map(repr, values))
            yield Finding(
                "T504",
                f"{target.id} does not run {type(node).__name__} with {name}={value!r}",
                node=path,
                expected=f"{name} {words}",
                found=f"{name}={value!r}",
                help=f"give {path!r} {name}={values[0]!r}",
                resource="primitives",
            )


def folds(wiring: Wiring, number: int) -> bool:
    """Whether a batch norm follows weights that feed it alone; identities and other batch norms may be between."""
    for link in wiring.incoming[number]:
        before, role = wiring.nodes[link.src], wiring.roles[link.src]
        weighted = role == "sum" and fed_by(wiring, link.src).need.weights > 0
        between = role in PASSIVE and (role == "fold" or before.identity) and folds(wiring, link.src)
        if len(wiring.outgoing[link.src]) > 1 or not (weighted or between):
            return False
    return True


# Resources that do not suffice


def indivisible(
    target: Target,
    layers: Sequence[Layer],
    layer_uses: Sequence[LayerUse],
    tiled: Sequence[list[Tile] | None],
    leaving: np.ndarray,
) -> Iterator[Finding]:
    """Limits that one unit of a layer breaks, so that no tiling helps (T503)."""
    limit = target.core.fan_in.value
    for layer, row, tiles in zip(layers, layer_uses, tiled, strict=True):
        fan_in = Use("fan-in", row.fan_in, limit, "inputs")
        if fan_in.over:
            yield short(target, fan_in, f"one unit of {row.name!r} has too many inputs", row.nodes[0])
        if tiles is None:
            for use in smallest(layer, target):
                # Too many axons are the same fault as too many inputs, told once.
                if use.over and not (use.resource == "in-axons" and fan_in.over):
                    yield short(target, use, f"one unit of {row.name!r} is too much for a core", row.nodes[0])
    every = [tile for found in tiled for tile in found or ()]
    edges: dict[int, int] = {}
    for tile, count in zip(every, tile_edges(every, leaving), strict=True):
        edges[tile.layer] = max(count, edges.get(tile.layer, 0))
    for number, count in edges.items():
        use = Use("out-edges", count, target.core.out_edges.value, "edges")
        if use.over:
            row = layer_uses[number]
            yield short(target, use, f"too many cores hear {row.name!r}", row.nodes[-1])


def too_large(target: Target, total: Sequence[Use]) -> Iterator[Finding]:
    """Resources of which the whole target has too little (T503)."""
    for use in total:
        if use.over:
            takes = "its tiles take" if use.resource == "cores" else "the graph needs"
            yield short(target, use, f"{takes} more {use.resource} than {target.id} has", None)


MENDS = {
    "fan-in": "feed it less: a smaller layer or a pool before it; at most {have} inputs for each output",
    "in-axons": "feed it less: a smaller layer or a pool before it; one core hears at most {have} units",
    "out-edges": "make the layers that read it smaller, so that fewer cores hear it",
    "neurons": "fewer channels, or a stride or pool early in the network ({times:.1f} times too many); a larger target",
    "delay": "state a delay of at most {have} steps, or put neurons in between that pass spikes on",
    "cores": "make the network {times:.1f} times smaller, or use a target with more cores",
}
MEND_MEMORY = "fewer channels or inputs ({times:.1f} times too much); a target with more memory"


def short(target: Target, use: Use, message: str, node: str | None) -> Finding:
    """The finding for a use that is over; names the resource, both numbers, and what makes the need smaller."""
    need, have = use.need or 0, use.have or 0
    mend = MENDS.get(use.resource, MEND_MEMORY).format(have=f"{have:,}", times=need / max(have, 1))
    where = "in all" if node is None else "a core"
    return Finding(
        "T503",
        message,
        node=node,
        expected=f"at most {amount(use.have, use.unit)} {where} ({use.resource}, {target.id})",
        found=f"{amount(use.need, use.unit)} needed",
        help=mend,
        resource=use.resource,
        have=use.have,
        need=use.need,
    )


# Numbers that nobody has published


def unknown(
    target: Target,
    wiring: Wiring,
    layer_uses: Sequence[LayerUse],
    core_uses: Sequence[CoreUse],
    stored: Sequence[Mapping[str, int]],
) -> Iterator[Finding]:
    """What could not be checked because the target does not say (T505, warnings), each once."""
    if target.core.count.value is None:
        yield unsaid(target, "how many cores it has", "cores", len(core_uses), "cores")
    if target.core.fan_in.value is None and layer_uses:
        yield unsaid(target, "how many inputs a neuron can have", "fan-in", max(u.fan_in for u in layer_uses), "inputs")
    for column in zip(*(core.uses for core in core_uses), strict=True):
        largest = max(column, key=lambda use: use.need or 0)
        if largest.have is None:
            yield unsaid(
                target, f"how many {largest.resource} a core has", largest.resource, largest.need, largest.unit
            )
        elif any(use.need is None for use in column):
            yield unsaid_width(target, largest, stored)
    if target.ops is None:
        kinds = sorted({type(node).__name__ for node in wiring.nodes if not node.identity})
        yield unsaid(target, f"which primitives it runs; here are {', '.join(kinds)}", "primitives", None, "")
    delay = max((edge.delay or 0 for edge in wiring.graph.edges), default=0)
    longest = Use("delay", delay, target.noc["max_delay"].value, "steps")
    # A delay of one step is what a chip that runs in step has anyway.
    if longest.have is None and delay > 1:
        yield unsaid(target, "how long it can delay a spike", "delay", delay, "steps")
    elif longest.over:
        yield short(target, longest, f"an edge delivers {delay} steps late", None)


def unsaid(target: Target, what: str, resource: str, need: int | None, unit: str) -> Finding:
    return Finding(
        "T505",
        f"{target.id} does not say {what}",
        "warning",
        expected="a published number" if unit else "a published list",
        found="unknown" + (f", {amount(need, unit)} needed" if need is not None else ""),
        help="measure it on the part, and put it with its source into a description of your own",
        resource=resource,
        need=need,
    )


def unsaid_width(target: Target, use: Use, stored: Sequence[Mapping[str, int]]) -> Finding:
    """A memory whose use depends on a width that nobody states; says which mean width would still fit."""
    memory = next(m for m in target.core.memory if f"{m.name} memory" == use.resource)
    most = max(sum(core[kind] for kind in memory.holds) for core in stored)
    fits = f"it holds while a value takes at most {memory.words.value * (memory.bits.value or 1) / most:.1f} bits"
    return Finding(
        "T505",
        f"{target.id} does not say how wide values are in its {use.resource}",
        "warning",
        expected="published widths",
        found=f"unknown; {most:,} values in the fullest core: {fits} on average",
        help="state the widths in a description of your own",
        resource=use.resource,
        have=use.have,
    )
