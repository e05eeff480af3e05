"""What can be evaluated: graphs, programs, builds, anything else that runs; and how it is told from others."""

from __future__ import annotations

import hashlib
import json
import pickle
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from talon.engine import run
from talon.engine.choice import choose
from talon.engine.inputs import batches
from talon.engine.task import refuse_unsound
from talon.hw.evaluating.problems import wrong
from talon.ir.errors import TalonRunError
from talon.ir.graph import Graph
from talon.ir.node import Node

FORMAT = 3
"""Of what a cache holds: a new one for everything that changes what is computed or kept."""


class Ran(Protocol):
    """What a run gives: `outputs (T, B, *shape)` by Output name, and `counts (T, B)` by node path and quantity. It may
    have `events (T, B)` by quantity, too: what is counted of a chip as a whole."""

    @property
    def outputs(self) -> Mapping[str, np.ndarray]: ...
    @property
    def counts(self) -> Any:
        """A mapping of mappings of arrays; Any, for what makes it when it is first asked for."""
        ...


class Runnable(Protocol):
    """What can be evaluated besides a graph. It is pickled for other processes, and threads may share it. For a cache
    it has `fingerprint`, too, a text or a function that gives one: equal only where it computes the same."""

    def run(self, inputs: Any, *, repeat: int | None = None) -> Ran:
        """Run inputs `(T, B, *shape)`, or `(B, *shape)` held for `repeat` steps; samples never meet each other."""
        ...


@dataclass(frozen=True)
class Runner:
    """Something that runs, with the options of its runs. `whole`: outputs are kept step by step, else their sums."""

    subject: Graph | Runnable
    repeat: int | None
    engine: str
    whole: bool

    @property
    def axis(self) -> int:
        """Which axis of the inputs counts the samples."""
        return 1 if self.repeat is None else 0

    def __call__(self, inputs: Any) -> Ran:
        if isinstance(self.subject, Graph):
            return run(self.subject, inputs, repeat=self.repeat, engine=self.engine)
        return self.subject.run(inputs, repeat=self.repeat)

    def check(self, example: Any) -> None:
        """Refuse once what would fail for every sample. `example`: a batch of one sample, or None."""
        if self.repeat is not None and (
            isinstance(self.repeat, bool) or not isinstance(self.repeat, int) or self.repeat < 1
        ):
            raise wrong(
                "repeat is a number of steps",
                expected="a whole number >= 1, or None for samples (steps, ...)",
                found=repr(self.repeat),
                help="give the number of steps for which every sample is held",
            )
        if isinstance(self.subject, Graph):
            refuse_unsound(self.subject)
            choose(self.engine, self.subject.flatten(), "float32")
        elif not callable(getattr(self.subject, "run", None)):
            raise wrong(
                "this cannot be run",
                expected="a graph, a program, a build, or something else with run(inputs, repeat=...)",
                found=type(self.subject).__name__,
                help="read a file with ir.read first",
            )
        elif self.engine != "auto":
            raise wrong(
                "only a graph can be given to an engine",
                expected="engine='auto'",
                found=repr(self.engine),
                help="leave engine out, or choose it where the program is made",
            )
        graph = entrance(self.subject)
        if graph is not None and example is not None:
            try:
                batches(graph, example, self.repeat)
            except TalonRunError as error:
                raise samples_first(error, self.repeat) from None

    def key(self) -> str:
        """sha256 of all that decides what a sample gives, the sample aside."""
        said = [FORMAT, fingerprint(self.subject), self.engine, self.repeat, self.whole, versions(self.subject)]
        return hashlib.sha256(json.dumps(said).encode()).hexdigest()

    def packed(self) -> bytes:
        """By value, for other processes."""
        try:
            return pickle.dumps(self)
        except Exception as error:
            raise wrong(
                "this cannot be sent to other processes",
                expected="something that can be pickled",
                found=f"{type(error).__name__}: {error}",
                help="evaluate it with executor='serial', or define its class in a module",
            ) from error


def graph_of(subject: Any) -> Graph | None:
    found = subject if isinstance(subject, Graph) else getattr(subject, "graph", None)
    return found if isinstance(found, Graph) else None


def entrance(subject: Any) -> Graph | None:
    """A graph whose Inputs say which arrays are taken; that of a build has nothing else."""
    found = graph_of(subject) or getattr(subject, "inputs", None)
    return found if isinstance(found, Graph) else None


def samples_first(error: TalonRunError, repeat: int | None) -> TalonRunError:
    """The same error with the axes that a data set has."""
    held = "(samples, ...) held for repeat steps" if repeat is not None else "(samples, steps, ...)"
    return TalonRunError(
        error.code,
        error.diagnostic.message,
        node=error.diagnostic.node,
        expected=f"{error.expected} of one sample",
        found=error.found,
        help=f"arrays of a data set are {held}; give repeat=T, or turn the axes with np.swapaxes(x, 0, 1)",
    )


def fingerprint(subject: Any) -> str:
    """What tells it from everything that computes something else. Raises (T413) where it does not say."""
    found = getattr(subject, "fingerprint", None)
    found = found() if callable(found) else found
    if not isinstance(found, str) or not found:
        raise wrong(
            "a cache needs to know what this computes",
            expected="a fingerprint: a text, or a function that gives one",
            found=type(subject).__name__,
            help="evaluate it without cache, or give it a fingerprint that changes with what it computes",
        )
    return found


def versions(subject: Any) -> list[list[str]]:
    """Who computes it, with versions: a newer one may have mended something."""
    from talon.hw import __version__
    from talon.plugins import registry

    found = {("talon-hw", __version__), ("numpy", np.__version__), registry.provider(Graph)}
    graph = graph_of(subject)
    nodes: list[Node] = list(graph.flatten().nodes.values()) if graph is not None else []
    return sorted(list(pair) for pair in found | {registry.provider(type(node)) for node in nodes})
