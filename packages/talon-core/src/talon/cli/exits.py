"""Exit codes, and which error gives which."""

from __future__ import annotations

from enum import IntEnum


class Exit(IntEnum):
    """What the exit status of `talon` says."""

    OK = 0
    FINDINGS = 1
    USAGE = 2
    UNREADABLE = 3
    MISSING = 4
    DOES_NOT_FIT = 5
    BUG = 70
    INTERRUPTED = 130


BY_CODE: dict[str, Exit] = {
    "T001": Exit.MISSING,
    "T003": Exit.MISSING,
    "T004": Exit.MISSING,
    "T005": Exit.MISSING,
    "T306": Exit.USAGE,
    "T308": Exit.USAGE,
    "T502": Exit.UNREADABLE,
    "T503": Exit.DOES_NOT_FIT,
    "T504": Exit.DOES_NOT_FIT,
    # Then by family.
    "T0": Exit.USAGE,
    "T1": Exit.FINDINGS,
    "T2": Exit.FINDINGS,
    "T3": Exit.UNREADABLE,
    "T4": Exit.USAGE,
    "T5": Exit.USAGE,
    "T9": Exit.BUG,
}


def exit_of(code: str) -> Exit:
    """The exit status for an error's code."""
    return BY_CODE.get(code) or BY_CODE.get(code[:2]) or Exit.BUG
