"""What every primitive promises, as checks on a random instance: `check_primitive(MyPrimitive)` runs them all.

An author's own vectors are handed in beside them:

    check_primitive(Izhikevich, golden=[Golden(Izhikevich(a=0.1), [x], [spikes])])
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from talon.engine import run
from talon.ir.node import Node
from talon.ir.primitive import Primitive
from talon.testing.declared import (
    compares,
    construct,
    copies,
    documents,
    files,
    fingerprints,
    pickles,
    records,
    refuses,
    refuses_shapes,
    short_repr,
)
from talon.testing.executed import (
    decomposes,
    dtypes,
    infers,
    keeps_samples_apart,
    runs,
    steps,
    streams,
    uses_every_field,
)
from talon.testing.forms import FORMS
from talon.testing.strategies import Sample, sample
from talon.testing.trial import around

CHECKS: tuple[Callable[[Sample], None], ...] = (
    construct,
    refuses,
    refuses_shapes,
    short_repr,
    pickles,
    copies,
    compares,
    records,
    fingerprints,
    infers,
    steps,
    runs,
    keeps_samples_apart,
    streams,
    dtypes,
    decomposes,
    uses_every_field,
    files,
    documents,
)


@dataclass(frozen=True, eq=False)
class Golden:
    """What an author knows from elsewhere: a node, what enters it, and what must leave it.

    `inputs`: `(T, B, *shape)` for each edge; `outputs`: likewise for each output port. With both tolerances 0 they are
    to be equal; spikes always are.
    """

    node: Node
    inputs: Sequence[np.ndarray]
    outputs: Sequence[np.ndarray]
    rtol: float = 0.0
    atol: float = 0.0
    dtype: str = "float32"
    name: str = ""


def check_golden(golden: Golden) -> None:
    """Raise AssertionError where a node does not give what its author says."""
    node = golden.node
    shapes = tuple(tuple(int(n) for n in np.shape(x)[2:]) for x in golden.inputs)
    graph = around(Sample(node, shapes))
    assert len(graph.inputs) == len(golden.inputs), f"{len(golden.inputs)} inputs for {len(graph.inputs)} ports"
    result = run(graph, dict(zip(graph.inputs, golden.inputs, strict=True)), engine="reference", dtype=golden.dtype)
    found = list(result.outputs.values())
    assert len(found) == len(golden.outputs), f"{len(golden.outputs)} golden outputs for {len(found)} ports"
    exact = (golden.rtol == 0 and golden.atol == 0) or (isinstance(node, Primitive) and node.spiking)
    for array, known in zip(found, golden.outputs, strict=True):
        assert array.shape == np.shape(known), f"gave {array.shape}, the golden output is {np.shape(known)}"
        expected = np.asarray(known).astype(golden.dtype)
        if exact:
            different = int(np.count_nonzero(array != expected))
            assert not different, f"{different} of {array.size} values are not the golden ones"
        else:
            np.testing.assert_allclose(array, expected, rtol=golden.rtol, atol=golden.atol)


def check_primitive(
    cls: type[Node], seeds: Iterable[int] = range(10), *, golden: Iterable[Golden] = (), unused: Iterable[str] = ()
) -> None:
    """Run every check on a random instance for each seed, in each of its forms (`talon.testing.forms`), then the golden
    cases.

    `unused`: fields of a composite that it keeps for tools and does not compute with. Raises AssertionError, or what
    the primitive raised, with a note that names check and seed.
    """
    ignored = frozenset(unused)
    for seed in seeds:
        case = replace(sample(cls, seed), unused=ignored)
        forms = (form(case) for form in FORMS)
        for each, check in itertools.product(filter(None, forms), CHECKS):
            try:
                check(each)
            except Exception as error:
                error.add_note(f"in check {check.__name__!r} of {cls.__name__}, seed {seed}: {each}")
                raise
    for number, given in enumerate(golden):
        assert type(given.node) is cls, f"golden case {number} is of {type(given.node).__name__}, not of {cls.__name__}"
        try:
            check_golden(given)
        except Exception as error:
            error.add_note(f"in golden case {given.name or number} of {cls.__name__}: {given.node!r}")
            raise
