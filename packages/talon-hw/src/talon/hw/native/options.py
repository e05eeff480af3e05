"""What `engine_options` of the native engine may say."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from talon.engine.kernels import find
from talon.hw.native.library import library
from talon.ir.errors import TalonRunError

WAYS = {"auto": None, "event": 2.0, "dense": 0.0}
"""`kernels`: chosen by the share of active inputs, or always one of them. The crossover that makes it so."""
NAMES = {"EVENT": "by events", "DENSE": "dense"}
"""The ways through a layer, by their bits in the library."""


def check_kernels(word: Any, known: Collection[str], help: str) -> None:
    """Refuse a word for `kernels` that an engine does not know; `help`: what to do."""
    if not isinstance(word, str) or word not in known:
        raise TalonRunError(
            "T405",
            "kernels is a word",
            expected=" or ".join(map(repr, known)),
            found=repr(word),
            help=help,
        )


@dataclass(frozen=True)
class Options:
    """`kernels`: "auto", "event" or "dense". `chunk`: how many steps are gone through layer by layer, None for as many
    as fit a cache. `plugins`: primitives that a plugin's kernel computes even where the library has its own."""

    kernels: str = "auto"
    chunk: int | None = None
    plugins: Collection[str] = ()

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> Options:
        found = cls(**given)
        help = "leave it out, so that every layer chooses by the share of its inputs that are active"
        check_kernels(found.kernels, WAYS, help)
        chunk = found.chunk
        whole = isinstance(chunk, (int, np.integer)) and not isinstance(chunk, bool)
        if chunk is not None and (not whole or chunk < 1):
            raise TalonRunError(
                "T405",
                "chunk is a number of steps",
                expected=">= 1, or None",
                found=repr(chunk),
                help="leave it out, and it follows from the size of the graph",
            )
        found.check_plugins()
        return found

    def check_plugins(self) -> None:
        """Refuse names for which no plugin has a kernel."""
        names = self.plugins
        if isinstance(names, str) or not isinstance(names, Collection):
            raise TalonRunError(
                "T405",
                "plugins is a collection of names of primitives",
                expected="such as ('LIF',)",
                found=repr(names),
                help="put a single name into a tuple: ('LIF',)",
            )
        for name in names:
            if not isinstance(name, str) or find("native", name) is None:
                raise TalonRunError(
                    "T405",
                    "no plugin has a kernel for the primitive",
                    expected="a primitive that an installed plugin gives a kernel for",
                    found=repr(name),
                    help="'talon plugins' lists what plugins provide; install what has it, or leave the name out",
                )

    def crossover(self, measured: float) -> float:
        forced = WAYS[self.kernels]
        return measured if forced is None else forced


@cache
def way(used: int) -> str:
    """By which kernels a layer ran, in words."""
    return " and ".join(text for name, text in NAMES.items() if getattr(library(), name) & used) or "not run"
