"""Quantised files of every format of the record are read, and computed, as what they were."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest

from talon import hw, ir
from talon.engine import run
from talon.hw.integers.packed import FORMAT
from talon.hw.integers.record import QuantRecord

HERE = Path(__file__).parent / "quantised"
FILES = sorted(HERE.glob("*.t1c"))


def test_nothing_was_changed() -> None:
    sums = {name: found for found, name in (line.split() for line in (HERE / "SHA256SUMS").read_text().splitlines())}
    assert {path.name for path in HERE.iterdir()} == {"SHA256SUMS", *sums}
    assert all(hashlib.sha256((HERE / name).read_bytes()).hexdigest() == found for name, found in sums.items())
    assert [path.stem for path in FILES] == [f"format-{number}" for number in range(1, FORMAT + 1)]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
@pytest.mark.parametrize("kernels", ["auto", "oracle"])
def test_it_computes_what_it_computed(path: Path, kernels: str, tmp_path: Path) -> None:
    graph = ir.read(path)
    assert graph.quantization_config["format"] == int(path.stem.rpartition("-")[2])
    record = QuantRecord.of(graph)
    assert record.accumulator_bits == {"lif1": 12}
    assert record.shifts == {"lif1": 1}
    assert {name: unit.shape for name, unit in record.units.items()} == {"fc1": (9,), "fc2": (4,)}
    assert (record.inputs["input"].scale, record.inputs["input"].low) == (2**-6, -127)
    assert (record.origin["target"], record.origin["method"]) == ("generic-mesh", "max")
    ledger = hw.quantization_ledger(graph)
    assert {line["field"] for line in ledger} >= {"weight", "bias", "v_threshold"}
    today = graph.changed(quantization_config=record.as_config())
    assert today.quantization_config["format"] == FORMAT
    ir.write(tmp_path / "today.t1c", today)
    with np.load(path.with_suffix(".npz")) as told:
        for network in (graph, ir.read(tmp_path / "today.t1c")):
            found = run(network, told["x"], engine="integer", engine_options={"kernels": kernels}, record="lif1.v")
            assert np.array_equal(found.outputs["output"], told["spikes"])
            assert np.array_equal(found.records["lif1.v"], told["v"])
            assert hw.quantization_ledger(network) == ledger
