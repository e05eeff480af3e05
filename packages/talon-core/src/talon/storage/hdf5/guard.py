"""The walk over a tree before any of its data is read: hard links only, one way to every object, all bounded."""

# pyright: reportAttributeAccessIssue=false
# (h5py ships no types for its low-level modules.)

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from typing import Any, NamedTuple

from h5py import h5d, h5g, h5l, h5o

from talon.storage.hdf5.allowed import Datasets
from talon.storage.hdf5.limits import DEEPEST, LONGEST_NAME, MOST_ATTRIBUTES, MOST_OBJECTS
from talon.storage.hdf5.refusal import refused
from talon.storage.source import OpenFile

READ = ("graph", "talon", "version")
"""What a reader looks at. What else lies in the root is left alone, once its links are seen to be hard."""
ADDRESSES = (8, 8)
"""Bytes of an address and of a length; how texts of variable length are stored depends on it."""


class Entry(NamedTuple):
    """An object that is still to be looked at: the group it is in, its name there, and its names from the root."""

    group: Any
    name: str
    path: tuple[str, ...]


def inspect(file: Any, source: OpenFile, *, trusted: bool = False) -> None:
    """Walk what is read of an open h5py file. Raises `TalonFormatError` (T303) for anything that is not plain.

    `source` is the same file, for bytes that are looked at without HDF5. `trusted` allows chunks and filters.
    """
    if file.userblock_size:
        raise refused("the tree does not begin at byte 0", found=f"{file.userblock_size} bytes before it")
    if (sizes := file.id.get_create_plist().get_sizes()) != ADDRESSES:
        raise refused("addresses of another size than writers use", expected=ADDRESSES, found=sizes)
    guard = _Guard(file.id, Datasets(source, trusted))
    guard.walk(READ)
    guard.datasets.finish(guard.seen)


class _Guard:
    def __init__(self, root: Any, datasets: Datasets) -> None:
        self.root = root
        self.datasets = datasets
        self.number = h5o.get_info(root).fileno
        self.seen: dict[int, tuple[str, ...]] = {}
        self.count = 0

    def walk(self, wanted: Iterable[str]) -> None:
        self.once(self.root, ())
        waiting = [Entry(self.root, name, (name,)) for name in self.names(self.root, ()) if name in wanted]
        while waiting:
            entry = waiting.pop()
            # By one name in a group that is open: a path would be followed through whatever lies on it.
            item = h5o.open(entry.group, entry.name.encode())
            self.once(item, entry.path)
            if isinstance(item, h5g.GroupID):
                if len(entry.path) > DEEPEST:
                    raise refused("groups are nested too deeply", entry.path, f"at most {DEEPEST}")
                waiting += [Entry(item, name, (*entry.path, name)) for name in self.names(item, entry.path)]
            elif isinstance(item, h5d.DatasetID):
                self.datasets.look_at(item, entry.path)
            else:
                raise refused("neither a group nor an array", entry.path)

    def once(self, item: Any, path: tuple[str, ...]) -> None:
        """An object is in this file, has few attributes, and was not met before: no cycle, no shared part."""
        found = h5o.get_info(item)
        if found.fileno != self.number:
            raise refused("an object of another file", path)
        if found.addr in self.seen:
            raise refused("an object stands in two places", path, found=f"also as {'/'.join(self.seen[found.addr])!r}")
        if found.num_attrs > MOST_ATTRIBUTES:
            raise refused("too many HDF5 attributes", path, f"at most {MOST_ATTRIBUTES}", found.num_attrs)
        self.seen[found.addr] = path

    def names(self, group: Any, path: tuple[str, ...]) -> list[str]:
        """The names in a group, which are all hard links."""
        links: list[tuple[bytes, int]] = []

        def note(name: bytes, link: Any) -> bool | None:
            links.append((bytes(name), link.type))  # h5py cannot carry an exception out of here
            return True if len(links) + self.count > MOST_OBJECTS else None

        group.links.iterate(note, info=True)
        self.count += len(links)
        if self.count > MOST_OBJECTS:
            raise refused("too many objects", path, f"at most {MOST_OBJECTS:,}")
        for name, kind in links:
            if kind != h5l.TYPE_HARD:
                raise refused(f"{name[:80].decode(errors='replace')!r} is a link that may lead anywhere", path, HARD)
        return distinct([self.readable(name, path) for name, _ in links], path)

    def readable(self, name: bytes, path: tuple[str, ...]) -> str:
        try:
            text = name.decode()
        except UnicodeDecodeError:
            raise refused("a name is not UTF-8", path, found=repr(name[:80])) from None
        if not 0 < len(name) <= LONGEST_NAME or "/" in text or "\0" in text or text == ".":
            raise refused(
                "a name that no writer gives", path, f"1 to {LONGEST_NAME} bytes, without '/'", repr(text[:80])
            )
        return text


HARD = "hard links only"


def distinct(names: list[str], path: tuple[str, ...]) -> list[str]:
    """The names, which differ: those of nodes also where accents are written in another way."""
    nodes = path[-1:] == ("nodes",)
    seen = set()
    for name in names:
        key = unicodedata.normalize("NFC", name) if nodes else name
        if key in seen:
            raise refused("a name stands twice in a group", path, found=repr(name))
        seen.add(key)
    return names
