"""Runs that do not fit in memory are refused before anything is allocated; broadcast inputs take no room."""

from __future__ import annotations

import re
import subprocess
import sys
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from talon import hw, ir
from talon.engine import list_engines, memory, needs, run, stream
from talon.engine.choice import specs
from talon.engine.memory import Memory, sized
from talon.engine.task import draft

ENGINES = [name for name, spec in specs().items() if spec.load().refuses(ir.Graph({}, []), "float32") is None]
RNG = np.random.default_rng(3)


def net(inputs: int = 20, neurons: int = 30) -> ir.Graph:
    weight = RNG.standard_normal((neurons, inputs)).astype(np.float32)
    lif = ir.LIF(tau=2.0, r=2.0, v_leak=0.0, v_threshold=1.0)
    return ir.Graph.chain(ir.Input([inputs]), fc=ir.Affine(weight), lif=lif, out=ir.Output([neurons]))


def peak(work: Callable[[], Any]) -> int:
    """Most bytes that were allocated at the same time."""
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.fixture
def only(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """`only(size)`: this is all the memory there is, and even small runs are compared with it."""

    def limit(size: int) -> None:
        monkeypatch.setattr(needs, "SMALL", 0)
        monkeypatch.setattr(needs, "available", lambda: Memory(size, "free memory"))

    return limit


def test_every_engine_is_tried() -> None:
    assert "reference" in ENGINES
    assert set(ENGINES) <= set(list_engines())


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("how", ["broadcast", "held"])
def test_a_run_of_terabytes_says_what_takes_them_and_allocates_nothing(engine: str, how: str) -> None:
    graph = net()
    given: dict[str, Any] = {"record": ["lif.v", "*.spikes"], "engine": engine}
    if how == "held":
        inputs, given["repeat"] = np.ones((5, 20)), 10**10
    else:
        inputs = np.broadcast_to(np.float64(1), (10**10, 5, 20))
    found: list[ir.TalonRunError] = []

    def refused() -> None:
        with pytest.raises(ir.TalonRunError) as caught:
            run(graph, inputs, **given)
        found.append(caught.value)

    assert peak(refused) < 1 << 20
    (error,) = found
    assert error.code == "T409"
    for part in ("output 'out' 6 TB", "record 'lif.v' 6 TB", "record 'lif.spikes' 6 TB", "counts 1.7 TB"):
        assert part in str(error), str(error)
    assert "10,000,000,000 steps of 5 samples" in str(error)
    for way in ("talon.engine.stream(graph, inputs, chunk=", "talon.engine.record_to", "record less"):
        assert way in str(error.help)


@pytest.mark.skipif("native" not in ENGINES, reason="no C library here")
def test_a_program_refuses_too() -> None:
    program = hw.compile(net())
    with pytest.raises(ir.TalonRunError) as caught:
        program.run(np.ones((5, 20)), repeat=10**10)
    assert caught.value.code == "T409"
    with pytest.raises(ir.TalonRunError, match="do not fit"):
        program.session(batch=5).run(np.broadcast_to(np.float32(1), (10**10, 5, 20)))


def test_samples_that_do_not_fit_are_told_apart_from_steps(only: Callable[[int], None]) -> None:
    only(10_000)
    with pytest.raises(ir.TalonRunError, match="fewer samples"):
        run(net(), np.ones((1, 1000, 20)))


def test_the_limit_is_exact(only: Callable[[int], None]) -> None:
    graph, inputs = net(), np.ones((40, 3, 20))
    drafted = draft(graph, inputs)
    needed = needs.needs(drafted.task, drafted.prepared, specs()["reference"].load(), True).total
    only(needed)
    run(graph, inputs, engine="reference")
    only(needed - 1)
    with pytest.raises(ir.TalonRunError, match="T409"):
        run(graph, inputs, engine="reference")
    # Of results that are not asked for nothing is counted.
    only(needed)
    with pytest.raises(ir.TalonRunError, match=r"record 'lif\.v'"):
        run(graph, inputs, engine="reference", record="lif.v")


def test_a_chunk_as_advised_fits(only: Callable[[int], None]) -> None:
    graph, limit = net(), 100_000_000
    only(limit)
    inputs = np.broadcast_to(np.float32(0.3), (10**9, 4, 20))
    with pytest.raises(ir.TalonRunError) as caught:
        run(graph, inputs, record="lif.v")
    chunk = re.search(r"chunk=(\d+)", str(caught.value.help))
    assert chunk is not None

    def first() -> None:
        results = stream(graph, inputs, chunk=int(chunk[1]), record="lif.v")
        assert next(results).state.step == int(chunk[1])

    assert limit / 10 < peak(first) < limit


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("threads", [1, 2])
def test_the_estimate_is_what_a_run_takes(engine: str, threads: int) -> None:
    graph, inputs = net(), np.ones((40_000 if engine == "native" else 2_000, 4, 20))
    given: dict[str, Any] = {"record": ["lif.v", "fc.out"], "threads": threads}
    drafted = draft(graph, inputs, **given)
    found = needs.needs(drafted.task, drafted.prepared, specs()[engine].load(), True)
    run(graph, inputs[:1], engine=engine)
    taken = peak(lambda: run(graph, inputs, engine=engine, **given))
    assert 0.5 * found.total < taken < 1.1 * found.total, str(found)


def test_delays_and_state_are_counted() -> None:
    nodes = {"in": ir.Input([1000]), "if": ir.IF(1.0), "out": ir.Output([1000])}
    graph = ir.Graph(nodes, [("in", "if"), ("if", "out"), ir.Edge("if", "if", delay=500)])
    drafted = draft(graph, np.ones((1, 2, 1000)))
    found = needs.needs(drafted.task, drafted.prepared, None, True)
    assert found.once["state"] == 2 * (1000 + 500 * 1000) * 4
    assert found.each["input 'in' as float32"] == 2 * 1000 * 4
    same = needs.needs(draft(graph, np.ones((1, 2, 1000), "f4")).task, drafted.prepared, None, True)
    assert same.each["input 'in' as float32"] == 0


def test_what_is_recorded_of_nested_graphs_is_counted() -> None:
    inner = ir.Graph.chain(x=ir.Input([7]), lif=ir.IF(1.0), y=ir.Output([7]))
    graph = ir.Graph.chain(ir.Input([7]), block=inner, out=ir.Output([7]))
    drafted = draft(graph, np.ones((10, 2, 7)), record=["*.spikes", "block.*"])
    found = needs.needs(drafted.task, drafted.prepared, None, True)
    sizes = {key: size for key, size in found.each.items() if key.startswith("record")}
    assert set(sizes) == {
        f"record {key!r}" for key in run(graph, np.ones((1, 1, 7)), record=["*.spikes", "block.*"]).records
    }
    assert set(sizes.values()) == {10 * 2 * 7 * 4}


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("axes", [(0,), (1,), (2,), (0, 1), (1, 2), (0, 1, 2)])
def test_broadcast_inputs_are_what_they_stand_for(engine: str, axes: tuple[int, ...]) -> None:
    graph, shape = net(), (12, 4, 20)
    part = RNG.standard_normal([1 if axis in axes else length for axis, length in enumerate(shape)])
    held = np.broadcast_to(part, shape)
    found, expected = (run(graph, x, engine=engine, record="lif.v") for x in (held, held.copy()))
    for name in ("outputs", "records"):
        for key, array in getattr(expected, name).items():
            assert np.array_equal(getattr(found, name)[key], array)


def test_broadcast_inputs_take_no_room() -> None:
    graph = ir.Graph.chain(ir.Input([10**6]), fc=ir.Flatten(), pick=ir.ChannelSplit([1, 10**6 - 1]), out=ir.Output([1]))
    held = np.broadcast_to(np.float64(1), (50, 1, 10**6))
    # As an array they would take 200 MB, and each step 4 MB.
    assert peak(lambda: run(graph, held, engine="reference")) < 60 << 20


def test_values_that_are_not_finite_are_found_in_what_is_broadcast() -> None:
    with pytest.raises(ir.TalonRunError, match=r"nan at index \[0, 0, 3\]"):
        run(net(4), np.broadcast_to(np.where(np.arange(4) == 3, np.nan, 0), (10**6, 2, 4)))


MEMINFO = "MemTotal: 1000 kB\nMemAvailable: 600 kB\nSwapFree: 50 kB\n"


def test_free_memory(tmp_path: Path) -> None:
    assert memory.free_memory(tmp_path) is None
    (tmp_path / "meminfo").write_text(MEMINFO)
    assert memory.free_memory(tmp_path) == 650 * 1024
    (tmp_path / "meminfo").write_text("MemTotal: 1000 kB\n")
    assert memory.free_memory(tmp_path) is None


def group(folder: Path, **files: object) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, value in files.items():
        (folder / name.replace("_", ".", 1)).write_text(f"{value}\n")


def test_control_groups_of_both_versions(tmp_path: Path) -> None:
    proc, root = tmp_path / "proc", tmp_path / "cgroup"
    (proc / "self").mkdir(parents=True)
    assert list(memory.control_groups(proc, root)) == []
    (proc / "self" / "cgroup").write_text("0::/user/job\n")
    group(root / "user" / "job", memory_max="max", memory_current=70, memory_stat="inactive_file 10")
    group(root / "user", memory_max=100, memory_current=80, memory_stat="anon 5\ninactive_file 30")
    assert list(memory.control_groups(proc, root)) == [50]
    (proc / "self" / "cgroup").write_text("5:cpu:/a\n4:memory:/docker/x\n")
    found = {"memory_limit_in_bytes": 90, "memory_usage_in_bytes": 100, "memory_stat": "total_inactive_file 0"}
    # A container does not see the folder of the group's name, but its own as the root.
    group(root / "memory", **found)
    assert list(memory.control_groups(proc, root)) == [0]


def test_the_narrowest_limit_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "free_memory", lambda proc: 100)
    monkeypatch.setattr(memory, "control_groups", lambda proc, root: iter([70, 80]))
    monkeypatch.setattr(memory, "address_space", lambda proc: 90)
    assert memory.available() == (70, "the limit of the control group")
    monkeypatch.setattr(memory, "control_groups", lambda proc, root: iter([]))
    assert memory.available() == (90, "the limit of the address space")
    monkeypatch.setattr(memory, "address_space", lambda proc: None)
    monkeypatch.setattr(memory, "free_memory", lambda proc: None)
    monkeypatch.setattr(memory, "physical_memory", lambda: 300)
    assert memory.available() == (300, "physical memory")
    monkeypatch.setattr(memory, "physical_memory", lambda: None)
    assert memory.available() is None


