"""The manifest of an artifact: its keys, and what of it stands alone."""

from __future__ import annotations

from typing import Any

from talon.hw.artifact.refusal import damaged
from talon.hw.artifact.words import Words
from talon.hw.deploying.programs import Port, Source
from talon.hw.families import Window
from talon.hw.integers.record import Encoding
from talon.storage.tagged import strict_json

MOST_TEXT = 1 << 26
"""Bytes of a member that is JSON."""
OPERATIONS = ("dense", "conv", "sum", "max", "copy")
RESETS = ("value", "subtract", "none")
MOST_RESOURCES = 32
KEYS = (
    "format",
    "version",
    "target",
    "graph",
    "calibration",
    "seed",
    "assumed",
    "made_by",
    "arithmetic",
    "cores",
    "tiles",
    "resources",
    "layers",
    "inputs",
    "readouts",
    "host",
    "golden",
)
"""Of the manifest; those of its parts follow."""
LAYER = ("members", "shape", "channel_axis", "level", "sources", "neuron")
NEURON = ("node", "shape", "reset", "late", "comparator", "decays", "shift", "input_bits")
SOURCE = ("node", "operation", "windows", "delay", "bound", "clipped", "stepped", "sparse")
PORT = ("name", "shape", "first", "scale", "low", "high")


def parsed(data: bytes, name: str) -> dict[str, Any]:
    """A strict JSON object."""
    if len(data) > MOST_TEXT:
        raise damaged(f"{name} is too large", f"at most {MOST_TEXT:,} bytes", len(data))
    return strict_json(data, name)


def port(said: Words) -> Port:
    said.only(PORT)
    encoding = Encoding(said.positive("scale"), said.whole("low", -(2**53), 2**53), said.whole("high", -(2**53), 2**53))
    return Port(said.shape("shape"), encoding, said.whole("first", 0))


def source(said: Words, rank: int) -> Source:
    said.only(SOURCE)
    windows = said.data.get("windows")
    if not isinstance(windows, list) or len(windows) != rank or not all(numbers(window) for window in windows):
        raise damaged("a source has no window for every axis of its layer")
    stepped = said.data.get("stepped")
    if not isinstance(stepped, list) or [type(flag) for flag in stepped] != [bool, bool]:
        raise damaged("a source does not say whether its weights go by steps")
    operation: Any = said.one_of("operation", OPERATIONS)
    sparse = "sparse" in said.data and said.flag("sparse")
    if sparse and (operation != "dense" or stepped[0]):
        raise damaged("a source has sparse weights, and is no dense layer of one weight", "dense", operation)
    return Source(
        said.word("node"),
        operation,
        tuple([Window(*window) for window in windows]),
        said.whole("delay", 0, 1 << 14),
        said.whole("bound", 0, 2**62),
        said.flag("clipped"),
        stepped[0],
        stepped[1],
        sparse,
    )


def numbers(window: Any) -> bool:
    """Whether a window is what the program can compute with."""
    if not isinstance(window, list) or len(window) != 7 or any(type(n) is not int for n in window):
        return False
    outputs, inputs, taps, stride, front, dilation, every = window
    return all(1 <= n < 2**31 for n in (outputs, inputs, taps, stride, dilation, every)) and -(2**31) < front < 2**31
