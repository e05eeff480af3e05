"""What a drawing says of a node, from the node's declaration alone: family, essential parameters, shapes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from talon.ir.arrays import ArrayRef
from talon.ir.drawing.lettering import ARROW, TIMES
from talon.ir.errors import TalonError
from talon.ir.fields import ArrayField, ChoiceField, Field, PerNeuronField, Shape, TypeField
from talon.ir.graph import Graph
from talon.ir.node import Node, is_default
from talon.ir.opaque import Opaque
from talon.ir.primitive import Composite
from talon.ir.primitives.boundary import Boundary

MANY = 6
"""Numbers in one field that are counted, not listed."""


def family(node: Node) -> str:
    """The kind of node that a colour stands for: what it is in a graph, and which fields it declares."""
    if isinstance(node, Boundary):
        return "boundary"
    if isinstance(node, Graph):
        return "graph"
    if isinstance(node, Opaque):
        return "opaque"
    if getattr(node, "spiking", False):
        return "neuron"
    if matrices(node):
        return "weights"
    if any(field.is_array for field in node.fields.values()):
        return "scale"
    ports = node.ports()
    return "join" if node.identity or ports.numbered or any(p.ordered for p in ports.inputs) else "function"


def matrices(node: Node) -> list[Shape]:
    """The shapes of the arrays that mix features, which have an output and an input axis; step axes left out."""
    found = []
    for name, field in node.fields.items():
        if isinstance(field, ArrayField) and len(field.axes) > 1:
            shape = node.shape_of(name)
            if shape is not None:
                found.append(shape[len(shape) - len(field.axes) :])
    return found


def inner(node: Node) -> Graph | None:
    """The graph that a node stands for: itself when it is one, the decomposition of a composite."""
    if isinstance(node, Composite):
        try:
            return node.decompose()
        except TalonError:  # fields that contradict each other, as files may hold: check() tells
            return None
    return node if isinstance(node, Graph) else None


def essentials(node: Node, arriving: Shape | None, leaving: Shape | None) -> list[str]:
    """The few words that tell the node from others of its type: kernel, features in and out, inner nodes, fields."""
    parts: list[str] = []
    weights = matrices(node)
    if weights:
        kernel = weights[0][2:]
        into = node.dims.get("in", arriving[0] if arriving else None)
        out = node.dims.get("out", leaving[0] if leaving else None)
        if into is None or out is None:
            parts.append(f"weight {times(weights[0])}")
        else:
            if len(kernel) == 1:
                parts.append(f"kernel {kernel[0]}")
            elif kernel:
                parts.append(times(kernel))
            parts.append(f"{into} {ARROW} {out}")
    graph = inner(node)
    if graph is not None:
        parts.append(f"{len(graph.nodes)} inner nodes")
    return parts if isinstance(node, (Graph, Boundary)) else [*parts, *attributes(node)]


def attributes(node: Node) -> list[str]:
    """Fields that must be given or were changed, weights apart. Of a node without arrays the first one is told too."""
    own = {n: f for n, f in node.fields.items() if n not in Node.fields and not isinstance(f, TypeField)}
    first = None if any(f.is_array for f in own.values()) else next(iter(own), None)
    parts: list[list[str]] = []
    alike: dict[Shape, list[str]] = {}
    for name, field in own.items():
        value = node.stored(name)
        told = field.required or name == first or (isinstance(field, ChoiceField) and not field.kw_only)
        if value is None or not (told or isinstance(value, ArrayRef) or not is_default(field, value)):
            continue
        if not field.is_array:
            parts.append([said(name, field, value)])
        elif isinstance(field, PerNeuronField):
            if isinstance(value, np.ndarray) and value.size == 1:
                parts.append([f"{name} {value.item():g}"])
            elif value.shape in alike:
                alike[value.shape].append(name)
            else:
                parts.append(alike.setdefault(value.shape, [name]))
    for shape, names in alike.items():
        names[-1] += f" [{times(shape)}]"
    return [word for words in parts for word in words]


def said(name: str, field: Field, value: Any) -> str:
    """A field in few words: the chosen word stands for itself, equal numbers for all axes stand once."""
    if isinstance(field, ChoiceField) and not field.kw_only:
        return str(value)
    if isinstance(value, tuple) and len(set(value)) == 1 and (len(value) == 1 or getattr(field, "length", None)):
        value = value[0]
    if isinstance(value, tuple) and len(value) > MANY:
        return f"{name} of {len(value)}"
    if value is True:
        return name
    if isinstance(value, float):
        return f"{name} {value:g}"
    return f"{name} {value}" if not isinstance(value, Mapping) else f"{name} {{{len(value)}}}"


def times(shape: Shape) -> str:
    """Axis lengths as people say them: `32x14x14`."""
    return TIMES.join(map(str, shape)) or "scalar"


def shape_text(shape: Shape | None) -> str:
    return "?" if shape is None else times(shape)


def parameters(node: Node) -> int:
    """Number of elements of all arrays that are set, those of inner graphs included."""
    own = node.parameter_count()
    return own + sum(map(parameters, node.nodes.values())) if isinstance(node, Graph) else own
