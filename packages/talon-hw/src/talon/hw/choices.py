"""What a target allows of a primitive's attributes: values, or a range of numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from talon.hw.quantities import MOST, Plain
from talon.hw.rules import Place, Rule, Table


@dataclass(frozen=True)
class Values:
    """An attribute may have one of these values."""

    values: tuple[Any, ...]

    def __contains__(self, value: object) -> bool:
        return value in self.values

    def nearest(self, value: Any) -> Any:
        """The allowed value that is nearest to a number; the first one for anything else."""
        numbers = [v for v in self.values if isinstance(v, (int, float)) and not isinstance(v, bool)]
        if isinstance(value, (int, float)) and numbers:
            return min(numbers, key=lambda v: abs(v - value))
        return self.values[0]

    def __str__(self) -> str:
        return " or ".join(map(repr, self.values))


@dataclass(frozen=True)
class Range:
    """An attribute may have any number from `low` to `high`."""

    low: float
    high: float

    def __contains__(self, value: object) -> bool:
        return isinstance(value, (int, float)) and not isinstance(value, bool) and self.low <= value <= self.high

    def nearest(self, value: Any) -> Any:
        """The end of the range that is nearest to a number."""
        return min((self.low, self.high), key=lambda end: abs(end - value))

    def __str__(self) -> str:
        return f"{self.low} to {self.high}"


Allowed = Values | Range


def storable(value: Any) -> bool:
    return isinstance(value, str) or (isinstance(value, (int, float)) and abs(value) <= MOST)


@dataclass(frozen=True)
class Choices(Rule):
    """For one primitive: attributes, and the values or the range of each that the target runs; `{}` allows all."""

    def read(self, value: Any, place: Place) -> dict[str, Allowed]:
        if not isinstance(value, dict):
            raise place.error(
                "is not a table", "a table from attributes to lists of values or { min, max }, or {}", value
            )
        return {key: self.allowed(item, place.at(key)) for key, item in value.items()}

    def allowed(self, item: Any, place: Place) -> Allowed:
        if isinstance(item, dict):
            ends = Table({"min": Plain(-MOST), "max": Plain(-MOST)}).read(item, place)
            if ends["min"] > ends["max"]:
                raise place.error("is no range", "min <= max", f"{ends['min']} to {ends['max']}")
            return Range(ends["min"], ends["max"])
        if not isinstance(item, list) or not item or not all(map(storable, item)):
            raise place.error(
                "is not a list of values", "numbers, words or flags that the target runs, or { min, max }", item
            )
        return Values(tuple(item))
