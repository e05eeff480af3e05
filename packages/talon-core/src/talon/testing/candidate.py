"""An engine under test, and what it is tried on."""

from __future__ import annotations

import random
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from talon.engine import Result, run
from talon.engine.choice import Engine, specs
from talon.ir.graph import Graph
from talon.testing.circuits import CIRCUITS
from talon.testing.floats import arbitrary_feeds
from talon.testing.graphs import feeds, random_graph
from talon.testing.results import same_result
from talon.testing.strategies import primitives, sample
from talon.testing.trial import around

Feeds = Mapping[str, np.ndarray]


@dataclass(frozen=True)
class Trial:
    """A graph that the engine accepts; `name` says which it is."""

    name: str
    graph: Graph
    seed: int

    def feeds(self, steps: int = 5, batch: int = 3) -> Feeds:
        """Spikes, and ordinary numbers with zeros among them."""
        return feeds(self.graph, self.seed, steps=steps, batch=batch)

    def arbitrary(self, dtype: str) -> Feeds:
        """Finite numbers of every kind."""
        return arbitrary_feeds(self.graph, self.seed, steps=5, batch=3, dtype=dtype)


@dataclass(frozen=True)
class Candidate:
    """The engine's name, the dtype it runs in here, the options it is given, and the seeds of what is drawn."""

    name: str
    dtype: str = "float32"
    options: Mapping[str, Any] = field(default_factory=dict)
    seeds: tuple[int, ...] = (0, 1, 2)

    @property
    def engine(self) -> Engine:
        return specs()[self.name].load()

    def run(self, graph: Graph, inputs: Feeds, **how: Any) -> Result:
        with quiet():
            return run(
                graph, inputs, **{"engine": self.name, "dtype": self.dtype, "engine_options": self.options, **how}
            )

    def reference(self, graph: Graph, inputs: Feeds, **how: Any) -> Result:
        """What is right."""
        with quiet():
            return run(graph, inputs, engine="reference", **{"dtype": self.dtype, **how})

    def agrees(self, trial: Trial, inputs: Feeds, **how: Any) -> Result:
        """Run a trial; the result must be the reference's to the bit."""
        with told(trial):
            found = self.run(trial.graph, inputs, **how)
            same_result(found, self.reference(trial.graph, inputs, **how))
        return found

    def accepted(self, trials: Iterator[Trial]) -> Iterator[Trial]:
        """The trials that the engine does not refuse."""
        engine = self.engine
        for trial in trials:
            with told(trial):
                refusal = engine.refuses(trial.graph.flatten(), self.dtype)
            if refusal is None:
                yield trial

    def some(self) -> list[Trial]:
        """A few trials to ask other things of than what they compute: circuits, or primitives if it refuses those."""
        found = list(self.accepted(circuits(self.seeds[:1])))
        return found or list(self.accepted(of_primitives(self.seeds[:1])))


def circuits(seeds: tuple[int, ...]) -> Iterator[Trial]:
    for seed in seeds:
        for make in CIRCUITS:
            yield Trial(f"circuit {make.__name__!r}, seed {seed}", make(np.random.default_rng(seed)), seed)


def of_primitives(seeds: tuple[int, ...]) -> Iterator[Trial]:
    """Every registered primitive, those of other distributions too, each in the smallest graph around it."""
    for name, cls in primitives().items():
        for seed in seeds:
            yield Trial(f"primitive {name}, seed {seed}", around(sample(cls, seed)), seed)


def at_random(seeds: tuple[int, ...]) -> Iterator[Trial]:
    for seed in seeds:
        for part in range(10):
            number = seed * 10 + part
            graph = random_graph(random.Random(number))
            yield Trial(f"talon.testing.graphs.random_graph(random.Random({number}))", graph, number)


@contextmanager
def quiet() -> Iterator[None]:
    """Numbers may overflow here, and nobody is to be warned of it, in whatever thread."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        yield


@contextmanager
def told(trial: Trial) -> Iterator[None]:
    """Whatever goes wrong inside says which trial it was."""
    try:
        yield
    except Exception as error:
        error.add_note(f"on {trial.name}")
        raise
