"""Engines from plugins: the highest priority that accepts the graph runs it, and the result says so."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import pytest

from talon import hw, ir
from talon.engine import EngineSpec, Refusal, list_engines, run
from talon.engine.reference import ReferenceEngine
from talon.plugins import registry
from talon.plugins.manager import Plugin
from talon.plugins.registry import Entry

GRAPH = ir.Graph.chain(input=ir.Input([1]), output=ir.Output([1]))


class Picky(ReferenceEngine):
    options = frozenset({"mode"})

    def refuses(self, graph: ir.Graph, dtype: str) -> str | None:
        return None if dtype == "float64" else "float64 only"


@pytest.fixture
def picky(monkeypatch: pytest.MonkeyPatch) -> None:
    known = dict(registry.collected("talon_engines"))
    known["picky"] = Entry(
        "picky", EngineSpec(f"{__name__}:Picky", 20), Plugin("test", "test", "1", __name__), "talon_engines"
    )
    monkeypatch.setattr(registry, "collected", lambda hook: known)
    monkeypatch.setattr(EngineSpec, "load", lambda self: Picky() if "Picky" in self.target else ReferenceEngine())


@pytest.mark.usefixtures("picky")
def test_auto_takes_the_first_that_accepts() -> None:
    x: Any = np.zeros((1, 1, 1))
    assert list_engines() == ["picky", "integer", "native", "reference"]
    assert run(GRAPH, x, dtype="float64").engine.name == "picky"
    chosen = run(GRAPH, x).engine
    assert chosen.name == "native"
    assert "float64 only" in chosen.why


@pytest.mark.usefixtures("picky")
def test_an_engine_asked_for_by_name_says_why_it_cannot() -> None:
    with pytest.raises(ir.TalonRunError, match="float64 only"):
        run(GRAPH, np.zeros((1, 1, 1)), engine="picky")
    with pytest.raises(ir.TalonRunError) as caught:
        run(GRAPH, np.zeros((1, 1, 1)), engine="picky")
    assert caught.value.help == "use engine='auto'"
    result = run(GRAPH, np.zeros((1, 1, 1)), engine="picky", dtype="float64", engine_options={"mode": 1})
    assert result.engine.why == "asked for by name"


@pytest.mark.usefixtures("picky")
def test_a_refusal_may_say_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Picky, "refuses", lambda *_: Refusal("it is never content", "try another time"))
    with pytest.raises(ir.TalonRunError) as caught:
        run(GRAPH, np.zeros((1, 1, 1)), engine="picky")
    assert (caught.value.found, caught.value.help) == ("it is never content", "try another time")


NET = ir.Graph.chain(input=ir.Input([2]), fc=ir.Affine(np.eye(2) * 0.3), cell=ir.IF(1.0), output=ir.Output([2]))
SPIKES = np.ones((5, 1, 2), np.float32)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_auto_takes_the_integers_of_a_quantised_graph(dtype: str) -> None:
    quantised = hw.quantize(NET, calibration=SPIKES)
    found = run(quantised, SPIKES, dtype=dtype)
    assert found.engine.name == "integer"
    assert np.issubdtype(found.state.nodes["cell"]["v"].dtype, np.integer)
    assert run(quantised, SPIKES, engine="reference").engine.name == "reference"


@pytest.mark.parametrize("kept", [{"record": np.zeros(3, np.uint8)}, {"bits": 8}])
def test_what_no_engine_of_integers_takes_runs_in_floats(kept: dict[str, Any]) -> None:
    """A damaged record is told; what others keep in the same place is no record."""
    found = run(NET.changed(quantization_config=kept), SPIKES).engine
    assert found.name in ("native", "reference")
    assert ("integer: quantization_config is damaged" in found.why) == ("record" in kept)


def test_without_an_engine_of_integers_it_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    quantised = hw.quantize(NET, calibration=SPIKES)
    known = {name: entry for name, entry in registry.collected("talon_engines").items() if name == "reference"}
    monkeypatch.setattr(registry, "collected", lambda hook: known)
    found = run(quantised, SPIKES).engine
    assert found.name == "reference"
    assert "no engine of integers is installed" in found.why
    assert run(NET, SPIKES).engine.why == "the first that accepts the graph"


def test_a_float_graph_loads_nothing_of_integers() -> None:
    code = (
        "import sys, numpy as np\nfrom talon import ir\nfrom talon.engine import run\n"
        "g = ir.Graph.chain(input=ir.Input([1]), cell=ir.IF(1.0), output=ir.Output([1]))\n"
        "print(run(g, np.ones((1, 1, 1))).engine.name, [m for m in sys.modules if m.startswith('talon.hw.integers')])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() in (["native", "[]"], ["reference", "[]"])


def test_integers_of_a_float_graph_are_made_first() -> None:
    with pytest.raises(ir.TalonRunError) as caught:
        run(NET, SPIKES, engine="integer")
    assert caught.value.help is not None
    assert "hw.quantize(" in caught.value.help
    assert "auto" not in caught.value.help
