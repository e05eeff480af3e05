"""A network of the kit, and what came of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from talon import hw
from talon.engine import Result
from talon.ir.errors import TalonError
from talon.ir.graph import Graph

Feeds = Mapping[str, np.ndarray]


@dataclass(frozen=True)
class Trial:
    """A float network. `inputs`: by name, what it is run on; `calibration`: what it is quantised with, by default the
    same; `asked`: options of quantize; `cores`: it takes at least so many; `shows`: raises AssertionError where the
    network did not meet what it was made for, or gives words for why this target has no such thing."""

    name: str
    graph: Graph
    inputs: Feeds
    calibration: Feeds | None = None
    asked: Mapping[str, Any] = field(default_factory=dict)
    cores: int = 1
    shows: Callable[[Ran], str | None] = lambda ran: None


@dataclass(frozen=True)
class Ran:
    """`expected`: by the oracle, or the error that it ended with where a number trapped; `found`: by the cores."""

    trial: Trial
    quantised: Graph
    build: hw.Build
    expected: Result | TalonError
    found: hw.BuildResult | TalonError
