"""Izhikevich and WinnerTakeAll: what every primitive promises, and what these two do."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from talon import ir
from talon.engine import run
from talon.testing.primitives import check_primitive

from talon_acme.blocks import WinnerTakeAll
from talon_acme.neurons import Izhikevich


@pytest.mark.parametrize("primitive", [Izhikevich, WinnerTakeAll])
def test_it_keeps_what_every_primitive_promises(primitive: type[ir.Node]) -> None:
    check_primitive(primitive)


@pytest.mark.parametrize("primitive", [Izhikevich, WinnerTakeAll])
def test_talon_has_it_by_name(primitive: type[ir.Node]) -> None:
    assert getattr(ir, primitive.__name__) is primitive
    assert primitive.__name__ in ir.list_primitives()


def paper(current: float, steps: int, a: float = 0.02, b: float = 0.2, c: float = -65.0, d: float = 8.0) -> list[int]:
    """The steps at which one neuron spikes, written out as in the paper's program, but for the place of the reset."""
    v, u, spikes = c, b * c, []
    for t in range(steps):
        v += 0.5 * (0.04 * v**2 + 5 * v + 140 - u + current)
        if v < 30:
            v += 0.5 * (0.04 * v**2 + 5 * v + 140 - u + current)
        v = min(v, 30)
        u += a * (b * v - u)
        if v >= 30:
            spikes.append(t)
            v, u = c, u + d
    return spikes


KINDS: dict[str, dict[str, Any]] = {
    "regular spiking": {},
    "fast spiking": {"a": 0.1, "d": 2.0},
    "chattering": {"c": -50.0, "d": 2.0},
    "intrinsically bursting": {"c": -55.0, "d": 4.0},
}


@pytest.mark.parametrize("kind", KINDS)
def test_it_spikes_when_the_paper_says(kind: str) -> None:
    graph = ir.Graph.chain(input=ir.Input([1]), cell=Izhikevich(**KINDS[kind]), output=ir.Output([1]))
    found = run(graph, np.full((1, 1), 10.0), repeat=300, dtype="float64", record="*.spikes").spikes["cell"]
    expected = paper(10.0, 300, **KINDS[kind])
    assert len(expected) > 5
    assert np.flatnonzero(found).tolist() == expected


def test_two_halves_of_a_run_are_the_whole() -> None:
    graph = ir.Graph.chain(input=ir.Input([2]), cell=Izhikevich(a=[0.02, 0.1]), output=ir.Output([2]))
    x = np.full((200, 1, 2), 12.0)
    whole, first = run(graph, x), run(graph, x[:100])
    second = run(graph, x[100:], state=first.state)
    parts = [first.outputs["output"], second.outputs["output"]]
    assert np.array_equal(np.concatenate(parts), whole.outputs["output"])
    assert whole.outputs["output"].any()


def test_it_survives_any_input() -> None:
    graph = ir.Graph.chain(input=ir.Input([2]), cell=Izhikevich(), output=ir.Output([2]))
    result = run(graph, np.array([[1e6, -1e6]]), repeat=50, record=["cell.v", "cell.u"])
    assert all(np.isfinite(record).all() for record in result.records.values())


WRONG: list[tuple[type[ir.Node], dict[str, Any], str, str]] = [
    (Izhikevich, {"a": 0.0}, "T202", "> 0"),
    (Izhikevich, {"dt": 3.0}, "T202", "dt"),
    (Izhikevich, {"b": "high"}, "T204", "b"),
    (Izhikevich, {"e": 1.0}, "T206", "no field 'e'"),
    (WinnerTakeAll, {"features": 1, "inhibition": 1.0}, "T202", "features"),
    (WinnerTakeAll, {"features": 3}, "T206", "inhibition"),
]


@pytest.mark.parametrize(("primitive", "fields", "code", "words"), WRONG)
def test_wrong_fields_are_refused(primitive: type[ir.Node], fields: Any, code: str, words: str) -> None:
    with pytest.raises(ir.TalonError) as caught:
        primitive(**fields)
    assert caught.value.code == code
    assert words in str(caught.value)


def test_the_strongest_silences_the_rest() -> None:
    graph = ir.Graph.chain(input=ir.Input([3]), layer=WinnerTakeAll(3, 4.0), output=ir.Output([3]))
    spikes = run(graph, np.array([[1.9, 4.0, 1.5]]), repeat=20).outputs["output"].sum(axis=(0, 1))
    assert spikes.tolist() == [0, 20, 0]
    free = graph.replace("layer", WinnerTakeAll(3, 0.0))
    assert run(free, np.array([[1.9, 4.0, 1.5]]), repeat=20).outputs["output"].sum(axis=(0, 1))[0] > 0
