"""Lazily read graphs: copied by value, shared by threads and processes, written over the file they are read from."""

from __future__ import annotations

import copy
import multiprocessing
import operator
import os
import pickle
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from talon import ir
from talon.ir.arrays import ArrayRef
from talon.storage.backend import backends

RNG = np.random.default_rng(0)
SIZES = (4, 40, 200)
"""Sides of the weights: in the index, read from the file, and mapped."""
NODES: dict[str, ir.Node] = {
    f"fc{n} {side}": ir.Affine(RNG.standard_normal((side, side)).astype(np.float32)) for n in range(3) for side in SIZES
}
GRAPH = ir.Graph(
    {
        "in": ir.Input([40], metadata={"notes": [1, {"k": (2,)}]}),
        **NODES,
        "sub": ir.Graph.chain(
            input=ir.Input([200]), fc=ir.Affine(NODES["fc0 200"].weight * 2), output=ir.Output([200])
        ),  # type: ignore[attr-defined]
    },
    [("in", "fc0 40")],
)
FINGERPRINT = GRAPH.fingerprint()


class Strange(ir.Affine):
    """What is not installed when the file is read."""


STRANGE = ir.Graph({"odd": Strange(NODES["fc1 200"].weight, metadata={"notes": [1, [2]]})}, [])  # type: ignore[attr-defined]


KINDS = [(name, suffix) for name, backend in backends().items() for suffix in backend.suffixes if name != "hdf5"]
KINDS += [("hdf5", ".t1c"), ("tree", ".t1c")]


