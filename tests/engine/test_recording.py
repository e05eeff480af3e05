"""Recordings in files: everything that a run gives, read by plain h5py and plain zarr, and never half a file."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import tracemalloc
import weakref
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import zarr

from talon import ir
from talon.engine import Result, record_to, run, stream
from talon.storage.recording import columns
from talon.storage.recording.interrupts import interrupts_later
from talon.storage.recording.naming import place_of

RNG = np.random.default_rng(7)
LIF = ir.LIF(tau=2.0, r=2.0, v_leak=0.0, v_threshold=1.0)
INNER = ir.Graph.chain(x=ir.Input([4]), lif=LIF, y=ir.Output([4]))
NET = ir.Graph.chain(
    ir.Input([3]), fc=ir.Affine(RNG.standard_normal((4, 3)).astype("f4")), lif=LIF, block=INNER, out=ir.Output([4])
).changed(dt=0.001)
X = RNG.random((50, 2, 3)).astype("f4")
WANTED = ["*.spikes", "lif.v", "block.y"]
SUFFIXES = (".h5", ".hdf5", ".zarr")


def plain(path: Path) -> tuple[Mapping[str, Any], dict[str, tuple[np.ndarray, dict[str, Any]]]]:
    """What another program finds: the attributes of the root; by place each array, with its attributes."""
    found: dict[str, tuple[np.ndarray, dict[str, Any]]] = {}

    def visit(group: Any, prefix: str) -> None:
        for name, item in group.items() if isinstance(group, h5py.Group) else group.members():
            if hasattr(item, "shape"):
                found[prefix + name] = (np.asarray(item[...]), dict(item.attrs))
            else:
                visit(item, f"{prefix}{name}/")

    if path.suffix == ".zarr":
        root: Any = zarr.open_group(path, mode="r")
        visit(root, "")
        return dict(root.attrs), found
    with h5py.File(path) as file:
        visit(file, "")
        return dict(file.attrs), found


@pytest.fixture(params=SUFFIXES)
def target(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    return tmp_path / f"run{request.param}"


@pytest.mark.parametrize("chunk", [1, 7, 50])
def test_everything_is_there(target: Path, chunk: int) -> None:
    whole = run(NET, X, record=WANTED)
    told = record_to(target, stream(NET, X, chunk=chunk, record=WANTED))
    said, arrays = plain(target)
    expected = {f"outputs/{name}": a for name, a in whole.outputs.items()}
    expected |= {f"records/{key}": a for key, a in whole.records.items()}
    assert (
        set(expected)
        == {"outputs/out", "records/block.y"}
        | {f"records/{key}" for key in ("lif.spikes", "lif.v", "block/lif.spikes")}
        == set(arrays)
    )
    for place, array in expected.items():
        found, attributes = arrays[place]
        assert found.dtype == (np.uint8 if place.endswith(".spikes") else np.float32), place
        assert np.array_equal(found, array), place
        node, _, quantity = place.partition("/")[2].rpartition(".")
        assert (attributes["node"], attributes["quantity"]) == ((node, quantity) if node else ("out", "output"))
    assert said["talon_recording"] == "1.0"
    assert said["fingerprint"] == NET.fingerprint()
    assert (said["engine"], said["first_step"], said["dt"]) == (whole.engine.name, 0, 0.001)
    assert said["writer"].startswith("talon-core ")
    assert (told.path, told.steps, told.state.step, told.engine.name) == (str(target), 50, 50, whole.engine.name)
    assert told.counts == whole.counts.total()


def test_a_result_and_results_that_go_on(target: Path) -> None:
    first = run(NET, X[:20])
    record_to(target, first)
    said, arrays = plain(target)
    assert "fingerprint" not in said
    assert len(arrays["outputs/out"][0]) == 20
    second = run(NET, X[20:], state=first.state)
    record_to(target, [second], graph=NET)
    said, arrays = plain(target)
    assert (said["fingerprint"], said["first_step"]) == (NET.fingerprint(), 20)
    record_to(target, [first, second])
    assert np.array_equal(plain(target)[1]["outputs/out"][0], run(NET, X).outputs["out"])


def test_a_short_run_takes_no_more_than_it_has(target: Path) -> None:
    record_to(target, run(NET, X[:5]))
    if target.suffix == ".zarr":
        assert zarr.open_group(target, mode="r")["outputs/out"].chunks == (5, 2, 4)
    else:
        with h5py.File(target) as file:
            assert file["outputs/out"].chunks == (5, 2, 4)


def test_float64_stays(target: Path) -> None:
    record_to(target, stream(NET, X, dtype="float64", record="lif.*"))
    arrays = plain(target)[1]
    assert {place: array.dtype.name for place, (array, _) in arrays.items()} == {
        "outputs/out": "float64",
        "records/lif.v": "float64",
        "records/lif.out": "float64",
        "records/lif.spikes": "uint8",
    }


@pytest.mark.parametrize("steps", [1, 5, 6, 23])
def test_steps_that_are_larger_than_a_chunk(target: Path, steps: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(columns, "CHUNK_BYTES", 4 * 100)
    small, large = ir.Input([3, 2]), ir.Input([5, 3, 17])
    graph = ir.Graph(
        {"s": small, "l": large, "so": ir.Output([3, 2]), "lo": ir.Output([5, 3, 17])}, [("s", "so"), ("l", "lo")]
    )
    x = {"s": RNG.random((steps, 3, 3, 2), "f4"), "l": RNG.random((steps, 3, 5, 3, 17), "f4")}
    assert columns.chunk_shape((3, 3, 2), 4) == (5, 3, 3, 2)
    assert columns.chunk_shape((3, 5, 3, 17), 4) == (1, 1, 1, 3, 17)[:1] + (1, 1, 3, 17)
    record_to(target, stream(graph, x, chunk=4))
    arrays = plain(target)[1]
    for place, name in (("outputs/so", "s"), ("outputs/lo", "l")):
        assert np.array_equal(arrays[place][0], x[name])


@pytest.mark.parametrize("itemsize", [1, 4, 8])
@pytest.mark.parametrize("shape", [(1,), (1, 1), (64, 10), (1, 3, 640, 640), (70_000_000,), (5, 2**40), (1, 2, 0)])
def test_chunks_are_never_large(shape: tuple[int, ...], itemsize: int) -> None:
    found = columns.chunk_shape(shape, itemsize)
    assert len(found) == len(shape) + 1
    assert min(found) >= 1
    assert np.prod(found, dtype=float) * itemsize <= columns.CHUNK_BYTES


def test_strange_names(target: Path) -> None:
    names = ["..", "zarr.json", "__hidden", "a\\b", "n" * 255, "é" * 200, "a", "a.out", "c", "c.0.0.0"]
    graph = ir.Graph(
        {"in": ir.Input([2]), **dict.fromkeys(names, LIF), "out": ir.Output([2])}
        | {"a.v": ir.Graph.chain(x=ir.Input([2]), lif=LIF, y=ir.Output([2]))},
        [("in", name) for name in [*names, "a.v"]] + [(name, "out") for name in [*names, "a.v"]],
    )
    result = run(graph, RNG.random((6, 1, 2)), record=["*.v", "*.spikes", "*.out"])
    record_to(target, result)
    found = {(attributes["node"], attributes["quantity"]): array for array, attributes in plain(target)[1].values()}
    expected = {tuple(key.rsplit(".", 1)): array for key, array in result.records.items()}
    expected["out", "output"] = result.outputs["out"]
    assert found.keys() == expected.keys()
    for key, array in expected.items():
        assert np.array_equal(found[key], array), key
    assert list(target.parent.iterdir()) == [target]


def test_places_never_meet() -> None:
    taken: list[str] = []
    for key in ("a.v", "a.v/lif.v", "a.v", "../x.v", "b", "b/c", "b/c/d", "b"):
        taken.append(place_of("records", key, taken))
    assert len(set(taken)) == len(taken)
    for one in taken:
        assert not any(other.startswith(f"{one}/") for other in taken)
        assert not {"", ".", ".."} & set(one.split("/"))
    assert taken[0] == "records/a.v"


def failing(error: BaseException) -> Iterator[Result]:
    yield from stream(NET, X[:40], chunk=10)
    raise error


@pytest.mark.parametrize(
    "error", [KeyboardInterrupt(), ValueError("mine"), OSError("no data"), ir.TalonRunError("T406", "x")]
)
def test_the_old_file_stays_when_results_fail(target: Path, error: BaseException) -> None:
    record_to(target, run(NET, X[:5]))
    before = plain(target)
    with pytest.raises(type(error)) as caught:
        record_to(target, failing(error))
    assert caught.value is error
    after = plain(target)
    assert before[0] == after[0]
    assert np.array_equal(before[1]["outputs/out"][0], after[1]["outputs/out"][0])
    assert list(target.parent.iterdir()) == [target]


FULL = """
import resource, sys
import numpy as np
from talon import ir
from talon.engine import record_to, stream
graph = ir.Graph.chain(ir.Input([1000]), lif=ir.IF(1.0), out=ir.Output([1000]))
resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))
x = np.random.default_rng(0).random((1000, 1000))
try:
    record_to(sys.argv[1], stream(graph, x[:1], repeat=3000, record="lif.v"))
