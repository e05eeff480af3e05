"""What files of older versions of this distribution mean today."""

from __future__ import annotations

from typing import Any

from talon import ir


def izhikevich_from_1(attrs: dict[str, Any], arrays: dict[str, ir.ArrayRef]) -> None:
    """Version 1.0 had `dt` in seconds."""
    if "dt" in attrs:
        attrs["dt"] *= 1000.0


izhikevich = {1: izhikevich_from_1}
