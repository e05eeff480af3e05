"""`compare`: two graphs, files or engines, or a graph and what was made of it, on the same inputs."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Literal

from talon.engine.comparing import quantised
from talon.engine.comparing.graphs import GraphSide
from talon.engine.comparing.outcome import Comparison
from talon.engine.comparing.pairs import Pairs
from talon.engine.comparing.sides import OtherSide, Runs, Side
from talon.engine.quantised import in_integers
from talon.engine.streaming import CHUNK_BYTES
from talon.ir.errors import TalonError, TalonRunError, TalonTypeError, TalonValueError
from talon.ir.graph import Graph

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

WHAT = ("all", "outputs", "spikes")


def compare(
    a: Graph | str | os.PathLike[str] | Runs,
    b: Graph | str | os.PathLike[str] | Runs,
    inputs: ArrayLike | Mapping[str, ArrayLike],
    *,
    engine: str | tuple[str, str] = "auto",
    dtype: str | tuple[str, str] = "float32",
    engine_options: Mapping[str, Any] | tuple[Mapping[str, Any], Mapping[str, Any]] | None = None,
    repeat: int | None = None,
    tolerance: float = 0.0,
    what: Literal["all", "outputs", "spikes"] = "all",
    threads: int = 1,
    chunk: int | None = None,
    labels: tuple[str, str] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Comparison:
    """Run `a` and `b` on the same inputs and say where they part: step, node, value, and whose fault it is.

    Each side is a graph, the path of a file, or anything with `run(inputs, record="*")` that gives outputs and records,
    such as a compiled program. To compare two engines, give one graph twice and `engine=("reference", "native")`; a
    pair is for `a` and `b`, as it is for `dtype` and `engine_options`. `inputs` and `repeat` as for `run`.

    Nodes are paired by their paths. `what`: their outputs and state (`"all"`), `"outputs"`, or `"spikes"` alone. Values
    differ that differ in a bit, or by more than `tolerance`. Where a node first differs, it is run alone for one step
    with the other side's inputs and state: its error is inherited if it then agrees, and local if not.

    A float graph beside what `hw.quantize` made of it: "auto" runs the integers as integers, and only neurons and
    Outputs are compared, as the sums of layers are in other units. A neuron's error is then local where all spikes
    that feed it had been alike in that sample, and unknown where not.

    `labels`: what the sides are called in the result and in errors, by default `a` and `b`, or the paths of the files.
    Graphs are run `chunk` steps at a time, by default what fits 64 MiB, so that memory stays flat.
    Raises what `run` and `ir.read` raise, and `TalonRunError` (T412) where the sides have nothing in common.
    """
    if what not in WHAT:
        raise TalonTypeError("T206", "what is a word", expected=" or ".join(map(repr, WHAT)), found=repr(what))
    if isinstance(tolerance, bool) or not isinstance(tolerance, (int, float)) or not 0 <= tolerance < float("inf"):
        raise TalonValueError(
            "T202", "tolerance is out of range", expected="a finite number >= 0", found=repr(tolerance)
        )
    if chunk is not None and (isinstance(chunk, bool) or not isinstance(chunk, int) or chunk < 1):
        raise TalonRunError("T401", "chunk is a number of steps", expected="a whole number >= 1", found=repr(chunk))
    both: tuple[Mapping[str, Any], Mapping[str, Any]] = two("engine_options", engine_options or {})
    engines, dtypes = two("engine", engine), two("dtype", dtype)
    called: tuple[str | None, str | None] = (named(a), named(b))
    if labels is not None:
        called = two("labels", labels)
    values = loaded(a), loaded(b)
    sides = [
        side(
            value,
            label or "ab"[place],
            label,
            inputs,
            repeat,
            engine=engines[place],
            called=quantised.called(values, place),
            dtype=dtypes[place],
            threads=threads,
            options=both[place],
        )
        for place, (value, label) in enumerate(zip(values, called, strict=True))
    ]
    rescaled = in_integers(values[0]) != in_integers(values[1])
    pairs = Pairs(sides[0], sides[1], what=what, tolerance=tolerance, rescaled=rescaled)
    steps = max(one.steps() for one in sides)
    if chunk is None:
        chunk = max(1, CHUNK_BYTES // max(1, sum(one.step_bytes() for one in sides)))
    for start in range(0, steps, chunk):
        pairs.go_on(start, min(start + chunk, steps))
        if progress is not None:
            progress(min(start + chunk, steps), steps)
    return pairs.outcome(steps)


def two(name: str, value: Any) -> tuple[Any, Any]:
    """A value for each side: two that were given, or the same one twice."""
    if not isinstance(value, (tuple, list)):
        return value, value
    if len(value) != 2:
        raise TalonTypeError(
            "T206", f"{name} is one for both sides, or two", expected="(of a, of b)", found=repr(value)
        )
    return value[0], value[1]


def named(value: Any) -> str | None:
    """The path of a file."""
    return str(os.fspath(value)) if isinstance(value, (str, os.PathLike)) else None


def loaded(value: Any) -> Any:
    """What the path of a file stands for."""
    if not isinstance(value, (str, os.PathLike)):
        return value
    from talon import ir

    return ir.read(value)


def side(value: Any, label: str, place: str | None, inputs: Any, repeat: int | None, **how: Any) -> Side:
    """What is compared, made ready; `place` is what errors name."""
    if isinstance(value, Graph):
        try:
            return GraphSide(value, label, inputs, repeat, **how)
        except TalonError as error:
            raise error.at(file=place) from error.__cause__
    if isinstance(value, Runs) and not isinstance(value, type):
        return OtherSide(value, label, inputs, repeat)
    raise TalonTypeError(
        "T206",
        f"side {label} cannot be run",
        expected="an ir.Graph, the path of a file, or something with run(inputs, record=...)",
        found=type(value).__name__,
    )
