"""What a comparison gives, in words and as plain values."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from talon.engine.comparing.divergence import Divergence, NodeComparison, told

NAMED = 8
"""How many nodes the short form names."""

Shape = tuple[int, ...]


@dataclass(frozen=True, repr=False)
class Comparison:
    """Two runs side by side. `nodes`: those on both sides, by path, in an order in which a step computes them;
    `only_a`, `only_b`: nodes of one side alone; `unlike`: quantities whose shapes differ, which were not compared.
    `lost`: Outputs that one of the sides does not have."""

    a: str
    b: str
    steps: int
    batch: int
    tolerance: float
    what: str
    nodes: Mapping[str, NodeComparison]
    only_a: tuple[str, ...] = ()
    only_b: tuple[str, ...] = ()
    unlike: Mapping[str, tuple[Shape, Shape]] = field(default_factory=dict)
    lost: tuple[str, ...] = ()
    spikes: frozenset[str] = frozenset()
    """The keys of quantities that are spikes."""
    scaled: tuple[str, ...] = ()
    """Nodes of both sides that are not compared: quantising brings what stands between neurons into other units."""

    @property
    def values(self) -> int:
        """How many values were compared."""
        return sum(node.values for node in self.nodes.values())

    @property
    def equal(self) -> bool:
        """Whether all values that were compared are equal, and all shapes, and the Outputs are the same on both sides.
        Nodes inside may be on one side alone."""
        return not (self.unlike or self.lost or any(node.differing for node in self.nodes.values()))

    @property
    def first(self) -> Divergence | None:
        """The first divergence: in the first step that has one, of the node that is computed first."""
        found = [node.first for node in self.nodes.values() if node.first is not None]
        return min(found, key=lambda one: one.step, default=None)

    @property
    def first_spike(self) -> Divergence | None:
        """The first spike that one side sends and the other does not."""
        sent = [d for node in self.nodes.values() for d in node.firsts.values() if d.key in self.spikes]
        return min(sent, key=lambda one: one.step, default=None)

    @property
    def local(self) -> tuple[str, ...]:
        """The nodes that differ by themselves when they first differ: the places to look at."""
        return self.judged("local")

    @property
    def unknown(self) -> tuple[str, ...]:
        """The nodes of which it could not be tried whether they differ by themselves, where nothing shows it."""
        return self.judged("unknown")

    def judged(self, error: str) -> tuple[str, ...]:
        """The nodes that differ and of which this is said."""
        return tuple(node.path for node in self.nodes.values() if node.firsts and node.error == error)

    def rows(self) -> list[tuple[str, ...]]:
        """A table of the nodes that differ: node, type, steps and share of values that do, largest difference, rates
        of spikes on both sides, first step, error."""
        return [row(node, self.steps) for node in self.nodes.values() if node.first is not None]

    def rates(self) -> list[tuple[str, ...]]:
        """Of neurons whose spikes differ, a row each under `RATES`."""
        return [
            (
                node.path,
                *(f"{rate:.2%}" for rate in (node.rate_a, node.rate_b, node.rate_error) if rate is not None),
                f"{node.parted:,} of {self.batch:,}",
                f"{node.here:,}",
            )
            for node in self.nodes.values()
            if node.parted
        ]

    def as_dict(self) -> dict[str, Any]:
        """Plain values, as `talon compare --json` prints them."""
        return {
            "a": self.a,
            "b": self.b,
            "equal": self.equal,
            "what": self.what,
            "tolerance": self.tolerance,
            "steps": self.steps,
            "batch": self.batch,
            "values": self.values,
            "first": told(self.first),
            "first_spike": told(self.first_spike),
            "local": list(self.local),
            "unknown": list(self.unknown),
            "nodes": [node.as_dict() for node in self.nodes.values()],
            "only_a": list(self.only_a),
            "only_b": list(self.only_b),
            "unlike": {key: [list(shape) for shape in shapes] for key, shapes in self.unlike.items()},
            "lost": list(self.lost),
            "scaled": list(self.scaled),
        }

    def lines(self) -> Iterator[str]:
        """The result in words, the table of nodes apart."""
        size = f"{self.values:,} values of {len(self.nodes):,} nodes, {self.steps:,} steps of {self.batch:,} samples"
        within = f" within {self.tolerance:g}" if self.tolerance else ""
        yield f"{'equal' + within if self.equal else 'different'}: {size}"
        yield f"  a is {self.a}"
        yield f"  b is {self.b}"
        if (first := self.first) is not None:
            yield f"  first   {first}"
            spike = self.first_spike
            if spike is not None and spike is not first:
                yield f"  spike   {spike}"
            unknown = self.unknown
            if self.local or not unknown:
                yield f"  local   {listed(self.local) if self.local else NONE[self.what]}"
            if unknown:
                yield f"  unknown {listed(unknown)}"
        for label, found in (("only a", self.only_a), ("only b", self.only_b), ("no output", self.lost)):
            if found:
                yield f"  {label:<7} {listed(found)}"
        if self.scaled:
            yield f"  scaled  {listed(self.scaled)}: not compared, quantising brings them into other units"
        for key, (one, other) in list(self.unlike.items())[:NAMED]:
            yield f"  shapes  {key}: {one} against {other}, not compared"

    def __str__(self) -> str:
        lines, rows = list(self.lines()), self.rows()
        if rows:
            cells = [HEAD, *rows[:NAMED]]
            widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
            lines += [
                "  " + "  ".join(c.ljust(w) for c, w in zip(line, widths, strict=True)).rstrip() for line in cells
            ]
            lines += [f"  and {len(rows) - NAMED} more nodes"] if len(rows) > NAMED else []
        return "\n".join(lines)

    __repr__ = __str__


NONE = {
    "all": "no node where it first differs",
    "outputs": "no node whose outputs first differ; state was not compared",
    "spikes": "no node whose spikes first differ; what does not spike was not compared",
}
"""What is said where no error is local."""

HEAD = ("node", "type", "steps", "values", "largest", "rate a", "rate b", "first", "error")


RATES = ("neurons", "rate a", "rate b", "rate error", "samples apart", "of them here first")


def row(node: NodeComparison, steps: int) -> tuple[str, ...]:
    rates = ["-" if rate is None else f"{rate:.2%}" for rate in (node.rate_a, node.rate_b)]
    first = node.first
    assert first is not None  # only nodes that differ are rows
    share = f"{node.share:.2%}"
    return (
        node.path,
        node.kind,
        f"{node.steps:,}",
        share,
        f"{node.largest:.4g}",
        *rates,
        f"{first.step:,}",
        node.error,
    )


def listed(names: tuple[str, ...]) -> str:
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more
