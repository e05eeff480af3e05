"""Input arrays: matched with the graph's Inputs, checked, and cast once."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

import numpy as np

from talon.engine.arguments import counted
from talon.ir.errors import TalonRunError, nearest
from talon.ir.fields import Shape
from talon.ir.graph import Graph


def batches(graph: Graph, inputs: Any, repeat: int | None) -> tuple[dict[str, np.ndarray], int, int]:
    """Arrays `(T, B, *shape)` by Input name, in the graph's order and not yet cast, with T and B. What is held or
    broadcast stays a view. Raises `TalonRunError`."""
    return gathered({name: node.shape for name, node in graph.inputs.items()}, inputs, repeat)


def gathered(
    declared: Mapping[str, Shape | None], inputs: Any, repeat: int | None
) -> tuple[dict[str, np.ndarray], int, int]:
    """The same for Inputs that declare these shapes."""
    if repeat is not None:
        repeat = counted("repeat is a number of steps", repeat, "leave it out where the arrays have a step axis")
    arrays = {name: real(name, value) for name, value in by_name(declared, inputs).items()}
    for name, array in arrays.items():
        check_shape(declared[name], name, array, timed=repeat is None)
    if repeat is not None:
        arrays = {name: held(name, array, repeat) for name, array in arrays.items()}
    for place, what in ((0, "steps"), (1, "samples")):
        lengths = {name: array.shape[place] for name, array in arrays.items()}
        if 0 in lengths.values() or len(set(lengths.values())) > 1:
            raise TalonRunError(
                "T401",
                f"the inputs do not have the same number of {what}" if 0 not in lengths.values() else f"no {what}",
                expected=f"one number of {what}, at least 1, for all inputs",
                found=", ".join(f"{n}: {length}" for n, length in lengths.items()),
            )
    first = next(iter(arrays.values()))
    return arrays, first.shape[0], first.shape[1]


def held(name: str, array: np.ndarray, repeat: int) -> np.ndarray:
    """An array at every one of `repeat` steps, as a view."""
    most = sys.maxsize // max(1, array.size * np.dtype(np.float64).itemsize)
    if repeat > most:
        raise TalonRunError(
            "T401",
            f"input {name!r} cannot be held for so many steps",
            expected=f"at most {most} steps",
            found=str(repeat),
            help="stream shorter runs, each from the state of the one before: state=result.state",
        )
    return np.broadcast_to(array, (repeat, *array.shape))


def by_name(nodes: Mapping[str, Any], inputs: Any) -> dict[str, Any]:
    """The values by Input name, in the graph's order."""
    names = list(nodes)
    if not isinstance(inputs, Mapping):
        if len(names) != 1:
            raise TalonRunError(
                "T401",
                f"the graph has {len(names)} Inputs, so the arrays must be given by name",
                expected="a dict with " + ", ".join(map(repr, names)),
                found=type(inputs).__name__,
            )
        return {names[0]: inputs}
    unknown = [name for name in inputs if name not in names]
    missing = [name for name in names if name not in inputs]
    if unknown or missing:
        match = nearest(str(unknown[0]), names) if unknown else None
        raise TalonRunError(
            "T401",
            "the arrays are not named as the graph's Inputs",
            expected=", ".join(map(repr, names)),
            found=", ".join(map(repr, inputs)) or "nothing",
            help=f"did you mean {match!r}?" if match else "give one array for each Input, by its name",
        )
    return {name: inputs[name] for name in names}


BLOCK = 1 << 16
"""Values that are looked at together, so that they stay in a cache."""


def finite(array: np.ndarray) -> bool:
    """Whether no value is infinite or nan."""
    if not array.flags.c_contiguous:
        return bool(np.isfinite(array).all())
    flat = array.reshape(-1)
    if flat.size <= BLOCK:
        return bool(np.isfinite(flat).all())
    return all(bool(np.isfinite(flat[at : at + BLOCK]).all()) for at in range(0, flat.size, BLOCK))


def real(name: str, value: Any) -> np.ndarray:
    """An array of real numbers."""
    try:
        array = np.asarray(value)
    except (ValueError, TypeError) as error:
        raise TalonRunError(
            "T402",
            f"input {name!r} cannot be made an array",
            expected="real, whole or boolean numbers, in rows of one length",
            found=f"{type(value).__name__}: {error}",
        ) from None
    if array.dtype.kind not in "fiub":
        raise TalonRunError(
            "T402",
            f"input {name!r} cannot be an array of dtype {array.dtype}",
            expected="real, whole or boolean numbers",
            found=str(array.dtype),
        )
    return array


def distinct(array: np.ndarray) -> np.ndarray:
    """The part of a broadcast array that holds all of its values; any other as it is."""
    if 0 not in array.strides:
        return array
    return array[tuple(slice(0, 1) if stride == 0 else slice(None) for stride in array.strides)]


def cast(name: str, array: np.ndarray, dtype: np.dtype[Any]) -> np.ndarray:
    """A finite array of the run's dtype; the same one where it has it already, and broadcast where it was."""
    made = part = distinct(array)
    if part.dtype != dtype:
        with np.errstate(over="ignore"):
            made = part.astype(dtype)
    if not finite(made):
        bad = tuple(int(i) for i in np.argwhere(~np.isfinite(made))[0])
        raise TalonRunError(
            "T406",
            f"input {name!r} has values that are not finite in {dtype}",
            expected="finite numbers",
            found=f"{part[bad]} at index {list(bad)} of (steps, batch, ...)",
            help="clean or scale the data before running it",
        )
    return made if made.shape == array.shape else np.broadcast_to(made, array.shape)


def cast_bytes(array: np.ndarray, dtype: np.dtype[Any]) -> int:
    """What casting will take."""
    return 0 if array.dtype == dtype else distinct(array).size * dtype.itemsize


def check_shape(declared: Shape | None, name: str, array: np.ndarray, timed: bool) -> None:
    """Refuse a wrong rank or sample shape, with the axes spelt out."""
    lead = 2 if timed else 1
    if array.ndim >= lead and (declared is None or array.shape[lead:] == declared):
        return
    axes = "(steps, batch" if timed else "(batch"
    expected = f"{axes}, ...)" if declared is None else ", ".join([axes, *map(str, declared)]) + ")"
    hint = f"add the axes with x.reshape(steps, batch, {', '.join(map(str, declared or ('...',)))})"
    if declared is not None and timed and array.shape[1:] == declared:
        hint = "for one input held over T steps give (batch, ...) and repeat=T; for steps of one sample give x[:, None]"
    elif declared is not None and not timed and array.shape[2:] == declared:
        hint = "the array already has a time axis: leave repeat out"
    elif declared is not None and not timed:
        hint = f"add the batch axis with x.reshape(batch, {', '.join(map(str, declared))})"
    raise TalonRunError(
        "T401", f"input {name!r} has the wrong shape", node=name, expected=expected, found=str(array.shape), help=hint
    )
