"""The reference pages of primitives: complete, in step with the declarations, and the same as the terminal shows."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from talon import ir
from talon.cli.described import described, facts
from talon.cli.main import cli
from talon.engine import run
from talon.ir.declare import Array, per_neuron
from talon.ir.known import PRIMITIVES
from talon.plugins import registry
from talon.plugins.local import temporary

DOCS = Path(__file__).parents[2] / "docs"
NAMES = sorted(PRIMITIVES)


@pytest.fixture
def generator(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """docs/generate.py, writing into a folder of its own."""
    spec = importlib.util.spec_from_file_location("generate", DOCS / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "HERE", tmp_path)
    return module


def page(name: str) -> str:
    return (DOCS / "primitives" / f"{name}.md").read_text()


def test_there_is_a_page_for_every_primitive_and_the_index_leads_there() -> None:
    assert set(ir.list_primitives()) | {"Input", "Output", "Graph", "StepMean"} == set(NAMES)
    assert {path.stem for path in (DOCS / "primitives").iterdir()} == {*NAMES, "README"}
    index = page("README")
    assert all(index.count(f"[{name}]({name}.md)") == 1 for name in NAMES)


@pytest.mark.parametrize("change", ["stale", "missing", "stray"])
def test_a_page_out_of_step_is_found_and_mended(
    change: str, generator: ModuleType, tmp_path: Path, capsys: Any
) -> None:
    assert generator.main([]) == 0
    assert generator.main(["--check"]) == 0
    found = tmp_path / "primitives" / ("Old.md" if change == "stray" else "LIF.md")
    if change == "missing":
        found.unlink()
    else:
        found.write_text("old")
    capsys.readouterr()
    assert generator.main(["--check"]) == 1
    assert f"docs/primitives/{found.name}" in capsys.readouterr().err
    assert generator.main([]) == 0
    assert generator.main(["--check"]) == 0


@pytest.mark.parametrize("name", NAMES)
def test_page_and_terminal_say_the_same(name: str) -> None:
    text, found = page(name), described(name)
    shown = CliRunner().invoke(cli, ["primitives", "show", name]).stdout
    said = json.loads(CliRunner().invoke(cli, ["primitives", "show", name, "--json"]).stdout)["data"]
    assert said == json.loads(json.dumps(found))
    for part in (found["signature"], found["meaning"]):
        assert part in text
        assert part in shown
    for field in found["fields"]:
        if field["own"]:
            assert f"| `{field['name']}`" in text
            assert field["doc"] in shown
    for label, fact in facts(found).items():
        assert f"| {label} | " in text
        assert fact in shown
    assert found["example"]["code"] in text
    assert all(
        line in shown for line in found["example"]["code"].splitlines() + found["example"]["prints"].splitlines()
    )


@pytest.mark.parametrize("name", NAMES)
def test_every_primitive_says_what_others_call_it_and_how_it_is_used(name: str) -> None:
    """In its own class: what a base is called says nothing of it."""
    own = vars(registry.primitive(name))
    assert own["known_as"]
    assert all(isinstance(text, str) and text for pair in own["known_as"].items() for text in pair)
    code, shapes = own["usage"]
    assert code.startswith(f"ir.{name}")
    assert shapes
    assert set(described(name)["known_as"]) <= {
        "torch", "onnx", "nir", "keras", "snntorch", "spikingjelly", "ghostnet", "su-yolo", "ultralytics",
    }  # fmt: skip


def test_fields_are_described_by_kind_shape_unit_default_and_range() -> None:
    fields = {field["name"]: field for field in described("Conv2d")["fields"]}
    weight = fields["weight"]
    assert (weight["kind"], weight["shape"], weight["default"]) == ("array", "*step out in_per_group kh kw", "required")
    stride = fields["stride"]
    assert (stride["unit"], stride["default"], stride["legal"]) == ("pixels", "(1, 1)", "each >= 1")
    fields = {field["name"]: field for field in described("BatchNorm1d")["fields"]}
    assert (fields["weight"]["default"], fields["weight"]["legal"]) == ("required", "finite, or None")
    assert (fields["running_var"]["legal"], fields["num_features"]["own"]) == ("finite, >= 0", True)
    assert fields["core_id"]["own"] is False


@pytest.mark.parametrize(
    ("name", "inside", "state", "counts"),
    [
        ("Affine", [], [], ["macs", "synops"]),
        ("LIF", [], ["v"], ["updates", "spikes"]),
        ("StepMean", [], ["sum", "count"], []),
        ("SepConv2d", ["depthwise", "pointwise"], [], ["macs", "synops"]),
        (
            "SGhostConv",
            ["primary", "cheap", "cat", "primary_if", "cheap_if"],
            ["primary_if.v", "cheap_if.v"],
            ["macs", "synops", "updates", "spikes"],
        ),
    ],
)
def test_what_is_inside_and_what_is_counted(name: str, inside: Any, state: Any, counts: Any) -> None:
    found = described(name)
    assert (list(found["inside"]), found["state"], list(found["counts"])) == (inside, state, counts)


def test_ports_and_shapes() -> None:
    split, cat = described("ChannelSplit"), described("Concat")
    assert split["ports"]["outputs"] == ["0", "1"]
    assert split["shapes"]["outputs"] == {"0": (2, 8, 8), "1": (4, 8, 8)}
    assert cat["ports"]["inputs"] == [{"name": "in", "edges": "any number, in order"}]
    assert described("LIF")["ports"]["inputs"] == [{"name": "in", "edges": "any number, summed"}]
    assert described("Input")["ports"]["inputs"] == []


def test_what_bases_say_of_their_fields_is_said_too() -> None:
    assert "`reset_delay=1`" in described("IF")["meaning"]
    assert "stride p + dilation k" in described("SDConv")["meaning"]


class Gain(ir.Primitive):
    """`y = gain x`."""

    gain: Array = per_neuron(doc="factor")

    def infer(self, *inputs: Any) -> Any:
        return inputs[0]

    def step(self, t: int, state: Any, *inputs: np.ndarray) -> np.ndarray:
        return np.asarray(self.gain * inputs[0])


class Used(Gain):
    """`y = gain x`, and how."""

    known_as = {"nir": "Scale"}
    usage = ("ir.Used(gain=2.0)", [(3,)])


def test_a_third_partys_primitive_may_say_less() -> None:
    with temporary(primitives={"Gain": Gain, "Used": Used}):
        found = described("Gain")
        assert (found["example"], found["ports"], found["known_as"]) == (None, None, {})
        result = CliRunner().invoke(cli, ["primitives", "show", "Gain"])
        assert result.exit_code == 0
        assert "`y = gain x`." in result.stdout
        assert "example" not in result.stdout
        used = described("Used")
        assert used["shapes"] == {"inputs": [(3,)], "outputs": {"out": (3,)}}
        assert used["known_as"] == {"nir": "Scale"}
        node = ir.Used(gain=2.0)  # type: ignore[attr-defined]
        graph = ir.Graph.chain(x=ir.Input([3]), node=node, y=ir.Output(None))
        assert run(graph, np.ones((1, 1, 3))).outputs["y"].ravel().tolist() == [2.0] * 3
