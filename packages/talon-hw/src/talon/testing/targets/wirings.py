"""Networks for the wiring: spikes at once, delays, recurrence, skips, joins, several ends, silence."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from talon import ir
from talon.ir.errors import TalonError
from talon.testing.targets.candidate import Candidate
from talon.testing.targets.outcome import Omitted
from talon.testing.targets.registers import heard
from talon.testing.targets.trial import Ran, Trial


def wired(nodes: dict[str, Any], *edges: Any) -> ir.Graph:
    return ir.Graph(nodes, list(edges), allow_cycles=True)


def at_once(about: Candidate) -> Iterator[Trial | Omitted]:
    """All inputs, and with them all neurons of a layer, spike in the same step."""
    graph = ir.Graph.chain(
        input=ir.Input([9]), fc=ir.Affine(np.ones((10, 9))), cell=about.adder(4.0), fc2=ir.Affine(about.normal(4, 10)),
        cell2=about.cell(), out=ir.Output([4]),
    )  # fmt: skip
    x = np.zeros((8, 2, 9), np.float32)
    x[1::3] = 1

    def shows(ran: Ran) -> None:
        if not isinstance(ran.expected, TalonError):
            assert ran.expected.spikes["cell"].all(axis=-1).any(), "its neurons never spike all at once"

    yield Trial("all spikes at once", graph, {"input": x}, shows=shows)


def silence(about: Candidate) -> Iterator[Trial | Omitted]:
    """Nothing comes in, so nothing is sent."""
    graph = about.chain(5, ir.Affine(about.normal(6, 5)), about.cell(), 6)

    def shows(ran: Ran) -> None:
        if not isinstance(ran.found, TalonError):
            assert not ran.found.work.entered.any(), "packets of silence"
            assert not ran.found.work.sent.any(), "packets of silence"

    quiet = np.zeros((6, 2, 5), np.float32)
    yield Trial("silence", graph, {"input": quiet}, {"input": about.spikes(6, 2, 5)}, shows=shows)


def delays(about: Candidate) -> Iterator[Trial | Omitted]:
    """Spikes and sums that come late, as late as the target says it can deliver."""
    most = about.target.noc["max_delay"].value or 5
    for late in dict.fromkeys((1, 2, min(int(most), 70))):
        graph = wired(
            {"in": ir.Input([5]), "fc": ir.Affine(about.normal(6, 5)), "a": about.cell(),
             "f2": ir.Affine(about.normal(4, 6)), "b": about.cell(0.4), "out": ir.Output([4])},
            ir.Edge("in", "fc", delay=1), ("fc", "a"), ir.Edge("a", "f2", delay=late), ("f2", "b"),
            ir.Edge("b", "out", delay=1),
        )  # fmt: skip
        yield Trial(f"spikes {late} steps late", graph, {"in": about.spikes(late + 8, 2, 5)}, shows=heard)
        nodes, edges = about.read("a", 6)
        graph = wired(
            {"in": ir.Input([5]), "fc": ir.Affine(about.normal(6, 5)), "a": about.cell(), **nodes},
            ("in", "fc"), ir.Edge("fc", "a", delay=late), *edges,
        )  # fmt: skip
        yield Trial(f"sums {late} steps late", graph, {"in": about.spikes(late + 8, 2, 5)}, shows=heard)


def recurrence(about: Candidate) -> Iterator[Trial | Omitted]:
    """A layer that feeds itself, and two that feed each other."""
    for late in (1, 2):
        nodes, edges = about.read("a", 7)
        graph = wired(
            {"in": ir.Input([5]), "fc": ir.Affine(about.normal(7, 5)), "a": about.cell(),
             "back": ir.Affine(about.normal(7, 7) * 2), **nodes},
            ("in", "fc"), ("fc", "a"), ("a", "back"), ir.Edge("back", "a", delay=late), *edges,
        )  # fmt: skip
        yield Trial(f"a layer that feeds itself, {late} late", graph, {"in": about.spikes(16, 2, 5)}, shows=heard)
    nodes, edges = about.read("b", 5)
    graph = wired(
        {"in": ir.Input([4]), "f1": ir.Affine(about.normal(6, 4)), "a": about.cell(),
         "f2": ir.Affine(about.normal(5, 6)), "b": about.cell(), "back": ir.Affine(about.normal(6, 5)), **nodes},
        ("in", "f1"), ("f1", "a"), ("a", "f2"), ("f2", "b"), ("b", "back"), ir.Edge("back", "a", delay=1), *edges,
    )  # fmt: skip
    yield Trial("two layers that feed each other", graph, {"in": about.spikes(12, 2, 4)}, shows=heard)


def skips(about: Candidate) -> Iterator[Trial | Omitted]:
    """What goes around a layer and is added to what comes out of it; sums of several layers in one neuron."""
    graph = wired(
        {"in": ir.Input([5]), "f1": ir.Affine(about.normal(6, 5)), "a": about.cell(),
         "f2": ir.Affine(about.normal(6, 6)), "add": ir.Skip("residual"), "b": about.cell(1.0), "out": ir.Output([6])},
        ("in", "f1"), ("f1", "a"), ("a", "f2"), ("f2", "add"), ("a", "add"), ("add", "b"), ("b", "out"),
    )  # fmt: skip
    yield Trial("a skip over a layer", graph, {"in": about.spikes(10, 2, 5)}, shows=heard)
    nodes, edges = about.read("a", 6)
    graph = wired(
        {"x": ir.Input([5]), "y": ir.Input([3]), "f1": ir.Affine(about.normal(6, 5)),
         "f2": ir.Affine(about.normal(6, 3)), "a": about.cell(), **nodes},
        ("x", "f1"), ("y", "f2"), ("f1", "a"), ir.Edge("f2", "a", delay=1), *edges,
    )  # fmt: skip
    feeds = {"x": about.spikes(10, 3, 5), "y": about.spikes(10, 3, 3)}
    yield Trial("sums of two layers in one neuron", graph, feeds, shows=heard)


def joins(about: Candidate) -> Iterator[Trial | Omitted]:
    """Spikes of two layers side by side, and one layer of maps whose channels part."""
    graph = wired(
        {"in": ir.Input([5]), "f1": ir.Affine(about.normal(4, 5)), "a": about.cell(),
         "f2": ir.Affine(about.normal(3, 5)), "b": about.cell(), "join": ir.Concat(2, -1),
         "f3": ir.Affine(about.normal(5, 7)), "c": about.cell(), "out": ir.Output([5])},
        ("in", "f1"), ("in", "f2"), ("f1", "a"), ("f2", "b"), ("b", "join"), ("a", "join"), ("join", "f3"), ("f3", "c"),
        ("c", "out"),
    )  # fmt: skip
    yield Trial("spikes of two layers joined", graph, {"in": about.spikes(10, 2, 5)}, shows=heard)
    graph = wired(
        {"in": ir.Input([2, 4, 4]), "c1": ir.Conv2d(about.normal(5, 2, 3, 3), padding=1), "a": about.cell(),
         "parts": ir.ChannelSplit((2, 3)), "c2": ir.Conv2d(about.normal(2, 3, 2, 2), stride=2), "b": about.cell(),
         "out": ir.Output([2, 2, 2]), "rest": ir.Output([2, 4, 4])},
        ("in", "c1"), ("c1", "a"), ("a", "parts"), ("parts:1", "c2"), ("c2", "b"), ("b", "out"), ("parts:0", "rest"),
    )  # fmt: skip
    yield Trial("channels that part", graph, {"in": about.spikes(8, 2, 2, 4, 4)}, shows=heard)


def maps(about: Candidate) -> Iterator[Trial | Omitted]:
    """Convolutions with borders and strides, pools, a dense layer behind them."""
    pools: dict[str, ir.Node] = {"maxima": ir.MaxPool2d(2), "means": ir.AvgPool2d(2)}
    for stride in (1, 2):
        graph = ir.Graph.chain(
            input=ir.Input([2, 8, 8]), c1=ir.Conv2d(about.normal(4, 2, 3, 3), padding=1, stride=stride), a=about.cell(),
            c2=ir.Conv2d(about.normal(3, 4, 3, 3), padding=1), b=about.cell(), out=ir.Output(None),
        )  # fmt: skip
        yield Trial(f"convolutions, stride {stride}", graph, {"input": about.spikes(6, 2, 2, 8, 8)}, shows=heard)
    for name, pool in pools.items():
        graph = ir.Graph.chain(
            input=ir.Input([2, 8, 8]), c1=ir.Conv2d(about.normal(4, 2, 3, 3), padding=1), a=about.cell(), pool=pool,
            flat=ir.Flatten(), fc=ir.Affine(about.normal(5, 64)), b=about.cell(), out=ir.Output([5]),
        )  # fmt: skip
        yield Trial(f"convolutions and {name}", graph, {"input": about.spikes(6, 2, 2, 8, 8)}, shows=heard)


MAKERS = (at_once, silence, delays, recurrence, skips, joins, maps)
