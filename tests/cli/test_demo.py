"""`talon demo`: real digits, from package data, as the recorded run says."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from click.testing import CliRunner

from talon import ir
from talon.cli.demo import classify, drive, model_path
from talon.cli.demo import test_images as held_out
from talon.cli.main import cli

EXPECTED = json.loads(Path(__file__).with_name("digits_expected.json").read_text())


def test_package_data_is_small() -> None:
    assert sum(path.stat().st_size for path in model_path().parent.iterdir()) < 200_000


def test_accuracy_and_spikes_are_the_recorded_ones() -> None:
    images, labels = held_out()
    assert images.dtype == np.uint8
    assert len(labels) == 360
    assert sorted(set(labels.tolist())) == list(range(10))
    found = classify(ir.read(model_path()), images, labels)
    assert found.accuracy == EXPECTED["accuracy"] >= 0.96
    assert found.confusion.sum() == 360
    assert found.confusion.trace() / 360 == found.accuracy
    assert found.counts["spikes"] == sum(EXPECTED["spikes"].values())
    for layer, spikes in EXPECTED["spikes"].items():
        assert found.per_layer[layer]["spikes"] == spikes


def test_the_command_tells_it_all() -> None:
    result = CliRunner().invoke(cli, ["demo"])
    assert result.exit_code == 0
    for words in ("accuracy", "spikes", "synaptic operations", "ms per image", "rows", "|", "talon info"):
        assert words in result.output
    data = json.loads(CliRunner().invoke(cli, ["demo", "--json"]).stdout)["data"]
    assert data["accuracy"] == EXPECTED["accuracy"]
    assert np.sum(data["confusion"]) == 360


def test_save_copies_the_network_and_its_images(tmp_path: Path) -> None:
    result = CliRunner().invoke(cli, ["demo", "--save", str(tmp_path)])
    assert result.exit_code == 0
    graph = ir.read(tmp_path / "digits.t1c")
    assert graph.same_as(ir.read(model_path()))
    assert np.array_equal(np.load(tmp_path / "digits.npy"), drive(graph, held_out()[0]))
    again = CliRunner().invoke(cli, ["demo", "--save", str(tmp_path)])
    assert again.exit_code == 2
    assert "--force" in again.output
    assert CliRunner().invoke(cli, ["demo", "--save", str(tmp_path), "--force"]).exit_code == 0
