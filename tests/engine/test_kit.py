"""The conformance kit for engines finds faults: each of these engines has one, and the kit names the check."""

from __future__ import annotations

import ctypes
import platform
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from talon import ir
from talon.engine import Counts, EngineSpec, Result, Task, run
from talon.engine.reference import ReferenceEngine
from talon.plugins import temporary
from talon.testing import agreed, behaved
from talon.testing.candidate import Candidate
from talon.testing.circuits import CIRCUITS
from talon.testing.engines import CHECKS, check_engine
from talon.testing.floats import arbitrary
from talon.testing.results import differences, joined

Arrays = dict[str, np.ndarray]


class Altered(ReferenceEngine):
    """The reference, with its result changed on the way out."""

    def execute(self, task: Task) -> Result:
        return self.alter(super().execute(task), task)

    def alter(self, result: Result, task: Task) -> Result:
        raise NotImplementedError


def each(arrays: Any, change: Any) -> Arrays:
    return {name: change(array) for name, array in arrays.items()}


class OffByABit(Altered):
    """The last bit of every fifth value of an output is another one."""

    def alter(self, result: Result, task: Task) -> Result:
        def nudged(array: np.ndarray) -> np.ndarray:
            array = array.copy()
            array.reshape(-1)[::5] = np.nextafter(array.reshape(-1)[::5], array.dtype.type(9))
            return array

        return replace(result, outputs=each(result.outputs, nudged))


class PositiveZeros(Altered):
    """-0.0 leaves it as 0.0."""

    def alter(self, result: Result, task: Task) -> Result:
        return replace(result, outputs=each(result.outputs, lambda a: a + a.dtype.type(0)))


class FlushesSubnormals(Altered):
    """What is subnormal leaves it as zero."""

    def alter(self, result: Result, task: Task) -> Result:
        tiny = np.finfo(task.dtype).smallest_normal
        return replace(result, outputs=each(result.outputs, lambda a: np.where(np.abs(a) < tiny, a * 0, a)))


class WrongLayers(Altered):
    """Of a convolution's outputs, channels come backwards."""

    def alter(self, result: Result, task: Task) -> Result:
        kinds = {node.type_name for node in task.graph.nodes.values()}
        if not kinds & {"Conv1d", "Conv2d", "SConv"}:
            return result
        return replace(result, outputs=each(result.outputs, lambda a: a[:, :, ::-1].copy()))


class OnlyChains(Altered):
    """Edges that come together are not added, as long as there are many."""

    def alter(self, result: Result, task: Task) -> Result:
        many = len(task.graph.edges) > len(task.graph.nodes) + 2
        return replace(result, outputs=each(result.outputs, lambda a: a * 0 if many else a))


class SingleSteps(Altered):
    """It forgets the last of seven steps."""

    def alter(self, result: Result, task: Task) -> Result:
        if task.steps != 7:
            return result
        return replace(result, outputs=each(result.outputs, lambda a: np.concatenate([a[:-1], a[-1:] * 0 + 7])))


class TakesMemoryAsItLies(ReferenceEngine):
    """It reads an input as if it were contiguous."""

    def execute(self, task: Task) -> Result:
        inputs = {
            name: array
            if array.flags.c_contiguous
            else array.ravel(order="K")[:1].repeat(array.size).reshape(array.shape)
            for name, array in task.inputs.items()
        }
        return super().execute(replace(task, inputs=inputs))


class RecordsTooMuch(ReferenceEngine):
    """It records everything as soon as it is to record one thing."""

    def execute(self, task: Task) -> Result:
        return super().execute(replace(task, record=("*",) if task.record else ()))


class ForgetsDelays(Altered):
    """Values under way are lost when a run stops."""

    def alter(self, result: Result, task: Task) -> Result:
        if task.state is None or not task.state.delays:
            return result
        return replace(result, outputs=each(result.outputs, lambda a: np.concatenate([a[:1] * 0 + 9, a[1:]])))


class MixesSamples(Altered):
    """With several threads, samples come in another order."""

    def alter(self, result: Result, task: Task) -> Result:
        if task.threads == 1:
            return result
        return replace(result, outputs=each(result.outputs, lambda a: a[:, ::-1].copy()))