def test_where_the_system_tells_nothing_nothing_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(needs, "SMALL", 0)
    monkeypatch.setattr(needs, "available", lambda: None)
    assert run(net(), np.ones((3, 1, 20))).state.step == 3


LIMITED = """
import resource, numpy as np
from talon import ir
from talon.engine import memory, run
graph = ir.Graph.chain(ir.Input([1000]), lif=ir.IF(1.0), out=ir.Output([1000]))
run(graph, np.ones((1, 1, 1000)), engine="reference")
taken = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (taken + (500 << 20), resource.RLIM_INFINITY))
try:
    run(graph, np.ones((1, 1000)), repeat=150_000, engine="reference")
except ir.TalonRunError as error:
    print(error)
"""


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="Linux says how much of the address space is taken")
def test_a_limit_of_the_address_space_is_seen() -> None:
    done = subprocess.run([sys.executable, "-c", LIMITED], capture_output=True, text=True, check=True)
    assert "T409" in done.stdout
    assert "the limit of the address space" in done.stdout
    assert "output 'out' 600 MB" in done.stdout


@pytest.mark.parametrize(
    ("size", "text"),
    [(0, "0 bytes"), (999, "999 bytes"), (1000, "1 kB"), (1_234_567, "1.23 MB"), (2e11, "200 GB"), (5e15, "5000 TB")],
)
def test_sizes_in_words(size: float, text: str) -> None:
    assert sized(size) == text
