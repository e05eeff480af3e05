"""Resources that do not suffice, as findings with what is there, what is needed, and a mend."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from talon.hw.packing import destinations, reach, tile_edges
from talon.hw.placed import Placed
from talon.hw.report import Finding, Use, amount
from talon.hw.tiles import smallest


def insufficient(placed: Placed, total: Sequence[Use]) -> Iterator[Finding]:
    """Every resource that does not suffice (T503)."""
    yield from connections(placed)
    yield from indivisible(placed)
    yield from too_many_edges(placed)
    yield from too_far(placed)
    for use in total:
        if use.over:
            takes = "its tiles take" if use.resource.startswith("cores") else "the graph needs"
            sums = "" if use.resource != "neurons" else parts(placed)
            yield short(placed, use, f"{takes} more {use.resource} than {placed.target.id} has{sums}", None)


def parts(placed: Placed) -> str:
    """How many of the units are neurons, where others take a neuron's place."""
    sums = sum(layer.size for layer in placed.layers if not layer.spiking)
    spiking = sum(layer.size for layer in placed.layers if layer.spiking)
    return f": {spiking:,} that spike, and {sums:,} sums or values that take a neuron's place" if sums else ""


def connections(placed: Placed) -> Iterator[Finding]:
    """Units with too many connections: no cut makes them fewer."""
    rows = (("fan-in", "fan_in", "inputs", placed.fan_ins), ("fan-out", "fan_out", "outputs", placed.fan_outs))
    for resource, limit, unit, counts in rows:
        most = placed.most(limit).value
        for number, count in enumerate(counts):
            use = Use(resource, count, most, unit)
            if use.over:
                message = f"one unit of {placed.names[number]!r} has too many {unit}"
                yield reasoned(placed, number, short(placed, use, message, placed.paths(number)[0]))


def reasoned(placed: Placed, number: int, finding: Finding) -> Finding:
    """With why the inputs of the layer were not divided over cores."""
    reason = placed.undivided.get(number)
    return finding if reason is None else replace(finding, help=f"{finding.help}; {reason}")


def indivisible(placed: Placed) -> Iterator[Finding]:
    """Limits that one unit of a layer breaks, so that no tiling helps."""
    limit = placed.most("fan_in").value
    for number, layer in enumerate(placed.layers):
        if placed.tiled[number] is None:
            crowded = limit is not None and placed.fan_ins[number] > limit
            for use in smallest(layer, placed.target, placed.units):
                # Too many axons are the same fault as too many inputs, told once.
                if use.over and not (use.resource == "in-axons" and crowded):
                    message = f"one unit of {placed.names[number]!r} is too much for a core"
                    yield reasoned(placed, number, short(placed, use, message, placed.paths(number)[0]))


def too_many_edges(placed: Placed) -> Iterator[Finding]:
    """Layers of which a tile has more out-edges than a core, however small it was cut."""
    worst: dict[int, Use] = {}
    for tile, count in zip(placed.tiles, tile_edges(placed.tiles, placed.units), strict=True):
        use = Use("out-edges", count, placed.target.cores[tile.kind].out_edges.value, "edges")
        if use.over and count > (worst[tile.layer].need or 0 if tile.layer in worst else 0):
            worst[tile.layer] = use
    for number, use in worst.items():
        yield short(placed, use, f"too many cores hear {placed.names[number]!r}", placed.paths(number)[-1])


def too_far(placed: Placed) -> Iterator[Finding]:
    """Units that reach too many cores, and cores that send to too many others."""
    reached = reach([core.inputs for core in placed.packed], placed.units.leaving)
    sent_to = destinations(placed.packed, placed.wiring.count)
    worst: dict[tuple[str, int], Use] = {}
    for core, count in zip(placed.packed, sent_to, strict=True):
        kind = placed.target.cores[core.kind]
        found = [
            Use("reach", int(reached[core.sends].max()), kind.reach.value, "cores"),
            Use("destinations", count, kind.destinations.value, "cores"),
        ]
        for use in found:
            key = (use.resource, min(core.layers))
            if use.over and (use.need or 0) > (worst[key].need or 0 if key in worst else 0):
                worst[key] = use
    for (resource, number), use in worst.items():
        what = "one unit of" if resource == "reach" else "a core with"
        message = f"{what} {placed.names[number]!r} sends to too many cores"
        yield short(placed, use, message, placed.paths(number)[-1])


MENDS = {
    "fan-in": "feed it less: a smaller layer or a pool before it; at most {have} inputs for each output",
    "fan-out": "connect it to less: at most {have} outputs for each unit, so smaller or sparser layers behind it",
    "in-axons": "feed it less: a smaller layer or a pool before it; one core hears at most {have} units",
    "out-edges": "make the layers that read it smaller, so that fewer cores hear it",
    "reach": "make what reads it small enough for {have} core, or give each core that reads it a copy of these neurons",
    "destinations": "let at most {have} cores read it: fewer branches, or smaller layers behind it",
    "inputs": "at most {have} values of the Inputs; gather them before the chip",
    "outputs": "let no more than {have} units of a core be read by an Output; a readout layer of its own is one way",
    "neurons": "fewer channels, or a stride or pool early in the network ({excess}); a larger target",
    "cores": "make the network smaller ({excess}), or use a target with more cores",
}
MEND_MEMORY = "fewer channels or inputs ({excess}); a target with more memory"


def short(placed: Placed, use: Use, message: str, node: str | None) -> Finding:
    """The finding for a use that is over; names the resource, both numbers, and what makes the need smaller."""
    need, have = use.need or 0, use.have or 0
    text = MENDS.get(use.resource.partition(" (")[0], MEND_MEMORY)
    where = "in all" if node is None else f"for each {'unit' if use.resource in PER_UNIT else 'core'}"
    ratio = need / max(have, 1)
    excess = f"{ratio:.1f} times too many" if ratio >= 1.1 else f"{amount(need - have, use.unit)} too many"
    return Finding(
        "T503",
        message,
        node=node,
        expected=f"at most {amount(use.have, use.unit)} {where} ({use.resource}, {placed.target.id})",
        found=f"{amount(use.need, use.unit)} needed",
        help=text.format(have=f"{have:,}", excess=excess),
        resource=use.resource,
        have=use.have,
        need=use.need,
    )


PER_UNIT = ("fan-in", "fan-out", "reach")
"""What is limited for each unit, and not for all that a core holds."""