class Restless(Altered):
    """It counts its runs, and that shows."""

    runs = 0

    def alter(self, result: Result, task: Task) -> Result:
        type(self).runs += 1
        late = self.runs % 3 == 0
        return replace(result, outputs=each(result.outputs, lambda a: a + 1 if late else a))


class LosesCounts(Altered):
    """The synaptic operations of a single sample are not counted."""

    def alter(self, result: Result, task: Task) -> Result:
        kept = {p: {q: a for q, a in c.items() if q != "synops"} for p, c in result.counts.items()}
        return replace(result, counts=Counts(kept))


class LosesState(Altered):
    """Membranes are given back in float64."""

    def alter(self, result: Result, task: Task) -> Result:
        nodes = {path: each(values, lambda a: a.astype("f8")) for path, values in result.state.nodes.items()}
        return replace(result, state=replace(result.state, nodes=nodes))


class OptionsInAList(ReferenceEngine):
    """Its options are no set."""

    options: Any = ["fast"]


class RefusesAll(ReferenceEngine):
    """It runs nothing."""

    def refuses(self, graph: ir.Graph, dtype: str) -> str | None:
        return "not on Sundays"


class SaysNo(ReferenceEngine):
    """It does not say why."""

    def refuses(self, graph: ir.Graph, dtype: str) -> str | None:
        return None if dtype == "float32" else "no"


class SaysFalse(ReferenceEngine):
    """It answers whether it accepts, not why it refuses."""

    def refuses(self, graph: ir.Graph, dtype: str) -> Any:
        return None if dtype == "float32" else False


class PromisesFloat64(Altered):
    """It accepts float64, and computes in float32."""

    def alter(self, result: Result, task: Task) -> Result:
        return replace(result, outputs=each(result.outputs, lambda a: a.astype("f4").astype(task.dtype)))


class AnyOption(frozenset):
    def __contains__(self, item: object) -> bool:
        return True


class TakesAnyOption(ReferenceEngine):
    """It ignores options that it does not know."""

    options = AnyOption()


class RecordsNothing(ReferenceEngine):
    """It ignores records that there are not."""

    def execute(self, task: Task) -> Result:
        return super().execute(replace(task, record=tuple(r for r in task.record if "no such" not in r)))


class TakesAnyState(ReferenceEngine):
    """It starts anew where a state does not fit."""

    def execute(self, task: Task) -> Result:
        try:
            return super().execute(task)
        except ir.TalonRunError as error:
            if error.code != "T403":
                raise
            return super().execute(replace(task, state=None))


class Silent(Altered):
    """It does not say how each node ran."""

    def alter(self, result: Result, task: Task) -> Result:
        return replace(result, engine=replace(result.engine, nodes={}))


class WritesIntoInputs(ReferenceEngine):
    """It uses an input as a buffer."""

    def execute(self, task: Task) -> Result:
        result = super().execute(task)
        for array in task.inputs.values():
            if array.flags.writeable:
                array[...] = 7
        return result


class WritesIntoStates(ReferenceEngine):
    """It goes on in the arrays of the state that it was given."""

    def execute(self, task: Task) -> Result:
        result = super().execute(task)
        if task.state is not None:
            for path, values in task.state.nodes.items():
                for name, array in values.items():
                    array[...] = result.state.nodes[path][name]
        return result


class WritesIntoNodes(ReferenceEngine):
    """It lays out weights in the graph's own arrays."""

    def execute(self, task: Task) -> Result:
        result = super().execute(task)
        for node in task.graph.nodes.values():
            if isinstance(node, ir.Affine):
                ctypes.memset(node.weight.ctypes.data, 0, 4)
        return result


class GivesItsBuffers(ReferenceEngine):
    """Outputs lie in one buffer, which the next run uses again."""

    buffers: dict[tuple[Any, ...], np.ndarray] = {}

    def execute(self, task: Task) -> Result:
        result = super().execute(task)

        def kept(name: str, array: np.ndarray) -> np.ndarray:
            buffer = self.buffers.setdefault((name, array.shape, array.dtype), np.empty_like(array))
            buffer[...] = array
            return buffer

        return replace(result, outputs={name: kept(name, array) for name, array in result.outputs.items()})


class QuietsNumpy(ReferenceEngine):
    """It turns numpy's warnings off for good."""

    def execute(self, task: Task) -> Result:
        result = super().execute(task)
        np.seterr(all="raise")
        return result


