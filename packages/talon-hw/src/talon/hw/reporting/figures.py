"""What a report says of a network on a chip and a run of it: the figures, and nothing of how they look.

docs/report.md says what each means, docs/report.schema.json describes the JSON. A figure that nobody knows is None.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from talon.engine.comparing.outcome import Comparison
from talon.hw.description import Target
from talon.hw.places import mesh_of
from talon.hw.pricing import Energy
from talon.hw.quantising.report import QuantReport
from talon.hw.quantities import Quantity
from talon.hw.report import Use
from talon.hw.reporting.latency import Latency, Peak, critical
from talon.hw.reporting.reconciling import Balance, counts, packets
from talon.ir.errors import Diagnostic

SCHEMA = 1
"""The version of the JSON; it changes where a reader of it would have to."""

Position = tuple[int, int]
"""Column and row on the mesh, from 0 at the upper left."""


@dataclass(frozen=True, slots=True)
class Chip:
    """The target: its identity, columns and rows of its mesh, how many cores there are, and whether the network copies
    packets on their way."""

    id: str
    hash: str
    summary: str
    mesh: tuple[int, int] | None
    cores: int | None
    multicast: bool | None = None

    @classmethod
    def of(cls, target: Target) -> Chip:
        found = mesh_of(target)
        mesh = None if found is None else (found.width, found.height)
        return cls(target.id, target.hash, target.summary, mesh, target.core_count, target.noc["multicast"])


@dataclass(frozen=True, slots=True)
class Core:
    """One core in use: where it is, what it holds, and what it did in the run.

    `layers`: names of the layers that have a tile here. `sent`: packets to other cores; `received`: packets from
    other cores and from the Inputs. `peak`: the step in which it did most, None where that was not counted.
    """

    number: int
    position: Position | None
    kind: str
    layers: tuple[str, ...]
    uses: tuple[Use, ...]
    synops: int
    updates: int
    spikes: int
    sent: int
    received: int
    peak: Peak | None = None

    @property
    def fullest(self) -> Use | None:
        """What there is least left of; None where no use is known."""
        known = [use for use in self.uses if use.share is not None]
        return max(known, key=lambda use: use.share or 0.0, default=None)


@dataclass(frozen=True, slots=True)
class Link:
    """A link of the mesh in one direction, and the packets that went over it."""

    start: Position
    end: Position
    packets: int

    def as_dict(self) -> dict[str, Any]:
        return {"from": list(self.start), "to": list(self.end), "packets": self.packets}


@dataclass(frozen=True, slots=True)
class Layer:
    """One layer: its nodes, how it was cut, and what it did. `spikes`: how many in each step, all samples together;
    `spiking` is False where it gives sums, and has no spikes. `energy`: of what it computes, in one sample."""

    name: str
    nodes: tuple[str, ...]
    tiles: int
    cores: int
    neurons: int
    synops: int
    updates: int
    spikes: tuple[int, ...]
    energy: Energy | None = None
    spiking: bool = True

    def rate(self, places: int) -> float | None:
        """Spikes for each neuron, where each had so many occasions."""
        return sum(self.spikes) / (self.neurons * places) if self.spiking and self.neurons and places else None

    def as_dict(self, places: int) -> dict[str, Any]:
        plain = {
            field: getattr(self, field)
            for field in ("name", "tiles", "cores", "neurons", "synops", "updates", "spiking")
        }
        several = {"nodes": list(self.nodes), "spikes": list(self.spikes), "rate": self.rate(places)}
        return {**plain, **several, "energy": self.energy and self.energy.as_dict()}


@dataclass(frozen=True, repr=False)
class Report:
    """All figures. `build`: hash of what was deployed; `graph`: fingerprint of the network it was made of.

    `engine`: the counts of the whole network, by an engine that knows nothing of cores. `deliveries`: the packets that
    the mapping foresaw for this run. `energy`: of one sample. `timing`: what the target states of times. `entered`:
    packets from the Inputs. `seed`: of the mapping; `calibration`: hash of the input that set the scales. `host`: nodes
    that the host computes; `assumed`: keys of the arithmetic that the target leaves open.
    """

    title: str
    target: Chip
    graph: str
    build: str
    versions: Mapping[str, str]
    steps: int
    samples: int
    cores: tuple[Core, ...]
    links: tuple[Link, ...]
    layers: tuple[Layer, ...]
    engine: Mapping[str, int]
    deliveries: int | None = None
    energy: Energy | None = None
    timing: Mapping[str, Quantity] | None = None
    quantisation: QuantReport | None = None
    divergence: Comparison | None = None
    ledger: tuple[Mapping[str, Any], ...] = ()
    warnings: tuple[Diagnostic, ...] = ()
    entered: int = 0
    seed: int | None = None
    calibration: str | None = None
    host: tuple[Mapping[str, str], ...] = ()
    assumed: tuple[str, ...] = ()

    @property
    def latency(self) -> Latency | None:
        """The core that holds up the others, in its busiest step."""
        return critical(self.cores, self.timing)

    @property
    def reconciliation(self) -> tuple[Balance, ...]:
        """Every quantity as it was counted in several ways, which must agree."""
        return (*counts(self.cores, self.layers, self.engine), packets(self.cores, self.entered, self.deliveries))

    @property
    def agrees(self) -> bool:
        return all(balance.equal for balance in self.reconciliation)

    @property
    def places(self) -> int:
        """Steps of all samples."""
        return self.steps * self.samples

    def as_dict(self) -> dict[str, Any]:
        """Plain values, as docs/report.schema.json describes them."""
        latency, energy, quantised, compared = self.latency, self.energy, self.quantisation, self.divergence
        return {
            "schema": SCHEMA,
            "title": self.title,
            "target": asdict(self.target),
            "graph": self.graph,
            "build": self.build,
            "calibration": self.calibration,
            "seed": self.seed,
            "versions": dict(self.versions),
            "steps": self.steps,
            "samples": self.samples,
            "cores": [asdict(core) for core in self.cores],
            "links": [link.as_dict() for link in self.links],
            "layers": [layer.as_dict(self.places) for layer in self.layers],
            "engine": dict(self.engine),
            "entered": self.entered,
            "deliveries": self.deliveries,
            "reconciliation": [balance.as_dict() for balance in self.reconciliation],
            "agrees": self.agrees,
            "host": [dict(node) for node in self.host],
            "assumed": list(self.assumed),
            "latency": latency and latency.as_dict(),
            "energy": energy and energy.as_dict(),
            "quantisation": quantised and quantised.as_dict(),
            "divergence": compared and compared.as_dict(),
            "ledger": [dict(line) for line in self.ledger],
            "warnings": [warning.as_dict() for warning in self.warnings],
        }

    def to_json(self) -> str:
        """The figures as JSON, the same bytes for the same figures."""
        return json.dumps(self.as_dict(), indent=1, ensure_ascii=False, allow_nan=False) + "\n"

    def to_html(self) -> str:
        """The report as one HTML page that needs nothing else."""
        from talon.hw.reporting.page import page

        return page(self)

    def __repr__(self) -> str:
        counted = "counts agree" if self.agrees else "counts DO NOT AGREE"
        return f"<report of {self.title!r} on {self.target.id}: {len(self.cores)} cores, {self.steps} steps, {counted}>"
