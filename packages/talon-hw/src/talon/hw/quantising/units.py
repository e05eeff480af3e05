"""What 1 stands for in every value, before any number is known: symbols, which are united where they must be alike.

A symbol is a unit that is given (1 of spikes, an Input's scale) or still to be chosen (one for every output channel of
a layer), divided by what pools divide by. Units to be chosen can be made one; others cannot.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np

UNKNOWN = -1
"""The symbol of what is refused already, or has no unit: it meets anything."""


class Symbol(NamedTuple):
    """`unit` by number, over a power of two and other numbers, one after the other: each division is rounded."""

    unit: int
    halves: int = 1
    others: tuple[int, ...] = ()

    @property
    def divisor(self) -> int:
        return self.halves * math.prod(self.others)


class Units:
    """Symbols are numbered; arrays of them are int64, `UNKNOWN` where there is none."""

    def __init__(self) -> None:
        self.names: dict[int, str] = {}
        """Of the units that are given, what they are of."""
        self.unions = 0
        """How often two were made one."""
        self._above: list[int] = []
        self._symbols: list[Symbol] = []
        self._numbers: dict[Symbol, int] = {}
        self.one = self.given("spikes")

    def given(self, name: str) -> int:
        """The symbol of a unit that cannot be chosen."""
        found = int(self.chosen(1)[0])
        self.names[self._symbols[found].unit] = name
        return found

    def chosen(self, count: int) -> np.ndarray:
        """Symbols of so many units that are still to be chosen."""
        first = len(self._symbols)
        for unit in range(len(self._above), len(self._above) + count):
            self._above.append(unit)
            self._number(Symbol(unit))
        return np.arange(first, first + count)

    def _number(self, symbol: Symbol) -> int:
        if symbol not in self._numbers:
            self._numbers[symbol] = len(self._symbols)
            self._symbols.append(symbol)
        return self._numbers[symbol]

    def symbol(self, number: int) -> Symbol:
        """A symbol as it is by now."""
        found = self._symbols[number]
        return found._replace(unit=self._root(found.unit))

    def _root(self, unit: int) -> int:
        while self._above[unit] != unit:
            self._above[unit] = self._above[self._above[unit]]
            unit = self._above[unit]
        return unit

    def now(self, symbols: np.ndarray) -> np.ndarray:
        """The same, equal ones with equal numbers."""
        return self._each(symbols, lambda symbol: symbol)

    def over(self, symbols: np.ndarray, divisor: int) -> np.ndarray:
        """The same, divided."""
        if divisor & (divisor - 1):
            return self._each(symbols, lambda symbol: symbol._replace(others=(*symbol.others, divisor)))
        return self._each(symbols, lambda symbol: symbol._replace(halves=symbol.halves * divisor))

    def _each(self, symbols: np.ndarray, make: Callable[[Symbol], Symbol]) -> np.ndarray:
        different, places = np.unique(symbols, return_inverse=True)
        made = [UNKNOWN if n < 0 else self._number(make(self.symbol(n))) for n in different.tolist()]
        return np.asarray(made, np.int64)[places.reshape(symbols.shape)]

    def unite(self, a: np.ndarray, b: np.ndarray) -> bool:
        """Make two arrays that broadcast alike in every place; False where some place cannot be."""
        one, other = np.broadcast_arrays(a, b)
        differing = one != other
        if not differing.any():
            return True
        pairs = np.unique(np.stack([one[differing], other[differing]]), axis=1).T.tolist()
        united = [self._united(x, y) for x, y in pairs]  # every pair, whatever the others are
        return all(united)

    def _united(self, a: int, b: int) -> bool:
        if UNKNOWN in (a, b):
            return True
        x, y = self.symbol(a), self.symbol(b)
        if x == y:
            return True
        if x[1:] != y[1:] or x.unit in self.names or y.unit in self.names:
            return False
        self.unions += 1
        self._above[max(x.unit, y.unit)] = min(x.unit, y.unit)
        return True

    def in_windows(
        self, symbols: list[np.ndarray], ends: Callable[[list[np.ndarray]], tuple[list[np.ndarray], list[np.ndarray]]]
    ) -> tuple[list[np.ndarray], bool]:
        """Make alike what is compared or added, whatever windows that has, and whether that could be done. `ends`: the
        largest and the smallest symbol of every window; what is found is the largest, by output."""
        while True:
            symbols = [self.now(each) for each in symbols]
            high, low = ends(symbols)
            before = self.unions
            united = [self.unite(a, b) for a, b in zip(high, low, strict=True)]
            if before == self.unions:
                return high, all(united)

    def told(self, symbols: np.ndarray, owners: Mapping[int, str]) -> str:
        """What the first symbol of an array is, in words. `owners`: the layer of every unit that is chosen."""
        number = int(symbols.flat[0])
        if number < 0:
            return "something else"
        unit, over = self._symbols[number].unit, self._symbols[number].divisor
        of = self.names[unit] if unit in self.names else f"sums of {owners[unit]!r}"
        return f"{of}, over {over}" if over > 1 else of


def compact(values: np.ndarray) -> np.ndarray:
    """The smallest of the forms of a parameter per neuron that says the same: one, `(channels,)`, or full rank."""
    for axis in range(values.ndim):
        first = values.take([0], axis=axis)
        if (values == first).all():
            values = first
    if values.size == 1:
        return np.asarray(values.reshape(()))
    return values.reshape(-1) if values.shape[0] == values.size else values
