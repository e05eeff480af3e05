"""`report`: run a build, and gather every figure of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from talon.engine import compare
from talon.engine.running import run
from talon.hw.arguments import expect, expect_graph
from talon.hw.deploying.build import Build
from talon.hw.quantising.report import quantization_report, refuse_other_neurons
from talon.hw.report import Finding, plural
from talon.hw.reporting.figures import Chip, Report
from talon.hw.reporting.populations import layers
from talon.hw.reporting.travelled import cores, foreseen, links
from talon.ir.errors import Diagnostic, TalonRunError, TalonTargetError
from talon.ir.graph import Graph

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from talon.engine.comparing.outcome import Comparison

COUNTED = ("synops", "updates", "spikes")
"""What cores, layers and engine count alike."""


def report(
    build: Build,
    inputs: ArrayLike | Mapping[str, ArrayLike] | None = None,
    *,
    repeat: int | None = None,
    graph: Graph | None = None,
    quantised: Graph | None = None,
    title: str | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Report:
    """As `Build.report` says."""
    for given in (graph, quantised):
        if given is not None:
            expect_graph(given, "report")
    if title is not None:
        expect(title, str, "a title is a text", "str")
    if graph is not None and graph.quantization_config:
        raise TalonTargetError(
            "T506",
            "the network to compare with is in integers already",
            expected="the network in floats, before it was quantised",
            found="a quantised network",
            help="give it as quantised (--quantised), and the one it was made from as graph (--graph)",
        )
    if quantised is not None and quantised.fingerprint() != build.graph:
        raise TalonTargetError(
            "T506",
            "the build was made from another quantised network",
            expected=f"the fingerprint {build.graph}",
            found=quantised.fingerprint(),
            help="give the graph that hw.deploy was given",
        )
    if graph is not None:
        neurons = {layer.neuron: layer.neurons for layer in build.chip.layers if layer.neuron is not None}
        refuse_other_neurons(graph, neurons)
    if inputs is None:
        if repeat is not None:
            raise TalonRunError(
                "T401",
                "repeat is for inputs; the golden sample has its own steps",
                expected="inputs with repeat, or neither",
                found=f"repeat={repeat!r}",
                help="leave it out",
            )
        inputs = golden(build)
    result = build.run(inputs, repeat=repeat, progress=progress)
    steps, samples = result.work.entered.shape
    return Report(
        title or f"network {build.graph[:12]}",
        Chip.of(build.target),
        build.graph,
        build.fingerprint(),
        build.versions,
        steps,
        samples,
        tuple(cores(build, result)),
        tuple(links(build, result)),
        tuple(layers(build, result)),
        {} if quantised is None else engine(build, quantised, inputs, repeat),
        foreseen(build, result),
        build.energy(result, samples=samples) if samples else None,
        build.target.timing,
        quantization_report(graph, quantised, inputs, repeat) if graph is not None and quantised is not None else None,
        None if graph is None else parting(build, graph, quantised, inputs, repeat),
        build.ledger,
        tuple(unsaid(build)),
        entered=int(result.work.entered.sum()),
        seed=build.seed,
        calibration=build.calibration,
        host=tuple(build.host_nodes()),
        assumed=build.assumed,
    )


def golden(build: Build) -> dict[str, np.ndarray]:
    """The golden sample as values of the Inputs, `(T, 1, *shape)`. Raises `TalonRunError` (T401)."""
    if build.golden is None:
        raise TalonRunError(
            "T401",
            "the build has no golden sample, and no input was given",
            expected="inputs, or a build that was made with a calibration",
            found="neither",
            help="give inputs (--input X.npy), or deploy with calibration=x",
        )
    ports = build.chip.inputs
    return {name: ports[name].encoding.decode(coded)[:, None] for name, coded in build.golden.inputs.items()}


def parting(build: Build, graph: Graph, quantised: Graph | None, inputs: Any, repeat: int | None) -> Comparison:
    """Where the network in floats and its integers first part. The graph of the build tells more than the build: how
    far each side was from the threshold, and whether an error is a node's own."""
    if quantised is not None:
        return compare(graph, quantised, inputs, repeat=repeat, what="spikes", labels=("floats", "integers"))
    return compare(graph, build, inputs, repeat=repeat, what="spikes", labels=("floats", "the build"))


def engine(build: Build, quantised: Graph, inputs: Any, repeat: int | None) -> dict[str, int]:
    """The counts of the network by the integer engine, without what the host computes."""
    counts = run(quantised, inputs, repeat=repeat, engine="integer").counts
    host = set() if build.host is None else set(build.host.nodes)
    found = [values for path, values in counts.items() if path not in host]
    return {key: sum(int(values[key].sum()) for values in found if key in values) for key in COUNTED}


def unsaid(build: Build) -> list[Diagnostic]:
    """What of its arithmetic the target leaves open."""
    if not build.assumed:
        return []
    return [
        Finding(
            "T505",
            f"{build.target.id} does not say {plural(len(build.assumed), 'thing')} of its arithmetic",
            "warning",
            expected="what the target's file leaves open: " + ", ".join(build.assumed),
            found="unknown; the build has what the network was quantised for",
            help="see whether the part computes so; 'talon hw run NET --verify' has a sample to test it with",
        )
    ]
