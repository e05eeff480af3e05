"""Order of nodes, cycles, and the delays that break them. Works on node numbers; linear in nodes and edges."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple


class Link(NamedTuple):
    """An edge by node numbers and port numbers, with the delay that was stated."""

    src: int
    src_port: int
    dst: int
    dst_port: int
    delay: int | None


class ImmediateCycle(Exception):
    """A cycle all of whose delays are stated 0; `nodes` are its node numbers in order."""

    def __init__(self, nodes: list[int]) -> None:
        super().__init__(nodes)
        self.nodes = nodes


def neighbours(count: int, pairs: Iterable[tuple[int, int]]) -> list[list[int]]:
    """Destinations of every node, in edge order."""
    out: list[list[int]] = [[] for _ in range(count)]
    for src, dst in pairs:
        out[src].append(dst)
    return out


def components(out: Sequence[Sequence[int]]) -> list[int]:
    """The strongly connected component of every node, numbered in reverse topological order (Tarjan, iterative)."""
    count = len(out)
    index = [-1] * count
    low = [0] * count
    component = [-1] * count
    stack: list[int] = []
    seen = found = 0
    for root in range(count):
        if index[root] >= 0:
            continue
        path = [(root, 0)]
        while path:
            node, at = path.pop()
            if at == 0:
                index[node] = low[node] = seen
                seen += 1
                stack.append(node)
            elif low[out[node][at - 1]] < low[node] and component[out[node][at - 1]] < 0:
                low[node] = low[out[node][at - 1]]
            successors = out[node]
            while at < len(successors):
                other = successors[at]
                at += 1
                if index[other] < 0:
                    path.append((node, at))
                    path.append((other, 0))
                    break
                if component[other] < 0 and index[other] < low[node]:
                    low[node] = index[other]
            else:
                if low[node] == index[node]:
                    while True:
                        member = stack.pop()
                        component[member] = found
                        if member == node:
                            break
                    found += 1
    return component


def topological(count: int, pairs: Iterable[tuple[int, int]]) -> list[int] | None:
    """Nodes so that every edge goes forward, ties by node number; None when there is a cycle."""
    out = neighbours(count, pairs)
    waiting = [0] * count
    for successors in out:
        for other in successors:
            waiting[other] += 1
    ready = [n for n in range(count) if not waiting[n]]
    for node in ready:
        for other in out[node]:
            waiting[other] -= 1
            if not waiting[other]:
                ready.append(other)
    return ready if len(ready) == count else None


def resolve_delays(count: int, links: Sequence[Link]) -> list[int]:
    """The delay of every edge: as stated; unstated 0, or 1 for the edges that close a cycle.

    Edges with a stated delay of 1 or more count neither as cycles nor as entries. Within each strongly connected
    component the search goes depth first from the destinations of the edges that enter it, in the order of those edges
    (without any: from the source of its first edge), following edges in edge order. An edge that leads back to the path
    closes a cycle; so does one from which only edges stated 0 lead back. Raises `ImmediateCycle`.
    """
    delays = [link.delay or 0 for link in links]
    live = [i for i, link in enumerate(links) if not link.delay]
    component = components(neighbours(count, ((links[i].src, links[i].dst) for i in live)))
    inner: dict[int, list[int]] = {}
    entries: dict[int, list[int]] = {}
    for i in live:
        src, dst = links[i].src, links[i].dst
        if component[src] == component[dst]:
            inner.setdefault(component[src], []).append(i)
        else:
            entries.setdefault(component[dst], []).append(dst)
    for number, edges in inner.items():
        roots = [*entries.get(number, []), *(links[i].src for i in edges)]
        for i in closing(links, edges, roots):
            delays[i] = 1
    return delays


def closing(links: Sequence[Link], edges: list[int], roots: Iterable[int]) -> list[int]:
    """The edges of one component that close a cycle in the depth-first search from `roots`."""
    out: dict[int, list[int]] = {}
    fixed: dict[int, list[int]] = {}
    for i in edges:
        out.setdefault(links[i].src, []).append(i)
        if links[i].delay == 0:
            fixed.setdefault(links[i].src, []).append(links[i].dst)
    refuse_immediate_cycle(fixed)
    closed: list[int] = []
    on_path: set[int] = set()
    done: set[int] = set()
    for root in roots:
        if root in done:
            continue
        path = [(root, 0)]
        on_path.add(root)
        while path:
            node, at = path.pop()
            successors = out[node]
            while at < len(successors):
                i = successors[at]
                at += 1
                other = links[i].dst
                if links[i].delay is None and leads_back(other, fixed, on_path):
                    closed.append(i)
                elif other not in done and other not in on_path:
                    path.append((node, at))
                    path.append((other, 0))
                    on_path.add(other)
                    break
            else:
                on_path.discard(node)
                done.add(node)
    return closed


def leads_back(node: int, fixed: dict[int, list[int]], on_path: set[int]) -> bool:
    """Whether the node, or one that only edges stated 0 lead to from it, is on the path."""
    if node in on_path:
        return True
    if node not in fixed:
        return False
    seen, todo = {node}, [node]
    while todo:
        for other in fixed.get(todo.pop(), ()):
            if other in on_path:
                return True
            if other not in seen:
                seen.add(other)
                todo.append(other)
    return False


def refuse_immediate_cycle(fixed: dict[int, list[int]]) -> None:
    """Raise `ImmediateCycle` when the edges stated 0 alone form a cycle."""
    done: set[int] = set()
    for root in fixed:
        if root in done:
            continue
        path, places = [(root, 0)], {root: 0}
        while path:
            node, at = path.pop()
            successors = fixed.get(node, [])
            while at < len(successors):
                other = successors[at]
                at += 1
                if other in places:
                    raise ImmediateCycle([*places][places[other] :])
                if other not in done:
                    path.append((node, at))
                    path.append((other, 0))
                    places[other] = len(places)
                    break
            else:
                del places[node]
                done.add(node)


def reachable(start: Iterable[int], out: Sequence[Sequence[int]]) -> list[bool]:
    """For every node, whether a path leads to it from `start`."""
    seen = [False] * len(out)
    todo = list(start)
    for node in todo:
        seen[node] = True
    while todo:
        for other in out[todo.pop()]:
            if not seen[other]:
                seen[other] = True
                todo.append(other)
    return seen