@pytest.fixture(params=KINDS, ids=[f"{name}{suffix}" for name, suffix in KINDS])
def path(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A file of each backend, and of HDF5 one that has only its tree."""
    name, suffix = request.param
    into = tmp_path / f"g{suffix}"
    ir.write(into, GRAPH, backend="hdf5" if name == "tree" else name)
    if name == "tree":
        with h5py.File(into, "r+"):
            pass
    return into


def weights(graph: ir.Graph) -> list[np.ndarray]:
    """Every weight, which touches it."""
    paths = [*NODES, "sub/fc"]
    return [graph.node(path).weight for path in paths]  # type: ignore[attr-defined]


def gone(path: Path) -> None:
    """Nothing is left of a file, wherever it is still open. Its length stays: one that is mapped and becomes shorter
    ends the process."""
    for file in [f for f in path.rglob("*") if f.is_file()] if path.is_dir() else [path]:
        with file.open("r+b") as opened:
            opened.write(bytes(file.stat().st_size))
        os.utime(file, (0, 0))
        file.unlink()


COPIES: dict[str, Callable[[Any], Any]] = {
    "pickle": lambda graph: pickle.loads(pickle.dumps(graph)),
    "old pickle": lambda graph: pickle.loads(pickle.dumps(graph, protocol=2)),
    "deepcopy": copy.deepcopy,
    "deepcopy of a pickle": lambda graph: copy.deepcopy(pickle.loads(pickle.dumps(graph))),
}


@pytest.mark.parametrize("how", COPIES)
@pytest.mark.parametrize("touched", [False, True])
def test_copies_are_by_value(path: Path, how: str, touched: bool) -> None:
    graph = ir.read(path)
    if touched:
        weights(graph)
    made = COPIES[how](graph)
    assert not any(np.shares_memory(a, b) for a, b in zip(weights(graph), weights(made), strict=True))
    assert not any(array.flags.writeable for array in weights(made))
    again = COPIES[how](made)
    gone(path)
    for found in (made, again, copy.deepcopy(made), pickle.loads(pickle.dumps(again))):
        assert found.same_as(GRAPH)
        assert found.fingerprint() == FINGERPRINT


def test_a_shallow_copy_stays_lazy(path: Path) -> None:
    made = copy.copy(ir.read(path).nodes["fc0 200"])
    assert isinstance(made.raw("weight"), ArrayRef)
    assert made.same_as(GRAPH.nodes["fc0 200"])


@pytest.mark.parametrize("how", COPIES)
def test_opaque_nodes_are_copied_by_value(how: str, tmp_path: Path) -> None:
    ir.write(tmp_path / "s.t1c", STRANGE)
    kept = ir.read(tmp_path / "s.t1c", unknown="keep")
    made = COPIES[how](kept)
    gone(tmp_path / "s.t1c")
    node = made.nodes["odd"]
    assert np.array_equal(node.record.arrays["weight"].load(), NODES["fc1 200"].weight)  # type: ignore[attr-defined]
    assert node.record.attrs["metadata"] == {"notes": [1, [2]]}
    node.record.attrs["metadata"]["notes"][1].append(3)
    assert kept.nodes["odd"].record.attrs["metadata"] == {"notes": [1, [2]]}  # type: ignore[attr-defined]


@pytest.mark.parametrize("touched", ["nothing", "one", "all"])
def test_it_is_written_over_its_own_file(path: Path, touched: str) -> None:
    graph = ir.read(path)
    if touched == "one":
        graph.node("fc0 200").weight  # type: ignore[attr-defined]  # noqa: B018
    elif touched == "all":
        weights(graph)
    for _ in range(3):
        ir.write(path, graph)
        assert graph.same_as(GRAPH)
        graph = ir.read(path)
    edited = graph.replace("fc0 4", ir.Affine(np.zeros((4, 4), np.float32)))
    ir.write(path, edited)
    assert ir.read(path).same_as(edited)
    assert graph.same_as(GRAPH)
    assert [item.name for item in path.parent.iterdir()] == [path.name]


def test_it_is_written_over_its_own_file_through_a_link(path: Path) -> None:
    link = path.with_name(f"link{''.join(path.suffixes)}")
    link.symlink_to(path)
    graph = ir.read(link)
    ir.write(link, graph, backend=None)
    assert link.is_symlink()
    assert graph.same_as(GRAPH)
    assert ir.read(path).same_as(GRAPH)


def test_a_failed_write_over_its_own_file_leaves_both(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    graph = ir.read(path)

    def full(*arguments: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ir.TalonFileError):
        ir.write(path, graph)
    monkeypatch.undo()
    assert graph.same_as(GRAPH)
    assert ir.read(path).same_as(GRAPH)


def test_threads_read_the_same_arrays(path: Path) -> None:
    """Each gets the same array object, whoever was first; and different arrays at the same time are not mixed up."""
    expected = weights(GRAPH)
    for _ in range(3):
        graph, start = ir.read(path), threading.Barrier(8)

        def work(number: int, graph: ir.Graph = graph, start: threading.Barrier = start) -> list[np.ndarray]:
            start.wait()
            found = weights(graph)[::-1] if number % 2 else weights(graph)
            return found[::-1] if number % 2 else found

        with ThreadPoolExecutor(8) as pool:
            results = list(pool.map(work, range(8)))
        for found in results:
            assert all(map(np.array_equal, found, expected))
            assert all(a is b for a, b in zip(found, results[0], strict=True))


def test_threads_load_while_others_read(path: Path) -> None:
    graph, start = ir.read(path), threading.Barrier(6)

    def work(number: int) -> str:
        start.wait()
        return graph.load().fingerprint() if number % 2 else graph.fingerprint()

    with ThreadPoolExecutor(6) as pool:
        assert {*pool.map(work, range(6))} == {FINGERPRINT}
    gone(path)
    assert graph.same_as(GRAPH)


def in_forked(count: int, work: Callable[[int], Any]) -> list[Any]:
    """What `work(number)` returns in children forked from this process, all running at the same time."""
    context = multiprocessing.get_context("fork")
    results, start = context.Queue(), context.Barrier(count)

    def child(number: int) -> None:
        start.wait()
        try:
            results.put((number, work(number)))
        except Exception as error:  # noqa: BLE001 - the parent compares what comes back
            results.put((number, repr(error)))

    children = [context.Process(target=child, args=(number,)) for number in range(count)]
    for process in children:
        process.start()
    try:
        found = dict(results.get(timeout=20) for _ in children)
    finally:
        for process in children:
            process.kill()
            process.join()
    return [found[number] for number in range(count)]


needs_fork = pytest.mark.skipif(
    "fork" not in multiprocessing.get_all_start_methods(), reason="this system does not fork"
)


@needs_fork
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_forked_processes_read_the_same_open_file(path: Path) -> None:
    """They share the open file, and so its position; none may disturb another's reading."""
    graph = ir.read(path)

    def many(number: int) -> str:
        for _ in range(20):
            references = {name: graph.nodes[name].raw("weight") for name in NODES}
            for name in list(references)[number % 3 :]:
                array = references[name].load()  # type: ignore[union-attr]
                assert np.array_equal(array, NODES[name].weight), name  # type: ignore[attr-defined]
        return graph.fingerprint()

    assert in_forked(4, many) == [FINGERPRINT] * 4
    gone(path)
    with pytest.raises(ir.TalonFormatError):
        graph.load()


@needs_fork
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_a_process_may_fork_while_a_thread_reads(path: Path) -> None:
    """Whatever the thread holds at that moment, the child does not wait for it."""
    graph, stop = ir.read(path), threading.Event()

    def read() -> None:
        while not stop.is_set():
            for name in NODES:
                graph.nodes[name].raw("weight").load()  # type: ignore[union-attr]

    reader = threading.Thread(target=read)
    reader.start()
    try:
        for _ in range(3):
            assert in_forked(2, lambda number: graph.fingerprint()) == [FINGERPRINT] * 2
    finally:
        stop.set()
        reader.join()


@pytest.mark.parametrize("method", [m for m in multiprocessing.get_all_start_methods() if m != "fork"])
def test_it_is_sent_to_processes_that_were_not_forked(path: Path, method: str) -> None:
    graph = ir.read(path)
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context(method)) as pool:
        sent = pool.submit(operator.methodcaller("fingerprint"), graph)
        back = pool.submit(operator.methodcaller("load"), graph)
        gone_later = back.result(timeout=60)
        assert sent.result(timeout=60) == FINGERPRINT
    gone(path)
    assert gone_later.same_as(GRAPH)


def test_a_pickle_needs_no_file_in_another_process(path: Path) -> None:
    pickled = pickle.dumps(ir.read(path))
    gone(path)
    program = "import pickle, sys; print(pickle.load(sys.stdin.buffer).fingerprint(), 'h5py' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], input=pickled, capture_output=True, check=True)
    assert done.stdout.decode().split() == [FINGERPRINT, "False"]


def test_what_no_longer_can_be_read_is_one_error_however_it_is_asked_for(path: Path) -> None:
    graph = ir.read(path)
    gone(path)
    for ask in (*COPIES.values(), lambda graph: graph.load(), lambda graph: graph.fingerprint()):
        with pytest.raises(ir.TalonFormatError) as caught:
            ask(graph)
        assert caught.value.code == "T305"
