"""What `engine_options` of the native engine may say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from talon.hw.native.library import library
from talon.ir.errors import TalonRunError

WAYS = {"auto": None, "event": 2.0, "dense": 0.0}
"""`kernels`: chosen by the share of active inputs, or always one of them. The crossover that makes it so."""
NAMES = {"EVENT": "by events", "DENSE": "dense"}
"""The ways through a layer, by their bits in the library."""


@dataclass(frozen=True)
class Options:
    """`kernels`: "auto", "event" or "dense". `chunk`: how many steps are gone through layer by layer, None for as many
    as fit a cache."""

    kernels: str = "auto"
    chunk: int | None = None

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> Options:
        found = cls(**given)
        if found.kernels not in WAYS:
            raise TalonRunError(
                "T405",
                "kernels is a word",
                expected=" or ".join(map(repr, WAYS)),
                found=repr(found.kernels),
                help="leave it out, so that every layer chooses by the share of its inputs that are active",
            )
        chunk = found.chunk
        if chunk is not None and (isinstance(chunk, bool) or not isinstance(chunk, int) or chunk < 1):
            raise TalonRunError("T405", "chunk is a number of steps", expected=">= 1, or None", found=repr(chunk))
        return found

    def crossover(self, measured: float) -> float:
        forced = WAYS[self.kernels]
        return measured if forced is None else forced


@cache
def way(used: int) -> str:
    """By which kernels a layer ran, in words."""
    return " and ".join(text for name, text in NAMES.items() if getattr(library(), name) & used) or "not run"
