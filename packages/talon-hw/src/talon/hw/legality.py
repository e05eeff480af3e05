"""What a target cannot do, however much room it has: primitives, their attributes, connections."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from talon.hw.arithmetic import FIXABLE, RULES
from talon.hw.choices import Allowed
from talon.hw.description import Target
from talon.hw.families import FAMILIES, SIZES, values_of
from talon.hw.layers import fed_by, owners
from talon.hw.placed import Placed
from talon.hw.report import Finding
from talon.hw.wiring import PASSIVE, Wiring, unit_of
from talon.ir.fields import Shape

REWRITTEN = {
    "AvgPool2d": ("SDConv", "Conv2d"),
    "SDConv": ("Conv2d",),
    "BatchNorm1d": ("Affine",),
    "BatchNorm2d": ("SDConv",),
}
"""Primitives that are rewritten as others, on targets that run one of those."""
ACTIVATIONS = ("ReLU", "PReLU", "ELU", "GELU", "Sigmoid", "Tanh")
"""What networks have in the place of spiking neurons."""
FILLED = ("groups", "dilation", "r")
"""Attributes that go into the weights."""


def illegal(wiring: Wiring, target: Target) -> Iterator[Finding]:
    """Nodes without a place on this target, or that its arithmetic does not compute (T504). Identities need none."""
    for number, node in enumerate(wiring.nodes):
        path = wiring.path(number)
        if node.identity or number in wiring.hosted:
            continue
        found = refused(wiring, number, target)
        if found is not None:
            yield found
            continue
        allowed = (target.ops or {}).get(type(node).__name__, {})
        yield from refused_values(path, node, target, allowed, shapes_of(wiring, number))
        for rule in RULES:
            yield from rule(path, node, target)


def shapes_of(wiring: Wiring, number: int) -> dict[str, Shape]:
    """The lengths of a node's maps, channels apart, under the names that `[ops]` limits them by."""
    ends = (wiring.inputs[number], wiring.outputs[number])
    return {name: tuple(n for shape in shapes for n in shape[1:]) for name, shapes in zip(SIZES, ends, strict=True)}


def refused(wiring: Wiring, number: int, target: Target) -> Finding | None:
    """The finding for a node of a primitive that cannot be on the target at all."""
    node, kind, path = wiring.nodes[number], type(wiring.nodes[number]).__name__, wiring.path(number)
    family = FAMILIES.get(kind)
    if family is None:
        return unsupported(path, kind, target, f"no core can hold {kind}")
    if reason := family.refusal(node):
        return unsupported(path, kind, target, f"no core can hold this {kind}: {reason}")
    boundary = kind in ("Input", "Output")
    if target.ops is not None and kind not in target.ops and not boundary:
        return unsupported(path, kind, target, f"{target.id} does not run {kind}")
    if wiring.roles[number] == "fold" and not folds(wiring, number):
        reason = "it folds into weights, and here it does not follow dense or convolution layers that feed it alone"
        return unsupported(path, kind, target, f"no core can hold this {kind}: {reason}")
    return None


def unsupported(path: str, kind: str, target: Target, message: str) -> Finding:
    runs = "any that cores can hold" if target.ops is None else ", ".join(target.ops)
    return Finding(
        "T504",
        message,
        node=path,
        expected=runs if len(runs) <= 200 else "a primitive that the target runs",
        found=kind,
        help=instead(path, kind, target),
        resource="primitives",
    )


def instead(path: str, kind: str, target: Target) -> str:
    """What to do about a primitive that the target has not."""
    others = [other for other in REWRITTEN.get(kind, ()) if target.ops is None or other in target.ops]
    if others:
        return f"it can be written as {others[0]}: {FIXABLE}"
    if kind == "LIF" and target.ops is not None and "IF" in target.ops:
        return f"train {path!r} as an IF: membranes of {target.id} do not decay exponentially"
    host = "cut it off (graph.subgraph) and run it on the host"
    if kind in ACTIVATIONS:
        return f"train with a spiking neuron such as IF in the place of {path!r}, or {host}"
    return f"replace {path!r}, or {host}"


def refused_values(
    path: str, node: Any, target: Target, allowed: Mapping[str, Allowed], shapes: Mapping[str, Shape]
) -> Iterator[Finding]:
    """Attributes whose value is not among those that the target runs."""
    for name, choices in allowed.items():
        wrong = [value for value in values_of(node, name, shapes) if value not in choices]
        if wrong:
            worst = max(wrong, key=lambda value: abs(value - choices.nearest(value))) if numeric(wrong) else wrong[0]
            nearest = choices.nearest(worst)
            yield Finding(
                "T504",
                f"{target.id} does not run {type(node).__name__} with {name}={worst!r}",
                node=path,
                expected=f"{name} {choices}",
                found=f"{name}={worst!r}",
                help=f"it goes into the weights: {FIXABLE}"
                if name in FILLED
                else f"{name}={nearest!r} is the nearest; train with it",
                resource=name,
                have=nearest if isinstance(nearest, int) else None,
                need=worst if isinstance(worst, int) else None,
            )


