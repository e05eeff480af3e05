"""What can go wrong when something is evaluated: for one sample, or as a whole."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from talon.ir.errors import Diagnostic, TalonError, TalonRunError


@dataclass(frozen=True)
class Failure:
    """A sample that could not be evaluated, and why."""

    index: int
    problem: Diagnostic

    def as_dict(self) -> dict[str, Any]:
        return {"index": self.index, **self.problem.as_dict()}

    def __str__(self) -> str:
        """In one line."""
        found = f"; found {self.problem.found}" if self.problem.found else ""
        return f"sample {self.index:,}: {self.problem.severity}[{self.problem.code}]: {self.problem.message}{found}"


def problem_of(error: Exception) -> Diagnostic:
    """What an error says; one that is not talon's own by its type and text."""
    if isinstance(error, TalonError):
        return error.diagnostic
    return Diagnostic(
        "T900",
        "an error that talon did not expect",
        found=f"{type(error).__name__}: {error}",
        help="run the sample alone, where the whole traceback is shown",
    )


def wrong(message: str, *, expected: object, found: object, help: str) -> TalonRunError:
    """T413: what was asked for cannot be evaluated."""
    return TalonRunError("T413", message, expected=expected, found=found, help=help)
