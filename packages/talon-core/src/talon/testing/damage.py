"""What the conformance kit for storage backends asks of files with a changed byte."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from talon.ir.errors import TalonError
from talon.ir.graph import Graph
from talon.ir.primitives.boundary import Input, Output
from talon.ir.primitives.linear import Affine
from talon.testing.laziness import files_of

if TYPE_CHECKING:
    from talon.testing.storage import Case

FLIPS = 150
"""Files with one bit changed, at places that are the same each time."""


def sample() -> Graph:
    """A graph whose file is as much structure as values."""
    metadata = {"words": ("one", 2, None, 3.5), "array": np.arange(5)}
    layers = {f"layer {n}": Affine(np.arange(400.0).reshape(20, 20) + n, metadata=metadata) for n in range(4)}
    return Graph.chain(input=Input([20]), **layers, output=Output([20]))


def flipped(path: Path, new: Iterator[Path]) -> Iterator[tuple[str, Path]]:
    """Copies of a file or folder, each with one bit changed, and which."""
    rng = np.random.default_rng(0)
    files = [file.relative_to(path) for file in files_of(path) if file.stat().st_size]
    for _ in range(FLIPS):
        inside, copy = files[rng.integers(len(files))], next(new)
        shutil.copytree(path, copy) if path.is_dir() else shutil.copyfile(path, copy)
        content = bytearray((copy / inside).read_bytes())
        # Half of the places near the ends, where most formats say what is where.
        near = rng.integers(min(len(content), 512)) * rng.choice((1, -1))
        place = int(rng.choice((near, rng.integers(len(content)))))
        bit = int(rng.integers(8))
        content[place] ^= 1 << bit
        (copy / inside).write_bytes(content)
        yield f"bit {bit} of byte {place} of {len(content)}{f' of {inside}' if path.is_dir() else ''} is changed", copy


def outcome(case: Case, path: Path, lazy: bool) -> Graph | None:
    """The graph of a file with all its values, or None where it is refused."""
    try:
        return case.graph(path, lazy).load()
    except TalonError:
        return None


def survives_changed_bits(case: Case) -> None:
    """A changed bit gives a `TalonError` or a graph: where checksums are claimed, the same graph."""
    graph = sample()
    for what, damaged in flipped(case.file(graph), iter(case.path, None)):
        for lazy in (True, False):
            try:
                found = outcome(case, damaged, lazy)
            except Exception as error:
                error.add_note(f"where a TalonError was due: {what}")
                raise
            if case.checksums and found is not None:
                assert found.same_as(graph), f"{what}: it is read as another graph"


CHECKS = (survives_changed_bits,)
