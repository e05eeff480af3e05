"""How long a step takes: the work of the core that does most in one, priced where the target states times."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from talon.hw.quantities import Quantity

if TYPE_CHECKING:
    from talon.hw.reporting.figures import Core

ROWS = {"synops": "synaptic_op", "updates": "neuron_update_active", "packets": None}
"""The row of `[timing]` that prices a part of the work; nobody states what it takes to receive a packet."""
WORDS = {"synops": "synaptic events", "updates": "neuron updates", "packets": "packets received"}


@dataclass(frozen=True, slots=True)
class Peak:
    """The step in which a core does most, and what it does in it. Samples run one after the other: it is of one."""

    step: int
    synops: int
    updates: int
    packets: int

    @property
    def work(self) -> int:
        """Events of all kinds."""
        return self.synops + self.updates + self.packets


@dataclass(frozen=True, slots=True)
class TimeLine:
    """A part of the work at the time that one such event takes."""

    what: str
    count: int
    row: str | None
    price: Quantity

    @property
    def nanoseconds(self) -> float | None:
        if self.count == 0:
            return 0.0
        return None if self.price.value is None else self.count * float(self.price.value)


@dataclass(frozen=True, slots=True)
class Latency:
    """The critical core: no step is done before its busiest one is."""

    core: int
    step: int
    work: int
    lines: tuple[TimeLine, ...]
    clock: Quantity

    @property
    def nanoseconds(self) -> float | None:
        """None where a part is unknown: the others would look like the whole."""
        parts = [line.nanoseconds for line in self.lines]
        return None if None in parts else sum(part for part in parts if part is not None)

    @property
    def cycles(self) -> float | None:
        """Of the clock, where both are known."""
        time = self.nanoseconds
        return None if time is None or self.clock.value is None else time * float(self.clock.value) / 1000

    def as_dict(self) -> dict[str, Any]:
        lines = [
            {"what": line.what, "count": line.count, "row": line.row, "price": str(line.price), "ns": line.nanoseconds}
            for line in self.lines
        ]
        own = {"core": self.core, "step": self.step, "work": self.work, "ns": self.nanoseconds, "cycles": self.cycles}
        return {**own, "clock": str(self.clock), "lines": lines}


def critical(cores: Sequence[Core], timing: Mapping[str, Quantity] | None) -> Latency | None:
    """The core with the most work in one step, of equal ones the first; None where no core's steps were counted."""
    counted = [(core.peak, core.number) for core in cores if core.peak is not None]
    if not counted:
        return None
    peak, number = max(counted, key=lambda found: (found[0].work, -found[1]))
    times = timing or {}
    clock = times.get("clock", Quantity(None, "MHz"))
    return Latency(number, peak.step, peak.work, tuple(lines(peak, times)), clock)


def lines(peak: Peak, times: Mapping[str, Quantity]) -> Iterator[TimeLine]:
    for part, row in ROWS.items():
        unknown = Quantity(None, "ns")
        price = unknown if row is None else times.get(row, unknown)
        yield TimeLine(WORDS[part], getattr(peak, part), row, price)
