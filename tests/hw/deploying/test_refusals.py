"""What deploying and running refuse: the code, what there is, what is needed, and what to do."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest

from talon import hw, ir
from tests.hw.chips import chip
from tests.hw.deploying.agreeing import ROOMY

RNG = np.random.default_rng(26)
X = (RNG.random((6, 3, 8)) < 0.5).astype(np.float32)


def normal(*shape: int) -> np.ndarray:
    return RNG.standard_normal(shape).astype(np.float32)


def net() -> ir.Graph:
    return ir.Graph.chain(
        x=ir.Input([8]),
        fc=ir.Affine(normal(20, 8)),
        cell=ir.LIF(3.0, 2.0, 0.0, 0.6),
        fc2=ir.Affine(normal(4, 20)),
        cell2=ir.IF(0.8),
        y=ir.Output([4]),
    )


def quantised(graph: ir.Graph | None = None, **changes: Any) -> ir.Graph:
    return hw.quantize(graph or net(), chip(ROOMY, **changes), calibration=X)


@contextmanager
def refused(code: str, *words: str) -> Iterator[None]:
    """An error of this code must be raised inside, that says all of this (regular expressions)."""
    with pytest.raises(ir.TalonError) as caught:
        yield
    assert caught.value.code == code
    for word in words:
        assert re.search(word, str(caught.value)), str(caught.value)


def test_a_float_graph() -> None:
    with refused("T508", "holds no integers", "hw.quantize"):
        hw.deploy(net())


@pytest.mark.parametrize("place", ["spikes", "sums", "end"])
def test_delays_that_are_too_long(place: str) -> None:
    def late(where: str) -> int:
        return 20_000 if where == place else 0

    graph = ir.Graph(
        {"x": ir.Input([8]), "fc": ir.Affine(normal(6, 8)), "a": ir.IF(1.0), "fc2": ir.Affine(normal(4, 6)),
         "b": ir.IF(1.0), "y": ir.Output([4])},
        [("x", "fc"), ("fc", "a"), ir.Edge("a", "fc2", delay=late("spikes")), ir.Edge("fc2", "b", delay=late("sums")),
         ir.Edge("b", "y", delay=late("end"))],
    )  # fmt: skip
    with refused("T506", "later", "delays below 16,383 steps", "state a shorter delay"):
        hw.deploy(quantised(graph), chip(ROOMY))


def test_what_is_no_graph() -> None:
    with refused("T206", "deploy takes a graph", "str"):
        hw.deploy("net.t1c")  # type: ignore[arg-type]


def test_an_unknown_target() -> None:
    with refused("T501", "generic-mesh"):
        hw.deploy(quantised(), "generic-mash")


def test_another_arithmetic() -> None:
    with refused("T506", "another arithmetic", "numeric.membranes.bits 16", "12, of chip", "hw.quantize"):
        hw.deploy(quantised(membranes__bits=12), "generic-mesh")


def test_other_cores_are_no_other_arithmetic() -> None:
    assert hw.deploy(quantised(), "generic-mesh").cores == 1


FULL: list[tuple[dict[str, int], list[str]]] = [
    ({"count": 2, "neurons": 5}, ["24 neurons needed", "at most 10 neurons"]),
    ({"fan_in": 10}, ["20 inputs needed", "at most 10 inputs", "fc2"]),
    ({"in_axons": 10}, ["20 axons needed", "at most 10 axons", "fc2"]),
    ({"weight_words": 10}, ["20 B needed", "at most 10 B", "fc2"]),
    ({"neurons": 1, "out_edges": 3}, ["4 edges needed", "at most 3 edges"]),
    ({"count": 1, "weight_words": 150}, ["240 B needed", "at most 150 B"]),
]


@pytest.mark.parametrize(("limits", "words"), FULL, ids=str)
def test_what_does_not_fit(limits: dict[str, int], words: list[str]) -> None:
    with refused("T503", *words, "help:"):
        hw.deploy(quantised(), chip({**ROOMY, **limits}))


def test_a_primitive_that_the_target_has_not() -> None:
    graph = hw.quantize(net(), chip(ROOMY), calibration=X)
    with refused("T504", "does not run IF", "cell2", "help:"):
        hw.deploy(graph, chip(ROOMY, ops__IF="absent"))


def sums_for_two() -> ir.Graph:
    """A layer whose sums two neurons read, so that they travel."""
    return ir.Graph(
        {"x": ir.Input([8]), "fc": ir.Affine(normal(6, 8)), "a": ir.IF(1.0), "b": ir.IF(0.5),
         "p": ir.Output([6]), "q": ir.Output([6])},
        [("x", "fc"), ("fc", "a"), ("fc", "b"), ("a", "p"), ("b", "q")],
    )  # fmt: skip


def test_sums_that_links_are_too_narrow_for() -> None:
    graph = quantised(sums_for_two())
    with refused("T503", "'fc' sends sums that are wider", r"at most 8 bits", r"1\d bits needed", "help:"):
        hw.deploy(graph, chip(ROOMY))
    need = int(np.abs(graph.nodes["fc"].quant["weight"].integers).sum(axis=1).max()).bit_length() + 1
    with refused("T503", f"at most {need - 1} bits", f"{need} bits needed"):
        hw.deploy(graph, chip(ROOMY, payload__bits=need - 1))
    assert hw.deploy(graph, chip(ROOMY, payload__bits=need)).cores == 1


def test_sums_on_links_that_carry_spikes_alone() -> None:
    with refused("T504", "'fc' sends values", "spikes alone", "put a neuron behind it"):
        hw.deploy(quantised(sums_for_two()), chip(ROOMY, payload__bits=0))


WRONG: list[tuple[Any, dict[str, Any], str, list[str]]] = [
    (X[..., :7], {}, "T401", ["'x' has the wrong shape", r"\(steps, batch, 8\)", r"\(6, 3, 7\)"]),
    (X[:, 0], {}, "T401", ["for steps of one sample"]),
    (X, {"repeat": 4}, "T401", ["leave repeat out"]),
    (X[0], {"repeat": 0}, "T401", ["repeat is a number of steps"]),
    (X[:0], {}, "T401", ["no steps"]),
    (X[:, :0], {}, "T401", ["no samples"]),
    ({"z": X}, {}, "T401", ["'x'", "'z'"]),
    (X.astype(complex), {}, "T402", ["complex"]),
    (X * np.nan, {}, "T406", ["not finite"]),
    (X, {"record": "cell.w"}, "T404", ["'cell.w'", "cell.v"]),
    (X, {"record": ["cell.spikes", "fc.out"]}, "T404", ["'fc.out'"]),
]


@pytest.mark.parametrize(("inputs", "how", "code", "words"), WRONG, ids=lambda value: None)
def test_wrong_runs(inputs: Any, how: dict[str, Any], code: str, words: list[str]) -> None:
    build = hw.deploy(quantised())
    with refused(code, *words):
        build.run(inputs, **how)


def test_a_build_without_a_golden_sample_cannot_be_verified() -> None:
    with refused("T401", "no golden sample", "calibration=x"):
        hw.deploy(quantised()).verify()


def test_patterns_of_records() -> None:
    build = hw.deploy(quantised())
    assert not build.run(X).records
    assert set(build.run(X, record="*.v").records) == {"cell.v", "cell2.v"}
    found = build.run(X, record=["cell.spikes", "cell2.out"])
    assert set(found.records) == {"cell.spikes", "cell2.out"}
    assert set(found.spikes) == {"cell"}
    assert np.array_equal(found.records["cell2.out"], found.outputs["y"])


@pytest.mark.parametrize("seed", [-1, 1.5, "a", None, True, 2**63])
def test_what_is_no_seed(seed: Any) -> None:
    graph = ir.Graph.chain(ir.Input([2]), ir.Affine(np.ones((2, 2))), ir.IF(1.0), ir.Output(None))
    quantised = hw.quantize(graph, calibration=np.ones((3, 1, 2), np.float32))
    with pytest.raises(ir.TalonTargetError) as caught:
        hw.deploy(quantised, seed=seed)
    assert (caught.value.code, caught.value.found) == ("T506", repr(seed))
    assert hw.deploy(quantised, seed=np.int64(3)).seed == 3


WRONG: dict[str, tuple[Any, str, str]] = {
    "a graph that is a number": (lambda b, r: hw.deploy(3), "T206", "deploy takes a graph"),  # type: ignore[arg-type]
    "a target that is a number": (lambda b, r: hw.deploy(quantised(), 3), "T206", "a target is a name"),  # type: ignore[arg-type]
    "a calibration that is a word": (lambda b, r: hw.deploy(quantised(), "x", calibration="y"), "T501", "'x'"),
    "a calibration of no numbers": (
        lambda b, r: hw.deploy(quantised(), chip(ROOMY), calibration="y"), "T402", "real, whole or boolean"),
    "a calibration of another shape": (
        lambda b, r: hw.deploy(quantised(), chip(ROOMY), calibration=X[..., 1:]), "T401", "wrong shape"),
    "a path that is a number": (lambda b, r: b.save(3), "T206", "a path is"),
    "no samples": (lambda b, r: b.energy(r, samples=0), "T206", "expected a whole number >= 1; found 0"),
    "samples that are a word": (lambda b, r: b.energy(r, samples="x"), "T206", "found 'x'"),
    "energy of nothing": (lambda b, r: b.energy(None), "T206", "what build.run gave; found NoneType"),
    "energy of an engine's run": (
        lambda b, r: b.energy(hw.run(quantised(), X, engine="integer")), "T206", "found Result"),
    "energy of another build": (
        lambda b, r: hw.deploy(quantised(), chip({"count": 30, "neurons": 2})).energy(r), "T401", "another build"),
    "repeat without a calibration": (
        lambda b, r: hw.deploy(quantised(), chip(ROOMY), repeat=5), "T401", "repeat is for a calibration"),
    "repeat for the golden sample": (
        lambda b, r: hw.deploy(quantised(), chip(ROOMY), calibration=X).report(repeat=3), "T401", "has its own steps"),
    "a title that is a number": (lambda b, r: b.report(X, title=5), "T206", "a title is a text"),
    "several partitioners": (
        lambda b, r: hw.deploy(quantised(), chip(ROOMY), partitioner=["auto"]), "T506", "no such partitioner"),  # type: ignore[arg-type]
    "a report on other neurons": (
        lambda b, r: b.report(X, graph=ir.Graph.chain(x=ir.Input([8]), fc=ir.Affine(normal(9, 8)), cell=ir.IF(1.0),
                                                      fc2=ir.Affine(normal(4, 9)), cell2=ir.IF(0.8), y=ir.Output([4]))),
        "T506", r"expected cell \[20\]; found cell \[9\]"),
    "a record that is a number": (lambda b, r: b.run(X, record=3), "T206", "record takes names"),
    "records that are numbers": (lambda b, r: b.run(X, record=[3]), "T206", "record takes names"),
    "a progress that is a number": (lambda b, r: b.run(X, progress=3), "T206", "a function of two numbers"),
    "steps beyond all bounds": (lambda b, r: b.run(X[0], repeat=10**30), "T401", "found one of 100 bits"),
    "no such quantity": (lambda b, r: r.by_core("zz"), "T206", "synops, updates, active, spikes; found 'zz'"),
    "a report on no graph": (lambda b, r: b.report(X, graph=3), "T206", "report takes a graph"),
    "a report on no quantised graph": (lambda b, r: b.report(X, quantised=3), "T206", "report takes a graph"),
}  # fmt: skip


@pytest.mark.parametrize("what", list(WRONG))
def test_arguments_of_the_wrong_kind(what: str) -> None:
    call, code, words = WRONG[what]
    build = hw.deploy(quantised(), chip(ROOMY))
    result = build.run(X)
    with refused(code, words):
        call(build, result)


def test_partitioners_that_are_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    with refused("T506", "no such partitioner", "'auto' or 'mtkahypar'", "found 'metis'"):
        hw.deploy(quantised(), chip(ROOMY), partitioner="metis")
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with refused("T506", "'mtkahypar' is not installed", r"talon-hw\[mapping\]"):
        hw.deploy(quantised(), chip(ROOMY), partitioner="mtkahypar")


@pytest.mark.parametrize(
    ("sizes", "count", "neurons"),
    [
        ((3, 3, 4, 4), 2, 7),
        ((2, 2, 3, 3, 5, 5), 3, 7),
        ((7, 7, 7, 7, 7), 3, 12),
        ((6, 6, 8), 2, 10),
        ((6, 6, 6), 2, 9),
        ((4, 4, 4, 6, 6, 6), 3, 10),
    ],
)
def test_what_fits_by_another_packing_alone(sizes: tuple[int, ...], count: int, neurons: int) -> None:
    """Layer by layer these take a core more than there are: by another order of whole layers the first two do not, and
    the others cut into smaller tiles."""
    nodes: dict[str, ir.Node] = {"x": ir.Input([8])}
    before = 8
    for n, size in enumerate(sizes):
        nodes |= {f"fc{n}": ir.Affine(normal(size, before)), f"cell{n}": ir.IF(0.5)}
        before = size
    graph = ir.Graph.chain(**nodes, y=ir.Output(None))
    target = chip({"count": count, "neurons": neurons})
    assert hw.check(graph, target).ok
    made = hw.quantize(graph, target, calibration=X)
    build = hw.deploy(made, target, calibration=X)
    assert build.cores == count
    expected = hw.run(made, X, engine="integer").outputs["y"]
    assert np.array_equal(build.run(X).outputs["y"], expected)
    assert not hw.check(graph, chip({"count": count - 1, "neurons": neurons})).ok