LIBM = ctypes.CDLL(None)
UPWARD = {"x86_64": 0x800, "AMD64": 0x800, "aarch64": 0x400000, "arm64": 0x400000}[platform.machine()]


class RoundsUp(ReferenceEngine):
    """It changes the rounding of the processor and leaves it so."""

    def execute(self, task: Task) -> Result:
        result = super().execute(task)
        LIBM.fesetround(UPWARD)
        return result


class NoProgress(ReferenceEngine):
    """It tells of nothing."""

    def execute(self, task: Task) -> Result:
        return super().execute(replace(task, progress=None))


class StopsCounting(ReferenceEngine):
    """It does not tell of the last step."""

    def execute(self, task: Task) -> Result:
        tell = task.progress

        def all_but_last(done: int, total: int) -> None:
            if tell is not None and done < total:
                tell(done, total)

        return super().execute(replace(task, progress=all_but_last))


class ForgetsInSessions(ReferenceEngine):
    """Each chunk of a stream begins anew."""

    def session(self, options: Mapping[str, Any]) -> Callable[[Task], Result]:
        return lambda task: self.execute(replace(task, state=None))


class GuessesFractions(ReferenceEngine):
    """What it needs is no whole number."""

    def working_bytes(self, task: Task, results: int) -> float:
        return results / 3


BROKEN: dict[str, list[tuple[type[ReferenceEngine], str]]] = {
    "is_an_engine": [(OptionsInAList, "not a set of names"), (RefusesAll, "refuses every graph")],
    "refuses_in_words": [
        (SaysNo, "tells a user nothing"),
        (SaysFalse, "not None or words"),
        (PromisesFloat64, "differs in"),
    ],
    "refuses_unknown_options": [(TakesAnyOption, "T405 was due")],
    "refuses_unknown_records": [(RecordsNothing, "T404 was due")],
    "refuses_foreign_states": [(TakesAnyState, "T403 was due")],
    "says_who_ran": [(Silent, "does not say by what")],
    "changes_nothing_that_it_was_given": [
        (WritesIntoInputs, "changed the input"),
        (WritesIntoStates, "changed the state v"),
        (WritesIntoNodes, "changed weight of node"),
    ],
    "keeps_what_it_gave": [(GivesItsBuffers, "a later run changed an earlier result")],
    "keeps_the_floating_point_mode": [(QuietsNumpy, "mode changed"), (RoundsUp, "mode changed")],
    "reports_progress": [(NoProgress, "never told"), (StopsCounting, "ends at (4, 5)")],
    "runs_every_primitive": [(OffByABit, "differs in"), (LosesCounts, "no count"), (LosesState, "not float32")],
    "runs_circuits": [(WrongLayers, "differs in")],
    "runs_random_graphs": [(OnlyChains, "differs in")],
    "takes_any_numbers": [(PositiveZeros, "-0.0"), (FlushesSubnormals, "differs in")],
    "takes_any_size": [(SingleSteps, "differs in")],
    "takes_any_layout": [(TakesMemoryAsItLies, "differs in")],
    "records_what_is_asked_for": [(RecordsTooMuch, "that there should not be")],
    "goes_on_where_it_stopped": [(ForgetsDelays, "differs in")],
    "streams_as_it_runs": [(ForgetsInSessions, "differs in")],
    "says_what_it_needs": [(GuessesFractions, "not a number of bytes")],
    "shares_samples_among_threads": [(MixesSamples, "differs in")],
    "gives_the_same_twice": [(Restless, "differs in")],
}


@contextmanager
def registered(cls: type[ReferenceEngine]) -> Iterator[None]:
    """The class as the engine `mine`."""
    globals()["Chosen"] = cls
    with temporary(engines={"mine": EngineSpec(f"{__name__}:Chosen", 1)}):
        yield


@pytest.fixture(autouse=True)
def mode() -> Iterator[None]:
    """The floating-point mode is as it was, whatever an engine does to it."""
    before = np.geterr()
    yield
    np.seterr(**before)
    LIBM.fesetround(0)


def test_the_reference_passes() -> None:
    check_engine("reference")


def test_the_reference_passes_in_float64() -> None:
    check_engine("reference", dtype="float64", seeds=[7])


def test_there_is_a_broken_engine_for_every_check() -> None:
    assert sorted(BROKEN) == sorted(check.__name__ for check in CHECKS)


