"""What is saved comes back: every field, the same runs, the same bytes."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings

from talon import hw, ir
from tests.hw.artifact import builds
from tests.hw.artifact.builds import same
from tests.hw.chips import chip
from tests.hw.test_integer_oracle import networks

DEPLOYS = """\
import hashlib, pathlib, sys
from tests.hw.artifact import builds
path = pathlib.Path(sys.argv[1])
getattr(builds, sys.argv[2])().save(path)
print(hashlib.sha256(path.read_bytes()).hexdigest())
"""


def again(build: hw.Build, folder: Path) -> hw.Build:
    """A build saved and loaded, which saves as the same bytes."""
    path, other = folder / "net.talonhw", folder / "again.talonhw"
    build.save(path, overwrite=True)
    found = hw.load(path)
    found.save(other, overwrite=True)
    assert path.read_bytes() == other.read_bytes()
    return found


@pytest.mark.parametrize("which", ["everything", "small"])
def test_every_field_comes_back(tmp_path: Path, which: str) -> None:
    build = getattr(builds, which)()
    found = again(build, tmp_path)
    same(found, build)
    assert found.verify()
    rng = np.random.default_rng(1)
    x = {name: rng.random((7, 3, *port.shape)).round().astype(np.float32) for name, port in build.chip.inputs.items()}
    same_runs(found, build, x)


def same_runs(a: hw.Build, b: hw.Build, x: Any) -> None:
    record = "*" if any(layer.neuron for layer in b.chip.layers) else ()
    found, expected = a.run(x, record=record), b.run(x, record=record)
    same(found.outputs, expected.outputs)
    same(found.records, expected.records)
    same(found.work, expected.work)


@given(networks())
@settings(max_examples=40, deadline=None)
def test_small_networks(tmp_path_factory: pytest.TempPathFactory, drawn: Any) -> None:
    graph, x, target, asked = drawn
    build = hw.deploy(hw.quantize(graph, target, calibration=x, **asked), target, calibration=x)
    found = again(build, tmp_path_factory.mktemp("artifact"))
    same(found, build)
    same_runs(found, build, x)


def test_a_build_without_cores(tmp_path: Path) -> None:
    graph = ir.Graph.chain(input=ir.Input([4]), fc=ir.Affine(np.ones((2, 4), np.float32)), out=ir.Output(None))
    x = np.ones((3, 1, 4), np.float32)
    build = hw.deploy(hw.quantize(graph, calibration=x), calibration=x)
    same(again(build, tmp_path), build)
    straight = hw.deploy(
        hw.quantize(ir.Graph.chain(input=ir.Input([4]), out=ir.Output(None)), calibration=x), calibration=x
    )
    found = again(straight, tmp_path)
    same(found, straight)
    same_runs(found, straight, x)


def test_without_a_calibration_there_is_no_golden_sample(tmp_path: Path) -> None:
    x = np.ones((3, 1, 4), np.float32)
    graph = ir.Graph.chain(
        input=ir.Input([4]), fc=ir.Affine(np.ones((2, 4), np.float32)), n=ir.IF(1.0), out=ir.Output(None)
    )
    found = again(hw.deploy(hw.quantize(graph, calibration=x)), tmp_path)
    assert found.golden is None
    with pytest.raises(ir.TalonRunError, match="golden"):
        found.verify()


def test_another_process_writes_the_same_bytes(tmp_path: Path) -> None:
    builds.everything().save(tmp_path / "here.talonhw")
    ran = subprocess.run(
        [sys.executable, "-c", DEPLOYS, tmp_path / "there.talonhw", "everything"],
        cwd=Path(__file__).parents[3],
        check=True,
        capture_output=True,
        text=True,
    )
    assert ran.stdout.strip() == hashlib.sha256((tmp_path / "here.talonhw").read_bytes()).hexdigest()


def test_it_is_not_written_over_unasked(tmp_path: Path) -> None:
    path = tmp_path / "net.talonhw"
    path.write_bytes(b"precious")
    with pytest.raises(ir.TalonFileError) as caught:
        builds.small().save(path)
    assert caught.value.code == "T306"
    assert path.read_bytes() == b"precious"


def test_numbers_wider_than_32_bits(tmp_path: Path) -> None:
    """Membranes may have up to 48, and thresholds with them."""
    target = chip(membranes__bits=48, accumulators__bits=48)
    graph = ir.Graph.chain(
        input=ir.Input([4]), fc=ir.Affine(np.ones((3, 4), np.float32)), n=ir.IF(1.0, v_init=0.5), out=ir.Output(None)
    )
    x = np.ones((3, 1, 4), np.float32)
    build = builds.quantised(graph, target, x)
    tile = build.chip.tiles[0]
    assert tile.cells is not None
    wide = replace(tile.cells, threshold=np.array([1 << 40, (1 << 41) + 1, 5]))
    build = replace(build, chip=replace(build.chip, tiles=(replace(tile, cells=wide),)))
    same(again(build, tmp_path), build)
