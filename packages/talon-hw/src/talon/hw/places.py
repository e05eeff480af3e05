"""Where the cores of a target stand: their numbers, which `core_id` means, and their rows and columns."""

from __future__ import annotations

from talon.hw.description import Target
from talon.hw.mapping.topology import Mesh


def mesh_of(target: Target) -> Mesh | None:
    """The network of a target, where it is a mesh or torus of known size."""
    dims = target.noc["dims"].value
    if target.noc["kind"] not in ("mesh", "torus") or not dims or len(dims) != 2:
        return None
    return Mesh(int(dims[0]), int(dims[1]), target.noc["kind"] == "torus")


def count_of(target: Target) -> int | None:
    """How many cores have a number, from 0 on: along the rows of a mesh, else kind after kind; None if unknown."""
    mesh = mesh_of(target)
    known = [n for n in (target.core_count, None if mesh is None else len(mesh.positions)) if n is not None]
    return min(known, default=None)


def kind_of(target: Target, number: int) -> int:
    """The kind of the core of a number; the first of which nobody knows how many there are takes all that follow."""
    for kind, core in enumerate(target.cores):
        if core.count.value is None or number < core.count.value:
            return kind
        number -= core.count.value
    return len(target.cores) - 1


def place_of(target: Target, number: int) -> str:
    """A core in words: its number and, on a mesh, its row and column."""
    mesh = mesh_of(target)
    if mesh is None:
        return f"core {number}"
    return f"core {number} (row {number // mesh.width}, column {number % mesh.width})"
