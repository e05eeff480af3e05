"""Hints of hardware: the core that a node asks for is heeded or refused, and what has no effect is named."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result

from talon import hw, ir
from talon.engine import run
from talon.hw.commands import group
from talon.hw.places import mesh_of
from tests.hw.chips import chip, crossed
from tests.hw.deploying.agreeing import ROOMY

RNG = np.random.default_rng(44)
X = (RNG.random((10, 2, 40)) < 0.3).astype(np.float32)
MANY = chip({**ROOMY, "count": 20, "neurons": 60})
PAIR = chip({**ROOMY, "count": 2, "neurons": 64})


def normal(*shape: int) -> np.ndarray:
    return RNG.normal(0, 0.4, shape).astype(np.float32)


def net(hidden: int = 50, middle: Mapping[str, ir.Primitive] | None = None, **hints: Mapping[str, Any]) -> ir.Graph:
    """Two layers; `hints` by node."""
    nodes: dict[str, ir.Primitive] = {
        "input": ir.Input([40]),
        "fc1": ir.Affine(normal(hidden, 40)),
        **(middle or {}),
        "lif1": ir.LIF(2.0, 2.0, 0.0, 0.7),
        "fc2": ir.Affine(normal(10, hidden)),
        "lif2": ir.LIF(2.0, 2.0, 0.0, 0.7),
        "output": ir.Output([10]),
    }
    return ir.Graph.chain(**{name: node.changed(**hints.get(name, {})) for name, node in nodes.items()})


def build_of(graph: ir.Graph, target: Any = "generic-mesh", **how: Any) -> hw.Build:
    """The build, which computes what the engine does and is the same when it comes back from a file."""
    quantised = hw.quantize(graph, target, calibration=X)
    build = hw.deploy(quantised, target, calibration=X, **how)
    expected = run(quantised, X, engine="integer").outputs["output"]
    assert np.array_equal(build.run(X).outputs["output"], expected)
    return build


def place_of(build: hw.Build, node: str) -> set[tuple[int, ...]]:
    """Where the cores stand that have a part of a node."""
    layer = next(n for n, layer in enumerate(build.chip.layers) if node in layer.members)
    return {tuple(build.chip.positions[tile.core].tolist()) for tile in build.chip.tiles if tile.layer == layer}


def invoke(*words: str) -> Result:
    return CliRunner().invoke(group, words)


def hints_in(ledger: Any) -> dict[tuple[str, str], str]:
    return {(line["node"], line["field"]): line["after"] for line in ledger if line["pass"] == "hints"}


def refusal(graph: ir.Graph, target: Any = "generic-mesh") -> Any:
    """The one error of a check, which `deploy` raises."""
    (found,) = hw.check(graph, target).errors
    assert found.code == "T509"
    quantised = hw.quantize(graph, target, calibration=X)
    with pytest.raises(ir.TalonTargetError) as caught:
        hw.deploy(quantised, target)
    assert caught.value.diagnostic == found
    return found


# Heeded


@pytest.mark.parametrize("node", ["fc1", "lif1"])
@pytest.mark.parametrize("core", [0, 13, 63])
def test_a_node_is_on_the_core_that_it_asks_for(node: str, core: int) -> None:
    build = build_of(net(**{node: {"core_id": core}}))
    assert place_of(build, "lif1") == {(core // 8, core % 8)}
    assert f"core {core} (row {core // 8}, column {core % 8})" in hints_in(build.ledger)[node, "core_id"]


def test_others_stand_around_it() -> None:
    """The layers that talk with it come near, wherever it is, and every one on a core of its own."""
    for core in (0, 19):
        build = build_of(net(300, lif2={"core_id": core}), MANY)
        assert build.cores == 6
        places = sorted(int(row) for row, _ in build.chip.positions.tolist())
        assert places == list(range(6) if core == 0 else range(14, 20))
        assert place_of(build, "lif2") == {(core, 0)}


def test_two_ask_for_one_core_and_for_two() -> None:
    together = build_of(net(lif1={"core_id": 5}, lif2={"core_id": 5}))
    assert together.cores == 1
    apart = build_of(net(lif1={"core_id": 5}, lif2={"core_id": 50}))
    assert (place_of(apart, "lif1"), place_of(apart, "lif2")) == ({(0, 5)}, {(6, 2)})


def test_where_there_are_few_cores_others_share_it() -> None:
    for core in (0, 1):
        build = build_of(net(100, lif2={"core_id": core}), PAIR)
        assert place_of(build, "lif2") == {(core, 0)}
        assert place_of(build, "lif1") == {(0, 0), (1, 0)}


def test_cores_without_a_mesh_have_numbers() -> None:
    target = crossed("zcu102")
    assert mesh_of(target) is None
    build = build_of(net(1200, lif2={"core_id": 1}), target)
    assert place_of(build, "lif2") == {(1,)}
    assert sorted(build.chip.positions[:, 0].tolist()) == list(range(build.cores))
    assert place_of(build_of(net(lif2={"core_id": 31}), target), "lif2") == {(31,)}


def test_the_artifact_keeps_it(tmp_path: Path) -> None:
    for target in ("generic-mesh", crossed("zcu102")):
        build = build_of(net(lif1={"core_id": 21}), target)
        build.save(tmp_path / "net.talonhw", overwrite=True)
        back = hw.load(tmp_path / "net.talonhw")
        assert place_of(back, "lif1") == place_of(build, "lif1")
        assert hints_in(back.ledger) == hints_in(build.ledger) != {}
        assert back.verify()


def test_a_graph_within_asks_for_all_of_it() -> None:
    inner = ir.Graph.chain(
        i=ir.Input([40]), fc=ir.Affine(normal(50, 40)), cell=ir.LIF(2.0, 2.0, 0.0, 0.7), o=ir.Output([50])
    )
    graph = ir.Graph.chain(
        input=ir.Input([40]),
        block=inner.changed(core_id=9),
        fc=ir.Affine(normal(10, 50)),
        cell=ir.LIF(2.0, 2.0, 0.0, 0.7, core_id=10),
        output=ir.Output([10]),
    )
    assert not hw.check(graph, "generic-mesh").diagnostics
    build = build_of(graph)
    assert place_of(build, "block.cell") == {(1, 1)}
    assert place_of(build, "cell") == {(1, 2)}


def test_what_is_written_otherwise_keeps_its_hints() -> None:
    norm = ir.BatchNorm1d(40, None, None, np.zeros(40), np.ones(40), core_id=3)
    graph = net().insert_after("input", "norm", norm)
    legal = hw.legalise(graph, "generic-mesh").graph
    assert type(legal.nodes["norm"]).__name__ == "Affine"
    assert legal.nodes["norm"].core_id == 3


# Refused


def test_a_core_that_is_not_there() -> None:
    found = refusal(net(lif2={"core_id": 64}))
    assert (found.node, found.resource, found.have, found.need) == ("lif2", "cores", 64, 65)
    assert "0 to 63" in found.expected
    assert refusal(net(lif2={"core_id": 2}), PAIR).have == 2


def test_a_layer_that_needs_several_cores() -> None:
    found = refusal(net(300, fc1={"core_id": 4}))
    assert (found.node, found.resource, found.have, found.need) == ("fc1", "neurons", 256, 300)
    assert "divided" in found.mend


def test_layers_that_do_not_go_together() -> None:
    found = refusal(net(250, fc1={"core_id": 4}, lif2={"core_id": 4}))
    assert (found.node, found.resource, found.have, found.need) == ("fc1", "neurons", 256, 260)
    assert "another core_id" in found.mend
    assert "fc2 + lif2" in found.message


def test_nodes_of_one_layer_that_ask_for_two() -> None:
    found = refusal(net(fc1={"core_id": 4}, lif1={"core_id": 5}))
    assert (found.node, found.have, found.need) == ("lif1", 4, 5)
    assert build_of(net(fc1={"core_id": 4}, lif1={"core_id": 4})).cores


def test_a_core_of_another_kind() -> None:
    """The first cores of Speck have kernel memories of 16 Ki words, its sixth of 64 Ki."""
    large = ir.Graph.chain(
        input=ir.Input([40]), fc=ir.Affine(np.ones((800, 40), np.float32)), cell=ir.IF(1.0), output=ir.Output([800])
    )
    errors = {
        core: [f for f in hw.check(at(large, core), "speck2e").errors if f.code == "T509"] for core in (None, 0, 5)
    }
    assert not errors[None]
    assert not errors[5]
    (found,) = errors[0]
    assert (found.node, found.resource) == ("fc", "kernel memory")
    assert found.need > found.have == 16 * 1024


def at(graph: ir.Graph, core: int | None) -> ir.Graph:
    return graph.replace("fc", graph.nodes["fc"].changed(core_id=core))


# Without effect


def test_hints_that_nothing_heeds_are_named() -> None:
    graph = net(fc1={"reuse_factor": 4}, lif2={"hardware_hints": {"pragma": np.arange(1000)}}, output={"core_id": 1})
    report = hw.check(graph, "generic-mesh")
    assert report.ok
    told = {(d.node, d.found.partition("=")[0]) for d in report.warnings}
    assert told == {("fc1", "reuse_factor"), ("lif2", "hardware_hints"), ("output", "core_id")}
    assert {d.code for d in report.warnings} == {"T509"}
    assert "as far as" not in report.verdict()
    assert max(map(len, str(report).splitlines())) < 140
    quantised = hw.quantize(graph, "generic-mesh", calibration=X)
    assert hints_in(hw.quantization_ledger(quantised)).keys() == {("fc1", "reuse_factor"), ("lif2", "hardware_hints")}
    build = hw.deploy(quantised, "generic-mesh")
    assert hints_in(build.ledger).keys() == told
    assert len([line for line in build.ledger if line["pass"] == "hints"]) == 3
    assert not hw.check(net(), "generic-mesh").diagnostics
    assert not hints_in(hw.deploy(hw.quantize(net(), calibration=X)).ledger)


def test_a_batch_norm_has_no_core_of_its_own() -> None:
    norm = ir.BatchNorm1d(50, None, None, np.zeros(50), np.ones(50), core_id=3)
    graph = net(middle={"norm": norm})
    (warning,) = hw.check(graph, "generic-mesh").warnings
    assert (warning.node, warning.code) == ("norm", "T509")
    assert "weights before it" in warning.message
    assert ("norm", "core_id") in hints_in(hw.quantization_ledger(hw.quantize(graph, calibration=X)))


def test_formats_that_a_graph_asks_for_are_refused_too() -> None:
    with pytest.raises(ir.TalonTargetError) as caught:
        hw.quantize(net().changed(weight_t="int4"), calibration=X)
    assert caught.value.code == "T506"
    assert "weight_t" in caught.value.diagnostic.message


def test_on_the_command_line(tmp_path: Path) -> None:
    graph = net(lif1={"core_id": 11}, fc2={"reuse_factor": 2})
    ir.write(tmp_path / "net.t1c", graph)
    np.save(tmp_path / "x.npy", X)
    found = invoke("check", str(tmp_path / "net.t1c"))
    assert found.exit_code == 0
    assert "warning[T509]: the hint reuse_factor has no effect" in found.output
    given = ["--calibration", str(tmp_path / "x.npy"), "-o", str(tmp_path / "net.talonhw")]
    found = invoke("deploy", str(tmp_path / "net.t1c"), *given)
    assert "hint lif1.core_id=11: on core 11 (row 1, column 3)" in found.output
    found = invoke("deploy", str(tmp_path / "net.t1c"), *given, "--force", "--json")
    assert [hint["field"] for hint in json.loads(found.stdout)["data"]["hints"]] == ["reuse_factor", "core_id"]
    fixed = invoke("check", str(tmp_path / "net.t1c"), "--fix", "-o", str(tmp_path / "new.t1c"))
    assert "rewritten  nothing\nhint       fc2.reuse_factor=2: not heeded" in fixed.output
    assert ir.read(tmp_path / "new.t1c").nodes["lif1"].core_id == 11
