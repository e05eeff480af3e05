"""Where values come from and where they go: what `check()` says of one level's connections and open shapes.

One finding a cause: of nodes that hang together and are dead, unreachable or open for the same reason, one is named.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from talon.ir import order
from talon.ir.errors import Diagnostic
from talon.ir.graph import Graph

FEW = 5


def listed(names: Iterable[str]) -> str:
    """The first few names, and how many more."""
    every = list(names)
    more = f" and {len(every) - FEW} more" if len(every) > FEW else ""
    return ", ".join(map(repr, every[:FEW])) + more


class Flow:
    """One level of a graph by node numbers. `waiting`: those that miss an edge."""

    def __init__(self, graph: Graph, prefix: str) -> None:
        self.graph, self.prefix = graph, prefix
        self.names = list(graph.nodes)
        self.kinds = [node.type_name for node in graph.nodes.values()]
        self.ports = graph._ports
        self.links = graph.links
        self.pairs = [(link.src, link.dst) for link in self.links]
        self.forward = order.neighbours(len(self.names), self.pairs)
        self.waiting: set[int] = set()

    def path(self, number: int) -> str:
        return self.prefix + self.names[number]

    def connections(self) -> list[Diagnostic]:
        """Inputs without edges, outputs nobody reads, nodes that nothing reaches or that reach nothing."""
        found = [*self.unfed(), *self.unread(), *self.unreachable(), *self.dead()]
        return [diagnostic for _, diagnostic in sorted(found, key=lambda item: item[0])]

    def unfed(self) -> Iterator[tuple[int, Diagnostic]]:
        """Input ports that no edge leads to (T112)."""
        fed = {(link.dst, link.dst_port) for link in self.links}
        for number, ports in enumerate(self.ports):
            for place, port in enumerate(ports.inputs):
                if (number, place) in fed:
                    continue
                self.waiting.add(number)
                name, kind = self.names[number], self.kinds[number]
                end = name if len(ports.inputs) == 1 else f"{name}:{port.name}"
                yield (
                    number,
                    Diagnostic(
                        "T112",
                        f"nothing leads into {kind} {end!r}",
                        node=self.path(number),
                        port=port.name,
                        expected="at least one edge",
                        found="none",
                        help=f'add an edge ("...", "{end}") or remove the node',
                    ),
                )

    def unread(self) -> Iterator[tuple[int, Diagnostic]]:
        """Of nodes with several outputs, those that no edge starts from (T113), where others are read."""
        read = {(link.src, link.src_port) for link in self.links}
        for number, ports in enumerate(self.ports):
            if len(ports.outputs) < 2 or not self.forward[number]:
                continue
            unread = [port for place, port in enumerate(ports.outputs) if (number, place) not in read]
            if unread:
                name = self.names[number]
                yield (
                    number,
                    Diagnostic(
                        "T113",
                        f"{len(unread)} of {len(ports.outputs)} outputs of {self.kinds[number]} {name!r} are read by "
                        f"nobody: {', '.join(unread[:FEW])}{', ...' * (len(unread) > FEW)}",
                        "warning",
                        node=self.path(number),
                        port=unread[0],
                        expected="an edge from every output",
                        found=f"none from {len(unread)} of them",
                        help=f'read it with an edge such as ("{name}:{unread[0]}", "...")',
                    ),
                )

    def unreachable(self) -> Iterator[tuple[int, Diagnostic]]:
        """Nodes that feed themselves alone (T110). What stands after a missing edge is told by that edge."""
        if not self.graph.inputs:
            return
        sources = [n for n, ports in enumerate(self.ports) if not ports.inputs or n in self.waiting]
        reached = order.reachable(sources, self.forward)
        for group in self.groups([not there for there in reached]):
            first = self.names[group[0]]
            yield (
                group[0],
                Diagnostic(
                    "T110",
                    f"no Input reaches {self.kinds[group[0]]} {first!r}{others(group)}",
                    "warning",
                    node=self.path(group[0]),
                    expected="a way from an Input",
                    found=f"none to {listed(self.names[n] for n in group)}",
                    help=f'add an edge ("...", "{first}"), or remove it with graph.remove({first!r})',
                ),
            )

    def dead(self) -> Iterator[tuple[int, Diagnostic]]:
        """Nodes whose results reach no Output (T111), named by the end of the branch."""
        if not self.graph.outputs:
            return
        numbers = {name: n for n, name in enumerate(self.names)}
        backward = order.neighbours(len(self.names), ((dst, src) for src, dst in self.pairs))
        alive = order.reachable((numbers[name] for name in self.graph.outputs), backward)
        for group in self.groups([not there for there in alive]):
            end = next((n for n in group if not self.forward[n]), group[0])
            last = self.names[end]
            yield (
                end,
                Diagnostic(
                    "T111",
                    f"{self.kinds[end]} {last!r}{others(group)} reach{'es' * (len(group) == 1)} no Output: computed, "
                    "and seen by nobody",
                    "warning",
                    node=self.path(end),
                    expected="a way to an Output",
                    found=f"none from {listed(self.names[n] for n in group)}",
                    help=f'add an edge ("{last}", "...") that leads to an Output, or remove it with '
                    f"graph.remove({last!r})",
                ),
            )

    def open_shapes(self, unknown: list[bool], excused: set[int]) -> Iterator[Diagnostic]:
        """Nodes whose `unknown` shape follows from no other one's (T108), where no finding explains it already.

        `excused` are the numbers of nodes whose shapes other findings have kept open; so are those after them.
        """
        if not any(unknown):
            return
        explained = order.reachable(sorted(excused), self.forward)
        members = [is_open and not because for is_open, because in zip(unknown, explained, strict=True)]
        pairs = [(src, dst) for src, dst in self.pairs if members[src] and members[dst]]
        component = order.components(order.neighbours(len(self.names), pairs))
        after = {component[dst] for src, dst in pairs if component[src] != component[dst]}
        causes: dict[int, list[int]] = {}
        for number, there in enumerate(members):
            if there and component[number] not in after:
                causes.setdefault(component[number], []).append(number)
        for group in sorted(causes.values()):
            name, kind = self.names[group[0]], self.kinds[group[0]]
            if kind == "Input":
                mend = f"declare the shape of one sample: {name!r} = ir.Input([...])"
            else:
                mend = (
                    f"declare input_type or output_type on {name!r}{' or another node of the cycle' * (len(group) > 1)}"
                )
            yield Diagnostic(
                "T108",
                f"the shape that {kind} {name!r} gives does not follow from what is declared",
                node=self.path(group[0]),
                port=self.ports[group[0]].outputs[0],
                expected="a shape that is declared or follows from what feeds it",
                found=f"an open one{f', around {listed(self.names[n] for n in group)}' * (len(group) > 1)}",
                help=mend,
            )

    def groups(self, members: list[bool]) -> list[list[int]]:
        """The members by what hangs together among them, each group and the first of each in the order of nodes."""
        if not any(members):
            return []
        both = [pair for s, d in self.pairs if members[s] and members[d] for pair in ((s, d), (d, s))]
        component = order.components(order.neighbours(len(self.names), both))
        found: dict[int, list[int]] = {}
        for number, there in enumerate(members):
            if there:
                found.setdefault(component[number], []).append(number)
        return list(found.values())


def others(group: list[int]) -> str:
    count = len(group) - 1
    return f" and {count} more node{'s' * (count > 1)}" if count else ""