@pytest.mark.parametrize(
    ("check", "cls", "said"),
    [(check, cls, said) for check, engines in BROKEN.items() for cls, said in engines],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_every_check_refuses_what_it_is_there_for(check: str, cls: type[ReferenceEngine], said: str) -> None:
    (function,) = [known for known in CHECKS if known.__name__ == check]
    with registered(cls), pytest.raises(AssertionError) as caught:
        function(Candidate("mine"))
    LIBM.fesetround(0)
    assert said in str(caught.value)


@pytest.mark.parametrize("cls", [OffByABit, RoundsUp, SaysNo], ids=lambda cls: cls.__name__)
def test_what_is_refused_says_check_and_graph(cls: type[ReferenceEngine]) -> None:
    with registered(cls), pytest.raises(AssertionError) as caught:
        check_engine("mine", seeds=[0])
    LIBM.fesetround(0)
    *_, trial, check = caught.value.__notes__
    assert trial.startswith(("on circuit", "on primitive"))
    assert check.startswith("in check ")
    assert "of the engine 'mine', options {}" in check


def test_an_engine_that_is_not_there() -> None:
    with pytest.raises(AssertionError, match="there is no engine 'mine'"):
        check_engine("mine")


def test_options_are_handed_on() -> None:
    with registered(ReferenceEngine), pytest.raises(ir.TalonRunError, match="no option 'fast'") as caught:
        check_engine("mine", options=[{}, {"fast": True}])
    assert "options {'fast': True}" in caught.value.__notes__[-1]


class OnlyAffine(ReferenceEngine):
    """Right, and of small ambition: it refuses all circuits and most primitives."""

    def refuses(self, graph: ir.Graph, dtype: str) -> str | None:
        known = {"Input", "Output", "Affine"}
        strange = [node.type_name for node in graph.nodes.values() if node.type_name not in known]
        return f"it has no {strange[0]}" if strange else None


def test_an_engine_may_refuse_much() -> None:
    with registered(OnlyAffine):
        case = Candidate("mine")
        assert any("primitive Affine" in trial.name for trial in case.some())
        check_engine("mine", seeds=[1])


def test_circuits_are_sound_and_have_what_they_are_there_for() -> None:
    for make in CIRCUITS:
        for seed in range(5):
            graph = make(np.random.default_rng(seed))
            assert graph.check().ok, make
            assert make.__doc__ or make.__name__ == "neurons"
            x = {n: arbitrary(np.random.default_rng(seed), 6, 2, *node.shape) for n, node in graph.inputs.items()}  # type: ignore[misc]
            with np.errstate(all="ignore"):
                result = run(graph, x, engine="reference")
            assert result.counts.total()["spikes"] > 0, make
    assert {check.__name__ for check in agreed.CHECKS}.isdisjoint(check.__name__ for check in behaved.CHECKS)


def test_arbitrary_numbers_are_of_every_kind() -> None:
    for dtype in ("float32", "float64"):
        x = arbitrary(np.random.default_rng(0), 50, 50, dtype=dtype)
        tiny = np.finfo(dtype).smallest_normal
        assert x.dtype == dtype
        assert np.isfinite(x).all()
        assert (np.signbit(x) & (x == 0)).any()
        assert ((x != 0) & (np.abs(x) < tiny)).any()
        assert (np.abs(x) > 1e6).any()
        assert (x == 1).any()


def test_differences_see_bits_and_pieces_make_a_whole() -> None:
    graph = ir.Graph.chain(input=ir.Input([2]), lif=ir.LIF(2.0, 2.0, 0.0, 1.0), output=ir.Output([2]))
    x = np.ones((4, 1, 2))
    whole, first = run(graph, x, record="lif.v"), run(graph, x[:1], record="lif.v")
    last = run(graph, x[1:], record="lif.v", state=first.state)
    assert list(differences(joined([first, last]), whole)) == []
    assert next(differences(last, whole)).startswith("output 'output' is float32 (3, 1, 2), not")
    other = replace(whole, records={"lif.v": -whole.records["lif.v"]})
    assert "record 'lif.v' differs in 8 of 8 values, first at [0, 0, 0]" in next(differences(other, whole))
    nan = replace(whole, records={"lif.v": np.full((4, 1, 2), np.nan, "f4")})
    assert list(differences(replace(nan, records={"lif.v": -nan.records["lif.v"]}), nan)) == []
