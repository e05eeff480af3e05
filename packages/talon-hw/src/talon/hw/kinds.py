"""Which kind of core each layer goes to, on targets that have several."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from talon.hw.description import Target
from talon.hw.tiles import Tile

Ways = Mapping[int, list[Tile]]
"""For one layer the tiles that it has on each kind of core that can hold it."""

TRIES = 20_000
"""How many assignments are looked at before the first that comes to mind is taken."""


def chosen(target: Target, ways: Sequence[Ways]) -> list[int | None]:
    """A kind for every layer, None where no kind can hold it.

    Layers that few kinds hold are placed first, each where it takes the fewest tiles, and where that leaves too few
    cores for the others it is tried elsewhere.
    """
    found: list[int | None] = [next(iter(way), None) for way in ways]
    open_layers = [n for n, way in enumerate(ways) if len(way) > 1]
    room = [core.count.value for core in target.cores]
    for n, kind in enumerate(found):
        if kind is not None and len(ways[n]) == 1:
            take(room, kind, share(target, ways[n][kind], kind))
    open_layers.sort(key=lambda n: (len(ways[n]), -min(map(len, ways[n].values()))))
    placed = search(target, ways, open_layers, room)
    if placed is None:
        placed = greedy(target, ways, open_layers, room)
    for n, kind in zip(open_layers, placed, strict=True):
        found[n] = kind
    return found


def search(target: Target, ways: Sequence[Ways], order: Sequence[int], room: list[float | None]) -> list[int] | None:
    """Depth first through the kinds of each layer; None where there is no way, or none was found in time."""
    tries = 0

    def go(place: int) -> list[int] | None:
        nonlocal tries
        if place == len(order):
            return []
        for kind in preferred(ways[order[place]], room):
            tries += 1
            part = share(target, ways[order[place]][kind], kind)
            left = room[kind]
            if tries > TRIES:
                return None
            if left is not None and part > left:
                continue
            take(room, kind, part)
            rest = go(place + 1)
            if rest is not None:
                return [kind, *rest]
            room[kind] = left
        return None

    return go(0)


def greedy(target: Target, ways: Sequence[Ways], order: Sequence[int], room: list[float | None]) -> list[int]:
    """Each layer where there is room for it, else where most is left: for the report of what is missing."""
    placed = []
    for n in order:
        kinds = preferred(ways[n], room)
        shares = {kind: share(target, ways[n][kind], kind) for kind in kinds}
        fitting = [kind for kind in kinds if (left := room[kind]) is None or shares[kind] <= left]
        kind = fitting[0] if fitting else max(kinds, key=lambda k: (room[k] or 0.0) - shares[k])
        take(room, kind, shares[kind])
        placed.append(kind)
    return placed


def preferred(way: Ways, room: Sequence[float | None]) -> list[int]:
    """Kinds by their number of tiles; of equally good ones first the kind that has most cores left."""
    return sorted(way, key=lambda kind: (len(way[kind]), -(room[kind] if room[kind] is not None else 1e9)))  # type: ignore[operator]


def share(target: Target, tiles: Sequence[Tile], kind: int) -> float:
    """How many cores the tiles take at least: one each where layers do not share, else by their neurons."""
    core = target.cores[kind]
    if core.layers.value == 1:
        return len(tiles)
    return sum(tile.neurons for tile in tiles) / core.neurons.value if core.neurons.value else 0.0


def take(room: list[float | None], kind: int, part: float) -> None:
    left = room[kind]
    if left is not None:
        room[kind] = left - part
