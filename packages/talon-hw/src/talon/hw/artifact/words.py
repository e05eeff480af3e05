"""What the manifest says, read with its kind and limits."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from talon.hw.artifact.refusal import damaged
from talon.ir.fields import Shape

LONGEST = 1 << 14
"""Letters of a word: paths of nodes are the longest."""


def plain(word: Any) -> bool:
    """Whether something is a word that can be shown."""
    return isinstance(word, str) and 0 < len(word) <= LONGEST and word.isprintable()


@dataclass(frozen=True)
class Words:
    """A JSON object and where it stands."""

    data: dict[str, Any]
    where: str

    def wrong(self, key: str, expected: str) -> Exception:
        found = self.data.get(key, "nothing")
        return damaged(f"{key!r} in {self.where} is wrong", expected, ascii(found)[:200])

    def only(self, keys: Sequence[str]) -> None:
        """Raise where it has a key that this version does not know."""
        if foreign := self.data.keys() - set(keys):
            raise damaged(f"{self.where} holds the key {min(foreign)[:100]!r}, which does not belong there")

    def word(self, key: str) -> str:
        value = self.data.get(key)
        if not plain(value):
            raise self.wrong(key, "a word")
        return str(value)

    def one_of(self, key: str, choices: Sequence[str]) -> str:
        value = self.data.get(key)
        if value not in choices:
            raise self.wrong(key, " or ".join(choices))
        return str(value)

    def words(self, key: str) -> tuple[str, ...]:
        value = self.data.get(key)
        if not isinstance(value, list) or not value or not all(plain(word) for word in value):
            raise self.wrong(key, "a list of words")
        return tuple(value)

    def whole(self, key: str, low: int, high: int = 2**31) -> int:
        """A whole number from `low` on, below `high`."""
        value = self.data.get(key)
        if type(value) is not int or not low <= value < high:
            raise self.wrong(key, f"a whole number, {low} to {high - 1}")
        return value

    def flag(self, key: str) -> bool:
        value = self.data.get(key)
        if type(value) is not bool:
            raise self.wrong(key, "true or false")
        return value

    def positive(self, key: str) -> float:
        value = self.data.get(key)
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value < 1e300:
            raise self.wrong(key, "a positive number")
        return float(value)

    def shape(self, key: str) -> Shape:
        value = self.data.get(key)
        if not isinstance(value, list) or len(value) > 8 or any(type(n) is not int or n < 1 for n in value):
            raise self.wrong(key, "a shape")
        if math.prod(value) >= 2**31:
            raise self.wrong(key, "a shape of fewer elements")
        return tuple(value)

    def pairs(self, key: str, most: int) -> list[tuple[str, str]]:
        """Up to so many pairs of words."""
        value = self.data.get(key)
        if not isinstance(value, list) or len(value) > most:
            raise self.wrong(key, f"at most {most} pairs of words")
        if not all(isinstance(pair, list) and len(pair) == 2 and all(map(plain, pair)) for pair in value):
            raise self.wrong(key, "pairs of words")
        return [(name, unit) for name, unit in value]

    def part(self, key: str) -> Words:
        value = self.data.get(key)
        if not isinstance(value, dict):
            raise self.wrong(key, "an object")
        return Words(value, f"{self.where}, {key}")

    def parts(self, key: str) -> list[Words]:
        value = self.data.get(key)
        if not isinstance(value, list) or not all(isinstance(each, dict) for each in value):
            raise self.wrong(key, "a list of objects")
        return [Words(each, f"{self.where}, {key}[{n}]") for n, each in enumerate(value)]
