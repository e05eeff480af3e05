"""What quantising refuses of a graph whatever its numbers are: every rule once, for `quantize` and for `check`.

`quantize` raises the first problem, before anything is run; `check` tells all of them, of a sketch in which no weight
is read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from talon.hw.description import Target
from talon.hw.integers.arithmetic import Arithmetic
from talon.hw.integers.pieces import Cell, Weights, on_host
from talon.hw.integers.plan import waiting_for_host, waits
from talon.hw.quantising import accumulators, folding, widths
from talon.hw.quantising.arriving import Arriving
from talon.hw.quantising.flow import Flow, Refuse, of_the_engine
from talon.hw.quantising.grouping import ScaleGroup, groups
from talon.hw.rewrites.pass_ import Work
from talon.ir.errors import TalonTargetError


@dataclass(frozen=True)
class Structure:
    """What quantising needs to know of a graph before it knows a number. `sums`: neuron -> the width of what it adds
    up, where it is not the target's."""

    flow: Flow
    groups: list[ScaleGroup]
    sums: dict[str, int]

    def with_numbers(self, numbers: frozenset[str], refuse: Refuse) -> tuple[Flow, list[ScaleGroup]]:
        """Flow and groups where these Inputs give other values than 0 and 1, which is known once they are seen."""
        flow = Flow(self.flow.arriving, refuse)
        flow.follow(numbers)
        return flow, groups(flow)


def folded(work: Work, numeric: Arithmetic | None) -> None:
    """Rewrite a flat graph that the target takes, so that integers can be made of it: sums that spikes meet, and gains,
    where the arithmetic is known."""
    work.running = "fold"
    folding.meetings(work)
    if numeric is not None:
        folding.gains(work, numeric)


def structure(
    work: Work, numeric: Arithmetic | None, bits: int | None, log: accumulators.Log, refuse: Refuse
) -> Structure:
    """The structure of a graph that was `folded`. `bits`: of weights, where somebody asks. `refuse` is told every
    problem (T506)."""
    arriving = Arriving(work.graph)
    for error in refused(arriving, work.target, numeric, bits):
        refuse(error)
    sums = {} if numeric is None else accumulators.of_neurons(arriving, numeric.accumulators.bits, log, refuse)
    flow = Flow(arriving, refuse)
    flow.follow(frozenset())
    return Structure(flow, groups(flow), sums)


def refused(
    arriving: Arriving, target: Target, numeric: Arithmetic | None, bits: int | None
) -> Iterator[TalonTargetError]:
    """Every node that cannot be in integers, or not where it stands."""
    nodes: dict[str, Any] = dict(arriving.graph.nodes)
    for name, node in nodes.items():
        if arriving.kind(name) is Weights:
            yield from tried(widths.require_spike_mode, node, name, target)
            if target.width("weights") is not None:
                yield from tried(widths.weight_bits, node, name, bits, target)
            else:
                yield from tried(widths.own_bits, node, name)
            if numeric is not None:
                yield from tried(widths.bias_bits, node, name, numeric)
    # What only hands on goes unsaid: rewriting takes out what it can of it.
    rings = [name for name in arriving.rings if not nodes[name].identity] or arriving.rings
    if rings:
        yield TalonTargetError(
            "T506",
            "a cycle without a neuron has no width that holds its sums",
            node=rings[0],
            expected="a neuron in every cycle",
            found=", ".join(rings[:5]) + (", ..." if len(rings) > 5 else ""),
            help="put a neuron into the cycle",
        )
    needed = read_as_integers(arriving)
    for name, node in nodes.items():
        if name not in arriving.hosted:
            continue
        if name in needed and on_host(node):
            yield TalonTargetError(
                "T506",
                f"what {node.type_name} gives is no spike, no number of an Input and no sum of a layer",
                node=name,
                expected="weights and neurons that read spikes, or numbers from an Input",
                found=node.type_name,
                help="put neurons between the two; 'talon hw check' names what the target does not run",
            )
        sources = list(arriving.sources(name))
        if on_host(node) and waits(node) and any(source in arriving.hosted for source in sources):
            yield of_the_engine(waiting_for_host(name, node, [nodes[source] for source in sources]), name)


def read_as_integers(arriving: Arriving) -> set[str]:
    """The nodes whose values layers or neurons read, at once or through what holds nothing."""
    found: set[str] = set()
    waiting = [name for name in arriving.graph.nodes if arriving.kind(name) in (Weights, Cell)]
    while waiting:
        for source in arriving.sources(waiting.pop()):
            ends = arriving.kind(source) in (Weights, Cell) or on_host(arriving.graph.nodes[source])
            if source not in found:
                found.add(source)
                waiting += [] if ends else [source]
    return found


def tried(rule: Callable[..., Any], *given: Any) -> Iterator[TalonTargetError]:
    """What a rule raises."""
    try:
        rule(*given)
    except TalonTargetError as error:
        yield error
