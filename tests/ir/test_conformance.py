"""Every registered primitive keeps every promise of the conformance kit, on instances drawn from its declaration."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis.strategies import DataObject, data, sampled_from

from talon import ir
from talon.ir.declare import Array, array, integer
from talon.ir.fields import Shape
from talon.ir.known import PRIMITIVES
from talon.ir.primitive import Primitive
from talon.plugins import registry
from talon.testing.primitives import CHECKS, check_primitive
from talon.testing.strategies import Sample, primitives, sample, samples

NAMES = sorted(PRIMITIVES.keys() - {"Graph"})


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("name", NAMES)
def test_primitive_conforms(name: str, check: Callable[[Sample], None]) -> None:
    cls = registry.primitive(name)
    for seed in range(12):
        check(sample(cls, seed))


@settings(max_examples=150, deadline=None)
@given(data())
def test_any_primitive_conforms_on_any_seed(draw: DataObject) -> None:
    case = draw.draw(samples(primitives()[draw.draw(sampled_from(NAMES))]))
    for check in CHECKS:
        check(case)


def test_a_seed_always_gives_the_same_sample() -> None:
    first, second = (sample(ir.Conv2d, 7) for _ in range(2))
    assert first.node.same_as(second.node)
    assert first.inputs == second.inputs
    assert not sample(ir.Conv2d, 8).node.same_as(first.node)


class Gain(Primitive):
    """A primitive as a plugin would declare it, right in every respect."""

    gain: Array = array("channels", doc="factor per channel")

    def infer(self, *inputs: Shape | None) -> Shape | None:
        if inputs[0] is not None and inputs[0][:1] != (self.dims["channels"],):
            raise ir.TalonShapeError("T104", "the channels do not fit gain")
        return inputs[0]

    def step(self, t: int, state: dict[str, np.ndarray], *inputs: np.ndarray) -> np.ndarray:
        return inputs[0] * self.gain.reshape(-1, *(1,) * (inputs[0].ndim - 2))


class WrongDtype(Gain):
    def step(self, t: int, state: dict[str, np.ndarray], *inputs: np.ndarray) -> np.ndarray:
        return super().step(t, state, *inputs).astype(np.float64)


class WrongShape(Gain):
    def infer(self, *inputs: Shape | None) -> Shape | None:
        shape = super().infer(*inputs)
        return None if shape is None else (*shape, 1)


class BatchMixer(Gain):
    def step(self, t: int, state: dict[str, np.ndarray], *inputs: np.ndarray) -> np.ndarray:
        x = super().step(t, state, *inputs)
        return x - x.mean(axis=0, dtype=x.dtype)


class InPlace(Gain):
    def init_state(self, batch: int, shapes: tuple[Shape, ...], dtype: np.dtype) -> dict[str, np.ndarray]:
        return {"sum": np.zeros((batch, *shapes[0]), dtype)}

    def step(self, t: int, state: dict[str, np.ndarray], *inputs: np.ndarray) -> np.ndarray:
        state["sum"] += inputs[0]
        return state["sum"].copy()


class Changeable(Gain):
    __setattr__ = object.__setattr__


def test_the_kit_accepts_a_good_plugin() -> None:
    check_primitive(Gain)


@pytest.mark.parametrize(
    ("cls", "said"),
    [
        (WrongDtype, "float64 for float32"),
        (WrongShape, "infer promised"),
        (BatchMixer, "depends on its batch"),
        (InPlace, "in place"),
        (Changeable, "can be changed"),
    ],
)
def test_the_kit_refuses_bad_plugins(cls: type[Primitive], said: str) -> None:
    with pytest.raises(AssertionError, match=said) as caught:
        check_primitive(cls)
    assert f"of {cls.__name__}, seed 0" in caught.value.__notes__[0]


class Tied(Primitive):
    """Fields tied by more than symbols: nothing but the example would fit."""

    size: int = integer(doc="a square", low=1, high=10**9)
    root: int = integer(doc="its root", low=1, high=10**9)

    def constrain(self) -> None:
        if self.size != self.root**2:
            raise ir.TalonValueError("T202", "size is not the square of root")

    def infer(self, *inputs: Shape | None) -> Shape | None:
        if inputs[0] is not None and inputs[0] != (self.size, 17, 17):
            raise ir.TalonShapeError("T104", "another shape")
        return inputs[0]

    def step(self, t: int, state: dict[str, np.ndarray], *inputs: np.ndarray) -> np.ndarray:
        return inputs[0]


class TiedWithExample(Tied):
    @classmethod
    def example(cls, rng: np.random.Generator) -> dict[str, object]:
        root = int(rng.integers(1, 4))
        return {"size": root**2, "root": root, "input_type": [root**2, 17, 17]}


def test_an_example_helps_where_fields_are_tied() -> None:
    check_primitive(TiedWithExample)
    with pytest.raises(LookupError, match="give it an `example`"):
        sample(Tied, 0)
