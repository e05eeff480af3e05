"""check(): every problem of a graph at once, as diagnostics."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from talon.ir import order
from talon.ir.errors import Diagnostic, TalonError, TalonGraphError
from talon.ir.graph import Graph
from talon.ir.infer import infer_shapes
from talon.ir.node import findings


@dataclass(frozen=True)
class CheckReport:
    """The diagnostics of a graph, errors first."""

    diagnostics: tuple[Diagnostic, ...]

    @property
    def errors(self) -> tuple[Diagnostic, ...]:
        return tuple(d for d in self.diagnostics if d.severity == "error")

    @property
    def warnings(self) -> tuple[Diagnostic, ...]:
        return tuple(d for d in self.diagnostics if d.severity == "warning")

    @property
    def ok(self) -> bool:
        """Whether there are no errors; warnings and notes may remain."""
        return not self.errors

    def raise_errors(self) -> None:
        """Raise `TalonGraphError` for the first error, if there is one."""
        if self.ok:
            return
        first, more = self.errors[0], len(self.errors) - 1
        error = TalonGraphError(first.code, first.message)
        suffix = f" (and {more} more error{'s' * (more != 1)}: graph.check() lists them)" if more else ""
        error.diagnostic = Diagnostic(
            first.code,
            first.message + suffix,
            node=first.node,
            port=first.port,
            file=first.file,
            expected=first.expected,
            found=first.found,
            help=first.help,
        )
        raise error

    def __str__(self) -> str:
        counts = f"{len(self.errors)} errors, {len(self.warnings)} warnings"
        return "\n".join([*map(str, self.diagnostics), counts])

    __repr__ = __str__


def check(graph: Graph) -> CheckReport:
    """Check structure, shapes, cycles and values, at every level. Reads all arrays; linear in nodes and edges."""
    found = list(level(graph, ""))
    bad = frozenset(d.node for d in found if d.severity == "error" and d.code.startswith("T2") and d.node is not None)
    skip = frozenset(name for name in graph.nodes if name in bad)
    inferred = infer_shapes(graph, skip=skip)
    found += inferred.problems
    shapes = inferred.named(graph)
    open_ports = [port for port, shape in shapes.items() if shape is None]
    if open_ports and not any(d.severity == "error" for d in found):
        few = ", ".join(open_ports[:5]) + (f" and {len(open_ports) - 5} more" if len(open_ports) > 5 else "")
        found.append(
            Diagnostic(
                "T108",
                f"the shape of {few} does not follow from what is declared",
                node=open_ports[0].partition(":")[0],
                expected="a shape for every port",
                found=f"{len(open_ports)} open",
                help="declare input_type or output_type on a node of the cycle, or the shape of the Input",
            )
        )
    rank = {"error": 0, "warning": 1, "note": 2}
    return CheckReport(tuple(sorted(found, key=lambda d: rank[d.severity])))


def level(graph: Graph, prefix: str) -> Iterator[Diagnostic]:
    """The findings of one level and of the graphs nested in it, shapes apart."""
    names = list(graph.nodes)
    yield from boundaries(graph, prefix)
    yield from connections(graph, prefix, names)
    yield from cycles(graph, prefix)
    for name, node in graph.nodes.items():
        if isinstance(node, Graph):
            yield from level(node, f"{prefix}{name}/")
        yield from findings(node, prefix + name)


def boundaries(graph: Graph, prefix: str) -> Iterator[Diagnostic]:
    for kind, there in (("Input", graph.inputs), ("Output", graph.outputs)):
        if not there:
            yield Diagnostic(
                "T109",
                f"the graph has no {kind}",
                node=prefix.rstrip("/") or None,
                expected=f"at least one ir.{kind}",
                found="none",
                help=f"add ir.{kind}([...]) and an edge",
            )


def connections(graph: Graph, prefix: str, names: list[str]) -> Iterator[Diagnostic]:
    """Ports nothing leads to, nodes no input reaches or that reach no output, chunks nobody reads."""
    links, ports = graph.links, [node.ports() for node in graph.nodes.values()]
    fed = {(link.dst, link.dst_port) for link in links}
    read = {(link.src, link.src_port) for link in links}
    forward = order.neighbours(len(names), ((link.src, link.dst) for link in links))
    backward = order.neighbours(len(names), ((link.dst, link.src) for link in links))
    index = {name: i for i, name in enumerate(names)}
    from_input = order.reachable((index[n] for n in graph.inputs), forward)
    to_output = order.reachable((index[n] for n in graph.outputs), backward)
    for number, name in enumerate(names):
        kind = type(graph.nodes[name]).__name__
        for place, port in enumerate(ports[number].inputs):
            if (number, place) not in fed:
                yield Diagnostic(
                    "T112",
                    f"nothing leads into {kind} {name!r}",
                    node=prefix + name,
                    port=port.name,
                    expected="at least one edge",
                    found="none",
                    help=f'add an edge ("...", "{name}") or remove the node',
                )
        if not from_input[number] and ports[number].inputs and graph.inputs:
            yield Diagnostic(
                "T110",
                f"no Input reaches {kind} {name!r}",
                "warning",
                node=prefix + name,
                help="connect it, or remove it with graph.remove(name)",
            )
        if not to_output[number] and graph.outputs:
            yield Diagnostic(
                "T111",
                f"{kind} {name!r} reaches no Output: it runs, and nobody sees its result",
                "warning",
                node=prefix + name,
                help="connect it to an Output, or remove it with graph.remove(name)",
            )
        elif len(ports[number].outputs) > 1:
            unread = [p for place, p in enumerate(ports[number].outputs) if (number, place) not in read]
            if unread:
                yield Diagnostic(
                    "T113",
                    f"{len(unread)} outputs of {kind} {name!r} are read by nobody: {', '.join(unread)}",
                    "warning",
                    node=prefix + name,
                    help=f'read them with an edge such as ("{name}:{unread[0]}", "...")',
                )


def cycles(graph: Graph, prefix: str) -> Iterator[Diagnostic]:
    """The delays chosen for cycles, as a note; a cycle without any possible delay, as an error."""
    try:
        delays = graph.delays()
    except TalonError as error:
        yield error.at(node=prefix.rstrip("/") or None).diagnostic
        return
    chosen = [e for e, delay in zip(graph.edges, delays, strict=True) if delay and e.delay is None]
    for edge in chosen:
        yield Diagnostic(
            "T115",
            f"edge {edge.src!r} -> {edge.dst!r} closes a cycle and delivers one step late",
            "note",
            node=prefix + edge.dst_node,
            help=f"say so with ir.Edge({edge.src!r}, {edge.dst!r}, delay=1)",
        )
