"""Where an array of a key stands in a file: under its own name, unless the file cannot hold that."""

from __future__ import annotations

from collections.abc import Collection

LONGEST = 200
"""Bytes of a name that every file system holds, with room for a number behind it."""


def place_of(group: str, key: str, taken: Collection[str]) -> str:
    """A place for the key in a group that is not taken, nor inside or around one that is."""
    first, *rest = map(component, key.split("/"))
    place, number = "/".join([group, first, *rest]), 1
    while any(meet(place, other) for other in taken):
        number += 1
        place = "/".join([group, f"{first}~{number}", *rest])
    return place


def component(name: str) -> str:
    """A part of a place. zarr keeps names that begin with two underscores to itself, and reads `\\` as a slash."""
    if name in ("", ".", "..", "zarr.json") or name.startswith("__"):
        name = f"~{name}"
    name = name.replace("\\", "~")
    return name if len(name.encode()) <= LONGEST else name.encode()[:LONGEST].decode(errors="ignore")


def meet(one: str, other: str) -> bool:
    """Whether two places are the same, or one is a group that the other stands in."""
    return f"{one}/".startswith(f"{other}/") or f"{other}/".startswith(f"{one}/")
