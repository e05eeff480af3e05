"""Checks that an engine gives what the reference gives, to the bit: outputs, state, counts, records."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np

from talon.engine import Result, State, stream
from talon.testing.candidate import Candidate, Feeds, Trial, at_random, circuits, of_primitives, quiet, told
from talon.testing.results import joined, same_result

SIZES = ((1, 1), (1, 4), (7, 2))
"""Steps and samples besides those that everything is tried with."""
THREADS = (2, 3, 16)


def runs_every_primitive(case: Candidate) -> None:
    """Every primitive that is registered here, on random instances."""
    for trial in case.accepted(of_primitives(case.seeds)):
        case.agrees(trial, trial.feeds())


def runs_circuits(case: Candidate) -> None:
    """Layers, maps, step axes, delays, cycles, several Inputs and Outputs, nesting, every rule of reset."""
    for trial in case.accepted(circuits(case.seeds)):
        case.agrees(trial, trial.feeds())


def runs_random_graphs(case: Candidate) -> None:
    for trial in case.accepted(at_random(case.seeds)):
        case.agrees(trial, trial.feeds())


def takes_any_numbers(case: Candidate) -> None:
    """Zeros of both signs, subnormal numbers, and large ones, whose sums may overflow."""
    for trials in (circuits, of_primitives, at_random):
        for trial in case.accepted(trials(case.seeds)):
            case.agrees(trial, trial.arbitrary(case.dtype))


def takes_any_size(case: Candidate) -> None:
    for trial in case.some():
        for steps, batch in SIZES:
            case.agrees(trial, trial.feeds(steps, batch))


def takes_any_layout(case: Candidate) -> None:
    """Inputs that are held, and so repeated in memory, and inputs that are turned."""
    for trial in case.some():
        inputs = trial.feeds(4, 4)
        case.agrees(trial, {name: array[0] for name, array in inputs.items()}, repeat=3)
        case.agrees(trial, {name: np.asfortranarray(array) for name, array in inputs.items()})


def records_what_is_asked_for(case: Candidate) -> None:
    """Everything at once, one thing alone, and nothing unless asked."""
    for trial in case.some():
        inputs = trial.feeds()
        everything = case.agrees(trial, inputs, record="*").records
        for key in list(everything)[::3]:
            case.agrees(trial, inputs, record=key)


def goes_on_where_it_stopped(case: Candidate) -> None:
    """Cut anywhere, and gone on from its own state or from the reference's, a run gives what it gives in one piece."""
    for trial in case.some():
        inputs = trial.feeds(6)
        with told(trial):
            whole = case.reference(trial.graph, inputs, record="*.out")
            for bounds in ((0, 1, 3, 6), (0, 2, 4, 5, 6)):
                for engines in ((case.name,), (case.name, "reference"), ("reference", case.name)):
                    same_result(in_pieces(case, trial, inputs, bounds, engines), whole)


def in_pieces(
    case: Candidate, trial: Trial, inputs: Feeds, bounds: tuple[int, ...], engines: tuple[str, ...]
) -> Result:
    """A run cut at these steps, its pieces by these engines in turn."""
    state: State | None = None
    parts: list[Result] = []
    for number, (start, stop) in enumerate(pairwise(bounds)):
        engine = engines[number % len(engines)]
        options = case.options if engine == case.name else {}
        part = {name: array[start:stop] for name, array in inputs.items()}
        how = {"engine": engine, "engine_options": options, "state": state, "record": "*.out"}
        parts.append(case.run(trial.graph, part, **how))
        state = parts[-1].state
    return joined(parts)


def streams_as_it_runs(case: Candidate) -> None:
    """Chunk by chunk by `talon.engine.stream`, in a session if the engine offers them."""
    for trial in case.some():
        with told(trial):
            inputs = trial.feeds(7)
            how: dict[str, Any] = {
                "engine": case.name,
                "dtype": case.dtype,
                "engine_options": case.options,
                "record": "*.out",
            }
            for chunk in (1, 3):
                with quiet():
                    parts = list(stream(trial.graph, inputs, chunk=chunk, **how))
                same_result(joined(parts), case.reference(trial.graph, inputs, record="*.out"))


def shares_samples_among_threads(case: Candidate) -> None:
    for trial in case.some():
        for threads in THREADS:
            case.agrees(trial, trial.feeds(4, 5), threads=threads, record="*.out")


def gives_the_same_twice(case: Candidate) -> None:
    """A run leaves nothing behind for the next one."""
    for trial in case.some():
        inputs = trial.feeds()
        with told(trial):
            first = case.run(trial.graph, inputs)
            case.run(trial.graph, trial.arbitrary(case.dtype))
            same_result(case.run(trial.graph, inputs), first)


CHECKS: tuple[Callable[[Candidate], None], ...] = (
    runs_every_primitive,
    runs_circuits,
    runs_random_graphs,
    takes_any_numbers,
    takes_any_size,
    takes_any_layout,
    records_what_is_asked_for,
    goes_on_where_it_stopped,
    streams_as_it_runs,
    shares_samples_among_threads,
    gives_the_same_twice,
)
