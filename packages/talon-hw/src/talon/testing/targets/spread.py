"""Networks that are larger than a core: layers cut by their outputs, by their map and by their inputs."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

from talon import ir
from talon.testing.targets.candidate import LARGEST, Candidate
from talon.testing.targets.outcome import Omitted
from talon.testing.targets.registers import heard
from talon.testing.targets.trial import Ran, Trial
from talon.testing.targets.wirings import wired

BY_OUTPUTS = "a layer over cores by its outputs"
BY_MAP = "a convolution over cores by its map"
BY_INPUTS = "a layer over cores by its inputs"
RECURRENT = "recurrence across cores"


def several(node: str) -> Callable[[Ran], str | None]:
    """That a layer lies on several cores."""

    def shows(ran: Ran) -> str | None:
        chip = ran.build.chip
        cores = {tile.core for tile in chip.tiles if node in chip.layers[tile.layer].members}
        assert len(cores) > 1, f"{node!r} lies on {len(cores)} core"
        return heard(ran)

    return shows


def by_neurons(about: Candidate) -> Iterator[Trial | Omitted]:
    """Half as many neurons again as the largest core holds."""
    if about.neurons is None:
        for name in (BY_OUTPUTS, BY_MAP, RECURRENT):
            yield Omitted(name, f"its cores hold more neurons than {LARGEST:,}, or nobody says how many")
        return
    many = about.neurons + about.neurons // 2 + 1
    nodes: dict[str, ir.Node] = {"fc": ir.Affine(about.normal(many, 6)), "a": about.cell()}
    if min(about.limit(name, many) for name in ("in_axons", "fan_in")) == many:
        # One core hears all of them.
        nodes |= {"fc2": ir.Affine(about.normal(5, many, size=0.2)), "b": about.cell()}
    graph = ir.Graph.chain(input=ir.Input([6]), **nodes, out=ir.Output(None))
    yield Trial(BY_OUTPUTS, graph, {"input": about.spikes(5, 1, 6)}, cores=2, shows=several("a"))
    side = math.isqrt(many // 4) + 1
    graph = ir.Graph.chain(
        input=ir.Input([1, side, side]), c1=ir.Conv2d(about.normal(4, 1, 3, 3), padding=1), a=about.cell(),
        c2=ir.Conv2d(about.normal(2, 4, 3, 3), padding=1), b=about.cell(), out=ir.Output(None),
    )  # fmt: skip
    yield Trial(BY_MAP, graph, {"input": about.spikes(4, 1, 1, side, side)}, cores=2, shows=several("a"))
    graph = wired(
        {"in": ir.Input([6]), "fc": ir.Affine(about.normal(many, 6)), "a": about.cell(),
         "f2": ir.Affine(about.normal(4, many, size=0.2)), "b": about.cell(), "back": ir.Affine(about.normal(many, 4)),
         "out": ir.Output([4])},
        ("in", "fc"), ("fc", "a"), ("a", "f2"), ("f2", "b"), ("b", "back"), ir.Edge("back", "a", delay=1), ("b", "out"),
    )  # fmt: skip
    yield Trial(RECURRENT, graph, {"in": about.spikes(6, 1, 6)}, cores=2, shows=several("a"))


def by_inputs(about: Candidate) -> Iterator[Trial | Omitted]:
    """More inputs than a core hears: partial sums travel, where links carry them."""
    axons = about.limit("in_axons", 0) or max((core.in_axons.value or 0 for core in about.target.cores), default=0)
    if not 1 < axons <= LARGEST * 2:
        yield Omitted(BY_INPUTS, f"its cores hear more than {LARGEST * 2:,} inputs, or nobody says how many")
        return
    if about.target.numeric["payload"]["bits"].value is None:
        yield Omitted(BY_INPUTS, "nobody says what its spikes carry")
        return
    many = axons + axons // 4 + 1
    graph = ir.Graph.chain(
        input=ir.Input([many]), fc=ir.Affine(about.normal(3, many, size=0.1)), a=about.cell(), out=ir.Output([3])
    )
    yield Trial(BY_INPUTS, graph, {"input": about.spikes(5, 2, many)}, cores=2, shows=heard)


MAKERS = (by_neurons, by_inputs)
