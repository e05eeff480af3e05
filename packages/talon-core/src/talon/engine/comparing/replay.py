"""One node alone for one step, given what the other side had: does it give something else, or did it get something
else?"""

from __future__ import annotations

import numpy as np

from talon.engine.choice import Testing
from talon.engine.comparing.graphs import Feed, GraphSide, asked, given_back
from talon.engine.comparing.window import Window
from talon.engine.state import State
from talon.engine.task import make_task
from talon.engine.wiring import Unit, cast, guarded
from talon.ir.edges import Edge
from talon.ir.errors import TalonError
from talon.ir.node import Node
from talon.ir.primitive import Primitive
from talon.ir.primitives.boundary import Input, Output


class Unplayable(Exception):
    """Why a node cannot be replayed."""


def fed(side: GraphSide, feed: Feed, step: int, window: Window) -> np.ndarray:
    """What an edge delivers at a step, by the values that a side told."""
    shape = (side.batch, *feed.shape)
    if step < feed.delay:
        return np.zeros(shape, side.dtype)
    value = window.value(feed.key, step - feed.delay)
    if value is None:
        raise Unplayable(f"nothing is known of {feed.key!r} at step {step - feed.delay}")
    if value.shape != shape:
        raise Unplayable(f"{feed.key!r} has another shape on the other side")
    return value.astype(side.dtype, copy=False)


def state_before(side: GraphSide, path: str, step: int, window: Window) -> dict[str, np.ndarray]:
    """The state of a node before a step that is not the first, by the values that a side told."""
    found = {}
    for name in side.sites[path].state:
        value = window.value(side.sites[path].key(name), step - 1)
        if value is None:
            raise Unplayable(f"nothing is known of '{path}.{name}' before step {step}")
        found[name] = np.array(value, side.dtype)
    return found


def replayed(side: GraphSide, path: str, step: int, own: Window, other: Window) -> dict[str, np.ndarray]:
    """What a node of a side gives at one step, by its engine, from the other side's values of its inputs and of its
    state before. Its edges, and how it begins at step 0, are its own. Raises `Unplayable`."""
    name, task = side.names[path], side.drafted.task
    node, site = side.flat.nodes[name], side.sites[path]
    nodes: dict[str, Node] = {}
    inputs: dict[str, np.ndarray] = {}
    edges: list[Edge] = []
    for place, feed in enumerate(side.feeds[name]):
        entry = f"{name} in {place}"
        nodes[entry] = Input(list(feed.shape))
        # Inputs may have other names on the other side; both were given the same.
        inputs[entry] = fed(side, feed, step, own if feed.entry else other)[None]
        edges.append(Edge(entry, f"{name}:{feed.port.name}"))
    nodes[name] = node
    if not site.exit:
        for place, port in enumerate(site.ports):
            nodes[f"{name} out {place}"] = Output(None)
            edges.append(Edge(f"{name}:{port}", f"{name} out {place}"))
    alone = side.flat._like(nodes, edges, provenance={name: path})
    before = {path: state_before(side, path, step, other)} if step and site.state else {}
    try:
        small = make_task(
            alone,
            inputs,
            dtype=task.dtype.name,
            state=State(step, before) if step else None,
            record=asked(site),
            options=task.options,
        )
        if (reason := side.engine.refuses(small.graph, task.dtype.name)) is not None:
            raise Unplayable(f"the engine does not run the node alone: {reason}")
        result = side.engine.execute(small)
    except TalonError as error:
        raise Unplayable(f"the node does not run alone: {error.diagnostic.message}") from error
    return {key: array[0] for key, array in {**result.records, **given_back(side, result)}.items()}


def margin(side: GraphSide, path: str, step: int, window: Window) -> np.ndarray | None:
    """How far above the threshold the spike test of a node found each value, from what its own side told."""
    name = side.names[path]
    node = side.flat.nodes[name]
    if not isinstance(node, Primitive) or not side.sites[path].spiking:
        return None
    try:
        arguments = summed(side, name, step, window)
        state = state_before(side, path, step, window) if step else None
    except Unplayable:
        return None
    if isinstance(side.engine, Testing):
        return side.engine.margin(side.drafted.task, name, step, state, *arguments)
    own = cast(node, path, side.dtype)
    sample = side.drafted.task.in_shapes[name]
    unit = Unit(path, own, [], (), [], (), side.dtype)
    if state is None:
        state = guarded(unit, "init_state", own.init_state, side.batch, sample, side.dtype)
    found: np.ndarray | None = guarded(unit, "margin", own.margin, step, state, *arguments)
    return found


def summed(side: GraphSide, name: str, step: int, window: Window) -> list[np.ndarray]:
    """The arguments of a node: edges into one port are summed, in their order, unless the port takes them apart."""
    arguments: list[np.ndarray] = []
    places: dict[str, int] = {}
    for feed in side.feeds[name]:
        value = fed(side, feed, step, window)
        if feed.port.ordered or feed.port.name not in places:
            places[feed.port.name] = len(arguments)
            arguments.append(value)
        else:
            arguments[places[feed.port.name]] = arguments[places[feed.port.name]] + value
    return arguments
