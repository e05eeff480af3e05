"""Engines from plugins: the highest priority that accepts the graph runs it, and the result says so."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from talon import ir
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
    assert list_engines() == ["picky", "native", "reference", "integer"]
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
