"""Other frameworks' neurons, spelled in our fields, against what they did: equal spikes, membranes within 1e-6.

Parameters are the float32 numbers that the frameworks keep: with `r = 1 / (1 - beta)` from those, the gain of the input
is 1 in float32 as well.

`make interop` records them (tests/interchange/frameworks/record.py). The membrane a framework reports is the one it
keeps between steps. It is our stored `v` in every case: with `reset_delay=1` or `reset="none"` both stand before the
reset of a spike, otherwise after it.
"""

from __future__ import annotations

import hashlib
import json
import re
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from talon import ir
from talon.engine import run

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "tests" / "golden" / "frameworks"
MANIFEST: dict[str, Any] = json.loads((FOLDER / "manifest.json").read_text())
RECORDINGS: list[dict[str, Any]] = MANIFEST["recordings"]
PAGE = (ROOT / "docs" / "neurons.md").read_text()

TITLES = {"snntorch": "snnTorch", "spikingjelly": "SpikingJelly", "norse": "Norse", "sinabs": "sinabs"}
LEAK = "LIF(1 / (1 - beta), 1 / (1 - beta), 0, threshold"
BOX = "LIF(1 / (dt * tau_mem_inv), 1, v_leak, threshold, v_init=v_leak"
EXP = "1 / (1 - exp(-1 / tau_mem))"

SPELLED = {
    ("snntorch", "Leaky(beta, threshold)"): f'{LEAK}, comparator="gt", reset="subtract", reset_delay=1)',
    ("snntorch", 'Leaky(beta, threshold, reset_mechanism="zero")'): f'{LEAK}, comparator="gt", reset_delay=1)',
    ("snntorch", 'Leaky(beta, threshold, reset_mechanism="none")'): f'{LEAK}, comparator="gt", reset="none")',
    ("snntorch", "Leaky(beta, threshold, reset_delay=False)"): f'{LEAK}, comparator="gt", reset="subtract")',
    ("snntorch", 'Leaky(beta, threshold, reset_mechanism="zero", reset_delay=False)'): f'{LEAK}, comparator="gt")',
    ("snntorch", "Leaky(1.0, threshold)"): 'IF(threshold, comparator="gt", reset="subtract", reset_delay=1)',
    ("spikingjelly", "IFNode(threshold, v_reset)"): "IF(threshold, v_reset=v_reset, v_init=v_reset)",
    ("spikingjelly", "IFNode(threshold, None)"): 'IF(threshold, reset="subtract")',
    ("spikingjelly", "LIFNode(tau, True, threshold, v_reset)"): (
        "LIF(tau, 1, v_reset, threshold, v_reset=v_reset, v_init=v_reset)"
    ),
    ("spikingjelly", "LIFNode(tau, True, threshold, None)"): 'LIF(tau, 1, 0, threshold, reset="subtract")',
    ("spikingjelly", "LIFNode(tau, False, threshold, v_reset)"): (
        "LIF(tau, tau, v_reset, threshold, v_reset=v_reset, v_init=v_reset)"
    ),
    ("spikingjelly", "LIFNode(tau, False, threshold, None)"): 'LIF(tau, tau, 0, threshold, reset="subtract")',
    ("norse", "LIFBoxCell(LIFBoxParameters(tau_mem_inv, v_leak, threshold, v_reset), dt)"): (
        f'{BOX}, comparator="gt", v_reset=v_reset)'
    ),
    ("norse", "LIFBoxCell(LIFBoxParameters(tau_mem_inv, v_leak, threshold, reset_method=reset_subtract), dt)"): (
        f'{BOX}, comparator="gt", reset="subtract")'
    ),
    ("norse", "IAFCell(IAFParameters(threshold, v_reset))"): (
        'IF(threshold, comparator="gt", v_reset=v_reset, v_init=v_reset)'
    ),
    ("sinabs", "IAF(threshold, SingleSpike)"): 'IF(threshold, reset="subtract")',
    ("sinabs", "IAF(threshold, SingleSpike, MembraneReset())"): "IF(threshold)",
    ("sinabs", "LIF(tau_mem, None, threshold, SingleSpike)"): f'LIF({EXP}, 1, 0, threshold, reset="subtract")',
    ("sinabs", "LIF(tau_mem, None, threshold, SingleSpike, MembraneReset())"): f"LIF({EXP}, 1, 0, threshold)",
    ("sinabs", "LIF(tau_mem, None, threshold, SingleSpike, norm_input=False)"): (
        f'LIF({EXP}, {EXP}, 0, threshold, reset="subtract")'
    ),
    ("sinabs", "IAF(threshold)"): 'IF(threshold, reset="subtract")',
}
"""A framework's neuron as its user writes it, and the same in our fields: the table of docs/neurons.md."""

