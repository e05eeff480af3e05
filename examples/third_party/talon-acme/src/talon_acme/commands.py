"""`talon acme rate`: how often the neurons of a network fire."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import click
from talon.cli.command import command
from talon.cli.output import Output

if TYPE_CHECKING:
    from talon import ir


class Rate(NamedTuple):
    """The mean firing of a layer: `per_step` spikes per neuron and step, in Hz where the graph says its `dt`."""

    layer: str
    neurons: int
    spikes: int
    per_step: float
    hertz: float | None


def rates(graph: ir.Graph, inputs: Any, steps: int | None = None) -> list[Rate]:
    """Run a graph on inputs `(T, B, *shape)`, or `(B, *shape)` held for `steps`; one row for every spiking layer.

    Raises `TalonRunError` for inputs that do not fit, and where nothing in the graph spikes (T404).
    """
    from talon.engine import run

    found = run(graph, inputs, repeat=steps, record="*.spikes").spikes
    return [
        Rate(
            layer,
            spikes[0, 0].size,
            int(spikes.sum(dtype="f8")),
            (mean := float(spikes.mean(dtype="f8"))),
            None if graph.dt is None else mean / graph.dt,
        )
        for layer, spikes in found.items()
    ]


@click.group("acme")
def group() -> None:
    """Acme: how networks fire.

    Example: talon acme rate net.t1c --input x.npy
    """


@command("rate")
@click.argument("file")
@click.option("--input", "source", required=True, help="Arrays: .npy for one Input, .npz with one array per Input.")
@click.option("--steps", type=click.IntRange(min=1), help="Hold an input without time axis for this many steps.")
def rate(out: Output, file: str, source: str, steps: int | None) -> None:
    """Run FILE and give the mean firing rate of every layer of neurons.

    Example: talon acme rate net.t1c --input x.npy --steps 100
    """
    from talon import ir
    from talon.cli.run import load_arrays

    graph = ir.read(file)
    rows = rates(graph, load_arrays(source, list(graph.inputs)), steps)
    out.data = [row._asdict() for row in rows]
    head = ("layer", "neurons", "spikes", "per neuron and step", "Hz")
    out.table(head, [(*r[:3], f"{r.per_step:.4f}", "-" if r.hertz is None else f"{r.hertz:.1f}") for r in rows])
    if graph.dt is None:
        out.note("the graph does not say its dt, so there is no rate in Hz")


group.add_command(rate)
