"""Every golden and published fixture by every engine: equal to the bit, whatever kernels, threads and instructions.

The tests of the fixtures themselves are asked again, with a `run` that runs the reference, which they then judge, and
every way of the native engine, whose results must be the reference's.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from talon import ir
from talon.engine import Result, run
from talon.engine.inputs import by_name
from talon.hw.native import library
from talon.testing.results import same_result
from tests.golden import conftest as golden
from tests.golden import test_nets, test_published, test_vectors
from tests.hw.test_native import SETS
from tests.interchange import test_frameworks

pytestmark = pytest.mark.skipif(library.load()[0] is None, reason=f"no C library here: {library.load()[1]}")

KERNELS = ("event", "dense", "auto")
THREADS = (2, 4)
"""Besides one."""
FILES = [entry["file"] for entry in golden.INDEX]


def everywhere(graph: ir.Graph, inputs: Any, *, dtype: str = "float32", **how: Any) -> Result:
    """The reference's result, which every way of the native engine gives too.

    Threads share samples, so that several of them are asked on more samples than the fixture has. What is recorded is
    not computed inside its layer, so that everything is asked without records, too.
    """
    assert dtype == "float32"
    bare = {name: value for name, value in how.items() if name != "record"}
    many = {name: several(array, 0 if "repeat" in how else 1) for name, array in by_name(graph.inputs, inputs).items()}
    recorded, alone, together = (
        run(graph, x, engine="reference", **given) for x, given in ((inputs, how), (inputs, bare), (many, bare))
    )
    for isa, kernels in itertools.product(SETS, KERNELS):
        library.library().isa(isa)
        way: dict[str, Any] = {"engine": "native", "engine_options": {"kernels": kernels}}
        if recorded.records:
            same_result(run(graph, inputs, **how, **way), recorded)
        same_result(run(graph, inputs, **bare, **way), alone)
        for threads in THREADS:
            same_result(run(graph, many, threads=threads, **bare, **way), together)
    return recorded


def several(array: Any, axis: int) -> np.ndarray:
    """At least as many samples as there are threads, each another one where the fixture has several."""
    array = np.asarray(array)
    samples = np.arange(max(THREADS)) % array.shape[axis]
    return np.take(array, samples, axis)


@pytest.fixture(autouse=True)
def ran(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """How often `everywhere` ran in place of `run`, in the tests of the fixtures."""
    calls: list[int] = []

    def counted(*given: Any, **how: Any) -> Result:
        calls.append(1)
        return everywhere(*given, **how)

    for module in (test_nets, test_published, test_vectors, test_frameworks):
        monkeypatch.setattr(module, "run", counted)
    yield calls
    library.library().isa(SETS[-1])


def of(folder: str) -> list[str]:
    return [file for file in FILES if file.startswith(f"{folder}/")]


def test_there_are_as_many_as_there_were() -> None:
    assert len(of("prim")) + len(of("net")) == len(FILES) == 141


@pytest.mark.parametrize("file", of("prim"))
def test_primitives(file: str, ran: list[int]) -> None:
    case = golden.load(file)
    check: Callable[..., None] = test_vectors.CHECKS.get(case.meta["primitive"], test_vectors.check_leaf)
    check(case, "float32")
    # No Input can be declared without anchors, so that case asks the step itself.
    assert ran or 0 in case["in0"].shape


@pytest.mark.parametrize("file", of("net"))
def test_nets_layer_by_layer(file: str, ran: list[int]) -> None:
    test_nets.test_net(golden.load(file), "float32")
    assert ran


@pytest.mark.parametrize("name", sorted(name for name, entry in test_published.MANIFEST.items() if entry["executes"]))
def test_published_files(name: str, ran: list[int]) -> None:
    test_published.test_same_answers(name)
    assert ran


@pytest.mark.parametrize("recording", test_frameworks.RECORDINGS, ids=test_frameworks.named)
def test_neurons_of_other_frameworks(recording: dict[str, Any], ran: list[int]) -> None:
    spikes, _ = test_frameworks.ours(test_frameworks.spelled(recording), test_frameworks.arrays_of(recording))
    assert spikes.any()
    assert ran
