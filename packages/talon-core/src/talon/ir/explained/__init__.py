"""For every error code a few lines that fail and the same lines mended; tests execute all of them.

Loaded by `talon explain`, the generator of docs/errors.md and the tests, never by the program itself.
"""

from __future__ import annotations

from importlib import import_module
from typing import Literal, NamedTuple

MODULES = {
    "T0": "plugins",
    "T1": "graph",
    "T2": "values",
    "T3": "files",
    "T4": "running",
    "T5": "targets",
    "T9": "internal",
}
"""The module of this package that holds the examples of a family."""


GAIN = '''\
class Gain(ir.Primitive):
    """Twice the input."""

    def infer(self, *inputs):
        return inputs[0]

    def step(self, t, state, *inputs):
        return 2 * inputs[0]
'''
"""A primitive that examples bring along."""


class Example(NamedTuple):
    """Two short programs. `wrong` raises the error, or leaves a `report` that holds the finding; `right` does neither.

    They run in an empty folder and a new interpreter, and leave nothing behind elsewhere.
    """

    wrong: str
    right: str
    ends: Literal["raises", "reports"] = "raises"


def example(code: str) -> Example:
    """The example of a code."""
    found: Example = import_module(f"{__name__}.{MODULES[code[:2]]}").EXAMPLES[code]
    return found
