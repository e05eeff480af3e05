"""A block as a file: an .npz with a header, whose name is the sha256 of its bytes."""

from __future__ import annotations

import hashlib
import io
import json
from typing import Any

import numpy as np

from talon.hw.evaluating.blocks import Block
from talon.hw.evaluating.runners import FORMAT

SUFFIX = ".npz"
HEADER = "header"


def packed(key: str, digests: list[bytes], block: Block) -> bytes:
    """The file of a block: `key` says what ran, `digests` which samples, in the order of the block."""
    names = list(block.outputs)
    header = {"format": FORMAT, "key": key, "outputs": names, "counts": block.names}
    arrays: dict[str, Any] = {f"output{i}": block.outputs[name] for i, name in enumerate(names)}
    arrays[HEADER] = np.frombuffer(json.dumps(header).encode(), np.uint8)
    arrays["digests"] = np.frombuffer(b"".join(digests), np.uint8).reshape(len(digests), -1)
    arrays["counts"] = block.counts
    file = io.BytesIO()
    np.savez_compressed(file, **arrays)
    return file.getvalue()


def name_of(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest() + SUFFIX


def unpacked(name: str, key: str, content: bytes) -> tuple[list[bytes], Block]:
    """What a file holds. Raises `ValueError` where it is not what its name and folder say."""
    if name_of(content) != name:
        raise ValueError("its bytes are not those that were written")
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as found:
            header = json.loads(found[HEADER].tobytes())
            digests, counts = [row.tobytes() for row in found["digests"]], found["counts"]
            outputs = {output: found[f"output{i}"] for i, output in enumerate(header["outputs"])}
        names = tuple((path, quantity, rows) for path, quantity, rows in header["counts"])
        told, shapes = (header["format"], header["key"]), [array.shape[:1] for array in outputs.values()]
    except Exception as error:  # zip, json and numpy each raise their own
        raise ValueError(f"{type(error).__name__}: {error}") from error
    if told != (FORMAT, key):
        raise ValueError("it belongs to something else that was evaluated")
    if counts.shape != (sum(rows for *_, rows in names), len(digests)) or {*shapes} > {(len(digests),)}:
        raise ValueError("its arrays are not of one number of samples")
    return digests, Block(tuple(range(len(digests))), outputs, names, counts)
