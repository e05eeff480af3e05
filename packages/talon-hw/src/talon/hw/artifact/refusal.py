"""What is said of a file that does not hold together."""

from __future__ import annotations

from talon.ir.errors import TalonFormatError


def damaged(what: str, expected: object = None, found: object = None) -> TalonFormatError:
    """The artifact does not hold together (T303)."""
    return TalonFormatError(
        "T303",
        f"the artifact is damaged: {what}",
        expected=expected,
        found=found,
        help="get an undamaged copy, or deploy the network again",
    )
