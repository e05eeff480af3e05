"""Random valid instances of primitives, from their declarations: fields, named axes, ranges."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import singledispatch
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from talon.ir.arrays import ArrayRef
from talon.ir.errors import TalonError
from talon.ir.fields import (
    ArrayField,
    BoolField,
    ChoiceField,
    FactorField,
    Field,
    FloatField,
    IntField,
    IntsField,
    PerNeuronField,
    Shape,
    TextField,
    TypeField,
)
from talon.ir.node import HINTS, Node
from talon.testing.forms import FORMS

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

N = TypeVar("N", bound=Node)

TRIES = 400
LARGEST = 20_000
"""Elements of an output up to which an input shape is taken: the kit is to be quick."""


@dataclass(frozen=True)
class Sample:
    """A node and one sample shape for each of its inputs.

    `unused`: fields of a composite that it keeps for tools and does not compute with.
    """

    node: Node
    inputs: tuple[Shape, ...]
    unused: frozenset[str] = frozenset()


@dataclass
class Draw:
    """One attempt: the generator, the lengths of named axes, and the numbers drawn so far."""

    rng: np.random.Generator
    axes: dict[str, int] = field(default_factory=dict)
    lengths: tuple[int, ...] = (1, 2, 3, 4)
    numbers: list[Any] = field(default_factory=list)

    def length(self, axis: str) -> int:
        if axis.isdigit():
            return int(axis)
        return self.axes.setdefault(axis, int(self.one_of(self.lengths)))

    def between(self, low: int, high: int) -> int:
        return int(self.rng.integers(low, high + 1))

    def one_of(self, options: Any) -> Any:
        return options[self.between(0, len(options) - 1)]

    def chance(self, probability: float) -> bool:
        return bool(self.rng.random() < probability)


@singledispatch
def drawn(declared: Field, draw: Draw) -> Any:
    """A legal value of a field. Register a function for a kind of field of your own."""
    raise TypeError(f"no random value for {declared.name} ({declared.kind}): give one in the primitive's `example`")


@drawn.register
def _(declared: IntField, draw: Draw) -> int:
    if declared.dim is not None:
        return draw.length(declared.dim)
    low = -2 if declared.low is None else declared.low
    return draw.between(low, low + 4 if declared.high is None else declared.high)


@drawn.register
def _(declared: FloatField, draw: Draw) -> float:
    low = declared.low if declared.low is not None else -1.0 if declared.above is None else declared.above + 0.01
    return float(draw.rng.uniform(low, low + 2.0 if declared.high is None else declared.high))


@drawn.register
def _(declared: BoolField, draw: Draw) -> bool:
    return draw.chance(0.5)


@drawn.register
def _(declared: ChoiceField, draw: Draw) -> str:
    return str(draw.one_of((*declared.options, *declared.aliases)))


@drawn.register
def _(declared: IntsField, draw: Draw) -> Any:
    if declared.words and draw.chance(0.2):
        return draw.one_of(declared.words)
    return tuple(draw.between(declared.low, declared.low + 2) for _ in range(declared.length or draw.between(1, 3)))


@drawn.register
def _(declared: FactorField, draw: Draw) -> Any:
    numbers = [declared.above + f for f in (0.75, 1.0, 1.3, 2, 3)]
    several = tuple(draw.one_of(numbers) for _ in range(declared.length))
    return several if draw.chance(0.5) else several[0]


@drawn.register
def _(declared: TextField, draw: Draw) -> str:
    return f"{declared.name} {draw.between(0, 99)}"


@drawn.register
def _(declared: TypeField, draw: Draw) -> Any:
    return [draw.between(1, 6) for _ in range(draw.between(1, 3))]


@drawn.register
def _(declared: ArrayField, draw: Draw) -> np.ndarray:
    shape: Shape = tuple(draw.length(axis) for axis in declared.axes)
    if declared.shape is None:
        shape = draw.one_of([(), *(n for n in draw.numbers if isinstance(n, tuple))])
    if declared.step_axis and draw.chance(0.2):
        shape = (draw.between(1, 3), *shape)
    return values(declared, draw, shape)


@drawn.register
def _(declared: PerNeuronField, draw: Draw) -> np.ndarray:
    counts = [n for n in draw.numbers if isinstance(n, int) and n > 0] or [draw.length("channels")]
    return values(declared, draw, draw.one_of([(), (1,), (draw.one_of(counts),)]))


def values(declared: ArrayField, draw: Draw, shape: Shape) -> np.ndarray:
    """Random numbers within the field's range."""
    numbers = draw.rng.normal(size=shape)
    if declared.low is not None or declared.above is not None:
        numbers = np.abs(numbers) + (declared.above + 0.01 if declared.above is not None else declared.low)
    return np.asarray(numbers, draw.one_of((np.float32, np.float64)))


