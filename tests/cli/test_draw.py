"""`talon draw`: what it writes, what it refuses, what it leaves alone."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from click.testing import CliRunner, Result

from talon import ir
from talon.cli.main import cli
from talon.ir.drawing import svg


def talon(*words: object) -> Result:
    return CliRunner().invoke(cli, [str(word) for word in words])


@pytest.fixture
def graph() -> ir.Graph:
    nodes = {"in": ir.Input([4]), "fc": ir.Affine(np.eye(4)), "lif": ir.LIF(2.0, 2.0, 0.0, 1.0), "out": ir.Output([4])}
    return ir.Graph(nodes, [("in", "fc"), ("fc", "lif"), ("lif", "out"), ir.Edge("lif", "fc", delay=1)], dt=0.001)


@pytest.fixture
def net(tmp_path: Path, graph: ir.Graph) -> Path:
    ir.write(tmp_path / "net.t1c", graph)
    return tmp_path / "net.t1c"


def test_draw_writes_svg_and_says_its_size(net: Path, graph: ir.Graph, tmp_path: Path) -> None:
    before = net.read_bytes()
    target = tmp_path / "new" / "net.svg"
    result = talon("draw", net, "-o", target, "--json")
    assert result.exit_code == 0, result.output
    data = json.loads(result.stdout)["data"]
    root = ElementTree.parse(target).getroot()
    assert (root.attrib["width"], root.attrib["height"]) == (str(data["width"]), str(data["height"]))
    del data["width"], data["height"]
    assert data == {"nodes": 4, "drawn": 4, "folded": False, "written": str(target)}
    assert target.read_text("utf-8") == svg(graph)
    assert net.read_bytes() == before


def test_draw_writes_a_page(net: Path, tmp_path: Path) -> None:
    result = talon("draw", net, "-o", tmp_path / "net.HTML")
    assert result.exit_code == 0, result.output
    text = (tmp_path / "net.HTML").read_text("utf-8")
    assert text.startswith("<!DOCTYPE html>")
    assert "<title>net.t1c</title>" in text
    assert "4 nodes, 4 edges, dt = 0.001 s, with cycles" in text
    assert "</svg>" in text
    assert "4 nodes" in result.stdout


def test_draw_folds_a_large_graph(tmp_path: Path) -> None:
    chain = ir.Graph.chain(ir.Input([1]), *(ir.Skip() for _ in range(400)), ir.Output([1]))
    ir.write(tmp_path / "long.t1c", chain)
    result = talon("draw", tmp_path / "long.t1c", "-o", tmp_path / "long.svg")
    assert "7 boxes for 402 nodes" in result.stdout
    data = json.loads(talon("draw", tmp_path / "long.t1c", "-o", tmp_path / "long2.svg", "--json").stdout)["data"]
    assert (data["nodes"], data["drawn"], data["folded"]) == (402, 7, True)


def test_draw_replaces_only_when_told(net: Path, tmp_path: Path) -> None:
    target = tmp_path / "net.svg"
    target.write_text("mine")
    refused = talon("draw", net, "-o", target)
    assert refused.exit_code == 2
    assert "T306" in refused.stderr
    assert target.read_text() == "mine"
    assert talon("draw", net, "-o", target, "--force").exit_code == 0
    assert "<svg" in target.read_text("utf-8")
    assert not [path for path in tmp_path.iterdir() if "talon-tmp" in path.name]


@pytest.mark.parametrize("name", ["net.png", "net", ".svg", "net.svg.gz"])
def test_draw_names_the_formats_it_knows(net: Path, tmp_path: Path, name: str) -> None:
    result = talon("draw", net, "-o", tmp_path / name)
    assert result.exit_code == 2
    for words in ("T308", ".svg or .html"):
        assert words in result.stderr
    assert not (tmp_path / name).exists()


def test_draw_never_replaces_its_input(net: Path, tmp_path: Path) -> None:
    disguised = net.rename(tmp_path / "net.svg")
    before = disguised.read_bytes()
    (tmp_path / "link.svg").symlink_to(disguised)
    for target in (disguised, tmp_path / "link.svg"):
        result = talon("draw", disguised, "-o", target, "--force")
        assert result.exit_code == 2
        assert "T308" in result.stderr
    assert disguised.read_bytes() == before


def test_draw_needs_a_file_that_it_can_read(tmp_path: Path) -> None:
    (tmp_path / "no.t1c").write_text("nothing")
    (tmp_path / "dangling.svg").symlink_to(tmp_path / "nowhere")
    assert talon("draw", tmp_path / "no.t1c", "-o", tmp_path / "x.svg").exit_code == 3
    assert talon("draw", tmp_path / "dangling.svg", "-o", tmp_path / "dangling.svg", "--force").exit_code == 3
    assert talon("draw", tmp_path / "no.t1c").exit_code == 2
    assert not (tmp_path / "x.svg").exists()
