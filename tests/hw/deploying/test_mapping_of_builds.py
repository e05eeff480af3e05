"""What holds for every build: places, limits, seeds, and a build as a value."""

from __future__ import annotations

import pickle
import zlib
from typing import Any

import numpy as np
import pytest

from talon import hw, ir
from talon.hw.deploying.running import Running
from talon.testing.targets.recounted import within_limits
from tests.hw.chips import chip
from tests.hw.deploying.agreeing import ANYWHERE, ROOMY, agree, same
from tests.hw.deploying.recounting import cut

RNG = np.random.default_rng(25)


def normal(*shape: int) -> np.ndarray:
    return RNG.standard_normal(shape).astype(np.float32)


X = (RNG.random((6, 3, 2, 8, 8)) < 0.3).astype(np.float32)
NET = ir.Graph(
    {
        "in": ir.Input([2, 8, 8]),
        "c1": ir.Conv2d(normal(6, 2, 3, 3), normal(6), padding=1),
        "n1": ir.LIF(3.0, 2.0, 0.0, 0.9),
        "c2": ir.Conv2d(normal(8, 6, 3, 3), stride=2, padding=1),
        "back": ir.Conv2d(normal(8, 1, 3, 3), padding=1, groups=8),
        "n2": ir.IF(0.8, reset="subtract"),
        "flat": ir.Flatten(),
        "fc": ir.Affine(normal(9, 128), normal(9)),
        "n3": ir.LIF(2.0, 2.0, 0.0, np.linspace(0.4, 1.0, 9)),
        "out": ir.Output([9]),
        "maps": ir.Output([8, 4, 4]),
    },
    [
        ("in", "c1"), ("c1", "n1"), ("n1", "c2"), ("c2", "n2"), ("n2", "back"), ir.Edge("back", "n2", delay=1),
        ("n2", "flat"), ("flat", "fc"), ("fc", "n3"), ("n3", "out"), ("n2", "maps"),
    ],
    allow_cycles=True,
)  # fmt: skip
QUANTISED = hw.quantize(NET, chip(ROOMY), calibration=X)

LIMITS: dict[str, dict[str, int]] = {
    "neurons": {"neurons": 50},
    "axons": {"in_axons": 130},
    "edges": {"out_edges": 150, "neurons": 100},
    "weights": {"weight_words": 400},
    "membranes": {"state_words": 60},
    "everything": {"neurons": 40, "in_axons": 130, "out_edges": 300, "weight_words": 600, "state_words": 100},
}


@pytest.mark.parametrize("what", LIMITS)
@pytest.mark.parametrize("rated", [False, True])
def test_no_core_is_over_its_limits(what: str, rated: bool) -> None:
    target = chip({**ROOMY, **LIMITS[what]}, **ANYWHERE)
    how = {"calibration": X} if rated else {}
    ((build, _),) = agree(QUANTISED, X, [target], **how)
    assert build.cores > 1


def test_the_limits_are_counted() -> None:
    """Or the test above would not count them: the same build is over each of the tighter ones."""
    build = hw.deploy(QUANTISED, chip(ROOMY))
    within_limits(build, chip(ROOMY))
    for what in ("neurons", "axons", "edges", "weights", "membranes"):
        with pytest.raises(AssertionError):
            within_limits(build, chip({**ROOMY, **LIMITS[what]}))


SMALL = chip({**ROOMY, "count": 20, "neurons": 60})
"""A mesh, of which some stay free."""


def test_a_seed_gives_one_build_and_all_seeds_one_answer() -> None:
    builds = [hw.deploy(QUANTISED, SMALL, calibration=X, seed=seed) for seed in (0, 0, 1, 2)]
    assert pickle.dumps(builds[0]) == pickle.dumps(builds[1])
    results = [build.run(X, record="*") for build in builds]
    for result in results[1:]:
        same(result.outputs, results[0].outputs)
        same(result.records, results[0].records)
    assert [build.seed for build in builds] == [0, 0, 1, 2]


