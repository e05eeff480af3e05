"""docs/accuracy.md says what a fresh run of the trained networks gives."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from talon.engine import run

ROOT = Path(__file__).parents[2]
FASHION = ROOT / "examples" / "fashion"
PAGE = (ROOT / "docs" / "accuracy.md").read_text()
WHOLE = json.loads((FASHION / "whole.json").read_text())


@pytest.fixture(scope="module")
def script() -> Any:
    spec = importlib.util.spec_from_file_location("accuracy_table", ROOT / "examples" / "accuracy.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # where its dataclasses look for their annotations
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", ["digits", "conv", "ghost"])
def test_the_tables_are_those_of_a_fresh_run(script: Any, name: str) -> None:
    case = script.CASES[name]()
    assert script.section(case, case.rows()) in PAGE


def test_the_sources_are_those_of_the_target(script: Any) -> None:
    rows = script.digits().rows()
    for row in rows[:2]:
        for line in script.prices(row):
            assert line in PAGE
    assert script.HEADER in PAGE
    assert script.ENERGY in PAGE


@pytest.mark.parametrize("kind", ["conv", "ghost"])
def test_eight_bits_lose_less_than_half_a_point_of_all_test_images(kind: str) -> None:
    found = WHOLE[kind]
    assert found["images"] == 10_000
    eight = found["widths"][0]
    assert eight["bits"] == 8
    assert eight["accuracy"] > found["accuracy"] - 0.005
    for row in found["widths"]:
        assert round((row["accuracy"] - found["accuracy"]) * 10_000) == row["won"] - row["lost"]


@pytest.mark.parametrize("kind", ["conv", "ghost"])
def test_the_networks_are_those_that_were_trained(script: Any, kind: str) -> None:
    case, recorded = script.CASES[kind](), json.loads((FASHION / f"fashion_{kind}.json").read_text())
    result = run(case.graph, case.inputs, repeat=case.steps, record="*.spikes")
    assert {path: int(spikes.sum()) for path, spikes in result.spikes.items()} == recorded["spikes"]
    (output,) = result.outputs.values()
    assert np.mean(output.sum(axis=0).argmax(axis=1) == case.labels) == recorded["accuracy"]
    assert case.steps == recorded["steps"]
    assert len(case.labels) == recorded["images"]


def test_the_data_is_small_and_its_licence_is_there(script: Any) -> None:
    assert all((FASHION / f"fashion_{kind}.t1c").stat().st_size < 300_000 for kind in ("conv", "ghost"))
    assert script.fashion("conv", "").graph.metadata["data_licence"] == "MIT"
    assert (FASHION / "fashion_subset.npz").stat().st_size < 400_000
    assert "Zalando" in (FASHION / "LICENSE-DATA").read_text()
