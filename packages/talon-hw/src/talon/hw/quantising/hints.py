"""Formats that nodes ask for by their hints: heeded where integers have a place for them, else refused by name."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from talon.hw.integers.pieces import PIECES, Cell, Weights
from talon.hw.report import Finding, refusal
from talon.hw.wishes import nodes_of
from talon.ir.errors import TalonTargetError
from talon.ir.graph import Graph

FORMATS = ("precision", "weight_t", "bias_t", "accum_t", "result_t")
"""The hints that ask for a format of numbers."""
WEIGHTS = ("weight_t", "precision")
"""Those that say the width of a layer's weights, the first that is there."""
SUMS = ("accum_t", "result_t")
"""Those that say the width of a sum: it is exact until it leaves its accumulator, whose width is that of its result."""
PLACES: Mapping[Any, tuple[str, ...]] = {Weights: (*WEIGHTS, "bias_t", *SUMS), Cell: ("accum_t",)}
"""What integers have a place for, by the piece that they make of a node."""
FEWEST = 2


def asked(node: Any, path: str, hint: str) -> int | None:
    """The bits that a hint asks for, None where it is not there. Raises `TalonTargetError` (T506) for what is no signed
    integer."""
    said = getattr(node, hint)
    if said is None:
        return None
    found = re.fullmatch(r"(?:s?int|i)(\d{1,2})", said)
    if found is None:
        raise TalonTargetError(
            "T506",
            f"the hint {hint} asks for a format that is no integer",
            node=path,
            expected='a width such as "int8"',
            found=repr(said),
            help="change the hint, or take it away: node.changed(" + hint + "=None)",
        )
    return int(found[1])


def width(node: Any, path: str) -> int | None:
    """Bits of the weights of a node, as its hints ask. Raises as `asked`."""
    return next((bits for hint in WEIGHTS if (bits := asked(node, path, hint)) is not None), None)


def within(node: Any, path: str, hint: str, most: int, what: str) -> int | None:
    """The same, from 2 bits to what there are. Raises `TalonTargetError` (T506) for other widths."""
    bits = asked(node, path, hint)
    if bits is not None and not FEWEST <= bits <= most:
        raise refusal(
            Finding(
                "T506",
                f"the hint {hint} asks for {bits} bits, which {what} cannot have",
                node=path,
                expected=f"{FEWEST} to {most} bits",
                found=repr(getattr(node, hint)),
                help=f"change the hint, or take it away: node.changed({hint}=None); or take another target",
                resource=hint,
                have=most,
                need=bits,
            )
        )
    return bits


def placeless(graph: Graph) -> Iterator[TalonTargetError]:
    """An error (T506) for every hint that nothing in integers could heed, by node; graphs are nodes too."""
    for path, node in nodes_of(graph):
        places = PLACES.get(PIECES.get(node.type_name), ())
        for hint in FORMATS:
            if getattr(node, hint) is not None and hint not in places:
                yield TalonTargetError(
                    "T506",
                    f"integers have no place for the hint {hint} of a node of type {node.type_name}",
                    node=path or None,
                    expected=", ".join(places) or "no hint of a format",
                    found=f"{hint}={getattr(node, hint)!r}",
                    help=f"take it away: node.changed({hint}=None)" + INSTEAD.get(node.type_name, ""),
                )


INSTEAD = {"Input": "; input_bits= of hw.quantize says how wide Inputs are"}
