"""Kernels of plugins on the native engine: when one is used, how its use is told, and what it may not do."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from talon import hw, ir
from talon.engine import run
from talon.engine.kernels import Events, KernelState
from talon.hw.native import library
from talon.ir.exact import settle
from talon.plugins import registry, temporary
from talon.plugins.manager import Plugin
from talon.plugins.registry import Entry
from talon.testing.engines import check_engine
from talon.testing.results import same_result

pytestmark = pytest.mark.skipif(library.load()[0] is None, reason=f"no C library here: {library.load()[1]}")

RNG = np.random.default_rng(3)


class Fading(ir.Primitive):
    """A sum that fades, `v <- v / 2 + x`: a primitive that the library does not know."""

    def infer(self, *inputs: Any) -> Any:
        return inputs[0]

    def init_state(self, batch: int, shapes: Any, dtype: np.dtype) -> dict[str, np.ndarray]:
        return {"v": np.zeros((batch, *shapes[0]), dtype)}

    def step(self, t: int, state: dict[str, np.ndarray], *inputs: np.ndarray) -> np.ndarray:
        state["v"] = settle(state["v"] / 2 + inputs[0])
        return state["v"]


class ByStep:
    """The primitive's own step as a kernel, with a note of every call."""

    calls: list[tuple[Any, ...]] = []

    def __init__(self, node: ir.Primitive, in_shapes: Any, batch: int, dtype: np.dtype) -> None:
        self.node, self.given = node, (batch, in_shapes, dtype)
        self.calls.append((node.type_name, in_shapes, batch, dtype.name))

    def init_state(self) -> dict[str, np.ndarray]:
        return self.node.init_state(*self.given)

    def step(self, inputs: Any, state: KernelState, out: Any) -> None:
        out[0][...] = self.node.step(state.step, state, *inputs)


class ByEvents(ByStep):
    """GELU where there is something; at 0 it is 0."""

    accepts_events = True

    def step(self, inputs: tuple[Events], state: KernelState, out: Any) -> None:
        (active,) = inputs
        assert active.indices.dtype == np.int32
        out[0][...] = 0
        flat = out[0].reshape(len(out[0]), -1)
        rows = np.repeat(np.arange(len(flat)), np.diff(active.pointers))
        flat[rows, active.indices] = self.node.step(0, {}, active.values[None])[0]

    def count(self, inputs: tuple[Events], out: Any) -> dict[str, Any]:
        return {"updates": np.diff(inputs[0].pointers)}


@pytest.fixture(autouse=True)
def forgotten() -> Iterator[None]:
    yield
    ByStep.calls.clear()


def graph() -> ir.Graph:
    """Something of the library's, something of numpy's, and something of ours."""
    weight = RNG.standard_normal((4, 6)).astype("f4")
    return ir.Graph.chain(
        input=ir.Input([6]),
        fc=ir.Affine(weight),
        act=ir.GELU(4),
        lif=ir.LIF(2.0, 3.0, 0.0, 0.5),
        fade=Fading(),
        output=ir.Output([4]),
    )


def data(steps: int = 7, batch: int = 4) -> np.ndarray:
    return (RNG.standard_normal((steps, batch, 6)) * (RNG.random((steps, batch, 6)) < 0.6)).astype("f4")


NUMPYS = {("native", "GELU"): ByStep, ("native", "Fading"): ByStep}


def test_it_wins_over_the_numpy_step_and_says_so() -> None:
    net, x = graph(), data()
    expected = run(net, x, engine="reference", record="*")
    with temporary(kernels=NUMPYS):
        found = run(net, x, engine="native", record="*")
    same_result(found, expected)
    assert found.engine.nodes["act"] == found.engine.nodes["fade"] == "kernel of this process"
    assert ByStep.calls == [("GELU", ((4,),), 4, "float32"), ("Fading", ((4,),), 4, "float32")]
    same_result(run(net, x, engine="native", record="*"), expected)
    assert len(ByStep.calls) == 2


def test_it_wins_over_a_kernel_of_the_library_only_when_asked() -> None:
    net, x = graph(), data()
    with temporary(kernels={("native", "LIF"): ByStep}):
        unasked = run(net, x, engine="native")
        asked = run(net, x, engine="native", engine_options={"plugins": ("LIF",)})
        program = hw.compile(net, plugins=["LIF"]).run(x)
    assert unasked.engine.nodes["lif"] == "native neuron"
    assert asked.engine.nodes["lif"] == program.engine.nodes["lif"] == "kernel of this process"
    for result in (asked, program):
        same_result(result, unasked)


def test_a_kernel_of_another_engine_is_left_alone() -> None:
    with temporary(kernels={("other", "GELU"): ByStep}):
        assert run(graph(), data(), engine="native").engine.nodes["act"] == "numpy step"
    assert not ByStep.calls


@pytest.mark.parametrize("threads", [1, 2, 4])
def test_threads_and_states(threads: int) -> None:
    net, x = graph(), data()
    expected = run(net, x, engine="reference")
    with temporary(kernels=NUMPYS):
        same_result(run(net, x, engine="native", threads=threads), expected)
        first = run(net, x[:3], engine="native", threads=threads)
        middle = run(net, x[3:5], engine="reference", state=first.state)
        last = run(net, x[5:], engine="native", threads=threads, state=middle.state)
    assert np.array_equal(last.outputs["output"], expected.outputs["output"][5:])
    assert np.array_equal(last.state.nodes["fade"]["v"], expected.state.nodes["fade"]["v"])
    assert sum(batch for _, _, batch, _ in ByStep.calls) == 3 * 2 * 4


