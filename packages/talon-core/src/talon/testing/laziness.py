"""What the conformance kit for storage backends asks of graphs that are lazily read."""

from __future__ import annotations

import copy
import pickle
import shutil
import tracemalloc
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from talon.ir.graph import Graph
from talon.ir.primitives.linear import Affine

if TYPE_CHECKING:
    from talon.testing.storage import Case

SIDES = (4, 40, 200)
"""Sides of square weights, of 64 bytes, 6 KiB and 160 KB."""
LARGE = 1024
"""Side of a weight of 4 MiB; a reader that takes less than a quarter of it has left it in the file."""
THREADS = 4


def weighted() -> Graph:
    """Weights of several sizes."""
    squares = {side: np.arange(side * side, dtype=np.float32).reshape(side, side) for side in SIDES}
    return Graph({f"fc{side}": Affine(weight) for side, weight in squares.items()}, [])


def weights(graph: Graph) -> list[Any]:
    return [node.weight for node in graph.nodes.values() if isinstance(node, Affine)]


def files_of(path: Path) -> Iterator[Path]:
    """The file at a path, or those in the folder there."""
    yield from (file for file in path.rglob("*") if file.is_file()) if path.is_dir() else [path]


def remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink()


def reads_no_more_than_it_must(case: Case) -> None:
    """If that is claimed: with `lazy` large arrays stay in the file until somebody asks for them."""
    if not case.lazy:
        return
    weight = np.ones((LARGE, LARGE), np.float32)
    path = case.file(Graph({"fc": Affine(weight)}, []))
    case.graph(path, True)  # what is imported for it counts no more
    tracemalloc.start()
    try:
        graph = case.graph(path, True)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < weight.nbytes // 4, f"reading lazily took {peak:,} bytes beside an array of {weight.nbytes:,}"
    assert np.array_equal(weights(graph)[0], weight), "a large array that was lazily read has other values"


def needs_its_file_no_more(case: Case) -> None:
    """What was read at once, loaded, pickled or copied is the same when its file is overwritten and gone."""
    path = case.file(weighted())
    lazy, touched = case.graph(path, True), case.graph(path, True)
    weights(touched)
    made = {"read at once": case.graph(path, False)}
    for what, graph in (("lazily read", lazy), ("touched", touched)):
        made |= {f"{what} and pickled": pickle.loads(pickle.dumps(graph)), f"{what} and copied": copy.deepcopy(graph)}
        made[f"{what} and loaded"] = graph.load()
    for file in files_of(path):
        with file.open("r+b") as opened:  # in place, where a map of it would show
            opened.write(bytes(file.stat().st_size))
    remove(path)
    for what, graph in made.items():
        assert graph.same_as(weighted()), f"a graph that was {what} changes with its file"


def takes_the_place_of_its_own_file(case: Case) -> None:
    """What was made of a lazy graph may be written to where that is read from, and the graph stays what it was."""
    path = case.file(weighted())
    lazy, touched = case.graph(path, True), case.graph(path, True)
    weights(touched)
    other = Affine(np.zeros((41, 41)))
    for what, graph in (("lazily read", lazy), ("touched", touched)):
        new, old = case.file(graph.replace("fc40", other)), case.path()
        path.rename(old)
        new.rename(path)
        remove(old)
        expected = weighted().replace("fc40", other)
        assert case.graph(path, True).same_as(expected), f"a graph that was {what} and written again is another"
        assert graph.same_as(weighted()), f"a graph that was {what} is another after its file was replaced"


def is_read_by_threads(case: Case) -> None:
    """Several threads may ask for the same arrays, and for different ones, at the same time."""
    path = case.file(weighted())
    expected = weights(weighted())
    for _ in range(3):
        graph = case.graph(path, True)
        with ThreadPoolExecutor(THREADS) as pool:
            for found in pool.map(lambda _, graph=graph: weights(graph), range(THREADS)):
                assert all(map(np.array_equal, found, expected)), "threads that read at the same time get other values"


CHECKS = (
    reads_no_more_than_it_must,
    needs_its_file_no_more,
    takes_the_place_of_its_own_file,
    is_read_by_threads,
)