except ir.TalonError as error:
    print(error)
"""


@pytest.mark.skipif(os.name == "nt", reason="files have no limit of their size")
def test_a_full_disk_is_an_error_of_the_file(target: Path) -> None:
    record_to(target, run(NET, X[:5]))
    done = subprocess.run([sys.executable, "-c", FULL, str(target)], capture_output=True, text=True, check=True)
    assert "[T301]" in done.stdout, done.stdout + done.stderr
    assert target.name in done.stdout
    assert len(plain(target)[1]["outputs/out"][0]) == 5
    assert list(target.parent.iterdir()) == [target]


KILLED = """
import sys
import numpy as np
from talon import ir
from talon.engine import record_to, stream
graph = ir.Graph.chain(ir.Input([10]), lif=ir.IF(1.0), out=ir.Output([10]))
def told(results):
    for number, result in enumerate(results):
        yield result
        if number == 3:
            print("begun", flush=True)
try:
    record_to(sys.argv[1], told(stream(graph, np.ones((1, 10)), repeat=10**12, chunk=20_000)))
except KeyboardInterrupt:
    print("interrupted")
"""


@pytest.mark.skipif(os.name == "nt", reason="a signal cannot be sent to one process alone")
def test_ctrl_c_leaves_the_old_file_and_nothing_else(target: Path) -> None:
    record_to(target, run(NET, X[:5]))
    command = [sys.executable, "-c", KILLED, str(target)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            assert process.stdout.readline() == "begun\n"
            assert len(list(target.parent.iterdir())) == 2
            process.send_signal(signal.SIGINT)
            assert process.communicate(timeout=60)[0] == "interrupted\n"
        finally:
            # Or it would write until the disk is full.
            process.kill()
    assert len(plain(target)[1]["outputs/out"][0]) == 5
    assert list(target.parent.iterdir()) == [target]


class Object:
    """What a weak reference can be made of."""


@pytest.mark.skipif(os.name == "nt", reason="a process cannot send itself a signal that it handles")
def test_ctrl_c_in_a_callback_is_not_lost() -> None:
    def interrupt(_: Any) -> None:
        os.kill(os.getpid(), signal.SIGINT)

    done = []

    def let_go() -> None:
        there = Object()
        watching = weakref.ref(there, interrupt)
        del there
        done.append(watching())

    with pytest.raises(KeyboardInterrupt), interrupts_later():
        let_go()
    assert done == [None]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_ctrl_c_before_an_error_is_not_lost() -> None:
    def fail() -> None:
        signal.raise_signal(signal.SIGINT)
        raise OSError("disk full")

    with pytest.raises(KeyboardInterrupt) as caught, interrupts_later():
        fail()
    assert "disk full" in str(caught.value.__context__)


def test_signals_of_others_and_other_threads_are_left_alone() -> None:
    heard: list[int] = []
    former = signal.signal(signal.SIGINT, lambda number, frame: heard.append(number))
    try:
        with interrupts_later():
            signal.raise_signal(signal.SIGINT)
    finally:
        signal.signal(signal.SIGINT, former)
    assert heard == [signal.SIGINT]

    def elsewhere() -> None:
        with interrupts_later():
            heard.append(0)

    thread = threading.Thread(target=elsewhere)
    thread.start()
    thread.join()
    assert heard == [signal.SIGINT, 0]


class Graded(ir.IF):
    """Says that it sends spikes, and does not."""

    def step(self, t: int, state: dict[str, np.ndarray], *inputs: np.ndarray) -> Any:
        return super().step(t, state, *inputs) * np.float32(0.5)


def test_spikes_that_are_none(target: Path) -> None:
    graph = ir.Graph.chain(ir.Input([2]), bad=Graded(1.0), out=ir.Output([2]))
    result = run(graph, np.ones((3, 1, 2)), record="bad.spikes", engine="reference")
    with pytest.raises(ir.TalonRunError, match=r"'bad'.*0 to 0\.5|0\.5") as caught:
        record_to(target, result)
    assert caught.value.code == "T407"
    assert not target.exists()


def other(**changed: Any) -> Result:
    return run(NET, changed.pop("x", X[:5]), **changed)


WRONG: list[tuple[str, Any, str, list[str]]] = [
    ("none", list, "T401", ["nothing to record"]),
    ("apart", lambda: [other(), other()], "T401", ["begins at step 5", "step 0"]),
    ("record", lambda: [other(), other(state=other().state, record="lif.v")], "T401", ["do not belong", "lif.v"]),
    ("batch", lambda: [other(), run(NET, X[:5, :1], state=other(x=X[:5, :1]).state)], "T401", ["(2, 4)", "(1, 4)"]),
    ("no result", lambda: [other(), 5], "T206", ["Result", "int"]),
]


@pytest.mark.parametrize(("results", "code", "words"), [w[1:] for w in WRONG], ids=[w[0] for w in WRONG])
def test_wrong_results(target: Path, results: Any, code: str, words: list[str]) -> None:
    with pytest.raises(ir.TalonError) as caught:
        record_to(target, results())
    assert caught.value.code == code
    for word in words:
        assert word in str(caught.value), str(caught.value)
    assert list(target.parent.iterdir()) == []


def test_wrong_files(tmp_path: Path) -> None:
    result = other()
    for name in ("run.t1c", "run.npz", "run", "run.zarr.zip"):
        with pytest.raises(ir.TalonFileError, match="T308"):
            record_to(tmp_path / name, result)
    with pytest.raises(ir.TalonTypeError, match="T206"):
        record_to(tmp_path / "run.h5", result, graph="net.t1c")  # type: ignore[arg-type]
    for suffix in SUFFIXES:
        path = tmp_path / f"there{suffix}"
        record_to(path, result, overwrite=False)
        with pytest.raises(ir.TalonFileError, match="T306"):
            record_to(path, result, overwrite=False)
    strange = tmp_path / "mine.zarr"
    strange.mkdir()
    (strange / "notes").write_text("mine")
    ir.write(tmp_path / "net.zarr", NET)
    for path in (strange, tmp_path / "net.zarr"):
        with pytest.raises(ir.TalonFileError, match="T308"):
            record_to(path, result)
    assert (strange / "notes").read_text() == "mine"
    assert ir.read(tmp_path / "net.zarr").same_as(NET)
    for path in (tmp_path / "there.zarr", tmp_path / "there.h5"):
        with pytest.raises(ir.TalonFormatError):
            ir.read(path)
        with pytest.raises(ir.TalonFileError, match="T308"):
            ir.write(tmp_path / "there.zarr", NET)


def test_memory_stays_flat_while_a_file_grows(target: Path) -> None:
    peaks: list[int] = []

    def watched() -> Iterator[Result]:
        for number, result in enumerate(stream(NET, X[0], repeat=400_000, chunk=2_000, record="*.spikes")):
            yield result
            if number % 50 == 49:
                peaks.append(tracemalloc.get_traced_memory()[1])
                tracemalloc.reset_peak()

    tracemalloc.start()
    try:
        told = record_to(target, watched())
    finally:
        tracemalloc.stop()
    assert told.steps == 400_000
    assert len(plain(target)[1]["records/lif.spikes"][0]) == 400_000
    # All of it would take 60 MB, a quarter of it 15.
    assert max(peaks) - peaks[0] < 3_000_000, peaks
