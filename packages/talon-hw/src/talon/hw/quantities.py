"""Numbers of a target description, each with its unit, how it is known, and where it comes from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from talon.hw.rules import UNKNOWN, Place, Rule, Table, Text, Word, shown
from talon.ir.errors import suggest

MOST = 10**15
"""Larger numbers are mistakes, not hardware."""
KINDS = ("measured", "simulated", "derived", "assumed", "published")
BOUNDS = ("at least", "at most", "about")
UNLIMITED = "unlimited"


@dataclass(frozen=True, slots=True)
class Quantity:
    """A number with where it comes from; `value` is None when nobody has published it, or there is no limit.

    `bound`: what the source says about the value (at least, at most, about). `node_nm` and `volts`: of which process
    and at which voltage a cost holds.
    """

    value: Any
    unit: str
    kind: str = UNKNOWN
    cite: str | None = None
    bound: str | None = None
    node_nm: float | None = None
    volts: float | None = None

    @property
    def unknown(self) -> bool:
        """Whether nobody says; False for what is known to have no limit."""
        return self.value is None and self.kind == UNKNOWN

    def __str__(self) -> str:
        if self.value is None:
            return self.kind
        amount = " x ".join(map(str, self.value)) if isinstance(self.value, tuple) else f"{self.value:,}"
        process = [f"{v:g} {u}" for v, u in ((self.node_nm, "nm"), (self.volts, "V")) if v is not None]
        source = ", ".join([self.kind, *process, str(self.cite)])
        return f"{self.bound + ' ' if self.bound else ''}{amount} {self.unit} ({source})"


@dataclass(frozen=True)
class Plain(Rule):
    """A finite number in a range, as it stands; `Number` adds where it comes from."""

    low: float
    high: float = MOST
    whole: bool = False

    def read(self, value: Any, place: Place) -> int | float:
        kinds = int if self.whole else (int, float)
        kind = "a whole number" if self.whole else "a number"
        if isinstance(value, bool) or not isinstance(value, kinds):
            raise place.error("has the wrong type", kind, f"{type(value).__name__} {shown(value)}")
        if not self.low <= value <= self.high:  # false for nan
            limits = f">= {self.low:g}" if self.high == MOST else f"{self.low:g} to {self.high:g}"
            raise place.error("is out of range", f"{kind} {limits}", value)
        return value


@dataclass(frozen=True)
class OrUnknown(Rule):
    """What another rule reads, or "unknown"."""

    rule: Rule

    def read(self, value: Any, place: Place) -> Any:
        return None if value == UNKNOWN else self.rule.read(value, place)


COST = {"node_nm": OrUnknown(Plain(1)), "volts": OrUnknown(Plain(0))}
"""What a row of `[cost]` says beside its value."""


@dataclass(frozen=True)
class Number(Rule):
    """A number as `{ value, unit, kind, cite }`, or "unknown"; with `bound` where the source gives one.

    `many`: how many values there are, None for one. `endless`: a limit that is not there may be "unlimited".
    """

    unit: str
    low: float = 1
    high: float = MOST
    whole: bool = True
    many: int | None = None
    endless: bool = False
    extra: Mapping[str, Rule] = field(default_factory=dict)

    def read(self, value: Any, place: Place) -> Quantity:
        if value == UNKNOWN:
            return Quantity(None, self.unit)
        if value == UNLIMITED and self.endless:
            return Quantity(None, self.unit, UNLIMITED)
        if not isinstance(value, dict):
            form = f'{{ value = ..., unit = "{self.unit}", kind = ..., cite = ... }} or "unknown"'
            expected = f'{form} or "{UNLIMITED}"' if self.endless else form
            raise place.error("is a bare value", expected, value, "say where the number comes from")
        keys = {"unit": Text(), "kind": Word(KINDS, may_be_unknown=False), "cite": Text(), **self.extra}
        maybe = {"bound": Word(BOUNDS, may_be_unknown=False)}
        read = Table(keys, also=("value",), optional=maybe).read(value, place)
        if read["unit"] != self.unit:
            raise place.at("unit").error("is another unit", repr(self.unit), repr(read["unit"]))
        if read["cite"] not in place.citations:
            known = sorted(place.citations)
            raise place.at("cite").error(
                "is not among target.citations",
                ", ".join(known) or "a key of [target.citations]",
                repr(read["cite"]),
                suggest(read["cite"], known, "add it to [target.citations]"),
            )
        return Quantity(self.amount(value["value"], place.at("value")), **read)

    def amount(self, value: Any, place: Place) -> Any:
        if self.many is None:
            return self.one(value, place)
        if not isinstance(value, list) or len(value) != self.many:
            raise place.error("is not a list of numbers", f"{self.many} numbers", value)
        return tuple(self.one(v, place.at(i)) for i, v in enumerate(value))

    def one(self, value: Any, place: Place) -> int | float:
        return Plain(self.low, self.high, self.whole).read(value, place)
