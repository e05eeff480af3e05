"""A quantised graph in Python's own integers, one neuron and one product after the other.

It is written from what docs/integers.md says and takes from the project only the stored integers and the record: no
arithmetic, no plan and no wiring.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import product
from typing import Any

import numpy as np

from talon import ir
from tests.hw.records import record_of

DIVIDED: dict[str, Callable[[int, int], int]] = {
    "floor": lambda n, d: n // d,
    "rtz": lambda n, d: abs(n) // d * (1 if n > 0 else -1),
    "half_up": lambda n, d: (2 * n + d) // (2 * d),
    "half_even": lambda n, d: n // d + (2 * (n % d) > d or (2 * (n % d) == d and n // d % 2 == 1)),
}


LAYERS = ("Affine", "SpikingAffine", "Conv1d", "Conv2d", "SConv", "SDConv")


class Trapped(Exception):
    """A register that traps was left."""


def kept(value: int, register: dict[str, Any]) -> int:
    half = 2 ** (register["bits"] - 1)
    if -half <= value < half:
        return value
    if register["overflow"] == "trap":
        raise Trapped
    if register["overflow"] == "wrap":
        return (value + half) % (2 * half) - half
    return half - 1 if value > 0 else -half


def kept_all(values: np.ndarray, register: dict[str, Any]) -> np.ndarray:
    found = filled(values.shape)
    for place in np.ndindex(found.shape):
        found[place] = kept(int(values[place]), register)
    return found


def decayed(v: int, lost: float, said: dict[str, Any]) -> int:
    """`lost`: 1 / tau."""
    divide = DIVIDED[said["rounding"]]
    if said["rule"] == "multiply":
        whole = 2 ** said["bits"]
        return divide(v * (whole - min(max(round(whole * lost), 1), whole)), whole)
    step = divide(v, 2 ** round(np.log2(1 / lost)))
    if said["rule"] == "shift_at_least_1" and step == 0:
        step = (v > 0) - (v < 0)
    return v - step


def filled(shape: tuple[int, ...], value: int = 0) -> np.ndarray:
    found = np.empty(shape, object)
    found[...] = value
    return found


class Plain:
    """A flat graph and one sample of its inputs."""

    def __init__(self, graph: ir.Graph) -> None:
        self.graph = graph
        self.said = record_of(graph)
        self.numeric = self.said["arithmetic"]
        self.membranes: dict[str, np.ndarray] = {}
        self.past: list[dict[tuple[str, int], np.ndarray]] = []

    def shape(self, name: str, port: int = 0) -> tuple[int, ...]:
        shapes = self.graph.shapes
        return tuple(shapes[f"{name}:out"] if f"{name}:out" in shapes else shapes[f"{name}:{port}"])

    def run(self, inputs: dict[str, np.ndarray]) -> dict[str, list[np.ndarray]]:
        """Spikes of every neuron by step; `v` of it under its name with `.v`."""
        found: dict[str, list[np.ndarray]] = {}
        steps = len(next(iter(inputs.values())))
        for t in range(steps):
            now: dict[tuple[str, int], np.ndarray] = {}
            for name, array in inputs.items():
                said = self.said["inputs"][name]
                codes = filled(array.shape[1:])
                for place in np.ndindex(codes.shape):
                    code = round(float(array[(t, *place)]) / said["scale"])
                    codes[place] = min(max(code, said["low"]), said["high"])
                now[name, 0] = codes
            waiting = [name for name in self.graph.nodes if name not in inputs]
            while waiting:
                name = next(n for n in waiting if self.ready(n, now))
                waiting.remove(name)
                for port, value in enumerate(self.step(name, t, self.arguments(name, t, now))):
                    now[name, port] = value
                if self.graph.nodes[name].spiking:
                    found.setdefault(name, []).append(now[name, 0])
                    found.setdefault(f"{name}.v", []).append(self.membranes[name].copy())
            self.past.append(now)
        return found

    def edges(self, name: str) -> list[ir.Edge]:
        return [edge for edge in self.graph.edges if edge.dst_node == name]

    def port(self, edge: ir.Edge) -> int:
        return int(edge.src_port) if (edge.src_port or "out") != "out" else 0

    def ready(self, name: str, now: dict[tuple[str, int], np.ndarray]) -> bool:
        return all(edge.delay or (edge.src_node, self.port(edge)) in now for edge in self.edges(name))

    def arguments(self, name: str, t: int, now: dict[tuple[str, int], np.ndarray]) -> list[np.ndarray]:
        values = []
        for edge in self.edges(name):
            key = (edge.src_node, self.port(edge))
            if not edge.delay:
                values.append(now[key])
            elif t >= edge.delay:
                values.append(self.past[t - edge.delay][key])
            else:
                values.append(filled(self.shape(*key)))
        joins = self.graph.nodes[name].type_name == "Concat" or (
            getattr(self.graph.nodes[name], "skip_type", None) == "concatenate"
        )
        return values if joins else [sum(values[1:], values[0])]

    def step(self, name: str, t: int, values: list[np.ndarray]) -> tuple[np.ndarray, ...]:
        node: Any = self.graph.nodes[name]
        kind = node.type_name
        if kind in ("LIF", "IF"):
            return (self.neuron(name, node, t, values[0]),)
        if kind in LAYERS and any(self.gives_sums(edge.src_node) for edge in self.edges(name)):
            values = [kept_all(values[0], self.numeric["accumulators"])]
        if kind in ("Affine", "SpikingAffine"):
            return (self.affine(name, node, t, values[0]),)
        if kind in LAYERS:
            return (self.convolution(name, node, t, values[0]),)
        if kind in ("MaxPool2d", "AvgPool2d"):
            return (self.pool(name, node, values[0]),)
        if kind == "Concat":
            return (np.concatenate(values, axis=node.dim),)
        if kind == "Skip":
            return (np.concatenate(values, axis=0) if len(values) > 1 else values[0],)
        if kind == "ChannelSplit":
            ends = np.cumsum(node.split_sections)[:-1]
            return tuple(np.split(values[0], ends, axis=node.dim))
        if kind == "Flatten":
            return (values[0].reshape(self.shape(name)),)
        assert kind == "Output", kind
        return (values[0],)

    # Layers

    def gives_sums(self, name: str) -> bool:
        """Whether what a node gives are sums of a layer, its own or others'."""
        node = self.graph.nodes[name]
        if node.type_name in LAYERS:
            return True
        if node.spiking or name in self.graph.inputs:
            return False
        return any(self.gives_sums(edge.src_node) for edge in self.edges(name))

    def integers(self, node: Any, field: str, t: int) -> Any:
        if field not in node.quant:
            return None
        found = node.quant[field].integers
        stored = np.asarray(found.toarray() if isinstance(found, ir.CSR) else found).astype(object)
        return stored[t % len(stored)] if node.per_step(field) else stored

    def total(self, start: int, terms: Iterator[int]) -> int:
        """The sum: exact, or with every addition kept in the register."""
        if self.numeric["accumulate"] == "exact":
            return start + sum(terms)
        found = kept(start, self.numeric["accumulators"])
        for term in terms:
            found = kept(found + term, self.numeric["accumulators"])
        return found

    def affine(self, name: str, node: Any, t: int, x: np.ndarray) -> np.ndarray:
        weight, bias = self.integers(node, "weight", t), self.integers(node, "bias", t)
        found = filled(self.shape(name))
        for place in np.ndindex(found.shape):
            row, o = x[place[:-1]], place[-1]
            terms = (int(w) * int(value) for w, value in zip(weight[o], row, strict=True))
            found[place] = self.total(0 if bias is None else int(bias[o]), terms)
        return found

    def convolution(self, name: str, node: Any, t: int, x: np.ndarray) -> np.ndarray:
        weight, bias = self.integers(node, "weight", t), self.integers(node, "bias", t)
        found = filled(self.shape(name))
        groups = node.group_count
        per_group = weight.shape[1]
        for o, *place in np.ndindex(found.shape):
            first = o // (len(weight) // groups) * per_group

            def terms(o: int = o, place: list[int] = place, first: int = first) -> Iterator[int]:
                for tap in product(*map(range, weight.shape[2:])):
                    at = [
                        s * p + d * k - pad[0]
                        for s, p, d, k, pad in zip(node.strides, place, node.dilations, tap, node.pads, strict=True)
                    ]
                    if all(0 <= a < n for a, n in zip(at, x.shape[1:], strict=True)):
                        for c in range(per_group):
                            yield int(weight[(o, c, *tap)]) * int(x[(first + c, *at)])

            found[(o, *place)] = self.total(0 if bias is None else int(bias[o]), terms())
        return found

    def pool(self, name: str, node: Any, x: np.ndarray) -> np.ndarray:
        """The largest of each window, or its sum."""
        found = filled(self.shape(name))
        dilations = getattr(node, "dilation", (1, 1))
        for c, *place in np.ndindex(found.shape):
            seen = []
            for tap in product(*map(range, node.kernel_size)):
                at = [
                    s * p + d * k - pad
                    for s, p, d, k, pad in zip(node.strides, place, dilations, tap, node.padding, strict=True)
                ]
                if all(0 <= a < n for a, n in zip(at, x.shape[1:], strict=True)):
                    seen.append(int(x[(c, *at)]))
            found[(c, *place)] = max(seen) if node.type_name == "MaxPool2d" else sum(seen)
        return found

    # Neurons

    def along(self, value: Any, shape: tuple[int, ...]) -> np.ndarray:
        """A parameter for every neuron: one value, one per channel (axis 0), or one for each."""
        value = np.asarray(value)
        if value.ndim == 1 and value.size > 1:
            value = value.reshape(-1, *(1,) * (len(shape) - 1))
        return np.broadcast_to(value.reshape(()) if value.size == 1 else value, shape)

    def parameter(self, node: Any, field: str, shape: tuple[int, ...]) -> np.ndarray:
        return self.along(node.quant[field].integers if field in node.quant else np.zeros((), int), shape)

    def neuron(self, name: str, node: Any, t: int, x: np.ndarray) -> np.ndarray:
        shape = self.shape(name)
        threshold, reset = self.parameter(node, "v_threshold", shape), self.parameter(node, "v_reset", shape)
        lost = self.along(1 / node.tau.astype(float), shape) if node.type_name == "LIF" else None
        if name not in self.membranes:
            self.membranes[name] = self.parameter(node, "v_init", shape).astype(object)
        v, spikes = self.membranes[name], filled(shape)
        bits = self.said["accumulator_bits"].get(name, self.numeric["accumulators"]["bits"])
        accumulator = {"bits": bits, "overflow": self.numeric["accumulators"]["overflow"]}
        shift, register = self.said["shifts"].get(name, 0), self.numeric["membranes"]
        for place in np.ndindex(shape):
            limit, back = int(threshold[place]), int(reset[place])
            total = kept(int(x[place]), accumulator)
            total = total * 2**shift if shift >= 0 else DIVIDED[self.numeric["rounding"]](total, 2**-shift)
            was = int(v[place])
            late = node.reset_delay == 1 and t > 0 and self.fires(node, was, limit)
            if late and node.reset == "value":
                was = back
            if self.numeric["order"][0] == "decay":
                if lost is not None:
                    was = decayed(was, float(lost[place]), self.numeric["decay"])
                was = kept(was + total, register)
            else:
                was = kept(was + total, register)
                if lost is not None:
                    was = kept(decayed(was, float(lost[place]), self.numeric["decay"]), register)
            if late and node.reset == "subtract":
                was = kept(was - limit, register)
            if self.fires(node, was, limit):
                spikes[place] = 1
                if node.reset_delay == 0 and node.reset == "value":
                    was = back
                elif node.reset_delay == 0 and node.reset == "subtract":
                    was = kept(was - limit, register)
            v[place] = was
        return spikes

    def fires(self, node: Any, v: int, limit: int) -> bool:
        return v >= limit if node.comparator == "ge" else v > limit


def simulated(graph: ir.Graph, inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """`inputs (T, B, *shape)`: spikes and membranes (`name.v`) of every neuron, `(T, B, *shape)` in int64."""
    batch = next(iter(inputs.values())).shape[1]
    each = [Plain(graph).run({name: array[:, b] for name, array in inputs.items()}) for b in range(batch)]
    return {name: np.stack([np.array(one[name], np.int64) for one in each], axis=1) for name in each[0]}