def test_a_build_travels_by_value() -> None:
    softmax = NET.changed(
        nodes=NET.nodes | {"soft": ir.Softmax(9, -1), "p": ir.Output([9])},
        edges=[*NET.edges, ("n3", "soft"), ("soft", "p")],
    )
    quantised = hw.quantize(softmax, chip(ROOMY), calibration=X)
    build = hw.deploy(quantised, SMALL, calibration=X)
    # Run first, so that whatever it keeps for itself travels, too.
    expected = build.run(X, record="*")
    back = pickle.loads(pickle.dumps(build))
    assert back.host is not None
    found = back.run(X, record="*")
    same(found.outputs, expected.outputs)
    same(found.records, expected.records)
    assert found.counts.total() == expected.counts.total()
    assert found.packets == expected.packets == cut(expected) > 0
    assert back.verify()
    result = pickle.loads(pickle.dumps(expected))
    same(result.outputs, expected.outputs)


def test_samples_and_steps_do_not_know_each_other() -> None:
    build = hw.deploy(QUANTISED, SMALL)
    whole = build.run(X, record="*")
    for sample in range(X.shape[1]):
        one = build.run(X[:, sample : sample + 1], record="*")
        for key, array in one.records.items():
            assert np.array_equal(array[:, 0], whole.records[key][:, sample])
    fewer = build.run(X[:2], record="*")
    for key, array in fewer.records.items():
        assert np.array_equal(array, whole.records[key][:2])


def test_a_golden_sample_that_is_wrong_is_found() -> None:
    build = hw.deploy(QUANTISED, SMALL, calibration=X)
    assert build.verify()
    assert build.golden is not None
    for readout in range(len(build.golden.readouts)):
        changed = pickle.loads(pickle.dumps(build))
        array = changed.golden.readouts[readout]
        array.flat[-1] ^= 1
        assert not changed.verify()
        assert list(changed.deviations()) == ["readouts"]


def test_a_core_that_does_something_else_is_named() -> None:
    """A weight that is used changes what its core does from the step on at which it is used, whatever comes out."""
    build = hw.deploy(QUANTISED, SMALL, calibration=X)
    found = 0
    for number, tile in enumerate(build.chip.tiles):
        for place, part in enumerate(tile.parts):
            if part.weight is None:
                continue
            # A copy in which every weight of this tile is another.
            changed = pickle.loads(pickle.dumps(build))
            changed.chip.tiles[number].parts[place].weight[...] //= 2
            found += 1
            other = changed.deviations()
            assert not changed.verify()
            assert tile.core in other["cores"]
            assert min(other["steps"]) < len(build.golden.by_step)
    assert found > 1


def test_the_checksums_are_of_values_and_membranes() -> None:
    """Made anew from what a run records, as docs/artifact.md says."""
    build = hw.deploy(QUANTISED, SMALL, calibration=X)
    golden = build.golden
    assert golden is not None
    running = Running(build.chip, golden.steps, 1)
    by_core, by_step = [0] * build.cores, []
    for t in range(golden.steps):
        values = running.step(t, {name: array[t : t + 1] for name, array in golden.inputs.items()})[0]
        step = 0
        for tile, state in zip(build.chip.tiles, running.v, strict=True):
            own = values[tile.first : tile.first + tile.size].astype("<i8").tobytes()
            own += state["v"].astype("<i8").tobytes() if tile.cells is not None else b""
            by_core[tile.core] = zlib.crc32(own, by_core[tile.core])
            step = zlib.crc32(own, step)
        by_step.append(step)
    assert golden.by_core.tolist() == by_core
    assert golden.by_step.tolist() == by_step


def test_progress_is_told() -> None:
    told: list[Any] = []
    hw.deploy(QUANTISED, SMALL).run(X[:3], progress=lambda done, of: told.append((done, of)))
    assert told == [(1, 3), (2, 3), (3, 3)]
