"""Targets with other arithmetic than the mesh that ships."""

from __future__ import annotations

from typing import Any

from talon import hw
from talon.hw.catalogue import described

NUMBER = '{{ value = {}, unit = "bit", kind = "assumed", cite = "talon" }}'


def chip(**changes: Any) -> hw.Target:
    """The mesh with other arithmetic: `membranes__overflow="wrap"` is numeric.membranes.overflow."""
    lines = ['inherits = "generic-mesh"', 'target.id = "chip"']
    for key, value in changes.items():
        written = NUMBER.format(value) if isinstance(value, int) else value if value[0] in "[{" else f'"{value}"'
        section = "" if key.startswith("ops__") else "numeric."
        lines.append(f"{section}{key.replace('__', '.')} = {written}")
    return described("\n".join(lines).encode(), "chip.toml")
