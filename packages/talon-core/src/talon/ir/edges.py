"""Edges: connections between ports, with an optional stated delay."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from talon.ir.errors import TalonFrozenError, TalonTypeError, TalonValueError

MAX_DELAY = 1 << 31


class Edge:
    """A connection `src -> dst`; unpacks as two endpoint strings, each `"name"` or `"name:port"`.

    `delay` is in steps: None leaves it to the rule for cycles, 0 is immediate, n delivers what src gave n steps ago.
    Equal to the 2-tuple of its endpoints when no delay is stated.
    """

    __slots__ = ("delay", "dst", "src")

    src: str
    dst: str
    delay: int | None

    def __init__(self, src: str, dst: str, *, delay: int | None = None) -> None:
        if type(src) is not str or type(dst) is not str:
            raise TalonTypeError(
                "T206",
                "an edge joins two endpoints given as strings",
                expected='("name", "name") or "name:port"',
                found=f"({src!r}, {dst!r})",
            )
        if delay is not None:
            if isinstance(delay, bool) or not isinstance(delay, int):
                raise TalonTypeError("T206", "a delay is a whole number of steps or None", found=repr(delay))
            if not 0 <= delay < MAX_DELAY:
                raise TalonValueError(
                    "T202", f"delay of edge {src!r} -> {dst!r} is out of range", expected=">= 0 steps", found=delay
                )
        put = object.__setattr__
        put(self, "src", src)
        put(self, "dst", dst)
        put(self, "delay", delay)

    @property
    def src_node(self) -> str:
        return self.src.partition(":")[0]

    @property
    def src_port(self) -> str | None:
        """The source port as given; None when it was left to the default."""
        return self.src.partition(":")[2] or None

    @property
    def dst_node(self) -> str:
        return self.dst.partition(":")[0]

    @property
    def dst_port(self) -> str | None:
        """The destination port as given; None when it was left to the default."""
        return self.dst.partition(":")[2] or None

    def __iter__(self) -> Iterator[str]:
        yield self.src
        yield self.dst

    def __len__(self) -> int:
        return 2

    def __getitem__(self, index: int) -> str:
        return (self.src, self.dst)[index]

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Edge):
            return (self.src, self.dst, self.delay) == (other.src, other.dst, other.delay)
        if isinstance(other, tuple):
            return self.delay is None and (self.src, self.dst) == other
        return NotImplemented

    def __hash__(self) -> int:
        # An edge without a delay equals its 2-tuple, so it must hash like it.
        return hash((self.src, self.dst) if self.delay is None else (self.src, self.dst, self.delay))

    def __setattr__(self, name: str, value: object) -> None:
        raise TalonFrozenError("T203", "an edge cannot be changed", help="make a new Edge(src, dst, delay=...)")

    def __delattr__(self, name: str) -> None:
        raise TalonFrozenError("T203", "an edge cannot be changed")

    def __reduce__(self) -> tuple[Any, ...]:
        return make_edge, (self.src, self.dst, self.delay)

    def __repr__(self) -> str:
        delay = "" if self.delay is None else f", delay={self.delay}"
        return f"Edge({self.src!r}, {self.dst!r}{delay})"


def make_edge(src: str, dst: str, delay: int | None = None) -> Edge:
    """An edge from positional parts, as pickles and `as_edge` give them."""
    return Edge(src, dst, delay=delay)


def as_edge(value: Any) -> Edge:
    """An Edge from an Edge or a pair of endpoint strings."""
    if type(value) is Edge:
        return value
    if isinstance(value, (tuple, list)) and len(value) == 2:
        return Edge(value[0], value[1])
    raise TalonTypeError(
        "T206",
        "an edge is a pair of endpoints",
        expected='("source", "destination") or ir.Edge(src, dst, delay=n)',
        found=f"{value!r:.80}",
    )
