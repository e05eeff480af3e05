"""examples/detector/build.py builds what its README says, and every engine runs it alike."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from talon import engine, ir
from talon.hw.native import library

SCRIPT = Path(__file__).parents[2] / "examples" / "detector" / "build.py"
SIZE = (64, 64)


@pytest.fixture(scope="module")
def build() -> Any:
    spec = importlib.util.spec_from_file_location("build_detector", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_script_writes_the_network_of_the_readme(build: Any, tmp_path: Path) -> None:
    path = tmp_path / "detector.t1c"
    done = subprocess.run([sys.executable, SCRIPT, path], check=True, capture_output=True, text=True)
    graph = ir.read(path)
    weights = f"{build.count(graph):,} weights"
    assert weights in done.stdout
    assert weights in SCRIPT.with_name("README.md").read_text()
    assert not graph.check().errors


@pytest.mark.skipif(library.load()[0] is None, reason=f"no C library here: {library.load()[1]}")
def test_engines_agree_on_a_small_one_and_all_its_neurons_are_active(build: Any) -> None:
    graph, inputs = build.build(width=8, size=SIZE), build.image(SIZE)
    want, found = (engine.run(graph, inputs, engine=name) for name in ("reference", "native"))
    assert want.outputs["output"].tobytes() == found.outputs["output"].tobytes()
    assert want.outputs["output"].shape == (build.STEPS, 1, 300, 6)
    for path, counts in want.counts.items():
        for quantity, values in counts.items():
            assert np.array_equal(values, found.counts[path][quantity]), (path, quantity)
        if "updates" in counts:
            assert counts["spikes"].sum() > 0, path
