"""The example that puts ghost detectors on chips says what is so."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from talon import hw

EXAMPLE = Path(__file__).parents[2] / "examples" / "chip" / "detector.py"


def test_the_detectors_on_their_chips(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spec = importlib.util.spec_from_file_location("chip_example", EXAMPLE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.main(tmp_path)
    told = capsys.readouterr().out
    for name, cores in (("generic-mesh", 64), ("zcu102", 32)):
        part = told.partition(f"does not fit {name}")[2].partition("does not")[0]
        assert "neurons: need 151,488, have 16,384" in part
        assert f"have {cores}" in part
    assert "t1c-asic: 148 cores, 151,488 neurons and sums" in told
    assert told.count("detections as the integer engine: True") == 3
    golden = hw.load(tmp_path / "golden.talonhw")
    assert {node["type"] for node in golden.host_nodes()} >= {"DFLDecode", "Dist2BBox", "NMS"}
    assert sum(layer.neuron is not None for layer in golden.chip.layers) > 20
    for name in ("generic-mesh", "zcu102"):
        small = hw.load(tmp_path / f"small-{name}.talonhw")
        assert small.target.id == name
        assert small.verify()
