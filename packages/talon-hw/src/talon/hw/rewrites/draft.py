"""A flat graph while it is being rewritten: a change costs what it touches, not the whole graph."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from talon.ir.edges import Edge
from talon.ir.edits import explicit, free, total
from talon.ir.fields import Shape
from talon.ir.graph import Graph
from talon.ir.node import Node


class Draft:
    """Nodes and edges in order. What is put in the place of a node or an edge stands where that stood."""

    def __init__(self, graph: Graph) -> None:
        self.fields = graph.given()
        self.nodes: dict[str, Any] = dict(graph.nodes)
        self.shapes: dict[str, Shape | None] = graph.shapes
        """By `"node:port"`, as of a graph. No rewrite changes the shape of a node that stays."""
        self._graph: Graph | None = graph
        self._names: dict[str, list[str]] = {name: [name] for name in graph.nodes}
        self._place = {name: name for name in graph.nodes}
        self._edges: list[list[Edge]] = []
        self._into: dict[str, dict[int, None]] = {name: {} for name in graph.nodes}
        self._out_of: dict[str, dict[int, None]] = {name: {} for name in graph.nodes}
        for edge in explicit(graph):
            self.append(edge)
        self._graph = graph

    @property
    def graph(self) -> Graph:
        """The graph as it is now."""
        if self._graph is None:
            edges = [edge for place in self._edges for edge in place]
            self._graph = Graph({name: self.nodes[name] for name in self.names()}, edges, **self.fields)
        return self._graph

    def names(self) -> Iterator[str]:
        return (name for place in self._names.values() for name in place)

    def into(self, name: str) -> list[Edge]:
        """The edges into a node, in order."""
        return [edge for place in sorted(self._into[name]) for edge in self._edges[place] if edge.dst_node == name]

    def out_of(self, name: str) -> list[Edge]:
        """The edges out of a node, in order."""
        return [edge for place in sorted(self._out_of[name]) for edge in self._edges[place] if edge.src_node == name]

    def shape(self, edge: Edge) -> Shape | None:
        """What travels on an edge."""
        return self.shapes[f"{edge.src_node}:{edge.src_port or self.nodes[edge.src_node].ports().outputs[0]}"]

    def late(self, limit: int) -> list[Edge]:
        """The edges with a longer delay."""
        return [edge for place in self._edges for edge in place if (edge.delay or 0) > limit]

    # Changes

    def put(self, name: str, node: Node) -> None:
        """Another node in the place of one."""
        self.nodes[name] = node
        self._graph = None

    def add(self, name: str, node: Node, shape: Shape | None, beside: str, before: bool = False) -> str:
        """A node with one output of this shape, next to another in order; returns the name it got."""
        name = free(name, self.nodes) if name in self.nodes else name
        place = self._names[self._place[beside]]
        place.insert(place.index(beside) + (not before), name)
        self._place[name] = self._place[beside]
        self._into[name], self._out_of[name] = {}, {}
        self.shapes[f"{name}:{node.ports().outputs[0]}"] = shape
        self.put(name, node)
        return name

    def append(self, edge: Edge) -> None:
        """An edge behind all others."""
        self._edges.append([])
        self._set(len(self._edges) - 1, [edge])

    def swap(self, old: Edge, new: Iterable[Edge]) -> None:
        """Other edges in the place of one."""
        place = next(p for p in self._into[old.dst_node] if old in self._edges[p])
        self._set(place, [e for edge in self._edges[place] for e in (new if edge == old else [edge])])

    def _set(self, place: int, edges: list[Edge]) -> None:
        for edge in self._edges[place]:
            self._into[edge.dst_node].pop(place, None)
            self._out_of[edge.src_node].pop(place, None)
        for edge in edges:
            self._into[edge.dst_node][place] = None
            self._out_of[edge.src_node][place] = None
        self._edges[place] = edges
        self._graph = None

    def bridge(self, name: str) -> None:
        """Take out a node with one input and one output port; what entered it goes on to those that read it."""
        into = [edge for edge in self.into(name) if edge.src_node != name]
        for edge in self.out_of(name):
            if edge.dst_node != name:
                self.swap(edge, [Edge(i.src, edge.dst, delay=total(i.delay, edge.delay)) for i in into])
        for edge in self.into(name):
            self.swap(edge, [])
        self._names[self._place[name]].remove(name)
        del self.nodes[name], self._into[name], self._out_of[name], self._place[name]
        self._graph = None
