"""The figures: as JSON by the schema of the documentation, counted alike by everybody, unknown where nobody knows."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from talon.hw.quantities import Quantity
from talon.hw.reporting.figures import Report
from talon.hw.reporting.latency import Peak, critical
from tests.hw.reporting import example

DOCS = Path(__file__).parents[3] / "docs"
SCHEMA: dict[str, Any] = json.loads((DOCS / "report.schema.json").read_text())


def validate(value: Any) -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    jsonschema.Draft202012Validator(SCHEMA).validate(value)


def bare(report: Report) -> Report:
    """The same build of which nothing is known that need not be."""
    cores = tuple(
        replace(core, position=None, peak=None, uses=tuple(replace(use, have=None) for use in core.uses))
        for core in report.cores
    )
    target = replace(report.target, mesh=None, cores=None)
    layers = tuple(replace(layer, energy=None) for layer in report.layers)
    nothing = dict.fromkeys(("deliveries", "energy", "timing", "quantisation", "divergence"))
    return replace(
        report, cores=cores, target=target, layers=layers, links=(), ledger=(), warnings=(), engine={}, **nothing
    )


@pytest.mark.parametrize("made", [example.example, example.large, lambda: bare(example.example())])
def test_json_is_what_the_schema_says(made: Callable[[], Report]) -> None:
    report = made()
    read = json.loads(report.to_json())
    validate(read)
    assert read == json.loads(json.dumps(report.as_dict()))
    assert [layer["spikes"] for layer in read["layers"]] == [list(layer.spikes) for layer in report.layers]
    assert {(tuple(k["from"]), tuple(k["to"])): k["packets"] for k in read["links"]} == {
        (link.start, link.end): link.packets for link in report.links
    }


def test_every_figure_is_explained() -> None:
    page = (DOCS / "report.md").read_text()
    assert set(SCHEMA["properties"]) == set(example.example().as_dict())
    assert not [key for key in SCHEMA["properties"] if f"`{key}`" not in page]


@pytest.mark.parametrize(
    ("path", "wrong"),
    [(("cores", 0, "spikes"), -1), (("layers", 0, "rate"), "high"), (("target", "hash"), "?"), (("agrees",), None)],
)
def test_the_schema_refuses_what_is_wrong(path: tuple[str | int, ...], wrong: Any) -> None:
    read = json.loads(example.example().to_json())
    at = read
    for key in path[:-1]:
        at = at[key]
    at[path[-1]] = wrong
    with pytest.raises(jsonschema.ValidationError):
        validate(read)


def test_json_has_the_same_bytes_for_the_same_figures() -> None:
    assert example.example().to_json() == example.example().to_json()
    assert example.made((8, 8), example.NET, 32, 160, seed=1).to_json() != example.example().to_json()


def test_counts_agree() -> None:
    report = example.example()
    assert report.agrees
    by_quantity = {balance.quantity: dict(balance.sums) for balance in report.reconciliation}
    spikes = sum(sum(layer.spikes) for layer in report.layers)
    assert by_quantity["spikes"] == {"cores": spikes, "layers": spikes, "engine": spikes}
    assert set(by_quantity) == {"synaptic events", "neuron updates", "spikes", "packets"}


@pytest.mark.parametrize("key", ["synops", "updates", "spikes", "sent", "received"])
def test_one_count_too_many_is_seen(key: str) -> None:
    report = example.example()
    first = report.cores[0]
    wrong = replace(report, cores=(replace(first, **{key: getattr(first, key) + 1}), *report.cores[1:]))
    assert not wrong.agrees
    assert sum(not balance.equal for balance in wrong.reconciliation) == 1
    assert json.loads(wrong.to_json())["agrees"] is False
    assert "DO NOT AGREE" in repr(wrong)


def test_what_nobody_counted_does_not_disagree() -> None:
    report = bare(example.example())
    assert report.agrees
    assert [balance.sums.get("engine", balance.sums.get("mapping")) for balance in report.reconciliation] == [None] * 4


def test_the_critical_core_is_the_one_with_most_work() -> None:
    report = example.example()
    latency = report.latency
    assert latency is not None
    works = {core.number: core.peak.work for core in report.cores if core.peak}
    assert latency.work == max(works.values()) == works[latency.core]
    assert latency.nanoseconds is None
    assert bare(report).latency is None


def test_time_where_the_target_states_what_everything_takes() -> None:
    core = replace(example.example().cores[0], peak=Peak(3, 1000, 20, 0))
    states = {
        "synaptic_op": Quantity(2.0, "ns", "published", "maker"),
        "neuron_update_active": Quantity(5.0, "ns", "published", "maker"),
        "clock": Quantity(500, "MHz", "published", "maker"),
    }
    found = critical([core], states)
    assert found is not None
    assert (found.nanoseconds, found.cycles) == (2100.0, 1050.0)
    # What a packet takes nobody states.
    later = critical([replace(core, peak=Peak(3, 1000, 20, 1))], states)
    assert later is not None
    assert (later.nanoseconds, later.cycles) == (None, None)
    assert [line.nanoseconds for line in later.lines] == [2000.0, 100.0, None]


def test_of_equal_cores_the_first_is_critical() -> None:
    cores = [replace(core, peak=Peak(0, 1, 1, 1)) for core in example.example().cores]
    found = critical(cores, None)
    assert found is not None
    assert found.core == 0