def instance(cls: type[N], rng: np.random.Generator) -> N:
    """A random instance. Fields that may be left out are left out half of the time."""
    problem: TalonError | None = None
    for _ in range(TRIES):
        given: dict[str, Any] = dict(cls.example(rng))
        # Few different lengths at a time: axes that must be equal, or divide each other, meet more often.
        few = rng.permutation(4)[: rng.integers(1, 4)] + 1
        draw = Draw(rng, lengths=tuple(few.tolist()))
        for is_array in (False, True):  # lengths of arrays may follow from whole numbers
            for name, declared in cls.fields.items():
                if declared.is_array is not is_array or name in given:
                    continue
                if name in HINTS or name == "metadata":
                    given |= noted(declared, draw)
                elif declared.required and declared.is_array and declared.optional and draw.chance(0.3):
                    given[name] = None
                elif declared.required or (declared is not Node.fields.get(name) and draw.chance(0.5)):
                    given[name] = drawn(declared, draw)
                draw.numbers.append(given.get(name, declared.default))
        try:
            return cls(**given)
        except TalonError as error:
            problem = error
    raise LookupError(f"no instance of {cls.__name__} in {TRIES} tries: give it an `example`") from problem


def noted(declared: Field, draw: Draw) -> dict[str, Any]:
    """Now and then a hint or a note, which have no effect and must be kept."""
    if not draw.chance(0.1):
        return {}
    notes = {"text": "a", "numbers": [1, 2.5, None, True], "array": np.arange(3, dtype=np.int16)}
    return {declared.name: notes if declared.free else drawn(declared, draw)}


def input_shapes(node: Node, rng: np.random.Generator) -> tuple[Shape, ...]:
    """Sample shapes that the node accepts, one per edge, found by asking its `infer`."""
    draw, ports = Draw(rng), node.ports()
    declared = node.stored("input_type")
    if not ports.inputs:
        return ()
    if declared:
        return tuple(tuple(int(n) for n in shape) for shape in declared.values())
    lengths = [*range(1, 13), *likely_lengths(node)]
    endings = likely_shapes(node)
    problem: TalonError | None = None
    for _ in range(TRIES):
        count = draw.between(1, 6) if ports.inputs[0].ordered else len(ports.inputs)
        end = draw.one_of(endings) if endings and draw.chance(0.5) else (draw.one_of(lengths),)
        base = (*(draw.one_of(lengths) for _ in range(draw.between(0, 2))), *end)
        try:
            found = node.infer(*(base,) * count)
        except TalonError as error:
            problem = error
            continue
        shapes = found if len(ports.outputs) > 1 else (found,)
        if all(s is not None and math.prod(s) <= LARGEST for s in shapes):
            return (base,) * count
    raise LookupError(f"no input shape for {node!r} in {TRIES} tries: give an input_type in `example`") from problem


def likely_lengths(node: Node) -> list[int]:
    """Lengths that the node's own numbers suggest, each often enough to be hit."""
    numbers = [*node.dims.values()]
    for name, declared in node.fields.items():
        value = node.stored(name)
        if isinstance(value, int) and not isinstance(value, bool) and name not in HINTS:
            numbers.append(value)
        elif isinstance(value, tuple) and declared.kind == "ints":
            numbers += [*value, sum(value)]
        elif isinstance(value, (np.ndarray, ArrayRef)):
            numbers += value.shape
    return [n for n in [*numbers, *(a * b for a in numbers for b in numbers)] if 0 < n <= 64]


def likely_shapes(node: Node) -> list[Shape]:
    """Tuples among the node's attributes, and what it declares to give."""
    declared = node.stored("output_type") or {}
    tuples = [v for n, f in node.fields.items() if f.kind == "ints" and isinstance(v := node.stored(n), tuple)]
    shapes = [*tuples, *(tuple(int(n) for n in shape) for shape in declared.values())]
    return [shape for shape in shapes if min(shape, default=0) > 0]


def sample(cls: type[Node], seed: int) -> Sample:
    """The random instance and input shapes that belong to a seed."""
    rng = np.random.default_rng(seed)
    problem: LookupError | None = None
    for _ in range(20):  # an instance may be legal and want inputs larger than those tried
        node = instance(cls, rng)
        try:
            return Sample(node, input_shapes(node, rng))
        except LookupError as error:
            problem = error
    raise problem or LookupError(cls.__name__)


def samples(cls: type[Node]) -> SearchStrategy[Sample]:
    """The samples of a primitive as a hypothesis strategy (extra `testing`)."""
    from hypothesis import strategies

    def made(seed: int, form: Callable[[Sample], Sample | None]) -> Sample:
        case = sample(cls, seed)
        return form(case) or case

    return strategies.builds(made, strategies.integers(0, 2**32 - 1), strategies.sampled_from(FORMS))


def primitives() -> Mapping[str, type[Node]]:
    """Every registered primitive but Graph, by name."""
    from talon.plugins import registry

    return {name: registry.primitive(name) for name in registry.primitives() if name != "Graph"}