STRONG = {("snntorch", "Leaky(beta, threshold, reset_delay=False)"), ("sinabs", "IAF(threshold)")}
"""Equal only while a membrane that fires stays below two thresholds."""


def named(recording: dict[str, Any]) -> str:
    return f"{recording['framework']}-{recording['key']}"


def of_kind(*kinds: str) -> list[Any]:
    return [pytest.param(each, id=named(each)) for each in RECORDINGS if each["kind"] in kinds]


def arrays_of(recording: dict[str, Any]) -> dict[str, np.ndarray]:
    with np.load(FOLDER / f"{recording['framework']}.npz", allow_pickle=False) as stored:
        return {name: stored[f"{recording['key']}.{name}"] for name in ("events", "weights", "spikes", "membranes")}


def spelled(recording: dict[str, Any], **changed: Any) -> ir.Primitive:
    """Our neuron for a recording, of the float32 parameters that the framework keeps, with some fields changed."""
    values = {name: np.float64(np.float32(value)) for name, value in recording["parameters"].items()}
    kinds = {"LIF": lambda *a, **k: ir.LIF(*a, **{**k, **changed}), "IF": lambda *a, **k: ir.IF(*a, **{**k, **changed})}
    node: ir.Primitive = eval(SPELLED[recording["framework"], recording["setting"]], {**kinds, "exp": np.exp, **values})
    return node


