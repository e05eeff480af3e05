"""Rules for the values of a target description: each reads one kind of value, or says what is wrong with it.

An error names the file, the key, what was expected and what was found. A fact that nobody has published is written
`"unknown"` and stays unknown: it is read as None, or as a `Quantity` without a value.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from talon.ir.errors import TalonTargetError, suggest

UNKNOWN = "unknown"


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
    """A text; `name`: one that messages, reports and files call something by, so that all of it can be printed."""

    name: bool = False

    def read(self, value: Any, place: Place) -> str:
        if not isinstance(value, str) or not value.strip():
            raise place.error("is not a text", "a string that is not empty", value)
        if self.name and not value.isprintable():
            raise place.error("cannot be printed", "letters, digits, signs and spaces", repr(value))
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
class Table(Rule):
    """A table with exactly these keys, all of them required, and perhaps the `optional` ones, None where they are not.

    `also`: keys that the caller reads itself. `may_be_unknown`: "unknown" for the whole says it of every key.
    """

    keys: Mapping[str, Rule]
    also: tuple[str, ...] = ()
    optional: Mapping[str, Rule] = field(default_factory=dict)
    may_be_unknown: bool = False

    def read(self, value: Any, place: Place) -> dict[str, Any]:
        if value == UNKNOWN and self.may_be_unknown:
            return {key: rule.read(UNKNOWN, place.at(key)) for key, rule in self.keys.items()}
        if not isinstance(value, dict):
            expected = f"a table with {', '.join(self.keys)}" + (' or "unknown"' if self.may_be_unknown else "")
            raise place.error("is not a table", expected, value)
        names = [*self.keys, *self.also, *self.optional]
        for key in value:
            if key not in names:
                help = suggest(key, names, f"the keys here are {', '.join(names)}")
                raise place.at(key).error("is an unknown key", f"one of {', '.join(names)}", key, help)
        for key in (*self.keys, *self.also):
            if key not in value:
                found = f"only {', '.join(value) or 'nothing'}"
                raise place.at(key).error("is missing", f"a value for {key}", found, 'add it, or say "unknown"')
        read = {key: rule.read(value[key], place.at(key)) for key, rule in self.keys.items()}
        rest = {k: rule.read(value[k], place.at(k)) if k in value else None for k, rule in self.optional.items()}
        return read | rest


@dataclass(frozen=True)
class Rows(Rule):
    """An array of tables with at least one row."""

    row: Rule
    may_be_unknown: bool = False

    def read(self, value: Any, place: Place) -> list[Any]:
        if value == UNKNOWN and self.may_be_unknown:
            return []
        if not isinstance(value, list) or not value:
            name = re.sub(r"\[\d+\]", "", place.path)
            expected = f"one or more tables, [[{name}]]"
            found = "none" if isinstance(value, list) else value
            raise place.error("is not an array of tables", expected, found)
        return [self.row.read(row, place.at(i)) for i, row in enumerate(value)]


@dataclass(frozen=True)
class Words(Rule):
    """A list of different words out of a few, at least one."""

    options: Sequence[str]
    may_be_unknown: bool = False

    def read(self, value: Any, place: Place) -> tuple[str, ...] | None:
        if value == UNKNOWN and self.may_be_unknown:
            return None
        if not isinstance(value, list) or not value or len(set(map(shown, value))) < len(value):
            expected = f"different ones of {', '.join(self.options)}" + (
                ', or "unknown"' if self.may_be_unknown else ""
            )
            raise place.error("is not a list of words", expected, value)
        for i, word in enumerate(value):
            if word not in self.options:
                help = suggest(shown(word).strip("'"), self.options, "use one of the words above")
                expected = " or ".join(map(repr, self.options))
                raise place.at(i).error(f"does not know {shown(word):.40}", expected, shown(word), help)
        return tuple(value)


@dataclass(frozen=True)
class Each(Rule):
    """A table whose keys the file chooses: one rule for all of them, or the rules of the names that there are."""

    rules: Rule | Mapping[str, Rule]
    may_be_unknown: bool = False

    def read(self, value: Any, place: Place) -> dict[str, Any] | None:
        if value == UNKNOWN and self.may_be_unknown:
            return None
        if not isinstance(value, dict):
            raise place.error("is not a table", 'a table, or "unknown"' if self.may_be_unknown else "a table", value)
        return {key: self.rule(key, place).read(item, place.at(key)) for key, item in value.items()}

    def rule(self, key: str, place: Place) -> Rule:
        if isinstance(self.rules, Rule):
            return self.rules
        if key not in self.rules:
            help = suggest(key, self.rules, f"known are {', '.join(self.rules)}")
            raise place.at(key).error("is an unknown key", "a name that is known here", key, help)
        return self.rules[key]
