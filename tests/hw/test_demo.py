"""`talon hw demo`: the digits network on every target, and in integers, as the recorded run says."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from talon import hw
from talon.hw.commands import group

EXPECTED = json.loads(Path(__file__).with_name("digits_expected.json").read_text())


@pytest.fixture(scope="module")
def told() -> Result:
    return CliRunner().invoke(group, ["demo"])


@pytest.fixture(scope="module")
def data() -> Any:
    return json.loads(CliRunner().invoke(group, ["demo", "--json"]).stdout)["data"]


def test_every_target_has_its_verdict(told: Result, data: Any) -> None:
    assert told.exit_code == 0, told.output
    assert "fits generic-mesh: it takes 1 of 64 cores" in told.stdout
    assert "does not fit speck2e (2 problems)" in told.stdout
    assert "fits zcu102, as far as its numbers are known: it takes 1 of 32 cores" in told.stdout
    assert "at most 16,384 neurons in all (neurons, generic-mesh); found 131,072 neurons needed" in told.stdout
    assert "not known of zcu102: fan-in, fan-out, in-axons, out-edges, layers, inputs, outputs," in told.stdout
    assert [report["target"] for report in data["targets"]] == hw.targets()


def test_the_digits_in_integers_are_the_recorded_ones(data: Any) -> None:
    found = [{key: row[key] for key in ("bits", "accuracy", "spikes", "synops")} for row in data["widths"]]
    assert [row["bits"] for row in found] == [None, 8, 4]
    recorded = {row["bits"]: row for row in EXPECTED}
    assert found == [recorded[row["bits"]] for row in found]
    floats, eight, _ = found
    assert eight["accuracy"] >= floats["accuracy"] - 0.005


def test_the_energy_is_told_with_its_rows_and_their_source(told: Result, data: Any) -> None:
    for row in data["widths"]:
        energy = row["energy"]
        assert energy["pJ"] == pytest.approx(sum(line["pJ"] for line in energy["lines"]))
        assert energy["unknown"] == []
        (citation,) = energy["citations"].values()
        assert citation in told.stdout
        assert f"{energy['pJ'] / 1e3:,.1f}" in told.stdout
        assert f"{row['accuracy']:.1%}" in told.stdout
    for line in data["widths"][1]["energy"]["lines"]:
        assert line["row"] in told.stdout
        assert line["price"] in told.stdout
