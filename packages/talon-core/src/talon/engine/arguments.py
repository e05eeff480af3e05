"""What a run is asked by besides its arrays: numbers, names and options, each of its kind."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from numbers import Integral
from typing import Any

from talon.ir.errors import TalonRunError, TalonTypeError


def counted(what: str, value: Any, help: str | None = None) -> int:
    """A number of something, at least one: Python's or numpy's. Raises `TalonRunError` (T401)."""
    # numpy's whole numbers are Integral, too, and numpy is not loaded for it.
    whole = int(value) if isinstance(value, Integral) and not isinstance(value, bool) else None
    if whole is None or not 1 <= whole <= sys.maxsize:
        large = whole is not None and whole > 0
        raise TalonRunError(
            "T401",
            what,
            expected=f"a whole number from 1 to {sys.maxsize}" if large else "a whole number >= 1",
            # Python writes no number of many thousand digits.
            found=f"one of {whole.bit_length()} bits" if whole is not None and large else repr(value),
            help=help,
        )
    return whole


def wanted(record: Any) -> tuple[str, ...]:
    """What `record` asks for. Raises `TalonTypeError` (T206)."""
    names = (record,) if isinstance(record, str) else tuple(record) if isinstance(record, Iterable) else None
    if names is None or not all(isinstance(name, str) for name in names):
        raise TalonTypeError(
            "T206",
            "record takes names of what is to be kept",
            expected="a word such as 'lif.spikes', or several: ('lif.spikes', 'lif.v')",
            found=repr(record),
            help="leave it out to keep nothing but the outputs",
        )
    return names


def callback(progress: Any) -> Any:
    """What is told of the progress, or None. Raises `TalonTypeError` (T206)."""
    if progress is not None and not callable(progress):
        raise TalonTypeError(
            "T206",
            "progress is called with the steps done and all steps",
            expected="a function of two numbers, or None",
            found=repr(progress),
            help="such as progress=lambda done, total: print(done, total)",
        )
    return progress


def options_of(given: Any) -> dict[str, Any]:
    """`engine_options` as a dict, whose names are still to be looked at. Raises `TalonTypeError` (T206)."""
    if given is None:
        return {}
    if not isinstance(given, Mapping) or not all(isinstance(name, str) for name in given):
        raise TalonTypeError(
            "T206",
            "engine_options are options by their names",
            expected="a dict such as {'kernels': 'event'}",
            found=repr(given),
            help="'talon plugins' lists the engines; leave it out for what each does by itself",
        )
    return dict(given)


def named(engine: Any) -> str:
    """The name of an engine. Raises `TalonTypeError` (T206)."""
    if not isinstance(engine, str):
        raise TalonTypeError(
            "T206",
            "engine is the name of an engine",
            expected="a word such as 'native'",
            found=repr(engine),
            help="leave it out for the first that accepts the graph",
        )
    return engine
