"""A plan lowered: an op of the C library for every node whose numbers it holds exactly, else the oracle's."""

from __future__ import annotations

import numpy as np

from talon.engine.wiring import Source, Unit
from talon.hw.integers.cells import CellOp, word_of
from talon.hw.integers.layers import layer
from talon.hw.integers.pieces import Cell, Summed, Weights
from talon.hw.integers.plan import Plan
from talon.hw.integers.stepwise import EXACT, OracleOp
from talon.hw.integers.wiring import IntegerWiring
from talon.hw.native.lowering import Site, lowered, made
from talon.hw.native.maps import PoolOp
from talon.hw.native.ops import Alias, Op
from talon.hw.native.options import Options
from talon.ir.fields import Shape


def lower(wiring: IntegerWiring, plan: Plan, options: Options) -> list[Op]:
    """An op for every unit."""
    return made(wiring, options, lambda number, site: op_of(plan, number, site))


def op_of(plan: Plan, number: int, site: Site) -> Op:
    piece, unit, numeric = plan.pieces[number], site.unit, plan.record.arithmetic
    if number in plan.encodings:
        return Alias(unit, last=False)
    if piece.host:
        # In float32, of what the integers stand for.
        return lowered(site)
    entering = max((bound(plan, sources) for sources in unit.arguments), default=0)
    leaving = max(value.bound for value in piece.outs)
    oracle = OracleOp(unit, piece, numeric)
    if max(entering, leaving) > EXACT:
        return oracle
    if isinstance(piece, Weights):
        plain = numeric.accumulate == "exact" and not piece.clipped
        return (layer(site, piece, entering) if plain else None) or oracle
    if isinstance(piece, Cell):
        word = word_of(piece, numeric)
        return oracle if word is None else CellOp(unit, site.shapes[0], site.last, piece, numeric, word)
    if isinstance(piece, Summed):
        return SumOp(site.unit, site.shapes)
    return lowered(site)


def bound(plan: Plan, sources: list[Source]) -> int:
    """The largest size of an argument."""
    return sum(plan.values[source.node, source.port].bound for source in sources)


class SumOp(PoolOp):
    """The sums of windows, of which a mean would be taken."""

    how = "native pool, sums"

    def __init__(self, unit: Unit, shapes: tuple[Shape, ...]) -> None:
        super().__init__(unit, shapes)
        assert self.divisors is not None
        self.divisors = np.ones_like(self.divisors)