def test_a_session_goes_on_in_the_kernel_s_own_state() -> None:
    net, x = graph(), data()
    expected = run(net, x, engine="reference")
    with temporary(kernels=NUMPYS):
        session = hw.compile(net).session(batch=4)
        found = np.stack([session.step(step)["output"] for step in x])
    assert np.array_equal(found, expected.outputs["output"])
    assert len(ByStep.calls) == 2


def test_a_program_begins_anew_each_time() -> None:
    net, x = graph(), data()
    expected = run(net, x, engine="reference")
    with temporary(kernels=NUMPYS):
        program = hw.compile(net)
        for _ in range(3):
            same_result(program.run(x), expected)
    assert len(ByStep.calls) == 2


class Tired(ByStep):
    """It fails at one step, once."""

    rested = False

    def step(self, inputs: Any, state: KernelState, out: Any) -> None:
        if state.step == 5 and not Tired.rested:
            Tired.rested = True
            raise MemoryError
        state["v"] /= 2
        state["v"] += inputs[0]
        state["v"] = settle(state["v"])
        out[0][...] = state["v"]


def test_a_session_goes_back_to_where_a_failed_call_began() -> None:
    net, x = graph(), data()
    expected = run(net, x, engine="reference")
    with temporary(kernels={("native", "Fading"): Tired}):
        session = hw.compile(net, chunk=1).session(batch=4)
        session.run(x[:3])
        with pytest.raises(ir.TalonRunError, match="failed at step 5"):
            session.run(x[3:])
        last = session.run(x[3:])
    assert np.array_equal(last.outputs["output"], expected.outputs["output"][3:])
    assert np.array_equal(last.state.nodes["fade"]["v"], expected.state.nodes["fade"]["v"])


def test_a_kernel_by_events_in_a_cycle() -> None:
    nodes = {"in": ir.Input([6]), "act": ir.GELU(6), "if": ir.IF(1.0), "out": ir.Output([6])}
    net = ir.Graph(nodes, [("in", "act"), ("act", "if"), ("if", "act"), ("act", "out")])
    x = data()
    expected = run(net, x, engine="reference")
    with temporary(kernels={("native", "GELU"): ByEvents}):
        found = run(net, x, engine="native")
    assert np.array_equal(found.outputs["out"], expected.outputs["out"])
    assert found.outputs["out"].any()
    active = np.count_nonzero(found.outputs["out"], axis=2)
    assert np.array_equal(found.counts["act"]["updates"], active)


def test_the_kit_passes_with_kernels_in_it() -> None:
    with temporary(kernels={**NUMPYS, ("native", "LIF"): ByStep}):
        check_engine("native", seeds=[0], options=[{"plugins": ("LIF",)}])
    assert len(ByStep.calls) > 100


class Faulty(ByStep):
    def step(self, inputs: Any, state: KernelState, out: Any) -> None:
        inputs[0].flags.writeable = True
        inputs[0][...] = np.nan


def test_a_fault_names_the_distribution() -> None:
    """As of an installed plugin: registered under a distribution's name."""
    with temporary(kernels={("native", "GELU"): Faulty}):
        entry: Entry = registry.collected("talon_kernels")["native:GELU"]
        entry.provider = Plugin("fast", "talon-fast", "2.0", "talon_fast.plugin")
        for threads in (1, 2):
            with pytest.raises(ir.TalonRunError) as caught:
                run(graph(), data(), engine="native", threads=threads)
            text = str(caught.value)
            assert caught.value.code == "T407"
            assert "the kernel of talon-fast for GELU changed its input 0 at step 0" in text
            assert "node 'act'" in text
            assert "report it to talon-fast" in text


def test_two_kernels_for_one_primitive_name_both_distributions() -> None:
    with temporary(kernels={("native", "GELU"): ByStep}):
        entry: Entry = registry.collected("talon_kernels")["native:GELU"]
        entry.provider, entry.rivals = Plugin("a", "talon-a", "1", "a"), ("talon-b",)
        with pytest.raises(ir.TalonPluginError, match="provided twice, by talon-a and talon-b"):
            run(graph(), data(), engine="native")


@pytest.mark.parametrize(
    ("plugins", "said"),
    [("LIF", "collection of names"), (3, "collection of names"), (("LIF", "GELU"), "no plugin has a kernel")],
)
def test_wrong_names_are_refused(plugins: Any, said: str) -> None:
    with temporary(kernels={("native", "LIF"): ByStep}), pytest.raises(ir.TalonRunError, match=said) as caught:
        run(graph(), data(), engine="native", engine_options={"plugins": plugins})
    assert caught.value.code == "T405"
    assert "help:" in str(caught.value)


def test_options_that_are_no_words_say_what_to_do() -> None:
    for options in ({"kernels": "evnt"}, {"kernels": 7}, {"chunk": 0}):
        with pytest.raises(ir.TalonRunError) as caught:
            run(graph(), data(), engine="native", engine_options=options)
        assert "help:" in str(caught.value)
