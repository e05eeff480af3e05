"""`hw.evaluate`: the same as running every sample alone, whatever the executor and the size of tasks."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from talon import hw, ir
from talon.engine import run
from talon.hw.evaluating.blocks import block
from talon.hw.evaluating.runners import Runner
from talon.hw.evaluating.sizes import GROWTH, SECONDS, Sizes
from talon.testing.graphs import feeds, graphs
from tests.hw.evaluating.fakes import CLASSES, NATIVE, STEPS, Build, X, computed, hashed, net, quantised

LABELS = np.arange(len(X)) % CLASSES


class Minimal:
    """As little as an executor can be; tasks are done when their result is asked for."""

    def submit(self, function: Callable[..., Any], *arguments: Any) -> Any:
        class Later:
            def result(self) -> Any:
                return function(*arguments)

            def cancel(self) -> None:
                pass

        return Later()


class Backwards(Executor):
    """Does the tasks that wait for it last one first."""

    def __init__(self) -> None:
        self.waiting: list[tuple[Any, Any]] = []

    def submit(self, function: Callable[..., Any], /, *arguments: Any, **named: Any) -> Future[Any]:
        found: Future[Any] = Lazy(self)
        self.waiting.append((found, lambda: function(*arguments, **named)))
        return found


class Lazy(Future):  # type: ignore[type-arg]
    def __init__(self, executor: Backwards) -> None:
        super().__init__()
        self.executor = executor

    def result(self, timeout: float | None = None) -> Any:
        while self.executor.waiting:
            future, task = self.executor.waiting.pop()
            future.set_result(task())
        return super().result(0)


@pytest.fixture(scope="module")
def executors() -> Iterator[dict[str, Any]]:
    context = get_context("spawn")
    with ProcessPoolExecutor(2, mp_context=context) as processes, ThreadPoolExecutor(3) as threads:
        yield {
            "none": None,
            "serial": "serial",
            "processes": processes,
            "threads": threads,
            "minimal": Minimal(),
            "backwards": Backwards(),
        }


EXECUTORS = ["none", "serial", "processes", "threads", "minimal", "backwards"]


def alone(graph: ir.Graph, x: np.ndarray, engine: str = "auto") -> tuple[list[int], dict[str, int]]:
    """Predictions and counts of samples that are run one after the other."""
    predictions, totals = [], dict.fromkeys(("macs", "synops", "updates", "spikes"), 0)
    for sample in x:
        result = run(graph, sample[None], repeat=STEPS, engine=engine)
        (output,) = result.outputs.values()
        predictions.append(int(output[:, 0].sum(axis=0).argmax()))
        for quantity, count in result.counts.total().items():
            totals[quantity] += count
    return predictions, totals


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(EXECUTORS), st.none() | st.integers(1, 25), st.integers(0, 5), st.sets(st.integers(0, 19)))
def test_it_is_what_every_sample_gives_alone(
    executors: dict[str, Any], name: str, chunk: int | None, seed: int, bad: set[int]
) -> None:
    x = X.copy()
    x[sorted(bad), 1] = np.nan
    good = [index for index in range(len(x)) if index not in bad]
    given: dict[str, Any] = {} if executors[name] in (None, "serial") else {"workers": 2}
    found = hw.evaluate(net(seed), x, executors[name], labels=LABELS, repeat=STEPS, chunk=chunk, **given)
    predictions, totals = alone(net(seed), x[good])
    assert [found.predictions[index] for index in good] == predictions
    assert [failure.index for failure in found.failed] == sorted(bad)
    assert all(failure.problem.code == "T406" for failure in found.failed)
    assert all(found.predictions[index] is None for index in bad)
    assert found.counts.total() == totals
    right = sum(p == LABELS[index] for p, index in zip(predictions, good, strict=True))
    assert found.accuracy == (right / len(good) if good else None)


@settings(max_examples=40, deadline=None)
@given(graphs(), st.integers(0, 99), st.sampled_from(["none", "processes", "backwards"]), st.integers(1, 4))
def test_outputs_of_any_graph_are_those_of_a_run_to_the_bit(
    executors: dict[str, Any], graph: ir.Graph, seed: int, name: str, chunk: int
) -> None:
    inputs = feeds(graph, seed)
    result = run(graph, inputs)
    count = next(iter(inputs.values())).shape[1]
    dataset = {key: np.swapaxes(array, 0, 1) for key, array in inputs.items()}
    found = hw.evaluate(graph, dataset, executors[name], decide=hashed, chunk=chunk)
    outputs = [{key: array[:, i] for key, array in result.outputs.items()} for i in range(count)]
    assert list(found.predictions) == [hashed(one) for one in outputs]
    assert found.counts.total() == result.counts.total()


@pytest.mark.parametrize("name", ["none", "processes"])
def test_a_network_read_late_goes_to_other_processes(executors: dict[str, Any], name: str, tmp_path: Path) -> None:
    path = tmp_path / "net.t1c"
    ir.write(path, net())
    expected = hw.evaluate(net(), X, repeat=STEPS, decide=hashed).predictions
    assert hw.evaluate(ir.read(path), X, executors[name], repeat=STEPS, decide=hashed).predictions == expected
    packed = Runner(ir.read(path), STEPS, "auto", True).packed()
    path.unlink()
    result = pickle.loads(packed)(X)
    assert [hashed(result.outputs["output"][:, i]) for i in range(len(X))] == list(expected)


def test_processes_by_name() -> None:
    expected = hw.evaluate(net(), X, labels=LABELS, repeat=STEPS)
    found = hw.evaluate(net(), X, "processes", labels=LABELS, repeat=STEPS, workers=2, chunk=7)
    assert found.as_dict() == expected.as_dict()


@pytest.mark.parametrize("name", ["none", "processes"])
@pytest.mark.parametrize("engine", [NATIVE, "integer"])
def test_programs(executors: dict[str, Any], name: str, engine: str) -> None:
    graph = quantised() if engine == "integer" else net()
    expected = hw.evaluate(graph, X, labels=LABELS, repeat=STEPS, engine=engine).as_dict()
    program = hw.compile(graph, engine=engine)
    assert hw.evaluate(program, X, executors[name], labels=LABELS, repeat=STEPS, chunk=3).as_dict() == expected
    assert (expected["predictions"], expected["counts"]) == alone(graph, X, engine)


@pytest.mark.parametrize("name", ["none", "processes"])
def test_builds(executors: dict[str, Any], name: str, tmp_path: Path) -> None:
    graph = quantised()
    expected = computed(hw.evaluate(graph, X, labels=LABELS, repeat=STEPS, engine="integer"))
    build = hw.deploy(graph, calibration=X, repeat=STEPS)
    found = hw.evaluate(build, X, executors[name], labels=LABELS, repeat=STEPS, chunk=7, cache=tmp_path / "cache")
    assert computed(found) == expected
    build.save(tmp_path / "net.talonhw")
    again = hw.load(tmp_path / "net.talonhw")
    assert again.fingerprint() == build.fingerprint()
    assert found.events == {name: int(each.sum()) for name, each in build.run(X, repeat=STEPS).events.items()}
    found = hw.evaluate(again, X, executors[name], labels=LABELS, repeat=STEPS, cache=tmp_path / "cache")
    assert found.reused == 20
    others = [quantised(1), quantised(bits=4)]
    prints = {hw.deploy(other, calibration=X, repeat=STEPS).fingerprint() for other in others}
    assert len(prints | {build.fingerprint()}) == 3


def test_anything_that_runs(executors: dict[str, Any]) -> None:
    found = hw.evaluate(Build(), X, executors["threads"], labels=X.argmax(axis=1), repeat=STEPS)
    assert found.accuracy == 1.0
    assert found.counts["core0"]["packets"].sum() == STEPS * len(X)
    assert found.counts.total()["synops"] == 2 * STEPS * len(X)


def test_counts_are_priced_as_those_of_one_run() -> None:
    x = np.concatenate([X[:10], (X[10:] > 1).astype("f4")])
    found = hw.evaluate(net(), x, repeat=STEPS, chunk=3)
    expected = hw.energy(net(), run(net(), x, repeat=STEPS).counts, samples=len(x))
    assert hw.energy(net(), found.counts, samples=found.done).as_dict() == expected.as_dict()
    assert 0 < expected.lines[1].count < expected.lines[0].count


@pytest.mark.parametrize("bad", [(), (4,), (0, 1, 19), tuple(range(20))])
def test_a_sample_that_fails_is_recorded_and_the_others_go_on(bad: tuple[int, ...]) -> None:
    build = Build(bad=tuple(float(X[index, 0]) for index in bad))
    found = hw.evaluate(build, X, labels=X.argmax(axis=1), repeat=2, chunk=20)
    assert [failure.index for failure in found.failed] == list(bad)
    assert (found.samples, found.done) == (20, 20 - len(bad))
    assert found.correct == 20 - len(bad)
    assert found.counts.total()["synops"] == 4 * found.done
    if not bad:
        assert build.ran == [20]
        found.raise_failed()
        return
    assert all("the chip does not take" in str(failure) for failure in found.failed)
    if len(bad) == 1:
        assert len(build.ran) <= 11  # it is found by halves
    with pytest.raises(ir.TalonRunError, match=f"sample {bad[0]}:"):
        found.raise_failed()
    assert len(str(found).splitlines()) <= 9


def test_samples_of_a_list_may_be_of_different_kinds() -> None:
    rng = np.random.default_rng(0)
    lengths = [3, 5, 3, 1]
    samples: list[Any] = [(rng.random((steps, 4)).astype("f4"), 1) for steps in lengths]
    samples += [(np.array(["a"]), 1), (np.zeros((3, 9)), 1), ([[1, 2], [3]], 1)]
    found = hw.evaluate(net(), iter(samples), decide=hashed)
    for (x, _), answer in zip(samples[:4], found.predictions, strict=False):
        assert answer == hashed(run(net(), x[:, None]).outputs["output"][:, 0])
    assert [(failure.index, failure.problem.code) for failure in found.failed] == [
        (4, "T413"),
        (5, "T401"),
        (6, "T900"),
    ]
    assert found.labels == (1,) * 7


def test_a_decision_that_fails_is_that_of_one_sample() -> None:
    def decide(outputs: np.ndarray) -> int:
        assert outputs.shape == (STEPS, 4)
        if outputs[0, 0] == X[2, 0]:
            raise ValueError("no")
        return 7

    found = hw.evaluate(Build(), X, repeat=STEPS, decide=decide, labels=[7] * len(X))
    assert [failure.index for failure in found.failed] == [2]
    assert found.correct == found.done == 19
    assert found.counts.total()["synops"] == 2 * STEPS * 19


def test_sums_do_not_depend_on_who_runs_together() -> None:
    from types import SimpleNamespace

    array = np.random.default_rng(0).standard_normal((301, 5, 1)).astype(np.float32)
    together = block(tuple(range(5)), SimpleNamespace(outputs={"y": array}, counts={}), False).outputs["y"]
    for i in range(5):
        one = SimpleNamespace(outputs={"y": array[:, i : i + 1]}, counts={})
        assert block((0,), one, False).outputs["y"].tobytes() == together[i].tobytes()


@pytest.mark.parametrize("given", [None, 4])
def test_progress_is_told(given: int | None) -> None:
    told: list[tuple[int, int]] = []
    hw.evaluate(net(), X, repeat=STEPS, chunk=given, progress=lambda done, total: told.append((done, total)))
    assert told == sorted(told)
    assert told[-1] == (20, 20)
    assert len(told) == (6 if given else len(told)) > 1
    assert all(total == 20 for _, total in told)


def test_no_bar_without_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    hw.evaluate(net(), X, repeat=STEPS, progress=True)
    assert capsys.readouterr() == ("", "")


def test_a_bar_on_a_terminal(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    hw.evaluate(net(), X, repeat=STEPS, progress=True)
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "evaluating" in captured.err


def test_tasks_grow_until_they_last_long_enough() -> None:
    sizes, found = Sizes(), []
    for _ in range(6):
        found.append(sizes.size)
        sizes.learn(sizes.size, 0.2 + sizes.size * 0.001)
    assert found[:2] == [1, min(GROWTH, int(SECONDS / 0.201) + 1)]
    assert found == sorted(found)
    assert SECONDS * 0.6 < found[-1] * 0.001 < SECONDS * 1.1
    slow = Sizes()
    slow.learn(1, 10.0)
    assert slow.size == 1
    slow = Sizes(5)
    slow.learn(5, 10.0)
    assert slow.size == 5


def test_the_first_task_is_measured_before_there_are_others() -> None:
    order: list[str] = []

    class Noting(Minimal):
        def submit(self, function: Callable[..., Any], *arguments: Any) -> Any:
            order.append(f"{len(arguments[1])} sent")
            later = super().submit(function, *arguments)
            result = later.result
            later.result = lambda: (order.append("done"), result())[1]
            return later

    hw.evaluate(net(), X, Noting(), repeat=STEPS, workers=2)
    assert order[:3] == ["1 sent", "done", "8 sent"]
    order.clear()
    hw.evaluate(net(), X, Noting(), repeat=STEPS, workers=2, chunk=3)
    assert order[:5] == ["3 sent"] * 4 + ["done"]
