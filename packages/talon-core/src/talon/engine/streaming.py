"""`stream`: a run taken chunk by chunk, so that memory stays flat however many steps there are."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from talon.engine.arguments import counted, options_of, wanted
from talon.engine.choice import Streaming, check_options, choose
from talon.engine.inputs import by_name
from talon.engine.needs import needs
from talon.engine.result import Result
from talon.engine.state import State
from talon.engine.task import Draft, Task, draft, prepare, refuse_unsound
from talon.ir.errors import TalonRunError, TalonTypeError
from talon.ir.graph import Graph

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

CHUNK_BYTES = 64 << 20
"""What inputs and results of a chunk may take where nobody says how many steps it has."""

Piece = tuple[Any, int | None]
"""Inputs of a chunk, and for how many steps they are held, or None where they have a time axis."""


def stream(
    graph: Graph,
    inputs: ArrayLike | Mapping[str, ArrayLike] | Iterable[ArrayLike | Mapping[str, ArrayLike]],
    *,
    chunk: int | None = None,
    repeat: int | None = None,
    engine: str = "auto",
    dtype: str = "float32",
    state: State | None = None,
    record: str | Iterable[str] = (),
    threads: int = 1,
    engine_options: Mapping[str, Any] | None = None,
) -> Stream:
    """Run a graph chunk by chunk: an iterator that gives a `Result` for each, equal to the bit to one long run.

    `inputs` is an array `(T, B, *shape)`, or a dict of them by Input name, which is cut into chunks of `chunk` steps;
    what can be sliced need not be in memory, such as a `numpy.memmap` or a dataset of h5py. With `repeat=T` it is
    `(B, *shape)`, held for T steps. Without `chunk`, a chunk is as long as fits 64 MiB. Anything else is taken as an
    iterable of chunks, each `(T_i, B, *shape)` or a dict, and may have no end.

    The rest as for `run`. Each chunk begins with the state of the one before; `Stream.state` is where it has come to,
    and stays so when a chunk fails or is interrupted. Raises as `run` does: what is wrong with the graph now, what is
    wrong with a chunk when it is its turn.
    """
    if not isinstance(graph, Graph):
        raise TalonTypeError("T206", "stream takes a graph", expected="ir.Graph", found=type(graph).__name__)
    given = {"dtype": dtype, "record": record, "threads": threads, "options": options_of(engine_options)}
    return Stream(graph, inputs, chunk, repeat, engine, state, given)


class Stream(Iterator[Result]):
    """A run that is under way; made by `stream`. `state`: after the last chunk, None before the first."""

    def __init__(
        self,
        graph: Graph,
        inputs: Any,
        chunk: int | None,
        repeat: int | None,
        engine: str,
        state: State | None,
        given: Mapping[str, Any],
    ) -> None:
        self.graph, self.state = graph, state
        self._given = dict(given)
        # Here, because each chunk asks for it again.
        self._given["record"] = wanted(self._given["record"])
        refuse_unsound(graph)
        # Which refuses an Input whose shape is open.
        self._prepared = prepare(graph, tuple(n.shape for n in graph.inputs.values() if n.shape is not None))
        self._name, chosen, self._why = choose(engine, self._prepared.flat, self._given["dtype"])
        check_options(self._name, chosen, self._given["options"])
        self._chosen = chosen
        self._execute: Callable[[Task], Result] = chosen.execute
        if isinstance(chosen, Streaming):
            self._execute = chosen.session(self._given["options"])
        self._batch: int | None = None
        if is_whole(inputs) or repeat is not None:
            self._pieces = self._cut(by_name(graph.inputs, inputs), chunk, repeat)
        else:
            if chunk is not None:
                raise wrong_chunk("an array or a dict of arrays, which chunk cuts", type(inputs).__name__)
            try:
                self._pieces = ((each, None) for each in iter(inputs))
            except TypeError:
                raise wrong_chunk("an array, a dict of arrays, or an iterable of chunks", repr(inputs)) from None

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Result:
        value, repeat = next(self._pieces)
        drafted = self._draft(value, repeat)
        batch = drafted.task.batch
        if batch != (self._batch or batch):
            raise TalonRunError(
                "T401",
                "the chunk has other samples than those before",
                expected=f"{self._batch} in the batch",
                found=str(batch),
                help="stream each batch by itself",
            )
        # Only the first chunk pays for making the nodes ready.
        task = replace(drafted, fresh=self._batch is None).ready(self._chosen)
        self._batch = batch
        result = self._execute(task)
        self.state = result.state
        return replace(result, engine=replace(result.engine, name=self._name, why=self._why))

    def _draft(self, value: Any, repeat: int | None) -> Draft:
        return draft(self.graph, value, repeat=repeat, state=self.state, prepared=self._prepared, **self._given)

    def _cut(self, arrays: dict[str, Any], chunk: int | None, repeat: int | None) -> Iterator[Piece]:
        """The arrays in chunks of steps; checked before the first."""
        if chunk is not None:
            chunk = counted("chunk is a number of steps", chunk, "leave it out for chunks of 64 MiB")
        arrays = {name: value if sliceable(value) else np.asarray(value) for name, value in arrays.items()}
        held = repeat is not None
        drafted = self._draft(arrays if held else {name: stand_in(value) for name, value in arrays.items()}, repeat)
        steps = drafted.task.steps
        if chunk is None:
            needed = needs(drafted.task, drafted.prepared, None, False)
            if not held:
                needed.each["inputs"] = sum(stand_in(v).size for v in arrays.values()) * drafted.task.dtype.itemsize
            chunk = min(steps, max(1, needed.steps_in(CHUNK_BYTES)))
        return pieces(arrays, steps, chunk, held)


def pieces(arrays: dict[str, Any], steps: int, chunk: int, held: bool) -> Iterator[Piece]:
    for start in range(0, steps, chunk):
        if held:
            yield arrays, min(chunk, steps - start)
        else:
            yield {name: value[start : start + chunk] for name, value in arrays.items()}, None


def is_whole(inputs: object) -> bool:
    """Whether inputs are arrays to be cut, and no iterable of chunks."""
    return isinstance(inputs, Mapping) or hasattr(inputs, "__array__")


def sliceable(value: Any) -> bool:
    """Whether steps can be taken from an array without making all of it one of numpy's."""
    return isinstance(getattr(value, "dtype", None), np.dtype) and hasattr(value, "shape")


def stand_in(value: Any) -> np.ndarray:
    """An array of the same shape and dtype that takes no room."""
    return np.broadcast_to(np.empty((), value.dtype), value.shape)


def wrong_chunk(expected: str, found: str) -> TalonRunError:
    return TalonRunError("T401", "the inputs cannot be taken chunk by chunk", expected=expected, found=found)