def ours(node: ir.Primitive, arrays: dict[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Spikes and membranes `(T, B, *shape)` of our neuron on the recorded inputs."""
    x = arrays["events"] * arrays["weights"]
    assert x.dtype == np.float32
    shape = list(arrays["weights"].shape)
    graph = ir.Graph.chain(input=ir.Input(shape), neuron=node, output=ir.Output(shape))
    result = run(graph, x, record="neuron.v", dtype="float32")
    return result.outputs["output"], result.records["neuron.v"]


def agrees(node: ir.Primitive, arrays: dict[str, np.ndarray]) -> bool:
    spikes, membranes = ours(node, arrays)
    near = np.abs(membranes - arrays["membranes"]).max() <= 1e-6
    return np.array_equal(spikes, arrays["spikes"]) and bool(near)


@pytest.mark.parametrize("recording", of_kind("dyadic", "generic"))
def test_spikes_are_equal_and_membranes_close(recording: dict[str, Any]) -> None:
    arrays = arrays_of(recording)
    spikes, membranes = ours(spelled(recording), arrays)
    assert np.array_equal(spikes, arrays["spikes"])
    np.testing.assert_allclose(membranes, arrays["membranes"], rtol=0, atol=1e-6)


@pytest.mark.parametrize("recording", of_kind("strong"))
def test_what_differs_above_two_thresholds(recording: dict[str, Any]) -> None:
    """snnTorch then waits a step before it fires again, and sinabs' default fires several times in one step."""
    assert (recording["framework"], recording["setting"]) in STRONG
    arrays = arrays_of(recording)
    spikes, membranes = ours(spelled(recording), arrays)
    differs = (spikes != arrays["spikes"]) | (np.abs(membranes - arrays["membranes"]) > 1e-6)
    above = (spikes > 0) & (membranes >= recording["parameters"]["threshold"])
    assert differs.any()
    assert not (differs & ~np.logical_or.accumulate(above)).any()


@pytest.mark.parametrize("setting", SPELLED, ids=lambda s: f"{s[0]}-{s[1]}")
def test_no_other_spelling_fits(setting: tuple[str, str]) -> None:
    """The recordings tell every reset, delay and comparator apart, so that each row is the only right one."""
    recordings = [r for r in RECORDINGS if (r["framework"], r["setting"]) == setting and r["kind"] != "strong"]
    loaded = [(recording, arrays_of(recording)) for recording in recordings]
    exact = any(recording["at_threshold"] for recording in recordings)
    right = spelled(recordings[0])
    for reset, delay, comparator in product(["value", "subtract", "none"], [0, 1], ["ge", "gt"]):
        same_reset = reset == right.reset and (delay == right.reset_delay or reset == "none")
        # Only a membrane exactly at the threshold tells the comparators apart.
        if same_reset and (comparator == right.comparator or not exact):
            continue
        other = {"reset": reset, "reset_delay": delay, "comparator": comparator}
        assert not all(agrees(spelled(r, **other), arrays) for r, arrays in loaded), other


def test_every_recording_is_known_and_unchanged() -> None:
    assert {(r["framework"], r["setting"]) for r in RECORDINGS} == set(SPELLED)
    assert {(r["framework"], r["setting"]) for r in RECORDINGS if r["kind"] == "strong"} == STRONG
    assert {path.name for path in FOLDER.iterdir()} == {*MANIFEST["files"], "manifest.json"}
    for name, said in MANIFEST["files"].items():
        data = (FOLDER / name).read_bytes()
        assert (len(data), hashlib.sha256(data).hexdigest()) == (said["bytes"], said["sha256"]), name
        with np.load(FOLDER / name, allow_pickle=False) as stored:
            keys = {r["key"] for r in RECORDINGS if f"{r['framework']}.npz" == name}
            assert {key.partition(".")[0] for key in stored.files} == keys
    assert sum(path.stat().st_size for path in FOLDER.iterdir()) < 200_000


@pytest.mark.parametrize("recording", of_kind("dyadic", "generic"))
def test_recordings_keep_their_distance_from_the_threshold(recording: dict[str, Any]) -> None:
    """The recorded margin is true: the membrane that decides is our stored one plus what the reset took."""
    arrays = arrays_of(recording)
    threshold = np.asarray(recording["parameters"]["threshold"], np.float32)
    spikes, _ = ours(spelled(recording), arrays)
    decided = deciding_membranes(recording, arrays)
    distance = np.abs(decided - threshold)
    assert np.count_nonzero(distance < 1e-5) == recording["at_threshold"]
    assert distance[distance > 1e-5].min() == pytest.approx(recording["margin"], rel=0.01, abs=2e-6)
    assert recording["margin"] > 1e-4
    assert (recording["at_threshold"] > 0) == (recording["kind"] == "dyadic")
    assert 0.05 < spikes.mean() < 0.95


def deciding_membranes(recording: dict[str, Any], arrays: dict[str, np.ndarray]) -> np.ndarray:
    """The membrane before each spike test: one step, from the recorded membranes, of a neuron that never fires."""
    if recording["membrane"] == "before the reset":
        return arrays["membranes"]
    quiet = {**recording, "parameters": {**recording["parameters"], "threshold": 1e9}}
    node = spelled(quiet).cast(np.dtype(np.float32))
    x = (arrays["events"] * arrays["weights"]).astype(np.float32)
    state = node.init_state(x.shape[1], (x.shape[2:],), np.dtype(np.float32))
    decided = []
    for t, drive in enumerate(x):
        node.step(t, state, drive)
        decided.append(state["v"])
        state = {"v": arrays["membranes"][t]}
    return np.stack(decided)


def test_the_page_shows_what_is_tested() -> None:
    rows = re.findall(r"^\| (\w+) `([^`]+)` \| `([^`]+)` \| (\w+) \|$", PAGE, re.MULTILINE)
    shown = {(there, setting): (here, when) for there, setting, here, when in rows}
    reported = {(r["framework"], r["setting"]): r["membrane"].partition(" ")[0] for r in RECORDINGS}
    assert shown == {
        (TITLES[framework], setting): (here, reported[framework, setting])
        for (framework, setting), here in SPELLED.items()
    }
    for framework, title in TITLES.items():
        assert f"{title} {MANIFEST['versions'][framework]}" in PAGE
