"""Mappings that are made when somebody looks into them: what most runs never ask for costs them nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from threading import Lock
from typing import TypeVar

Key = TypeVar("Key")
Item = TypeVar("Item")


class Later(Mapping[Key, Item]):
    """What `make` gives, which is called once at most, by whichever thread asks first; copies and pickles are dicts."""

    def __init__(self, make: Callable[[], dict[Key, Item]]) -> None:
        self._make: Callable[[], dict[Key, Item]] | None = make
        self._lock = Lock()

    def made(self) -> dict[Key, Item]:
        if self._make is not None:
            with self._lock:
                if self._make is not None:
                    self._found = self._make()
                    self._make = None
        return self._found

    def __getitem__(self, key: Key) -> Item:
        return self.made()[key]

    def __iter__(self) -> Iterator[Key]:
        return iter(self.made())

    def __len__(self) -> int:
        return len(self.made())

    def __reduce__(self) -> tuple[type, tuple[dict[Key, Item]]]:
        return dict, (self.made(),)

    def __repr__(self) -> str:
        return repr(self.made())
