"""Where two sides part: a value, and a node."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

ERRORS = {True: "local", False: "inherited", None: "unknown"}


@dataclass(frozen=True)
class Divergence:
    """A value in which the sides differ: `quantity` of `node`, an output port or a state, at `element` of a sample.

    `margin_a`, `margin_b`: how far above the threshold the spike test of the step found the membrane, on each side;
    None where nothing is tested. `local`: whether the node, given the other side's inputs and state before the step,
    still gives something else; False where what it got explains the difference, None where it could not be tried, and
    `reason` says why.
    """

    node: str
    quantity: str
    step: int
    batch: int
    element: tuple[int, ...]
    a: float
    b: float
    margin_a: float | None = None
    margin_b: float | None = None
    local: bool | None = None
    reason: str = ""

    @property
    def key(self) -> str:
        """The name of the quantity among records."""
        return f"{self.node}.{self.quantity}"

    @property
    def error(self) -> str:
        """`"local"`, `"inherited"`, or `"unknown"`."""
        return ERRORS[self.local]

    def __str__(self) -> str:
        at = f"[{', '.join(map(str, self.element))}]" if self.element else ""
        one, other = f"{self.a:.9g}", f"{self.b:.9g}"
        values = f"{one} against {other}" if one != other else f"{self.a!r} against {self.b!r}"
        text = f"{self.key}{at} at step {self.step}, sample {self.batch}: {values}"
        if self.margin_a is not None or self.margin_b is not None:
            margins = ("unknown" if m is None else f"{m:+.4g}" for m in (self.margin_a, self.margin_b))
            text += f"; margin to the threshold {' against '.join(margins)}"
        return f"{text}; {self.error}" + (f" ({self.reason})" if self.reason else "")


@dataclass(frozen=True)
class NodeComparison:
    """A node on both sides. `values` were compared, `differing` differ, in `steps` of the steps; `largest` is how far
    apart they are at most. `rate_a`, `rate_b`: spikes per neuron and step, None for nodes that send none, as
    `rate_error`, by how much the rates of single neurons differ on average; `parted`, samples whose spikes differ, and
    `here`, those of them in which the spikes of all that feeds the node had been alike. `first`: the first divergence;
    `firsts`: that of each quantity that diverges."""

    path: str
    kind: str
    values: int
    differing: int = 0
    steps: int = 0
    largest: float = 0.0
    rate_a: float | None = None
    rate_b: float | None = None
    rate_error: float | None = None
    parted: int | None = None
    here: int | None = None
    firsts: Mapping[str, Divergence] = field(default_factory=dict)

    @property
    def first(self) -> Divergence | None:
        return min(self.firsts.values(), key=lambda found: found.step, default=None)

    @property
    def error(self) -> str:
        """`"local"` where one of its quantities differs by itself, else `"unknown"` where that could not be tried for
        each, else `"inherited"`."""
        tried = {found.local for found in self.firsts.values()}
        return ERRORS[True if True in tried else None if None in tried else False]

    @property
    def share(self) -> float:
        """The share of its values that differ."""
        return self.differing / self.values if self.values else 0.0

    def as_dict(self) -> dict[str, Any]:
        """Plain values, as `talon compare --json` prints them."""
        found = asdict(self)
        del found["firsts"]
        return {**found, "share": self.share, "first": told(self.first)}


def told(found: Divergence | None) -> dict[str, Any] | None:
    if found is None:
        return None
    values = {name: value for name, value in asdict(found).items() if name != "local"}
    return {**values, "element": list(found.element), "error": found.error}
