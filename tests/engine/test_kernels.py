"""Kernels of plugins: what they are given, what is asked of them, and what becomes of broken ones."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from talon import ir
from talon.engine.kernels import Events, KernelState, events, find
from talon.ir.fields import Shape
from talon.plugins import temporary
from talon.testing.kernels import check_kernel

Arrays = tuple[np.ndarray, ...]


class ByStep:
    """A right kernel for any leaf: asks the primitive itself."""

    def __init__(self, node: Any, in_shapes: tuple[Shape, ...], batch: int, dtype: np.dtype) -> None:
        self.node, self.given = node, (batch, in_shapes, dtype)

    def init_state(self) -> dict[str, np.ndarray]:
        state: dict[str, np.ndarray] = self.node.init_state(*self.given)
        return state

    def step(self, inputs: Any, state: KernelState, out: Arrays) -> Any:
        found = self.node.step(state.step, state, *inputs)
        for array, value in zip(out, found if isinstance(found, tuple) else (found,), strict=True):
            array[...] = value


class Counting(ByStep):
    """It counts, too."""

    def count(self, inputs: Any, out: Arrays) -> dict[str, Any]:
        counted: dict[str, Any] = self.node.count(inputs, out[0])
        return counted


class ByEvents(ByStep):
    """The fully connected layer by its active inputs, in the written order of the sum."""

    accepts_events = True

    def step(self, inputs: Any, state: KernelState, out: Arrays) -> None:
        (active,), (y,) = inputs, out
        assert isinstance(active, Events)
        weight = (
            self.node.weight[state.step % len(self.node.weight)] if self.node.weight.ndim == 3 else self.node.weight
        )
        bias = self.node.bias
        y[...] = 0 if bias is None else (bias[state.step % len(bias)] if bias.ndim == 2 else bias) + np.float32(0)
        rows = y.reshape(len(y), -1, y.shape[-1])
        for b, (start, stop) in enumerate(zip(active.pointers, active.pointers[1:], strict=False)):
            for index, value in zip(active.indices[start:stop], active.values[start:stop], strict=True):
                row, column = divmod(int(index), weight.shape[1])
                rows[b, row] += weight[:, column] * value


LEAVES = ["Affine", "LIF", "Conv2d", "ChannelSplit", "Concat", "StepMean", "Softmax", "Output"]


@pytest.mark.parametrize("kernel", [ByStep, Counting], ids=lambda kernel: kernel.__name__)
@pytest.mark.parametrize("name", LEAVES)
def test_a_right_kernel_passes(name: str, kernel: type[ByStep]) -> None:
    with temporary(kernels={("mine", name): kernel}):
        check_kernel("mine", getattr(ir, name), range(4))
        check_kernel("mine", getattr(ir, name), range(1), dtype="float64")


def test_a_kernel_by_events_passes() -> None:
    with temporary(kernels={("mine", "Affine"): ByEvents}):
        check_kernel("mine", ir.Affine)


def test_events_are_what_is_not_zero() -> None:
    x = np.array([[[0.0, 2.0], [-0.0, 3.0]], [[0.0, 0.0], [0.0, 0.0]], [[1e-45, 0.0], [0.0, -1.0]]], np.float32)
    found = events(x)
    assert found.indices.tolist() == [1, 3, 0, 3]
    assert found.pointers.tolist() == [0, 2, 2, 4]
    assert found.values.tolist() == [2.0, 3.0, x[2, 0, 0], -1.0]
    assert [array.dtype.name for array in found] == ["int32", "int64", "float32"]


def test_kernels_are_found_by_engine_and_primitive() -> None:
    assert find("mine", "LIF") is None
    with temporary(kernels={("mine", "LIF"): ByStep, ("other", "IF"): f"{__name__}:ByStep"}):
        entry = find("mine", "LIF")
        assert entry is not None
        assert entry.load() is ByStep
        assert find("other", "LIF") is None
        with (
            pytest.raises(ir.TalonPluginError, match="'mine:LIF' is provided already"),
            temporary(kernels={("mine", "LIF"): ByStep}),
        ):
            pass
    assert find("mine", "LIF") is None


@pytest.mark.parametrize("key", ["LIF", ("mine",), ("mine", "LIF", "x"), ("mine", 1)], ids=repr)
def test_keys_that_are_no_pairs_are_refused(key: Any) -> None:
    with pytest.raises(ir.TalonPluginError, match=r"no pair|no string"), temporary(kernels={key: ByStep}):
        pass


def test_what_is_no_factory_is_refused() -> None:
    with temporary(kernels={("mine", "LIF"): 3}):
        entry = find("mine", "LIF")
        assert entry is not None
        with pytest.raises(ir.TalonPluginError, match="could not be loaded") as caught:
            entry.load()
    assert "no kernel" in str(caught.value)


def change(**methods: Callable[..., Any]) -> type[ByStep]:
    return type("Broken", (ByStep,), methods)


def raises(self: ByStep, inputs: Any, state: KernelState, out: Arrays) -> None:
    raise RuntimeError("no memory on the device")


def gives(self: ByStep, inputs: Any, state: KernelState, out: Arrays) -> Any:
    return self.node.step(state.step, state, *inputs)


def of_another_shape(self: ByStep, inputs: Any, state: KernelState, out: Arrays) -> None:
    out[0][...] = np.zeros((7, 7, 7, 7))


def reshapes(self: ByStep, inputs: Any, state: KernelState, out: Arrays) -> None:
    out[0].shape = (-1,)


def another_state(self: ByStep, inputs: Any, state: KernelState, out: Arrays) -> None:
    ByStep.step(self, inputs, state, out)
    state["v"] = state["v"].astype("f8")


def more_state(self: ByStep, inputs: Any, state: KernelState, out: Arrays) -> None:
    ByStep.step(self, inputs, state, out)
    state["w"] = state["v"]


def writes_nan(self: ByStep, inputs: Any, state: KernelState, out: Arrays) -> None:
    inputs[0][...] = np.nan


def writes_nan_by_force(self: ByStep, inputs: Any, state: KernelState, out: Arrays) -> None:
    ByStep.step(self, inputs, state, out)
    inputs[0].flags.writeable = True
    inputs[0].reshape(-1)[0] = np.nan


FAULTS: dict[str, tuple[Any, str, str]] = {
    "the factory raises": (lambda *given: 1 / 0, "failed at the factory", "ZeroDivisionError"),
    "the factory gives nothing": (lambda *given: None, "lacks a method", "no init_state"),
    "no step": (change(step=None), "lacks a method", "no step"),
    "init_state raises": (change(init_state=lambda self: {}["v"]), "failed at init_state", "KeyError"),
    "no state": (change(init_state=lambda self: {}), "another state at init_state", "found no state"),
    "no dict": (change(init_state=lambda self: 3), "another state at init_state", "int"),
    "another state": (
        change(init_state=lambda self: {"v": np.zeros((1, 1))}),
        "another state at init_state",
        "float64 (1, 1)",
    ),
    "other values": (
        change(init_state=lambda self: {n: a + 1 for n, a in ByStep.init_state(self).items()}),
        "begins with another v",
        "found others",
    ),
    "step raises": (change(step=raises), "failed at step 0", "RuntimeError: no memory on the device"),
    "step gives arrays": (change(step=gives), "gave something back", "found ndarray"),
    "out of another shape": (change(step=of_another_shape), "failed at step 0", "ValueError"),
    "out is reshaped": (change(step=reshapes), "changed the form of out", "found"),
    "state of another dtype": (change(step=another_state), "another state at step 0", "v: float64"),
    "more state": (change(step=more_state), "another state at step 0", "w: float32"),
    "NaN in the input": (change(step=writes_nan), "failed at step 0", "read-only"),
    "NaN in the input, by force": (change(step=writes_nan_by_force), "changed its input 0 at step 0", "other values"),
    "count raises": (change(count=lambda self, inputs, out: {}["x"]), "failed at count of step 0", "KeyError"),
    "counts another thing": (change(count=lambda self, inputs, out: {"joules": 1}), "counts something else", "joules"),
    "counts in halves": (change(count=lambda self, inputs, out: {"spikes": 0.5}), "counts something else", "float64"),
    "counts too much": (
        change(count=lambda self, inputs, out: {"spikes": np.zeros(99, int)}),
        "counts something else",
        "(99,)",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_faulty_kernel_is_named(fault: str) -> None:
    kernel, what, found = FAULTS[fault]
    with temporary(kernels={("mine", "LIF"): kernel}), pytest.raises(ir.TalonRunError) as caught:
        check_kernel("mine", ir.LIF, [0])
    assert caught.value.code == "T407"
    text = str(caught.value)
    assert "node 'node'" in text
    assert "the kernel of this process for LIF" in text
    assert what in text
    assert found in text
    assert "help: report it to" in text


def wrong(spoil: Callable[[np.ndarray], Any], what: str = "out") -> type[ByStep]:
    def step(self: ByStep, inputs: Any, state: KernelState, out: Arrays) -> None:
        ByStep.step(self, inputs, state, out)
        spoil(state["v"] if what == "state" else out[0])

    return change(step=step)


def one_bit(array: np.ndarray) -> None:
    array.reshape(-1)[:1] = np.nextafter(array.reshape(-1)[:1], np.float32(9))


def minus_zero(array: np.ndarray) -> None:
    array[array == 0] = -0.0


def forgets_the_step(self: ByStep, inputs: Any, state: KernelState, out: Arrays) -> None:
    state.step = 0
    ByStep.step(self, inputs, state, out)


@pytest.mark.parametrize(
    ("name", "kernel", "said"),
    [
        ("LIF", wrong(one_bit), "output 'outout' differs in"),
        ("LIF", wrong(one_bit, "state"), "node.v' differs"),
        ("LIF", wrong(minus_zero), "-0.0"),
        ("LIF", change(count=lambda self, inputs, out: {"spikes": 0}), "no count"),
        ("LIF", change(step=lambda self, inputs, state, out: None), "nan"),
        ("Affine", change(step=forgets_the_step), "differs in"),
    ],
)
def test_the_kit_finds_what_a_kernel_gets_wrong(name: str, kernel: Any, said: str) -> None:
    cls: Any = getattr(ir, name)
    if name == "Affine":  # whose weights differ by step now and then

        class Stepped(ir.Affine):
            """An Affine with a step axis."""

            @classmethod
            def example(cls, rng: np.random.Generator) -> dict[str, object]:
                return {"weight": rng.normal(size=(3, 2, 4)), "bias": None, "input_type": [4]}

        cls = Stepped
    with temporary(kernels={("mine", cls.__name__): kernel}), pytest.raises(AssertionError) as caught:
        check_kernel("mine", cls)
    assert said in str(caught.value)
    assert caught.value.__notes__[0].startswith(f"on {cls.__name__}, seed ")


def test_the_kit_wants_a_kernel_and_a_leaf() -> None:
    with pytest.raises(AssertionError, match="no plugin gives a kernel for LIF"):
        check_kernel("mine", ir.LIF)
    with pytest.raises(AssertionError, match="kernels are for leaves"):
        check_kernel("mine", ir.SGhostConv)
