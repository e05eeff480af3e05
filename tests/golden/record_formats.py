"""Writes the golden files of the format that talon writes today, `make golden`. Files that are there are never changed.

For every graph a file of each built-in backend, and what it must be read as, as JSON. A backend that is added later
gets the graphs that the files of the others hold. `formats/SHA256SUMS` grows by what is written.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from talon import ir
from talon.ir.document import FORMAT, Document
from talon.storage.backend import backends, for_reading
from talon.storage.tagged import tagged
from tests.golden.graphs import GRAPHS

HERE = Path(__file__).parent
FORMATS = HERE / "formats"
SUMS = FORMATS / "SHA256SUMS"
SUFFIXES = (".t1c", ".zarr.zip")
"""One for each built-in backend, those that are a single file."""


def described(document: Document) -> dict[str, Any]:
    """What a file says, as JSON: attributes in tagged form, arrays by dtype, shape and hash of their bytes."""
    nodes = [
        {
            "path": record.path,
            "type": [record.type, record.provider, record.version, record.schema],
            "attrs": {name: tagged(value) for name, value in record.attrs.items()},
            "arrays": {name: digest(ref.load()) for name, ref in record.arrays.items()},
        }
        for record in document.nodes
    ]
    edges = [list(edge) for edge in document.edges]
    return {"format": document.format, "writer": document.writer, "nodes": nodes, "edges": edges}


def digest(array: Any) -> list[Any]:
    little = array.astype(array.dtype.newbyteorder("<"), order="C", copy=False)
    return [little.dtype.str, list(little.shape), hashlib.sha256(little.tobytes()).hexdigest()]


def record(folder: Path) -> Iterator[Path]:
    """Write what is missing in the folder of a format; gives every new path."""
    folder.mkdir(parents=True, exist_ok=True)
    claimed = {suffix for backend in backends().values() for suffix in backend.suffixes}
    for name, make in GRAPHS.items():
        there = [folder / f"{name}{suffix}" for suffix in SUFFIXES if (folder / f"{name}{suffix}").exists()]
        graph = ir.read(there[0], unknown="keep") if there else make()
        for suffix in SUFFIXES:
            path = folder / f"{name}{suffix}"
            if suffix in claimed and path not in there:
                ir.write(path, graph, overwrite=False)
                yield path
                there.append(path)
        expected = folder / f"{name}.json"
        if not expected.exists():
            said = described(for_reading(there[0]).read(there[0], False, None))
            write_json(expected, {"fingerprint": graph.fingerprint(), **said})
            yield expected


def record_published(path: Path) -> Iterator[Path]:
    """The fingerprint of every file of the published package, as we read it."""
    if not path.exists():
        files = sorted((HERE / path.stem).glob("*.t1c"))
        write_json(path, {file.name: ir.read(file).fingerprint() for file in files})
        yield path


def write_json(path: Path, value: Any) -> None:
    with path.open("x", encoding="ascii") as file:
        file.write(json.dumps(value, indent=1, allow_nan=False) + "\n")


def main() -> None:
    new = [*record(FORMATS / FORMAT), *record_published(FORMATS / "talon-ir-0.0.2.json")]
    with SUMS.open("a", encoding="ascii") as sums:
        for path in new:
            name = path.relative_to(FORMATS).as_posix()
            sums.write(f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {name}\n")
            print(f"wrote {name}")


if __name__ == "__main__":
    main()
