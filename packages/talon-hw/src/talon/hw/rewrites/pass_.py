"""What a pass is given, and what passes ask of a graph and a target."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from talon.hw.description import Target
from talon.hw.families import FAMILIES, values_of
from talon.hw.ledger import Rewrite, told
from talon.hw.rewrites.draft import Draft
from talon.ir.arrays import ArrayRef
from talon.ir.csr import CSR
from talon.ir.edges import Edge
from talon.ir.errors import TalonTargetError
from talon.ir.fields import Shape
from talon.ir.graph import Graph
from talon.ir.node import Node


class Work:
    """A flat graph that passes rewrite one after the other for a target, and the ledger that they fill. `paths`: where
    its nodes stood in the graph that was flattened."""

    def __init__(self, graph: Graph, target: Target, paths: Mapping[str, str] | None = None) -> None:
        self.draft, self.target, self.running = Draft(graph), target, ""
        self.paths = graph.provenance if paths is None else paths
        self.ledger: list[Rewrite] = []

    @property
    def graph(self) -> Graph:
        """The graph as it is now."""
        return self.draft.graph

    def log(self, node: str, field: str, before: Any, after: Any, why: str | None = None) -> None:
        """Note a change; `why`: what it makes different, None where it makes no difference at all."""
        self.ledger.append(Rewrite(self.running, node, field, told(before), told(after), why is None, why))

    def refuse(self, error: TalonTargetError) -> None:
        """What is said where something must be done and cannot be. Raises it, with the node's path."""
        raise self.located(error)

    def located(self, error: TalonTargetError) -> TalonTargetError:
        """The error with the path of its node in the place of the flat name."""
        said = error.diagnostic
        error.diagnostic = replace(said, node=self.paths.get(said.node, said.node) if said.node else None)
        return error

    def array(self, shape: Shape, make: Callable[[], np.ndarray]) -> Any:
        """A new array for a field."""
        return make()

    def change(self, name: str, why: str | None = None, **fields: Any) -> None:
        """Change fields of a node, each with its line in the ledger."""
        node = self.node(name)
        for key, value in fields.items():
            self.log(name, key, getattr(node, key), value, why)
        self.draft.put(name, node.changed(**fields))

    def scale(self, name: str, by: np.ndarray, add: np.ndarray | None, why: str | None) -> None:
        """Multiply the outputs of a layer with weights, by one factor for all or one per channel, and add to them."""
        node = self.node(name)
        fields = scaled(node, by)
        if add is not None:
            bias = fields.get("bias", 0.0) + np.broadcast_to(add, (node.dims["out"],))
            fields["bias"] = bias.astype(np.promote_types(fields["weight"].dtype, np.float32))
        self.change(name, why, **fields)

    def put(self, name: str, node: Node, why: str | None = None) -> None:
        """Another node in the place of one, with its type in the ledger; it has the same hints."""
        old = self.node(name)
        self.log(name, "type", old.type_name, node.type_name, why)
        self.draft.put(name, node.changed(**old.hints))

    def node(self, name: str) -> Any:
        return self.draft.nodes[name]

    def nodes(self) -> list[tuple[str, Any]]:
        """The nodes as they are now, by name; the graph may change while they are gone through."""
        return [(name, self.draft.nodes[name]) for name in self.draft.names()]

    def into(self, name: str) -> list[Edge]:
        return self.draft.into(name)

    def out_of(self, name: str) -> list[Edge]:
        return self.draft.out_of(name)

    def shape(self, name: str) -> Shape | None:
        """Of the (first) output of a node."""
        return self.draft.shapes[f"{name}:{self.node(name).ports().outputs[0]}"]

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
            before = self.node(edge.src_node)
            family = FAMILIES.get(before.type_name)
            weighted = family is not None and family.role == "sum" and "weight" in before.fields
            if not weighted or (edge.delay and not late) or len(self.out_of(edge.src_node)) > 1:
                return None
            found.append(edge.src_node)
        return found or None

    def channels_first(self, name: str) -> bool:
        """Whether the channels of a layer with weights lie on axis 0 of its output."""
        shape = self.shape(name)
        return "in" not in self.node(name).dims or (shape is not None and len(shape) == 1)


class Sketch(Work):
    """The same changes for their structure alone: no weight is read or made, values go unsaid in the ledger, and what
    is refused is gathered."""

    def __init__(self, graph: Graph, target: Target, paths: Mapping[str, str] | None = None) -> None:
        super().__init__(graph, target, paths)
        self.refused: list[TalonTargetError] = []

    def log(self, node: str, field: str, before: Any, after: Any, why: str | None = None) -> None:
        self.ledger.append(Rewrite(self.running, node, field, "", "", why is None, why))

    def refuse(self, error: TalonTargetError) -> None:
        self.refused.append(self.located(error))

    def array(self, shape: Shape, make: Callable[[], np.ndarray]) -> Any:
        return ArrayRef(np.float32, shape, make)

    def change(self, name: str, why: str | None = None, **fields: Any) -> None:
        for key in fields:
            self.log(name, key, None, None, why)
        self.draft.put(name, self.node(name).changed(**fields))

    def scale(self, name: str, by: np.ndarray, add: np.ndarray | None, why: str | None) -> None:
        self.log(name, "weight", None, None, why)


Pass = Callable[[Work], None]


def diagonal(values: np.ndarray) -> CSR:
    """A square matrix with these values on its diagonal."""
    ends = np.arange(len(values) + 1)
    return CSR(ends, ends[:-1], values, (len(values), len(values)))


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
