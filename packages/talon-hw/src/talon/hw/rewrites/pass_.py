"""What a pass is given, and what passes ask of a graph and a target."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from talon.hw.description import Target
from talon.hw.families import FAMILIES, values_of
from talon.hw.ledger import Rewrite, told
from talon.ir.csr import CSR
from talon.ir.edges import Edge
from talon.ir.graph import Graph
from talon.ir.node import Node


@dataclass
class Work:
    """A flat graph that passes rewrite one after the other for a target, and the ledger that they fill."""

    graph: Graph
    target: Target
    ledger: list[Rewrite] = field(default_factory=list)
    running: str = ""

    def log(self, node: str, field: str, before: Any, after: Any, why: str | None = None) -> None:
        """Note a change; `why`: what it makes different, None where it makes no difference at all."""
        self.ledger.append(Rewrite(self.running, node, field, told(before), told(after), why is None, why))

    def change(self, name: str, why: str | None = None, **fields: Any) -> None:
        """Change fields of a node, each with its line in the ledger."""
        node = self.graph.nodes[name]
        for key, value in fields.items():
            self.log(name, key, getattr(node, key), value, why)
        self.graph = self.graph.replace(name, node.changed(**fields))

    def put(self, name: str, node: Node, why: str | None = None) -> None:
        """Another node in the place of one, with its type in the ledger; it has the same hints."""
        old = self.graph.nodes[name]
        self.log(name, "type", old.type_name, node.type_name, why)
        self.graph = self.graph.replace(name, node.changed(**old.hints))

    def nodes(self) -> list[tuple[str, Any]]:
        """The nodes as they are now, by name; the graph may change while they are gone through."""
        return list(self.graph.nodes.items())

    def into(self, name: str) -> list[Edge]:
        return [edge for edge in self.graph.edges if edge.dst_node == name]

    def out_of(self, name: str) -> list[Edge]:
        return [edge for edge in self.graph.edges if edge.src_node == name]

    def runs(self, kind: str) -> bool:
        """Whether the target runs a primitive; True where it says nothing of primitives."""
        return self.target.ops is None or kind in self.target.ops

    def takes(self, node: Node, name: str) -> bool:
        """Whether the target takes what a node has for an attribute."""
        choices = (self.target.ops or {}).get(node.type_name, {}).get(name)
        return choices is None or all(value in choices for value in values_of(node, name, {}))

    def sums_into(self, name: str, late: bool = False) -> list[str] | None:
        """The layers with weights that feed a node and nothing else, without delay unless `late`; None where others
        feed it too."""
        found = []
        for edge in self.into(name):
            before = self.graph.nodes[edge.src_node]
            family = FAMILIES.get(before.type_name)
            weighted = family is not None and family.role == "sum" and "weight" in before.fields
            if not weighted or (edge.delay and not late) or len(self.out_of(edge.src_node)) > 1:
                return None
            found.append(edge.src_node)
        return found or None

    def channels_first(self, name: str) -> bool:
        """Whether the channels of a layer with weights lie on axis 0 of its output."""
        shape = self.graph.shapes[f"{name}:out"]
        return "in" not in self.graph.nodes[name].dims or (shape is not None and len(shape) == 1)


Pass = Callable[[Work], None]


def scaled(node: Any, scale: np.ndarray) -> dict[str, Any]:
    """Weight and bias of a layer whose outputs are multiplied by `scale`, one factor for all or one per channel."""
    weight, bias = node.weight, node.bias
    if isinstance(weight, CSR):
        each = np.repeat(np.broadcast_to(scale.reshape(-1), weight.shape[0]), np.diff(weight.indptr))
        data = (weight.data.astype(np.float64) * each).astype(weight.data.dtype)
        return {"weight": CSR(weight.indptr, weight.indices, data, weight.shape)} | scaled_bias(bias, scale)
    axis = weight.ndim - len(node.fields["weight"].axes)  # behind a step axis
    along = scale.reshape((-1,) + (1,) * (weight.ndim - axis - 1)) if scale.size > 1 else scale.reshape(())
    return {"weight": (weight.astype(np.float64) * along).astype(weight.dtype)} | scaled_bias(bias, scale)


def scaled_bias(bias: np.ndarray | None, scale: np.ndarray) -> dict[str, Any]:
    return {} if bias is None else {"bias": (bias.astype(np.float64) * scale.reshape(-1)).astype(bias.dtype)}


def powers_of_two(values: np.ndarray) -> bool:
    """Whether multiplying by these loses nothing."""
    return bool((np.abs(np.frexp(values)[0]) == 0.5).all())
