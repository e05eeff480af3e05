"""Ports: where edges enter and leave a node."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class InPort:
    """An input. Several edges are summed in edge order, unless `ordered`: then each is an argument of its own."""

    name: str = "in"
    ordered: bool = False


@dataclass(frozen=True, slots=True)
class Ports:
    """Inputs, and the names of the outputs. `numbered` outputs may be left out of an edge: its place counts then."""

    inputs: tuple[InPort, ...]
    outputs: tuple[str, ...]
    numbered: bool = False


ONE_IN_ONE_OUT = Ports((InPort(),), ("out",))
MANY_IN_ONE_OUT = Ports((InPort(ordered=True),), ("out",))
