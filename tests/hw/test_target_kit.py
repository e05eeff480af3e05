"""The conformance suite of targets finds what is wrong: with a description, with cores, kernels, artifacts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from talon import hw, ir
from talon.hw.catalogue import described
from talon.hw.deploying import running
from talon.hw.deploying.deploy import deploy
from talon.hw.deploying.result import BuildResult
from talon.hw.integers.layers import Whole
from talon.hw.native.library import load
from talon.testing.targets import check_target
from talon.testing.targets.candidate import Candidate
from talon.testing.targets.completed import completed
from talon.testing.targets.execution import executed
from talon.testing.targets.outcome import Omitted
from talon.testing.targets.recounted import within_limits
from talon.testing.targets.registers import sums, ties
from talon.testing.targets.wirings import at_once
from tests.hw.chips import chip

MESH = hw.target("generic-mesh")


def fails(target: Any = MESH) -> str:
    """What the suite says of a target, with the network that it says it on."""
    with pytest.raises(AssertionError) as caught:
        check_target(target)
    return "; ".join([str(caught.value), *getattr(caught.value, "__notes__", ())])


# Descriptions


def test_an_object_that_has_more_than_its_description_says() -> None:
    more = replace(MESH.core, neurons=replace(MESH.core.neurons, value=10**6))
    assert "its description says" in fails(replace(MESH, cores=(more,)))


def test_a_number_without_a_citation() -> None:
    uncited = replace(MESH.core, in_axons=replace(MESH.core.in_axons, cite="hearsay"))
    assert fails(replace(MESH, cores=(uncited,))) == (
        "generic-mesh: cores[0].in_axons cites 'hearsay', which is no citation"
    )
    invented = replace(MESH.core, fan_out=replace(MESH.core.fan_out, kind="certainly"))
    assert "cores[0].fan_out has no value, and is neither of the two words" in fails(replace(MESH, cores=(invented,)))
    guessed = replace(MESH.core, neurons=replace(MESH.core.neurons, kind="guessed"))
    assert "no kind of source" in fails(replace(MESH, cores=(guessed,)))


def test_a_citation_that_names_nothing() -> None:
    target = replace(MESH, citations={**MESH.citations, "empty": " "})
    assert "citations is" in fails(target)


def test_a_hash_that_is_not_that_of_the_content() -> None:
    target = replace(MESH)
    target.__dict__["hash"] = "0" * 64
    assert "has another hash" in fails(target)


def test_a_target_on_which_nothing_can_be_run_is_refused() -> None:
    absent = "\n".join(f'{name} = "absent"' for name in MESH.ops or {} if name != "Flatten")
    text = f'inherits = "generic-mesh"\ntarget.id = "chip"\n[ops]\n{absent}\n'
    said = fails(described(text.encode(), "chip.toml"))
    assert said.startswith("nothing could be run on chip: ")
    assert "chip does not run Affine" in said


# Cores, kernels and artifacts that compute something else


def seat_with(change: Callable[[Any], Any]) -> Callable[..., Any]:
    own = running.seat

    def seat(chip: Any, tile: Any) -> Any:
        found = own(chip, tile)
        return None if found is None else change(found)

    return seat


OTHER = {"ge": "gt", "gt": "ge"}
CORES: dict[str, tuple[Callable[[Any], Any], str]] = {
    "decays": (lambda seat: replace(seat, factor=np.maximum(seat.factor - 1, 0)), "decays to nothing"),
    "comparators": (lambda s: replace(s, node=replace(s.node, comparator=OTHER[s.node.comparator])), "ties"),
    "registers": (lambda seat: replace(seat, input_bits=seat.input_bits + 1), "narrows"),
}


@pytest.mark.parametrize("fault", CORES)
def test_cores_with_other_arithmetic(fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    change, network = CORES[fault]
    monkeypatch.setattr(running, "seat", seat_with(change))
    monkeypatch.setattr(hw.Build, "verify", lambda self: True)
    said = fails()
    assert "on the cores: " in said
    assert network in said


def test_a_packet_that_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    own = running.Running.send

    def send(self: Any, t: int, first: int, values: np.ndarray) -> None:
        own(self, t, first, values * (np.arange(values.shape[1]) > 0))

    monkeypatch.setattr(running.Running, "send", send)
    monkeypatch.setattr(hw.Build, "verify", lambda self: True)
    assert "on the cores: " in fails()


@pytest.mark.skipif(load()[0] is None, reason=f"no C library here: {load()[1]}")
def test_kernels_with_other_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    own = Whole.weight_at
    monkeypatch.setattr(Whole, "weight_at", lambda self, t: own(self, t) - 1)
    assert "by the kernels 'event': " in fails()


def test_an_artifact_that_forgets(monkeypatch: pytest.MonkeyPatch) -> None:
    own = hw.load

    def forgetful(path: Path) -> hw.Build:
        build = own(path)
        monkeypatch.setattr(hw.Build, "save", lambda self, other, overwrite: other.write_bytes(path.read_bytes()))
        tiles = tuple(
            replace(t, cells=t.cells and replace(t.cells, start=np.add(t.cells.start, 1000, dtype=np.int64)))
            for t in build.chip.tiles
        )
        return replace(build, chip=replace(build.chip, tiles=tiles))

    monkeypatch.setattr(hw, "load", forgetful)
    monkeypatch.setattr(hw.Build, "verify", lambda self: True)
    assert "from the artifact: " in fails()


def test_an_artifact_that_is_written_otherwise_the_second_time(monkeypatch: pytest.MonkeyPatch) -> None:
    own = hw.load
    monkeypatch.setattr(hw, "load", lambda path: replace(own(path), seed=7))
    assert "the artifact has other bytes" in fails()


def test_a_golden_sample_with_another_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hw.Build, "verify", lambda self: False)
    assert "golden sample" in fails()


def test_mappings_that_differ_from_time_to_time(monkeypatch: pytest.MonkeyPatch) -> None:
    seeds = iter(range(1000))
    monkeypatch.setattr(hw, "deploy", lambda *given, **how: deploy(*given, **how, seed=next(seeds)))
    assert "another build" in fails()


def test_counts_that_do_not_reconcile(monkeypatch: pytest.MonkeyPatch) -> None:
    own = BuildResult.by_core
    monkeypatch.setattr(BuildResult, "by_core", lambda self, quantity: own(self, quantity) + 1)
    assert "do not reconcile" in fails()
    monkeypatch.undo()
    packets = BuildResult.packets.fget  # type: ignore[attr-defined]
    monkeypatch.setattr(BuildResult, "packets", property(lambda self: packets(self) + 1))
    assert "packets between cores, and by its spikes" in fails()


def test_cores_over_their_limits() -> None:
    graph = ir.Graph.chain(ir.Input([9]), ir.Affine(np.ones((40, 9), np.float32)), ir.IF(1.0), ir.Output([40]))
    x = np.ones((2, 1, 9), np.float32)
    build = hw.deploy(hw.quantize(graph, MESH, calibration=x), MESH)
    within_limits(build, MESH)
    for limit, what in (("neurons", "40 neurons"), ("in_axons", "9 in-axons"), ("out_edges", "40 out-edges"),
                        ("weight_words", "360 words of 'weight'"), ("state_words", "40 words of 'state'")):  # fmt: skip
        with pytest.raises(AssertionError, match=what):
            within_limits(build, chip({limit: 8}))


# What the suite is made of


def test_a_target_that_runs_less_is_asked_less(tmp_path: Path) -> None:
    """And what is left out is named."""
    about = Candidate.of(chip(ops__IF="absent", ops__MaxPool2d="absent"), 0)
    (trial,) = at_once(about)
    assert isinstance(trial.graph.nodes["cell"], ir.LIF)  # type: ignore[union-attr]
    found = executed(about, trial, tmp_path)  # type: ignore[arg-type]
    assert not isinstance(found, Omitted)


@pytest.mark.parametrize("overflow", ["saturate", "wrap", "trap"])
def test_every_overflow_is_met(overflow: str, tmp_path: Path) -> None:
    changes = {f"{register}__overflow": overflow for register in ("accumulators", "membranes")}
    about = Candidate.of(chip(**changes, accumulators__bits=16), 0)
    found = [executed(about, trial, tmp_path) for trial in sums(about) if not isinstance(trial, Omitted)]
    assert len(found) == 2
    assert not any(isinstance(one, Omitted) for one in found)
    assert {isinstance(one.expected, ir.TalonError) for one in found} == {overflow == "trap"}  # type: ignore[union-attr]


def test_ties_are_met_by_either_comparator(tmp_path: Path) -> None:
    for comparator in ("ge", "gt"):
        about = Candidate.of(chip(comparator=comparator), 0)
        assert not any(isinstance(executed(about, trial, tmp_path), Omitted) for trial in ties(about))  # type: ignore[arg-type]


def test_what_nobody_states_is_taken_from_the_mesh() -> None:
    whole, filled = completed(hw.target("t1c-asic"))
    assert filled == ("numeric",)
    assert whole.numeric["membranes"]["bits"].cite == "generic-mesh"
    assert whole.numeric["membranes"]["bits"].value == MESH.numeric["membranes"]["bits"].value
    assert completed(MESH) == (MESH, ())
    loihi, filled = completed(hw.target("loihi1"))
    assert "numeric.accumulate" in filled
    assert loihi.numeric["comparator"] == "gt"
    assert loihi.numeric["membranes"]["bits"].cite == "davies2018"


def test_the_report_says_it_in_words() -> None:
    report = check_target(chip({"neurons": 5000}, ops__Conv2d="absent", comparator="unknown"), seeds=[3])
    assert report.assumed == ("numeric.comparator",)
    assert report.omitted["convolutions, stride 1"] == "chip does not run Conv2d"
    text = str(report)
    for words in (
        "networks agree to the bit",
        "1 rules taken from generic-mesh",
        "left out, convolutions, stride 1: chip",
    ):
        assert words in text
