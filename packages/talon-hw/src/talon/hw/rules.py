"""Rules for the values of a target description: each reads one kind of value, or says what is wrong with it.

An error names the file, the key, what was expected and what was found. A fact that nobody has published is written
`"unknown"` and stays unknown: it is read as None, or as a `Quantity` without a value.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from talon.ir.errors import TalonTargetError, suggest

UNKNOWN = "unknown"
MOST = 10**15
"""Larger numbers are mistakes, not hardware."""
KINDS = ("measured", "simulated", "derived", "assumed", "published")


@dataclass(frozen=True, slots=True)
class Quantity:
    """A number with where it comes from; `value` is None when nobody has published it."""

    value: Any
    unit: str
    kind: str = UNKNOWN
    cite: str | None = None

    def __str__(self) -> str:
        if self.value is None:
            return UNKNOWN
        shown = " x ".join(map(str, self.value)) if isinstance(self.value, tuple) else f"{self.value:,}"
        return f"{shown} {self.unit} ({self.kind}, {self.cite})"


@dataclass(frozen=True)
class Place:
    """Where in which file a value stands, and the citation keys that the file defines."""

    file: str
    path: str = ""
    citations: frozenset[str] = frozenset()

    def at(self, key: str | int) -> Place:
        step = f"[{key}]" if isinstance(key, int) else f".{key}" if self.path else key
        return Place(self.file, self.path + step, self.citations)

    def error(self, what: str, expected: str, found: Any, help: str | None = None) -> TalonTargetError:
        text = found if isinstance(found, str) else shown(found)
        return TalonTargetError(
            "T502",
            f"{self.path or 'the description'} {what}",
            file=self.file,
            expected=expected,
            found=text if len(text) <= 80 else text[:77] + "...",
            help=help or "correct it in the file",
        )


def shown(value: Any) -> str:
    """The value as Python writes it; numbers of thousands of digits, which Python refuses to write, by their size."""
    try:
        return repr(value)
    except ValueError:
        return f"a {type(value).__name__} of thousands of digits"


class Rule:
    """How one value is read; subclasses return the value that the program uses."""

    def read(self, value: Any, place: Place) -> Any:
        raise NotImplementedError(type(self).__name__)


@dataclass(frozen=True)
class Text(Rule):
    def read(self, value: Any, place: Place) -> str:
        if not isinstance(value, str) or not value.strip():
            raise place.error("is not a text", "a string that is not empty", value)
        return value


@dataclass(frozen=True)
class Word(Rule):
    """One of a few words, or "unknown"."""

    options: Sequence[str]
    may_be_unknown: bool = True

    def read(self, value: Any, place: Place) -> str | None:
        if value == UNKNOWN and self.may_be_unknown:
            return None
        words = [*self.options, UNKNOWN] if self.may_be_unknown else list(self.options)
        if value not in words:
            help = suggest(shown(value).strip("'"), words, "use one of the words above")
            raise place.error(f"does not know {shown(value):.40}", " or ".join(map(repr, words)), shown(value), help)
        return str(value)


@dataclass(frozen=True)
class Flag(Rule):
    def read(self, value: Any, place: Place) -> bool | None:
        if value == UNKNOWN:
            return None
        if not isinstance(value, bool):
            raise place.error("is not a yes or no", 'true, false or "unknown"', value)
        return value


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
class Number(Rule):
    """A number as `{ value, unit, kind, cite }`, or "unknown". `many`: how many values there are, None for one."""

    unit: str
    low: float = 1
    high: float = MOST
    whole: bool = True
    many: int | None = None
    extra: Mapping[str, Rule] = field(default_factory=dict)

    def read(self, value: Any, place: Place) -> Quantity:
        if value == UNKNOWN:
            return Quantity(None, self.unit)
        form = f'{{ value = ..., unit = "{self.unit}", kind = ..., cite = ... }} or "unknown"'
        if not isinstance(value, dict):
            raise place.error("is a bare value", form, value, "say where the number comes from")
        keys = {"unit": Text(), "kind": Word(KINDS, may_be_unknown=False), "cite": Text(), **self.extra}
        read = Table(keys, also=("value",)).read(value, place)
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
        return Quantity(self.amount(value["value"], place.at("value")), self.unit, read["kind"], read["cite"])

    def amount(self, value: Any, place: Place) -> Any:
        if self.many is None:
            return self.one(value, place)
        if not isinstance(value, list) or len(value) != self.many:
            raise place.error("is not a list of numbers", f"{self.many} numbers", value)
        return tuple(self.one(v, place.at(i)) for i, v in enumerate(value))

    def one(self, value: Any, place: Place) -> int | float:
        return Plain(self.low, self.high, self.whole).read(value, place)


@dataclass(frozen=True)
class Table(Rule):
    """A table with exactly these keys, all of them required; `also` names keys that the caller reads itself."""

    keys: Mapping[str, Rule]
    also: tuple[str, ...] = ()

    def read(self, value: Any, place: Place) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise place.error("is not a table", f"a table with {', '.join(self.keys)}", value)
        names = [*self.keys, *self.also]
        for key in value:
            if key not in names:
                help = suggest(key, names, f"the keys here are {', '.join(names)}")
                raise place.at(key).error("is an unknown key", f"one of {', '.join(names)}", key, help)
        for key in names:
            if key not in value:
                found = ", ".join(value) or "nothing"
                raise place.at(key).error(
                    "is missing", f"a value for {key}", f"only {found}", 'add it, or say "unknown"'
                )
        return {key: rule.read(value[key], place.at(key)) for key, rule in self.keys.items()}


@dataclass(frozen=True)
class Rows(Rule):
    """An array of tables with at least one row, at most `high`."""

    row: Rule
    high: float = MOST

    def read(self, value: Any, place: Place) -> list[Any]:
        if not isinstance(value, list) or not 1 <= len(value) <= self.high:
            expected = "one table" if self.high == 1 else "one or more tables"
            found = f"{len(value)} tables" if isinstance(value, list) else value
            raise place.error("is not an array of tables", f"{expected}, [[{place.path}]]", found)
        return [self.row.read(row, place.at(i)) for i, row in enumerate(value)]


@dataclass(frozen=True)
class Words(Rule):
    """A list of different words out of a few, at least one."""

    options: Sequence[str]

    def read(self, value: Any, place: Place) -> tuple[str, ...]:
        if not isinstance(value, list) or not value or len(set(map(shown, value))) < len(value):
            raise place.error("is not a list of words", f"different ones of {', '.join(self.options)}", value)
        for i, word in enumerate(value):
            if word not in self.options:
                help = suggest(shown(word).strip("'"), self.options, "use one of the words above")
                expected = " or ".join(map(repr, self.options))
                raise place.at(i).error(f"does not know {shown(word):.40}", expected, shown(word), help)
        return tuple(value)


@dataclass(frozen=True)
class Each(Rule):
    """A table whose keys the file chooses (from `names`, where given); all values by one rule. Or "unknown"."""

    rule: Rule
    names: Sequence[str] | None = None
    may_be_unknown: bool = False

    def read(self, value: Any, place: Place) -> dict[str, Any] | None:
        if value == UNKNOWN and self.may_be_unknown:
            return None
        if not isinstance(value, dict):
            raise place.error("is not a table", 'a table, or "unknown"' if self.may_be_unknown else "a table", value)
        for key in value:
            if self.names is not None and key not in self.names:
                help = suggest(key, self.names, f"known are {', '.join(self.names)}")
                raise place.at(key).error("is an unknown key", "a name that is known here", key, help)
        return {key: self.rule.read(item, place.at(key)) for key, item in value.items()}


def storable(value: Any) -> bool:
    return isinstance(value, str) or (isinstance(value, int) and abs(value) <= MOST)


@dataclass(frozen=True)
class Choices(Rule):
    """For one primitive: attributes and the values of each that the target runs; `{}` allows all."""

    def read(self, value: Any, place: Place) -> dict[str, tuple[Any, ...]]:
        if not isinstance(value, dict):
            raise place.error("is not a table", "a table from attributes to lists of values, or {}", value)
        for key, allowed in value.items():
            if not isinstance(allowed, list) or not allowed or not all(map(storable, allowed)):
                raise place.at(key).error(
                    "is not a list of values", "whole numbers, words or flags that the target runs", allowed
                )
        return {key: tuple(allowed) for key, allowed in value.items()}
