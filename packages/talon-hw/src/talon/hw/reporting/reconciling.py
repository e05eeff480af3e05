"""The same quantity counted in several ways: by core, by layer, by an engine that knows of neither."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from talon.hw.reporting.figures import Core, Layer

QUANTITIES = {"synops": "synaptic events", "updates": "neuron updates", "spikes": "spikes"}
"""What cores, layers and engine count alike, by the names of `talon.engine.counts`."""


@dataclass(frozen=True, slots=True)
class Balance:
    """One quantity, by who counted it; None where nobody did."""

    quantity: str
    sums: Mapping[str, int | None]

    @property
    def equal(self) -> bool:
        """Whether all that is known is the same number."""
        return len({number for number in self.sums.values() if number is not None}) <= 1

    def as_dict(self) -> dict[str, Any]:
        return {"quantity": self.quantity, "sums": dict(self.sums), "equal": self.equal}


def counts(cores: Sequence[Core], layers: Sequence[Layer], engine: Mapping[str, int]) -> Iterator[Balance]:
    """What was computed: the sums over cores and over layers, and the engine's."""
    by_layer = {
        "synops": sum(layer.synops for layer in layers),
        "updates": sum(layer.updates for layer in layers),
        "spikes": sum(sum(layer.spikes) for layer in layers),
    }
    for key, words in QUANTITIES.items():
        by_core = sum(getattr(core, key) for core in cores)
        yield Balance(words, {"cores": by_core, "layers": by_layer[key], "engine": engine.get(key)})


def packets(cores: Sequence[Core], entered: int, deliveries: int | None) -> Balance:
    """What travelled: packets sent by cores and Inputs, received by cores, and what the mapping foresaw."""
    sent, received = sum(core.sent for core in cores) + entered, sum(core.received for core in cores)
    return Balance("packets", {"sent by cores and Inputs": sent, "received by cores": received, "mapping": deliveries})
