"""Every registered primitive keeps every promise of the conformance kit, on instances drawn from its declaration."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache
from typing import Any, Self

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis.strategies import DataObject, data, sampled_from

from talon import ir
from talon.ir.declare import Array, array, integer, number
from talon.ir.fields import FloatField, Shape
from talon.ir.known import PRIMITIVES
from talon.ir.node import rebuild
from talon.ir.primitive import Composite, Primitive
from talon.plugins import registry
from talon.testing.primitives import CHECKS, check_primitive
from talon.testing.strategies import Sample, primitives, sample, samples

NAMES = sorted(PRIMITIVES.keys() - {"Graph"})
UNUSED = {"SDDetect": frozenset({"stride"})}
"""Fields that a composite keeps for tools, and does not compute with."""


@cache
def case_of(name: str, seed: int) -> Sample:
    return replace(sample(registry.primitive(name), seed), unused=UNUSED.get(name, frozenset()))


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("name", NAMES)
def test_primitive_conforms(name: str, check: Callable[[Sample], None]) -> None:
    for seed in range(6):
        check(case_of(name, seed))


def test_the_36_and_the_boundaries_are_among_them() -> None:
    listed = {name for name, known in PRIMITIVES.items() if known.listed}
    assert len(listed) == 36
    assert set(NAMES) == listed | {"Input", "Output", "StepMean"}


@settings(max_examples=60, deadline=None)
@given(data())
def test_any_primitive_conforms_on_any_seed(draw: DataObject) -> None:
    name = draw.draw(sampled_from(NAMES))
    case = replace(draw.draw(samples(primitives()[name])), unused=UNUSED.get(name, frozenset()))
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


class Chain(Composite):
    """A composite as a plugin would declare it, right in every respect."""

    gain: Array = array("channels", doc="factor per channel")
    threshold: float = number(doc="spike threshold", default=1.0)

    def decompose(self) -> ir.Graph:
        neuron = ir.IF.restore({"v_threshold": self.threshold})
        nodes = {"x": ir.Input(None), "gain": Gain.restore({"gain": self.raw("gain")}), "if": neuron}
        return ir.Graph({**nodes, "y": ir.Output(None)}, [("x", "gain"), ("gain", "if"), ("if", "y")])


# One primitive for each check, broken in the one respect that the check is there for.


class Changeable(Gain):
    """Its fields can be set."""

    __setattr__ = object.__setattr__


class Anything(FloatField):
    def coerce(self, value: Any) -> Any:
        return value

    def check(self, value: Any) -> None:
        pass


class TakesAnything(Gain):
    """Its field takes values that its declaration excludes."""

    rate: Any = Anything(doc="between 0 and 1", low=0.0, high=1.0, default=0.5)


class TripsOnShapes(Gain):
    """Its infer fails on a sample without axes with an error of Python."""

    def infer(self, *inputs: Shape | None) -> Shape | None:
        if inputs[0] is not None and inputs[0][0] != self.dims["channels"]:
            raise ir.TalonShapeError("T104", "the channels do not fit gain")
        return inputs[0]


class Nameless(Gain):
    """Its repr does not say what it is."""

    def __repr__(self) -> str:
        return "a gain"


class Pickled(Gain):
    """It is another one after a pickle."""

    def __reduce__(self) -> tuple[Any, ...]:
        return rebuild, (type(self), {"gain": self.gain * 2})


class Shared(Gain):
    """A deep copy is the same object."""

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self


class LikesAll(Gain):
    """It takes every node for its equal."""

    def same_as(self, other: object) -> bool:
        return True


class Forgetful(FloatField):
    def plain(self, value: Any) -> Any:
        return 0.0


class LosesItsRate(Gain):
    """A field is lost on the way into a document."""

    rate: Any = Forgetful(doc="is lost")


class Restless(FloatField):
    def plain(self, value: Any) -> Any:
        return random.random()


class NeverTheSame(Gain):
    """Its fingerprint is another one each time."""

    rate: Any = Restless(doc="is another one each time", default=0.5)


class Listed(Gain):
    """Its infer gives a list."""

    def infer(self, *inputs: Shape | None) -> Any:
        return None if inputs[0] is None else list(super().infer(*inputs) or ())


class InPlace(Gain):
    """It changes the state that it was given."""

    def init_state(self, batch: int, shapes: tuple[Shape, ...], dtype: np.dtype) -> dict[str, np.ndarray]:
        return {"sum": np.zeros((batch, *shapes[0]), dtype)}

    def step(self, t: int, state: dict[str, np.ndarray], *inputs: np.ndarray) -> np.ndarray:
        state["sum"] += inputs[0]
        return state["sum"].copy()


class Countless(Gain):
    """What it counts is negative."""

    def count(self, inputs: tuple[np.ndarray, ...], output: Any) -> dict[str, Any]:
        return {"synops": -1}


class BatchMixer(Gain):
    """Samples of a batch meet."""

    def step(self, t: int, state: dict[str, np.ndarray], *inputs: np.ndarray) -> np.ndarray:
        x = super().step(t, state, *inputs)
        return x - x.mean(axis=0, dtype=x.dtype)


class HiddenState(Gain):
    """It remembers beside its state."""

    def step(self, t: int, state: dict[str, np.ndarray], *inputs: np.ndarray) -> np.ndarray:
        count = self.__dict__["_count"] = self.__dict__.get("_count", 0) + 1
        return super().step(t, state, *inputs) + inputs[0].dtype.type(count)


class Uncast(Gain):
    """It computes with its parameters as they were given."""

    def cast(self, dtype: np.dtype[Any]) -> Self:
        return self

    def step(self, t: int, state: dict[str, np.ndarray], *inputs: np.ndarray) -> np.ndarray:
        return super().step(t, state, *inputs).astype(inputs[0].dtype)


class TwoOutputs(Chain):
    """Its decomposition has an Output more than the ports that it declares."""

    def decompose(self) -> ir.Graph:
        inner = super().decompose()
        return ir.Graph({**inner.nodes, "z": ir.Output(None)}, [*inner.edges, ("gain", "z")])

    def infer(self, *inputs: Shape | None) -> Shape | None:
        return inputs[0]


class OpenToNone(Chain):
    """Its decomposition takes one shape of input."""

    def decompose(self) -> ir.Graph:
        return super().decompose().replace("x", ir.Input([self.dims["channels"]]))


class Careless(Chain):
    """Its decomposition leaves a field out."""

    def decompose(self) -> ir.Graph:
        return super().decompose().replace("if", ir.IF(1.0))


class EagerAlone(Gain):
    """It wants its arrays loaded where only their shapes may be asked for."""

    def infer(self, *inputs: Shape | None) -> Shape | None:
        value: Any = self.raw("gain")
        value.sum()
        return super().infer(*inputs)


class Undocumented(Gain):
    pass


class Unexplained(Gain):
    """A field has nothing but its name."""

    rate: float = number(doc="rate", default=0.5)


class WrongDtype(Gain):
    """Its step gives another dtype than that of the run."""

    def step(self, t: int, state: dict[str, np.ndarray], *inputs: np.ndarray) -> np.ndarray:
        return super().step(t, state, *inputs).astype(np.float64)


class WrongShape(Gain):
    """Its step gives another shape than its infer."""

    def infer(self, *inputs: Shape | None) -> Shape | None:
        shape = super().infer(*inputs)
        return None if shape is None else (*shape, 1)


BROKEN: Mapping[str, list[tuple[type[ir.Node], str]]] = {
    "construct": [(Changeable, "can be changed")],
    "refuses": [(TakesAnything, "it takes rate = ")],
    "refuses_shapes": [(TripsOnShapes, "tuple index out of range")],
    "short_repr": [(Nameless, "does not begin with the class name")],
    "pickles": [(Pickled, "differs after a pickle")],
    "copies": [(Shared, "shared with the deep copy")],
    "compares": [(LikesAll, "takes another primitive for it")],
    "records": [(LosesItsRate, "differs after a Document")],
    "fingerprints": [(NeverTheSame, "a pickle changes the fingerprint")],
    "infers": [(Listed, "not a tuple")],
    "steps": [(WrongDtype, "float64 for float32"), (WrongShape, "infer promised"), (InPlace, "in place")],
    "runs": [(Countless, "negative")],
    "keeps_samples_apart": [(BatchMixer, "depends on its batch")],
    "streams": [(HiddenState, "cut after step 1 it gives something else")],
    "dtypes": [(Uncast, "depends on the dtype in which parameters are given")],
    "decomposes": [(TwoOutputs, "another number of Outputs"), (OpenToNone, "not left open")],
    "uses_every_field": [(Careless, "threshold makes no difference")],
    "files": [(EagerAlone, "infers other shapes")],
    "documents": [(Undocumented, "no docstring"), (Unexplained, "its name again")],
}


def test_the_kit_accepts_a_good_plugin() -> None:
    check_primitive(Gain)
    check_primitive(Chain)


def test_there_is_a_broken_primitive_for_every_check() -> None:
    assert list(BROKEN) == [check.__name__ for check in CHECKS]


@pytest.mark.parametrize(
    ("check", "cls", "said"),
    [(check, cls, said) for check in CHECKS for cls, said in BROKEN[check.__name__]],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_every_check_refuses_what_it_is_there_for(
    check: Callable[[Sample], None], cls: type[ir.Node], said: str
) -> None:
    messages = []
    for seed in range(10):
        try:
            check(sample(cls, seed))
        except Exception as error:  # noqa: BLE001 - the primitive's own error is handed on as it is
            messages.append(str(error))
    assert messages, f"{check.__name__} lets {cls.__name__} pass"
    assert any(said in message for message in messages), messages


def test_what_is_refused_says_check_and_seed() -> None:
    with pytest.raises(AssertionError, match="can be changed") as caught:
        check_primitive(Changeable)
    assert caught.value.__notes__[0].startswith("in check 'construct' of Changeable, seed 0")


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
    """The same, with an example."""

    @classmethod
    def example(cls, rng: np.random.Generator) -> dict[str, object]:
        root = int(rng.integers(1, 4))
        return {"size": root**2, "root": root, "input_type": [root**2, 17, 17]}


def test_an_example_helps_where_fields_are_tied() -> None:
    check_primitive(TiedWithExample)
    with pytest.raises(LookupError, match="give it an `example`"):
        sample(Tied, 0)
