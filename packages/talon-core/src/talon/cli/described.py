"""A primitive as plain values, derived from its declaration: what `talon primitives show` and its page are made of."""

from __future__ import annotations

import contextlib
import inspect
import io
import sys
from collections.abc import Sequence
from typing import Any

from talon.engine.counts import QUANTITIES
from talon.ir.fields import MISSING, ArrayField, Field, Shape
from talon.ir.node import Node
from talon.ir.ports import Ports
from talon.ir.primitive import Composite
from talon.ir.primitives.boundary import Boundary, Output
from talon.plugins import registry

STEPS = 2
"""Steps that an example runs."""


def described(name: str) -> dict[str, Any]:
    """Everything that is known of an installed primitive. Raises `TalonPluginError` (T001, T002) where there is none.

    What follows from an instance is None, or empty, for a class without a `usage`.
    """
    cls: type[Node] = registry.primitive(name)
    entry = registry.primitives()[name]
    family, about = family_of(cls)
    return {
        "name": name,
        "family": family,
        "family_about": about,
        "distribution": f"{entry.distribution} {entry.version}",
        "schema": cls.schema,
        "signature": signature(name, cls),
        "meaning": meaning(cls),
        "fields": [field_of(cls, n, field) for n, field in cls.fields.items()],
        "known_as": dict(vars(cls).get("known_as", {})),
        **shown_at_work(cls),
    }


def summary(cls: type) -> str:
    return (inspect.getdoc(cls) or "").partition("\n\n")[0].replace("\n", " ")


def meaning(cls: type[Node]) -> str:
    """What the class says, then what the bases say from which it has fields."""
    bases = [base for base in cls.__mro__[1:] if issubclass(base, Node) and base is not Node]
    sharing = [base for base in bases if any(isinstance(value, Field) for value in vars(base).values())]
    return "\n\n".join(inspect.cleandoc(one.__doc__ or "") for one in (cls, *sharing))


def family_of(cls: type[Node]) -> tuple[str, str]:
    """The module of a primitive of core, the package of any other, and the first line of its documentation."""
    module = cls.__module__
    where = module if module.startswith("talon.ir.") else module.rpartition(".")[0] or module
    about = (inspect.getdoc(sys.modules.get(where)) or "").partition("\n\n")[0].replace("\n", " ")
    return where.rpartition(".")[2], about


def field_of(cls: type[Node], name: str, field: Field) -> dict[str, Any]:
    return {
        "name": name,
        "kind": field.kind,
        "shape": (field.shape or "") if isinstance(field, ArrayField) else "",
        "default": "required" if field.default is MISSING else repr(field.default),
        "unit": field.unit or "",
        "legal": field.range_text() + (", or None" if field.optional and field.default is not None else ""),
        "doc": field.doc,
        "keyword_only": field.kw_only,
        "own": name not in Node.fields or field is not Node.fields[name],
    }


def signature(name: str, cls: type[Node]) -> str:
    """The constructor with the primitive's own fields only."""
    parts: list[str] = []
    keywords = False
    for n, parameter in inspect.signature(cls).parameters.items():
        if n in Node.fields and cls.fields.get(n) is Node.fields[n]:
            continue
        if parameter.kind is parameter.KEYWORD_ONLY and not keywords:
            parts.append("*")
            keywords = True
        parts.append(n if parameter.default is parameter.empty else f"{n}={parameter.default!r}")
    return f"ir.{name}({', '.join(parts)})"


# What an instance shows


def shown_at_work(cls: type[Node]) -> dict[str, Any]:
    """The class's `usage`, run: the program, what it prints, and what it shows of ports, shapes, state and counts."""
    usage = vars(cls).get("usage")
    if usage is None:
        return {"ports": None, "shapes": None, "inside": {}, "state": [], "counts": {}, "example": None}
    import numpy as np

    from talon import ir

    code, shapes = usage
    node: Node = eval(code, {"ir": ir, "np": np})
    text = program(code, shapes, node)
    names: dict[str, Any] = {}
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(text, names)
    graph, result, ports = names["graph"], names["result"], node.ports()
    outputs = {port: graph.shapes[f"node:{port}"] for port in ports.outputs}
    return {
        "ports": ports_of(ports),
        "shapes": {"inputs": list(shapes), "outputs": outputs},
        "inside": inside(node),
        "state": [f"{path}.{n}"[len("node.") :] for path, values in result.state.nodes.items() for n in values],
        "counts": counted(result.counts),
        "example": {"code": text, "prints": printed.getvalue()},
    }


