"""What the reader asks of a place with keys, whatever it is: a folder, a zip archive, or the objects of a store."""

from __future__ import annotations

import re
import zlib
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from typing import NamedTuple, Protocol

import numpy as np

from talon.ir.errors import TalonFormatError
from talon.storage.source import Source

BYTE = np.dtype(np.uint8)


class Span(NamedTuple):
    """The content of a key: where it stands in something open, and the zlib crc32 that it should have, if known."""

    source: Source
    start: int
    size: int
    crc32: int | None = None


class Container(Protocol):
    """Keys with their content. What is wrong with it is one `TalonFormatError`."""

    path: str
    most_held: int
    """How many spans may be kept open, so that they outlive the replacement of the container."""

    def names(self, folder: str) -> Iterator[str]:
        """What stands in a folder (`""`, `"columns"`): folders end with a slash. Each name once, in any order."""
        ...

    def span(self, key: str) -> Span:
        """The content of a key, which must be there."""
        ...

    def replaced(self) -> bool:
        """Whether something else is in its place by now, so that what was not kept open may be gone."""
        ...

    def size(self) -> int:
        """Bytes of everything, as `ir.info` tells it."""
        ...


class Names:
    """Keys that are all known, by the folders they stand in."""

    def __init__(self, keys: Iterable[str]) -> None:
        self.keys = sorted(keys)

    def __call__(self, folder: str) -> Iterator[str]:
        """What stands in a folder, as `Container.names` gives it."""
        prefix = f"{folder}/" if folder else ""
        at = bisect_left(self.keys, prefix)
        while at < len(self.keys) and self.keys[at].startswith(prefix):
            name, slash, _ = self.keys[at][len(prefix) :].partition("/")
            yield name + slash
            # Past everything that stands in the same folder.
            at = bisect_left(self.keys, f"{prefix}{name}/\U0010ffff") if slash else at + 1


def content(container: Container, key: str, most: int) -> bytes:
    """The whole content of a key, of at most so many bytes."""
    span = container.span(key)
    if span.size > most:
        raise damaged(f"{key!r} is too large", f"at most {most} bytes", f"{span.size} bytes")
    data = span.source.fetch(span.start, BYTE, (span.size,), key).tobytes()
    if span.crc32 is not None and (found := zlib.crc32(data)) != span.crc32:
        raise damaged(f"{key!r} is not what was written", f"crc32 {span.crc32:08x}", f"crc32 {found:08x}")
    return data


def only(container: Container, folder: str, expected: set[str]) -> None:
    """Exactly these names stand in a folder."""
    seen = set()
    for name in container.names(folder):
        if name not in expected:
            raise foreign(f"{folder}/{name}" if folder else name)
        seen.add(name)
    if missing := expected - seen:
        raise missing_key(f"{folder}/{min(missing)}" if folder else min(missing))


LITTER = re.compile(r"\.DS_Store|\._.*|\.localized|Thumbs\.db|desktop\.ini|\.directory|\.nfs.*", re.IGNORECASE)
"""Names that programs which show folders leave in them, and file systems."""


def foreign(key: str) -> TalonFormatError:
    """Something stands in the store that no writer puts there."""
    what, help = "what talon has written, no more", HELP
    if LITTER.fullmatch(key.rstrip("/").rpartition("/")[2]):
        help = "remove it: a program that shows folders has left it there (net.zarr.zip has no room for such)"
    return damaged(f"it holds {key[:200]!r}, which does not belong there", what, help=help)


def missing_key(key: str) -> TalonFormatError:
    return damaged(f"it lacks {key[:200]!r}")


def no_graph() -> TalonFormatError:
    return TalonFormatError(
        "T302",
        "this zarr store holds no talon graph",
        expected="a root with the attribute 'talon'",
        help="read it with the program that wrote it",
    )


HELP = "get an undamaged copy"


def damaged(what: str, expected: object = None, found: object = None, help: str = HELP) -> TalonFormatError:
    """The store does not hold together."""
    return TalonFormatError(
        "T303",
        f"the zarr store is damaged: {what}",
        expected=expected,
        found=found,
        help=help,
    )
