"""A quantised graph read for integers: a piece for every node, sums proved to fit, and what is left to the host."""

from __future__ import annotations

import math
from collections.abc import Container, Sequence
from dataclasses import dataclass

import numpy as np

from talon.engine.task import Task
from talon.engine.wiring import Wiring
from talon.hw.integers.pieces import PIECES, Cell, OnHost, Piece, Site, Value, on_host
from talon.hw.integers.record import Encoding, QuantRecord
from talon.hw.levels import levels
from talon.ir.errors import TalonRunError
from talon.ir.node import Node


@dataclass(frozen=True)
class Proof:
    """The width of the accumulator of a node: `need` bits hold every sum that can reach it, `have` there are."""

    node: str
    need: int
    have: int
    overflow: str

    @property
    def safe(self) -> bool:
        return self.need <= self.have

    def __str__(self) -> str:
        verdict = "cannot overflow" if self.safe else f"may {self.overflow}"
        return f"{self.node}: {self.need} of {self.have} bits, {verdict}"


@dataclass
class Plan:
    """Pieces by the number of the node. `encodings`: of the Inputs; `values`: what is known of every port."""

    record: QuantRecord
    pieces: list[Piece]
    encodings: dict[int, Encoding]
    values: dict[tuple[int, int], Value]
    proofs: list[Proof]


def read(task: Task, wiring: Wiring, record: QuantRecord) -> Plan:
    """The plan of a task. Raises `TalonRunError` (T508) naming the node that integers cannot compute."""
    order = wiring.order
    found: dict[int, Piece] = {}
    values: dict[tuple[int, int], Value] = {}
    encodings: dict[int, Encoding] = {}
    names = {name: number for number, name in enumerate(wiring.names)}
    for name in task.inputs:
        path = task.paths[name]
        if path not in record.inputs:
            raise TalonRunError(
                "T508", "nothing says how the Input is encoded", node=path, help="quantise the graph again"
            )
        encoding = encodings[names[name]] = record.inputs[path]
        bound = max(abs(encoding.low), abs(encoding.high))
        values[names[name], 0] = Value(np.asarray(encoding.scale, np.float32), bound, summed=False)
    # What a cycle brings back is known once the neuron that sends it is: that is 0 or 1 whatever enters.
    for number in order:
        unit = wiring.units[number]
        if unit.node.spiking:
            values[number, 0] = Value(np.ones((), np.float32), 1, summed=False)
    proofs: list[Proof] = []
    for number in by_rounds(wiring, [number for number in order if number not in encodings], values):
        unit, name = wiring.units[number], wiring.names[number]
        node = task.graph.nodes[name]
        entering = [joined(unit.path, [values[s.node, s.port] for s in argument]) for argument in unit.arguments]
        site = Site(unit.path, node, task.in_shapes[name], unit.shapes[0], entering, record)
        hosted = on_host(node) or any(after_host(v) for v in entering)
        piece = found[number] = OnHost(site) if hosted else PIECES[node.type_name](site)
        for port in range(len(unit.shapes)):
            values[number, port] = HOST if piece.host else piece.outs[port]
        if isinstance(piece, Cell):
            proofs.append(proof(unit.path, entering[0].bound, piece.input_bits, record))
    refuse_after_host(wiring, found)
    return Plan(record, [found.get(n, ENTRY) for n in range(len(wiring.units))], encodings, values, proofs)


def by_rounds(wiring: Wiring, order: Sequence[int], known: Container[tuple[int, int]]) -> list[int]:
    """The nodes in rounds, each with all that follows from the rounds before it, in the order of a step. Raises
    `TalonRunError` (T508) for what never follows."""
    needed = {
        number: {s.node for a in wiring.units[number].arguments for s in a if (s.node, s.port) not in known}
        for number in order
    }
    found = levels(needed)
    for number in order:
        if number not in found:
            raise TalonRunError(
                "T508",
                "a cycle without a neuron has no width that holds its sums",
                node=wiring.units[number].path,
                help="put a neuron into the cycle",
            )
    return sorted(order, key=found.__getitem__)


HOST = Value(np.zeros((), np.float32), 0, summed=False)
"""What comes from the host is float."""
ENTRY = Piece()
"""In the place of an Input."""


def after_host(value: Value) -> bool:
    return value is HOST


def joined(path: str, sources: Sequence[Value]) -> Value:
    """What is known of the sum of several sources, which must agree in what 1 stands for."""
    first = sources[0]
    if len(sources) == 1 or any(after_host(value) for value in sources):
        return next((value for value in sources if after_host(value)), first)
    units = np.broadcast_arrays(*[value.unit for value in sources])
    if any(not np.array_equal(units[0], unit) for unit in units):
        raise TalonRunError(
            "T508",
            "what meets in a sum has different units",
            node=path,
            expected="one scale for all that enters the port",
            found=", ".join(f"{value.unit.flat[0]:.4g}" for value in sources),
            help="quantise the whole graph at once: scale groups follow from the edges",
        )
    return Value(units[0], sum(v.bound for v in sources), any(v.summed for v in sources))


def proof(path: str, bound: int, have: int, record: QuantRecord) -> Proof:
    need = 1 + math.ceil(math.log2(bound + 1))
    return Proof(path, need, have, record.arithmetic.accumulators.overflow)


def refuse_after_host(wiring: Wiring, pieces: dict[int, Piece]) -> None:
    """Neurons and weights must not wait for the host: only what comes last may run there."""
    for number, piece in pieces.items():
        unit = wiring.units[number]
        if piece.host and waits(unit.node):
            before = [pieces.get(s.node) for a in unit.arguments for s in a]
            if any(p is not None and p.host for p in before) or unit.node.type_name in PIECES:
                sources = [wiring.units[s.node].node for a in unit.arguments for s in a]
                raise waiting_for_host(unit.path, unit.node, sources)


def waits(node: Node) -> bool:
    """Whether a node must not wait for the host."""
    return bool(getattr(node, "spiking", False)) or "weight" in node.fields


def waiting_for_host(path: str, node: Node, sources: Sequence[Node]) -> TalonRunError:
    return TalonRunError(
        "T508",
        f"{node.type_name} stands behind nodes that only the host computes",
        node=path,
        expected="weights and neurons before everything that is left to the host",
        found=", ".join(source.type_name for source in sources),
        help="'talon hw check' names what the target does not run",
    )