def program(code: str, shapes: Sequence[Shape], node: Node) -> str:
    """The smallest program that runs a node: an Input for every edge that enters, an Output for every port."""
    ports = node.ports()
    sources = [f"x{i}" if len(shapes) > 1 else "x" for i in range(len(shapes))] if ports.inputs else []
    outputs = () if isinstance(node, Output) else ports.outputs
    sinks = [f"y{port}" if len(outputs) > 1 else "y" for port in outputs]
    nodes = {name: f"ir.Input({list(shape)})" for name, shape in zip(sources, shapes, strict=False)}
    nodes |= {"node": "node", **dict.fromkeys(sinks, "ir.Output(None)")}
    if len(sources) <= 1 and len(sinks) <= 1:
        made = f"graph = ir.Graph.chain({', '.join(f'{n}={value}' for n, value in nodes.items())})"
    else:
        ends = [f"node:{port}" if len(sinks) > 1 else "node" for port in outputs]
        edges = [(name, "node") for name in sources] + list(zip(ends, sinks, strict=True))
        listed = ", ".join(f'"{n}": {value}' for n, value in nodes.items())
        pairs = ", ".join(f'("{src}", "{dst}")' for src, dst in edges)
        made = f"nodes = {{{listed}}}\nedges = [{pairs}]\ngraph = ir.Graph(nodes, edges)"
    fed = [f"np.ones({(STEPS, 1, *shape)})" for shape in shapes]
    given = fed[0] if len(fed) == 1 else "{" + ", ".join(f'"x{i}": {array}' for i, array in enumerate(fed)) + "}"
    return (
        "import numpy as np\nfrom talon import ir\nfrom talon.engine import run\n\n"
        f"node = {code}\n{made}\nresult = run(graph, {given})\n"
        "for name, y in result.outputs.items():\n    print(name, y.shape)\nprint(result.counts.total())\n"
    )


def ports_of(ports: Ports) -> dict[str, Any]:
    inputs = [
        {"name": port.name, "edges": "any number, in order" if port.ordered else "any number, summed"}
        for port in ports.inputs
    ]
    return {"inputs": inputs, "outputs": list(ports.outputs)}


def inside(node: Node) -> dict[str, str]:
    """The nodes that a composite stands for, by name; its boundaries apart."""
    nodes = node.decompose().nodes if isinstance(node, Composite) else {}
    return {name: type(inner).__name__ for name, inner in nodes.items() if not isinstance(inner, Boundary)}


def counted(counts: Any) -> dict[str, str]:
    """The quantities that the node and what is in it count."""
    found = {quantity for values in counts.values() for quantity in values}
    return {quantity: about for quantity, about in QUANTITIES.items() if quantity in found}


def facts(found: dict[str, Any]) -> dict[str, str]:
    """The short facts of a description, by label, as the terminal and the page show them; those that it has."""
    every: dict[str, str] = {}
    if found["ports"]:
        every["inputs"] = "; ".join(f"{port['name']} ({port['edges']})" for port in found["ports"]["inputs"])
        every["outputs"] = ", ".join(found["ports"]["outputs"])
        sides = found["shapes"]["inputs"], found["shapes"]["outputs"].values()
        every["shapes"] = " -> ".join(", ".join(map(str, side)) for side in sides)
    every["inside"] = ", ".join(f"{name} ({kind})" for name, kind in found["inside"].items())
    every["state"] = ", ".join(found["state"])
    counts = "; ".join(f"{quantity}: {about}" for quantity, about in found["counts"].items())
    every["counts"] = counts or ("nothing" if found["example"] else "")
    every["elsewhere"] = "; ".join(f"{framework}: {name}" for framework, name in found["known_as"].items())
    return {label: text for label, text in every.items() if text}
