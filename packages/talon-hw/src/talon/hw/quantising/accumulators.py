"""How wide the accumulator of a neuron is, where nodes ask for less than the target has."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from talon.hw.integers.pieces import Cell, Weights
from talon.hw.quantising import hints
from talon.hw.quantising.arriving import Arriving
from talon.ir.errors import TalonTargetError

Log = Callable[[str, str, Any, str, str], None]
"""Takes node, field, before, after and why."""
FIELD = "accumulator_bits"


class Ask(NamedTuple):
    """What a node asks for, by which field, as far as the target has so many bits."""

    node: str
    field: str
    bits: int

    def __str__(self) -> str:
        return f"{self.node}.{self.field}: {self.bits}"


def asks(node: Any, path: str, most: int) -> Iterator[Ask]:
    """All that a node asks for. Raises `TalonTargetError` (T506) for hints that accumulators of `most` bits cannot
    heed."""
    if FIELD in node.fields:
        yield Ask(path, FIELD, min(node.accumulator_bits, most))
    for hint in hints.SUMS:
        bits = hints.within(node, path, hint, most, "accumulators of the target")
        if bits is not None:
            yield Ask(path, hint, bits)


def of_neurons(arriving: Arriving, most: int, log: Log, refuse: Callable[[TalonTargetError], None]) -> dict[str, int]:
    """Neuron -> the width of what it adds up, the narrowest that is asked for by itself or by a layer whose sums reach
    it. Refuses (T506) a hint of a layer whose sums something else reads, too."""
    nodes = arriving.graph.nodes
    asked: dict[str, list[Ask]] = {}
    for name, node in nodes.items():
        try:
            asked[name] = list(asks(node, name, most))
        except TalonTargetError as error:
            asked[name] = []
            refuse(error)
    for name, node in nodes.items():
        if FIELD in node.fields and (said := getattr(node, FIELD)) > most:
            log(name, FIELD, said, f"{most} bits", "accumulators of the target are no wider")
    asking = arriving.bits({name for name, own in asked.items() if own})
    found: dict[str, int] = {}
    for name in nodes:
        layers = arriving.read_by(name, asking)
        if arriving.kind(name) is Cell:
            own = [ask for reached in (*layers, name) for ask in asked[reached]]
            if own:
                found[name] = min(ask.bits for ask in own)
            if len({ask.bits for ask in own}) > 1:
                before = ", ".join(map(str, own))
                log(name, FIELD, before, f"{found[name]} bits", "of several widths the narrowest holds")
        elif ends_there(arriving, name):
            for ask in (ask for layer in layers for ask in asked[layer] if ask.bits < most):
                tell(ask, name, nodes[ask.node], most, log, refuse)
    return found


def ends_there(arriving: Arriving, name: str) -> bool:
    """Whether a node takes what it reads for itself, and does not only hand it on."""
    kind = arriving.kind(name)
    return kind is None or kind is Weights or not arriving.readers[name]


def tell(ask: Ask, reader: str, node: Any, most: int, log: Log, refuse: Callable[[TalonTargetError], None]) -> None:
    """A hint is there because somebody put it there; `accumulator_bits` of a layer always is, with a default."""
    why = f"{reader!r} reads its sums, and only neurons keep sums to a width of their own"
    if ask.field == FIELD:
        log(ask.node, FIELD, ask.bits, f"{most} bits for {reader!r}", why)
        return
    refuse(
        TalonTargetError(
            "T506",
            f"the hint {ask.field} cannot be heeded: {why}",
            node=ask.node,
            expected="a neuron behind the layer, and nothing else",
            found=f"{ask.field}={getattr(node, ask.field)!r}",
            help=f"take it away: node.changed({ask.field}=None), or put a neuron behind it",
        )
    )