def numeric(values: Sequence[Any]) -> bool:
    return all(isinstance(value, (int, float)) and not isinstance(value, bool) for value in values)


def folds(wiring: Wiring, number: int) -> bool:
    """Whether a batch norm follows weights that feed it alone; identities and other batch norms may be between."""
    for link in wiring.incoming[number]:
        before, role = wiring.nodes[link.src], wiring.roles[link.src]
        weighted = role == "sum" and fed_by(wiring, link.src).need.weights > 0
        between = role in PASSIVE and (role == "fold" or before.identity) and folds(wiring, link.src)
        if len(wiring.outgoing[link.src]) > 1 or not (weighted or between):
            return False
    return True


# Connections


def illegal_connections(wiring: Wiring, target: Target) -> Iterator[Finding]:
    """Edges that are too late (T503), and cycles where the target has none (T504)."""
    limit = target.noc["max_delay"].value
    for edge in wiring.graph.edges:
        if limit is not None and (edge.delay or 0) > limit:
            where = wiring.graph.provenance[edge.dst_node]
            yield Finding(
                "T503",
                f"the edge from {wiring.graph.provenance[edge.src_node]!r} delivers {edge.delay} steps late",
                node=where,
                expected=f"at most {limit} steps (delay, {target.id})",
                found=f"{edge.delay} steps needed",
                help=f"state a delay of at most {limit} steps, or let spikes pass neurons in between: {FIXABLE}",
                resource="delay",
                have=limit,
                need=edge.delay,
            )
    if target.capabilities["recurrence"] is False and not wiring.graph.is_dag:
        back = [f"{edge.src} -> {edge.dst}" for edge in wiring.graph.edges if edge.delay]
        yield Finding(
            "T504",
            f"{target.id} has no recurrence",
            expected="a graph without cycles",
            found=", ".join(back[:3]) or "a cycle",
            help="unroll the cycle, or use a target with recurrence",
            resource="recurrence",
        )


def values_sent(placed: Placed, bounds: Mapping[int, int] | None = None) -> Iterator[Finding]:
    """Layers that send values, which are no spikes, to others: T504 where links carry none, T503 where they carry
    fewer bits than the values have.

    `bounds`: by layer, how large its values can be; by default what the widths of weights let expect.
    """
    target = placed.target
    have = target.numeric["payload"]["bits"].value
    if have is None:
        return
    bounds = declared_bounds(placed) if bounds is None else bounds
    for number, name in enumerate(placed.names):
        if not placed.sends_values(number):
            continue
        need = bounds[number].bit_length() + 1 if number in bounds else None
        if have == 0:
            yield Finding(
                "T504",
                f"{name!r} sends values, and links of {target.id} carry spikes alone",
                node=placed.paths(number)[0],
                expected="neurons behind every sum",
                found="a sum or a mean that another layer reads",
                help="put a neuron behind it, or join it with the layer that reads it",
                resource="payload",
                have=0,
            )
        elif need is not None and need > have:
            yield Finding(
                "T503",
                f"{name!r} sends sums that are wider than what links carry",
                node=placed.paths(number)[0],
                expected=f"at most {have} bits (payload, {target.id})",
                found=f"{need} bits needed, so that no sum is cut",
                help="put a neuron behind it, on the same core, or use a target whose links carry more",
                resource="payload",
                have=have,
                need=need,
            )


def declared_bounds(placed: Placed) -> dict[int, int]:
    """How large the values of every layer that sends some can be, from the width of weights; layers whose width is
    unknown are left out. What comes from an Input counts as 0 or 1."""
    width = placed.target.width("weights")
    owner = owners(placed.layers, placed.wiring.count)
    found: dict[int, int] = {}

    def bound(number: int, above: tuple[int, ...] = ()) -> int | None:
        layer = placed.layers[number]
        if layer.spiking or number in above:  # a ring of sums alone is refused elsewhere
            return 1
        if number not in found:
            total = 0
            for feeder in layer.feeders:
                units = unit_of(feeder.wires[feeder.wires >= 0])
                each = [bound(n, (*above, number)) for n in np.unique(owner[units]).tolist() if n >= 0]
                if None in each or (feeder.need.weights and width is None):
                    return None
                most = max((n for n in each if n is not None), default=1)
                many = feeder.fan_in()
                if placed.wiring.roles[layer.members[0]] == "pick":
                    many = 1
                total += most * many * (2 ** ((width or 1) - 1) - 1 if feeder.need.weights else 1)
            found[number] = total
        return found[number]

    return {n: size for n in range(len(placed.layers)) if placed.sends_values(n) and (size := bound(n)) is not None}
