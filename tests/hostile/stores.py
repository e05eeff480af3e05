"""zarr stores that somebody forged: any key changed at will, hashes and checks put right; as folders and as zips."""

from __future__ import annotations

import json
import struct
import tempfile
import zipfile
from collections.abc import Callable
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Any

import google_crc32c
import numpy as np

from talon import ir
from talon.storage.index.layout import COLUMNS
from talon.storage.zarr import layout
from talon.testing.storage import change, content
from tests.hostile import forged
from tests.hostile.forged import Columns, honest

COLUMN, POOL, OWN = "columns/node.type", "arrays/pool", "arrays/1"
OWN_CHUNK = f"{OWN}/c/0/0"

Files = dict[str, bytes]
Change = Callable[[Files], object]


@cache
def original() -> tuple[tuple[str, bytes], ...]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "honest.zarr"
        ir.write(path, honest())
        return tuple(sorted(content(path).items()))


def files() -> Files:
    """The keys of the honest store, to be changed."""
    return dict(original())


def chunk(data: bytes) -> bytes:
    """The bytes of a chunk with the crc32c that they have."""
    return data + struct.pack("<L", google_crc32c.value(data))


def said(store: Files, path: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(store[layout.metadata_key(path)])
    return found


def say(store: Files, path: str, document: Any) -> None:
    store[layout.metadata_key(path)] = json.dumps(document).encode()


def columns(store: Files) -> Columns:
    found = {}
    for column in COLUMNS:
        data = store.get(f"columns/{column.name}/c/0", bytes(4))[:-4]
        found[column.name] = np.frombuffer(data, column.dtype).copy()
    return found


def put_columns(store: Files, changed: Columns) -> None:
    """Other columns, with metadata, checks and the hash of the root to match."""
    for name, column in changed.items():
        store.pop(f"columns/{name}/c/0", None)
        if len(column):
            store[f"columns/{name}/c/0"] = chunk(column.tobytes())
        say(store, f"columns/{name}", layout.array_metadata(column.dtype, column.shape))
    root = said(store, "")
    mark = root["attributes"]["talon"]
    mark["sha256"] = layout.digest(mark["format"], mark["writer"], changed)
    say(store, "", root)


def lying(change: Callable[[Columns], object]) -> Change:
    """A store whose columns were changed."""

    def forge(store: Files) -> None:
        found = columns(store)
        change(found)
        put_columns(store, found)

    return forge


def metadata(path: str, change: Callable[[dict[str, Any]], object]) -> Change:
    """A store in which the metadata of an array or group was changed."""

    def forge(store: Files) -> None:
        document = said(store, path)
        change(document)
        say(store, path, document)

    return forge


def text(key: str, data: bytes | str) -> Change:
    """Anything under a key."""
    return lambda store: store.update({key: data if isinstance(data, bytes) else data.encode()})


def zipped(store: Files, **how: Any) -> bytes:
    """A zip archive of stored files in order, by Python's own writer."""
    file = BytesIO()
    with zipfile.ZipFile(file, "w", how.get("method", zipfile.ZIP_STORED)) as archive:
        for name in sorted(store):
            archive.writestr(zipfile.ZipInfo(name), store[name], how.get("method", zipfile.ZIP_STORED))
    return file.getvalue()


def as_folder(store: Files, path: Path) -> None:
    change(path, {}, store)


def as_zip(store: Files, path: Path) -> None:
    path.write_bytes(zipped(store))


def refused(path: Path, code: str, word: str) -> None:
    """One error of this code and with this word, in time and memory, that says what to do."""
    error = forged.refused(path, code, word)
    assert error.help, error
