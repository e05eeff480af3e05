"""`record_to`: what a run or a stream gives, into a file, in memory that stays flat."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from talon.engine.counts import QUANTITIES
from talon.engine.result import EngineUse, Result
from talon.engine.state import State
from talon.engine.streaming import Stream
from talon.ir import __version__
from talon.ir.errors import TalonRunError, TalonTypeError
from talon.ir.graph import Graph
from talon.storage.recording import recording


@dataclass(frozen=True)
class Recorded:
    """What was written: `steps`, the `state` to go on from, the totals of `counts`, and which engine ran."""

    path: str
    steps: int
    state: State
    counts: dict[str, int]
    engine: EngineUse


class SourceFailed(Exception):
    """The results could not be had, which is not the file's fault; `error` is raised in its place."""

    def __init__(self, error: OSError) -> None:
        super().__init__()
        self.error = error


def record_to(
    path: str | os.PathLike[str],
    results: Result | Iterable[Result],
    *,
    graph: Graph | None = None,
    overwrite: bool = True,
) -> Recorded:
    """Write outputs and records to a file, chunk by chunk: those of a `stream`, of one result, or of several that go
    on from each other.

    The suffix says the format: `.h5` and `.hdf5` are HDF5, `.zarr` is a zarr store in a folder. Each array is a
    dataset `(T, B, *shape)`: `outputs/NAME`, `records/NODE.QUANTITY`, with the attributes `node` and `quantity`;
    spikes are uint8, everything else is of the run's dtype. The root says the engine, the first step, and of a stream
    the fingerprint of its graph; for other results give the `graph`.

    The file is replaced only when the new one is complete and on the disk: after an error or an interrupt the old one
    is there. Raises `TalonFileError` (T301, T306, T308), `TalonRunError` (T401) for results that do not belong
    together, and whatever the results raise when they are made.
    """
    if isinstance(results, Stream):
        graph = graph or results.graph
    if graph is not None and not isinstance(graph, Graph):
        raise TalonTypeError("T206", "graph is a graph", expected="ir.Graph", found=type(graph).__name__)
    given = iter([results] if isinstance(results, Result) else results)
    totals = dict.fromkeys(QUANTITIES, 0)
    first_step = 0
    last: Result | None = None
    try:
        with recording(path, overwrite) as file:
            for result in taken(given):
                steps = steps_of(result)
                if last is None:
                    first_step = result.state.step - steps
                elif result.state.step - steps != last.state.step:
                    raise apart(last.state.step, result.state.step - steps)
                file.add(steps, {"outputs": result.outputs, "records": result.records})
                for quantity, total in result.counts.total().items():
                    totals[quantity] += total
                last = result
            if last is None:
                raise TalonRunError("T401", "there is nothing to record", expected="at least one Result", found="none")
            file.finish(described(graph, last, first_step))
    except SourceFailed as failed:
        raise failed.error from failed.error.__cause__
    return Recorded(os.fspath(path), file.steps, last.state, totals, last.engine)


def taken(results: Iterator[Any]) -> Iterator[Result]:
    """The results one after the other; an OSError of theirs is not taken for one of the file."""
    while True:
        try:
            result = next(results)
        except StopIteration:
            return
        except OSError as error:
            raise SourceFailed(error) from error
        if not isinstance(result, Result):
            raise TalonTypeError("T206", "record_to takes results", expected="Result", found=type(result).__name__)
        yield result


def steps_of(result: Result) -> int:
    return len(next(iter(result.outputs.values())))


def apart(expected: int, found: int) -> TalonRunError:
    return TalonRunError(
        "T401",
        "the result does not go on from the one before",
        expected=f"one that begins at step {expected}",
        found=f"step {found}",
        help="run each with the state of the one before, as talon.engine.stream does",
    )


def described(graph: Graph | None, last: Result, first_step: int) -> dict[str, str | int | float]:
    """What the file says of all arrays."""
    said: dict[str, str | int | float] = {
        "writer": f"talon-core {__version__}",
        "engine": last.engine.name,
        "first_step": first_step,
    }
    if graph is not None:
        said["fingerprint"] = graph.fingerprint()
        if graph.dt is not None:
            said["dt"] = float(graph.dt)
    return said
