"""A graph as a side of a comparison: it is run here, chunk by chunk."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cached_property
from math import prod
from types import MappingProxyType
from typing import Any, NamedTuple

from talon.engine.choice import Streaming, check_options, choose
from talon.engine.comparing.sides import Records
from talon.engine.comparing.window import Site
from talon.engine.result import Result
from talon.engine.state import State
from talon.engine.task import Draft, Task, draft
from talon.ir.fields import Shape
from talon.ir.graph import Graph
from talon.ir.ports import InPort
from talon.ir.primitive import Primitive
from talon.ir.primitives.boundary import Input, Output


class Feed(NamedTuple):
    """An edge into a node: the port that it leads to, the key and sample shape of what it delivers `delay` steps late,
    and whether that comes from an Input."""

    port: InPort
    key: str
    delay: int
    shape: Shape
    entry: bool


class GraphSide:
    """A graph run by an engine; the state goes from chunk to chunk. `called`: by the engine's path of a node, what it
    is called here, where that is something else."""

    def __init__(
        self,
        graph: Graph,
        label: str,
        inputs: Any,
        repeat: int | None,
        engine: str,
        called: Mapping[str, str] = MappingProxyType({}),
        **how: Any,
    ) -> None:
        self.drafted = draft(graph, inputs, repeat=repeat, **how)
        task = self.drafted.task
        self.flat, self.dtype, self.batch = task.graph, task.dtype, task.batch
        self.paths = {name: called.get(path, path) for name, path in task.paths.items()}
        name, self.engine, _ = choose(engine, self.flat, task.dtype.name)
        check_options(name, self.engine, dict(task.options))
        self.label = f"{label}, engine {name}"
        self.execute: Callable[[Task], Result] = self.engine.execute
        if isinstance(self.engine, Streaming):
            self.execute = self.engine.session(task.options)
        self.state: State | None = None
        self.names = {self.paths[name]: name for name in self.flat.order()}
        self.sites = {path: self.site(path, name) for path, name in self.names.items()}
        # By the names of the engine, what the values are called here.
        self.keys = {
            task.paths[name] + key.removeprefix(path): key
            for path, name in self.names.items()
            for key in asked(self.sites[path])
        }

    def site(self, path: str, name: str) -> Site:
        node = self.flat.nodes[name]
        spiking = isinstance(node, Primitive) and node.spiking
        state = tuple(self.drafted.prepared.states.get(name, ()))
        ends = isinstance(node, Input), isinstance(node, Output)
        return Site(path, node.type_name, node.ports().outputs, state, spiking, *ends)

    def steps(self) -> int:
        return self.drafted.task.steps

    def step_bytes(self) -> int:
        sizes = self.drafted.prepared
        states = sum(prod(shape) for state in sizes.states.values() for shape in state.values())
        return (sizes.step_values + states) * self.batch * self.dtype.itemsize

    def tell(self, start: int, stop: int) -> Records:
        task = replace(
            self.drafted.task,
            inputs={name: array[start:stop] for name, array in self.drafted.task.inputs.items()},
            steps=stop - start,
            state=self.state,
            record=tuple(self.keys),
        )
        result = self.execute(Draft(task, self.drafted.prepared, start == 0).ready(self.engine))
        self.state = result.state
        return {**{self.keys[key]: array for key, array in result.records.items()}, **given_back(self, result)}

    @cached_property
    def feeds(self) -> dict[str, list[Feed]]:
        """The edges into each node, by flat name, in edge order."""
        names = list(self.flat.nodes)
        found: dict[str, list[Feed]] = {name: [] for name in names}
        for link, delay in zip(self.flat.links, self.flat.delays(), strict=True):
            src, dst = names[link.src], names[link.dst]
            site, port = self.sites[self.paths[src]], self.flat.nodes[dst].ports().inputs[link.dst_port]
            shape = self.drafted.task.out_shapes[src][link.src_port]
            found[dst].append(Feed(port, site.key(site.ports[link.src_port]), delay, shape, site.entry))
        return found

    def depths(self) -> dict[str, int]:
        """How many steps back the values of each key are asked for: one for state, and what edges are delayed by."""
        found = {site.key(name): 1 for site in self.sites.values() for name in site.state}
        for feed in (feed for entering in self.feeds.values() for feed in entering if feed.delay):
            found[feed.key] = max(feed.delay, found.get(feed.key, 0))
        return found


def asked(site: Site) -> tuple[str, ...]:
    """The keys to record of a node; what an Output gives comes back anyway."""
    return () if site.exit else tuple(site.key(q) for q in (*site.ports, *site.state))


def given_back(side: GraphSide, result: Result) -> Records:
    """What Outputs of the graph gave, by the keys that records would have."""
    return {f"{side.paths[name]}.out": array for name, array in result.outputs.items() if name in side.paths}
