"""`run`: check, choose an engine, execute."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from talon.engine.arguments import options_of
from talon.engine.choice import check_options, choose
from talon.engine.result import Result
from talon.engine.state import State
from talon.engine.task import draft
from talon.ir.errors import TalonTypeError
from talon.ir.graph import Graph

if TYPE_CHECKING:
    from numpy.typing import ArrayLike


def run(
    graph: Graph,
    inputs: ArrayLike | Mapping[str, ArrayLike],
    *,
    engine: str = "auto",
    dtype: str = "float32",
    state: State | None = None,
    record: str | Iterable[str] = (),
    repeat: int | None = None,
    threads: int = 1,
    engine_options: Mapping[str, Any] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Result:
    """Run a graph over all steps of its inputs.

    `inputs`: `(T, B, *shape)`, one array for a single Input, else a dict by Input name. With `repeat=T` they are
    `(B, *shape)`, held for T steps. `dtype`: `"float32"` or `"float64"`; inputs and parameters are cast to it once.
    `state`: a former `Result.state`, to go on from. `record`: names such as `"lif1.spikes"`, `"lif1.v"`, `"*.spikes"`,
    `"conv1.out"`, each giving `(T, B, *shape)`; what is inside others by its path, `"block/if.spikes"`, and a block's
    output by its port, `"block.out"`. `progress(done, total)` is told how many steps are done, from
    time to time and at the end.

    Raises `TalonGraphError` for a graph that `check()` refuses, `TalonRunError` (T4xx) for inputs, state and options
    that do not fit it, or (T409) where all of it together does not fit in memory: `talon.engine.stream` goes on from
    chunk to chunk.
    """
    if not isinstance(graph, Graph):
        raise TalonTypeError("T206", "run takes a graph", expected="ir.Graph", found=type(graph).__name__)
    drafted = draft(
        graph,
        inputs,
        dtype=dtype,
        state=state,
        record=record,
        repeat=repeat,
        threads=threads,
        options=engine_options,
        progress=progress,
    )
    name, chosen, why = choose(engine, drafted.task.graph, dtype)
    check_options(name, chosen, options_of(engine_options))
    result = chosen.execute(drafted.ready(chosen))
    return replace(result, engine=replace(result.engine, name=name, why=why))
