"""`talon acme rate` and the function behind it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from talon import ir
from talon.cli.main import cli

from talon_acme.commands import Rate, rates


def talon(*words: object) -> Result:
    return CliRunner().invoke(cli, [str(word) for word in words])


@pytest.fixture
def net(tmp_path: Path) -> Path:
    """Two neurons that fire at every second step, then one that fires whenever both have."""
    np.save(tmp_path / "x.npy", np.full((10, 3, 2), 0.5))
    chain = ir.Graph.chain(
        input=ir.Input([2]),
        first=ir.IF(1.0),
        fc=ir.Affine(np.full((1, 2), 0.5)),
        second=ir.IF(1.0),
        output=ir.Output([1]),
    )
    graph = ir.Graph(chain.nodes, chain.edges, dt=1e-3)
    ir.write(tmp_path / "net.t1c", graph)
    return tmp_path / "net.t1c"


def test_rates(net: Path) -> None:
    found = rates(ir.read(net), np.full((10, 3, 2), 0.5))
    assert found == [Rate("first", 2, 30, 0.5, 500.0), Rate("second", 1, 15, 0.5, 500.0)]
    held = rates(ir.read(net), np.full((3, 2), 0.5), 4)
    assert [row.spikes for row in held] == [12, 6]


def test_the_command(net: Path) -> None:
    result = talon("acme", "rate", net, "--input", net.with_name("x.npy"))
    assert result.exit_code == 0
    assert result.output.splitlines()[1].split() == ["first", "2", "30", "0.5000", "500.0"]
    shown = json.loads(talon("acme", "rate", net, "--input", net.with_name("x.npy"), "--json").stdout)
    assert shown["data"][1] == {"layer": "second", "neurons": 1, "spikes": 15, "per_step": 0.5, "hertz": 500.0}


def test_without_neurons_or_input_it_says_so(net: Path) -> None:
    graph = ir.Graph.chain(ir.Input([2]), ir.ReLU(2), ir.Output([2]))
    ir.write(net, graph)
    result = talon("acme", "rate", net, "--input", net.with_name("x.npy"))
    assert result.exit_code == 2
    assert "T404" in result.output
    assert talon("acme", "rate", net, "--input", net.with_name("y.npy")).exit_code == 3


def test_the_group_has_help() -> None:
    assert "rate" in talon("acme", "--help").output
    assert "acme" in talon("--help").output
