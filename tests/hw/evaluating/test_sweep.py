"""`hw.sweep`: a row for every target, width and seed, and an error in the rows that cannot be made."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from talon import hw, ir
from tests.hw.chips import chip
from tests.hw.evaluating.fakes import CLASSES, STEPS, X, computed, net

LABELS = np.arange(len(X)) % CLASSES
HOW: dict[str, Any] = {"labels": LABELS, "repeat": STEPS, "calibration": X}


@dataclass
class Mapped:
    """Stands for a network on a chip."""

    program: hw.Program
    seed: int

    def fingerprint(self) -> str:
        return f"{self.program.fingerprint()} {self.seed}"

    def run(self, inputs: Any, *, repeat: int | None = None) -> Any:
        return self.program.run(inputs, repeat=repeat)


def mapped(quantised: ir.Graph, target: hw.Target, seed: int) -> Mapped:
    if seed == 2:
        raise ir.TalonRunError("T503", "no room", help="take a larger chip")
    return Mapped(hw.compile(quantised, engine="integer"), seed)


def test_rows_are_those_of_by_width() -> None:
    rows = hw.sweep(net(), X, bits=(None, 8, 4), **HOW).rows
    expected = hw.by_width(net(), X, LABELS, calibration=X, repeat=STEPS, bits=(8, 4))
    assert [row.figures and row.figures.as_dict() for row in rows] == [row.as_dict() for row in expected]


def test_targets_widths_and_seeds_in_order() -> None:
    calls: list[tuple[str, int]] = []

    def build(quantised: ir.Graph, target: hw.Target, seed: int) -> Mapped:
        calls.append((target.id, seed))
        return mapped(quantised, target, seed)

    found = hw.sweep(
        net(), X, targets=("loihi1", "generic-mesh"), bits=(None, 8, 99), seeds=(0, 2, 5), build=build, **HOW
    )
    keys = [(row.target, row.bits, row.seed) for row in found.rows]
    one = [(None, None), *((bits, seed) for bits in (8, 99) for seed in (0, 2, 5))]
    assert keys == [(target, *rest) for target in ("loihi1", "generic-mesh") for rest in one]
    assert calls == [("generic-mesh", 0), ("generic-mesh", 2), ("generic-mesh", 5)]
    codes = [row.error and row.error.code for row in found.rows]
    assert codes == [None, *["T506"] * 6, None, None, "T503", None, *["T506"] * 3]
    assert not found.ok
    plain = hw.sweep(net(), X, bits=(8,), **HOW)
    assert plain.ok
    assert plain.rows[0].figures is not None
    for row in found.rows[8:11]:
        if row.error is None:
            assert row.figures is not None
            assert row.figures.as_dict() == plain.rows[0].figures.as_dict()


def test_with_seeds_networks_are_put_on_cores() -> None:
    found = hw.sweep(net(), X, targets=("generic-mesh", "speck2e"), bits=(None, 8), seeds=(0, 1), **HOW)
    plain = hw.sweep(net(), X, bits=(8,), **HOW).rows[0]
    assert [(row.target, row.bits, row.seed) for row in found.rows] == [
        ("generic-mesh", None, None),
        ("generic-mesh", 8, 0),
        ("generic-mesh", 8, 1),
        ("speck2e", None, None),
        ("speck2e", 8, 0),
        ("speck2e", 8, 1),
    ]
    assert plain.evaluation is not None
    for row in found.rows[1:3]:
        assert row.evaluation is not None
        assert computed(row.evaluation) == computed(plain.evaluation)
    assert all(row.error is not None for row in found.rows[4:])


def test_floats_are_evaluated_once() -> None:
    told: list[tuple[int, int]] = []
    found = hw.sweep(
        net(),
        X,
        targets=("generic-mesh", "zcu102"),
        bits=(None,),
        progress=lambda done, total: told.append((done, total)),
        chunk=20,
        **HOW,
    )
    first, second = found.rows
    assert first.evaluation is second.evaluation
    assert first.figures is not None
    assert second.figures is not None
    assert (first.figures.energy.target, second.figures.energy.target) == ("generic-mesh", "zcu102")
    assert set(told) == {(20, 20)}
    assert len(told) == 2


def test_executors_and_the_cache_change_nothing(tmp_path: Any) -> None:
    expected = hw.sweep(net(), X, bits=(None, 4), **HOW)
    with ThreadPoolExecutor(2) as pool:
        found = hw.sweep(net(), X, pool, bits=(None, 4), cache=tmp_path, chunk=3, **HOW)
        again = hw.sweep(net(), X, pool, bits=(None, 4), cache=tmp_path, **HOW)
    assert found.as_dict() == expected.as_dict()
    assert [row.evaluation and row.evaluation.reused for row in again.rows] == [20, 20]


def test_samples_that_fail_are_told_in_their_row() -> None:
    x = X.copy()
    x[3] = np.nan
    one, two = hw.sweep(net(), x, bits=(None, 8), **HOW).rows
    assert one.evaluation is not None
    assert [failure.index for failure in one.evaluation.failed] == [3]
    assert one.cells()[-1] == two.cells()[-1] == "1 failed"
    (row,) = hw.sweep(net(), np.full_like(X, np.nan), bits=(None,), **HOW).rows
    assert row.error is not None
    assert row.error.code == "T406"
    assert row.figures is None


def test_it_is_shown_as_a_table() -> None:
    found = hw.sweep(net(), X, targets=("generic-mesh", "loihi1"), bits=(8,), **HOW)
    head, good, bad = str(found).splitlines()
    assert head.split()[:3] == ["target", "seed", "numbers"]
    assert good.split()[:3] == ["generic-mesh", "8", "bits"]
    assert "[T506]" in bad
    without = hw.sweep(net(), X, bits=(8,), repeat=STEPS, calibration=X).rows[0]
    assert without.figures is not None
    assert without.figures.accuracy is None
    assert without.cells()[3] == ""


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"targets": ("generic-mash",)}, "T501"),
        ({"labels": [1]}, "T413"),
        ({"executor": "proceses"}, "T413"),
        ({"chunk": 0}, "T413"),
        ({"repeat": None}, "T401"),
        ({"dataset": iter(X)}, "T413"),
        ({"graph": "net.t1c"}, "T413"),
    ],
)
def test_what_no_row_could_be_made_with_is_refused_once(given: dict[str, Any], code: str) -> None:
    with pytest.raises(ir.TalonError) as caught:
        hw.sweep(**{"graph": net(), "dataset": X, **HOW, **given})
    assert caught.value.code == code
    assert caught.value.help


def test_seeds_differ_in_packets_and_hops_alone() -> None:
    """What a seed decides: where cores are. What is computed, and so everything else, is the same."""
    target = chip({"count": 16, "neurons": 2})
    found = hw.sweep(net(), X, calibration=X, repeat=STEPS, labels=LABELS, targets=[target], bits=[8], seeds=[0, 1, 2])
    evaluations = [row.evaluation for row in found.rows]
    for row, one in zip(found.rows, evaluations, strict=True):
        assert one is not None
        assert row.seed is not None
        build = hw.deploy(
            hw.quantize(net(), target, calibration=X, repeat=STEPS), target, calibration=X, repeat=STEPS, seed=row.seed
        )
        ran = build.run(X, repeat=STEPS)
        assert dict(one.events) == {name: int(each.sum()) for name, each in ran.events.items()}
        assert row.figures is not None
        assert row.figures.energy == build.energy(ran, samples=len(X))
        assert one.as_dict()["events"] == dict(one.events)
        assert one.predictions == evaluations[0].predictions
        assert one.counts.total() == evaluations[0].counts.total()
        assert row.cells()[-3] == f"{ran.packets / len(X):,.0f}"
    head = str(found).splitlines()[0].split()
    assert head[-3:] == ["packets", "hops", "problem"]
