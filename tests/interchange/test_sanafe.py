"""The energy of deployed networks against SANA-FE, a simulator of neuromorphic chips: `make chips` records it.

SANA-FE got the same mapping and prices, and simulates neurons, spikes and messages by itself. It sends each core that
hears a spike a message of its own, so the target has no multicast; trees are counted in `tests/hw/deploying`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from talon import hw
from talon.hw.deploying.journeys import journeys

GOLDEN = Path(__file__).parents[1] / "golden" / "sanafe"
NAMES = sorted(path.stem for path in GOLDEN.glob("*.talonhw"))
PICO = 1e-12
CLOSE = 1e-6


@dataclass(frozen=True)
class Case:
    """A build and a run of it, the mapping that SANA-FE was told, and what it found."""

    build: hw.Build
    result: hw.BuildResult
    told: dict[str, np.ndarray]
    recorded: dict[str, np.ndarray]

    def price(self, row: str) -> float:
        return float(self.told[f"price/{row}"]) * PICO

    def joules(self, *terms: str) -> float:
        return sum(float(self.recorded[f"energy/{term}"]) for term in terms)

    def count(self, what: str) -> int:
        return int(self.recorded[f"count/{what}"])

    def picojoules(self, row: str) -> float:
        """Of the line with this price."""
        (line,) = (line for line in self.build.energy(self.result).lines if line.row == row)
        assert line.picojoules is not None
        return line.picojoules


@cache
def case(name: str) -> Case:
    build, told = hw.load(GOLDEN / f"{name}.talonhw"), dict(np.load(GOLDEN / f"{name}.npz"))
    (port,) = build.chip.inputs.values()
    x = told["x"].reshape(len(told["x"]), 1, *port.shape).astype(np.float32)
    return Case(build, build.run(x, record="*.spikes"), told, dict(np.load(GOLDEN / f"{name}.recorded.npz")))


@pytest.fixture(params=NAMES)
def both(request: pytest.FixtureRequest) -> Case:
    return case(request.param)


def close(joules: float, picojoules: float) -> bool:
    return picojoules > 0 and joules == pytest.approx(picojoules * PICO, rel=CLOSE, abs=0)


def own_messages(both: Case) -> int:
    """Spikes that a core hears of its own neurons: once each, however many of its neurons hear them."""
    chip = both.build.chip
    line = np.repeat(np.arange(len(chip.routes.counts)), chip.routes.counts)
    return int(both.result.work.sent[line][chip.core_of[line] == chip.routes.cores].sum())


def test_there_are_networks() -> None:
    assert NAMES == ["dense", "recurrent"]
    assert {str(case(name).recorded["version"]) for name in NAMES} == {"2.2.9"}


def test_the_mapping_is_the_same(both: Case) -> None:
    chip = both.build.chip
    assert np.array_equal(chip.positions, both.told["position"])
    assert both.told["mesh"].tolist() == list(both.build.target.noc["dims"].value)
    seated = {layer.neuron: np.full(int(np.prod(layer.neurons)), -1) for layer in chip.layers}
    for tile in chip.tiles:
        assert tile.cells is not None
        seated[chip.layers[tile.layer].neuron][tile.cells.seats.ravel()] = tile.core
    assert np.array_equal(np.concatenate(list(seated.values())), both.told["core"])
    rows = both.build.target.cost or {}
    told = {key: float(value) for key, value in both.told.items() if key.startswith("price/")}
    assert told == {key: rows[key.removeprefix("price/")].value for key in told}


def test_the_spikes_are_the_same(both: Case) -> None:
    neurons = [layer.neuron for layer in both.build.chip.layers]
    steps = len(both.told["x"])
    ours = np.concatenate([both.result.spikes[str(name)].reshape(steps, -1) for name in neurons], axis=1)
    theirs = np.unpackbits(both.recorded["spikes"])[: ours.size].reshape(ours.shape)
    assert ours.any()
    assert np.array_equal(ours, theirs)


def test_synaptic_operations(both: Case) -> None:
    assert close(both.joules("synapse"), both.picojoules("synaptic_op"))


def test_updates(both: Case) -> None:
    """SANA-FE takes an access for every update, and more for those of neurons with a charge or a message."""
    active, rest = both.price("neuron_update_active"), both.price("neuron_update_inactive")
    busy = both.joules("update") / (active - rest)
    assert close(busy * active, both.picojoules("neuron_update_active"))
    assert close(both.joules("access") - busy * rest, both.picojoules("neuron_update_inactive"))


def test_messages(both: Case) -> None:
    """Those within a core are messages in SANA-FE alone."""
    own = both.count("own")
    assert own == own_messages(both)
    assert close(both.joules("message") - own * both.price("spike_in_tile"), both.picojoules("spike_in_tile"))
    assert both.count("entered") == both.result.work.entered.sum() > 0
    assert both.count("messages") - own == both.result.packets


def test_hops_of_every_direction(both: Case) -> None:
    taken = journeys(both.build, both.result.work)
    assert taken is not None
    width = int(both.told["mesh"][1])
    down, right = (np.diff(part, axis=1).ravel() for part in np.divmod(taken.ends, width))
    for side, on in {"east": right > 0, "west": right < 0, "north": down > 0, "south": down < 0}.items():
        row = "hop_east_west" if side in ("east", "west") else "hop_north_south"
        assert close(both.joules(side), int(taken.loads[on].sum()) * both.price(row) / PICO), side


def test_hops(both: Case) -> None:
    assert close(both.joules("east", "west"), both.picojoules("hop_east_west"))
    assert close(both.joules("north", "south"), both.picojoules("hop_north_south"))


def test_the_total(both: Case) -> None:
    found = both.build.energy(both.result)
    assert found.picojoules is not None
    # Messages within a core, which only SANA-FE prices.
    own = both.count("own") * both.price("spike_in_tile")
    assert close(both.joules("total") - own, found.picojoules)


def test_a_network_without_messages_within_a_core() -> None:
    assert case("dense").count("own") == 0
    assert case("recurrent").count("own") > 0
