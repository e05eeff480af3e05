"""`deploy`: a quantised graph onto the cores of a target."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from talon.engine.inputs import batches
from talon.engine.running import run
from talon.hw.arguments import expect_graph
from talon.hw.catalogue import target as find_target
from talon.hw.deploying.build import Build
from talon.hw.deploying.compiling import Compiler
from talon.hw.deploying.golden import golden_of
from talon.hw.deploying.hosted import divided
from talon.hw.deploying.spreading import best_spread
from talon.hw.description import Target
from talon.hw.fit import core_uses, ignored, in_integers, report_of
from talon.hw.integers.plan import Plan
from talon.hw.integers.record import QuantRecord
from talon.hw.ledger import Rewrite
from talon.hw.mapping.partition import ENGINES, MTKAHYPAR
from talon.hw.placed import Placed
from talon.hw.quantising.lines import lines, quantization_ledger
from talon.hw.quantising.widths import other, unknown
from talon.hw.wishes import PASS, heeded
from talon.ir.errors import TalonRunError, TalonTargetError
from talon.ir.graph import Graph

MOST_SEED = 2**63
"""Seeds are below, so that every artifact can say its own."""
SAMPLES = 16
"""Of the calibration, from which rates are counted."""


def deploy(
    graph: Graph,
    target: Target | str | os.PathLike[str] = "generic-mesh",
    *,
    calibration: Any = None,
    repeat: int | None = None,
    seed: int = 0,
    partitioner: str = "auto",
) -> Build:
    """Put a quantised graph on the cores of a target: cut it into tiles, spread them over cores, route their spikes.

    `calibration`: a representative input as `run` takes it, with `repeat` as there: its spikes say which neurons to
    keep together, and its first sample becomes the golden one of the build. Without it every neuron counts alike.
    `seed`: of the mapping; the same seed gives the same build. `partitioner`: who says which tiles share a core: "auto"
    is talon's own; "mtkahypar" is slower, a little better on large networks, and needs `talon-hw[mapping]`. What the
    target leaves open of its arithmetic is taken from the graph, and stands in `Build.assumed`.

    A node with `core_id=n` goes on core n, with its whole layer: along the rows of a mesh, else in the order of the
    cores. `Build.ledger` has a line for it, and for every hint that has no effect.

    Nodes that no core computes, and everything behind them, run on the host. Raises `TalonRunError` (T508) for a graph
    without integers, and `TalonTargetError` for what does not fit (T503, T504) or not on the core it asks for (T509),
    or was quantised for another arithmetic (T506).
    """
    expect_graph(graph, "deploy")
    if isinstance(seed, bool) or not isinstance(seed, (int, np.integer)) or not 0 <= seed < MOST_SEED:
        raise TalonTargetError(
            "T506", "a seed is a whole number", expected=f"0 to {MOST_SEED - 1}", found=repr(seed), help="seed=0"
        )
    seed = int(seed)
    refuse_other_partitioner(partitioner)
    target = find_target(target)
    record = QuantRecord.of(graph)
    refuse_other_arithmetic(target, record)
    wired, placed, bounds = in_integers(graph, target)
    unheeded = ignored(graph, placed)
    report_of(placed, bounds).raise_errors()
    flat = graph.flatten()
    assert wired.plan is not None
    if calibration is None and repeat is not None:
        raise TalonRunError(
            "T401",
            "repeat is for a calibration",
            expected="a calibration, or neither",
            found=f"repeat={repeat!r} alone",
            help="give the input that it holds as calibration",
        )
    if calibration is not None:
        batches(flat, calibration, repeat)  # raises where it is no input of this graph
    placed, positions = best_spread(placed, rates(flat, placed, wired.plan, calibration, repeat), seed, partitioner)
    host, crossings = divided(flat, wired)
    chip = Compiler(placed, wired, positions, crossings).chip()
    build = Build(
        chip,
        target,
        graph.fingerprint(),
        record.origin.get("calibration"),
        seed,
        host,
        None,
        with_hints(quantization_ledger(graph), [*heeded(placed), *(hint.rewrite() for hint in unheeded)]),
        core_uses(placed),
        versions(partitioner),
        tuple(unknown(target)),
    )
    return build if calibration is None else golden_of(build, calibration, repeat)


def with_hints(ledger: tuple[Mapping[str, Any], ...], hints: Iterable[Rewrite]) -> tuple[Mapping[str, Any], ...]:
    """The ledger with a line for every hint of which it has none."""
    told = {(line.get("node"), line.get("field")) for line in ledger if line.get("pass") == PASS}
    return (*ledger, *(line for line in lines(hints) if (line["node"], line["field"]) not in told))


def refuse_other_arithmetic(target: Target, record: QuantRecord) -> None:
    """Raise `TalonTargetError` (T506) where the target says something else than what the graph was quantised for.
    What the target leaves open is the graph's to say."""
    wrong = [(f"numeric.{key} {asked}", f"{found}") for key, asked, found in other(target, record.arithmetic)]
    if wrong:
        raise TalonTargetError(
            "T506",
            "the graph was quantised for another arithmetic",
            expected=", ".join(key for key, _ in wrong),
            found=f"{', '.join(found for _, found in wrong)}, of {record.origin.get('target', 'another target')}",
            help=f"quantise it for this one: hw.quantize(graph, {target.id!r}, calibration=x)",
        )


def refuse_other_partitioner(name: str) -> None:
    """Raise `TalonTargetError` (T506) for a partitioner that is not known or not installed."""
    if not isinstance(name, str) or name not in ENGINES:
        raise TalonTargetError(
            "T506",
            "no such partitioner",
            expected=" or ".join(map(repr, ENGINES)),
            found=repr(name),
            help="leave it out for talon's own",
        )
    if name == MTKAHYPAR and importlib.util.find_spec(name) is None:
        raise TalonTargetError(
            "T506",
            f"the partitioner {name!r} is not installed",
            expected=f"the package {name}",
            found="none",
            help='pip install "talon-hw[mapping]", or leave it out for talon\'s own',
        )


def versions(partitioner: str) -> Mapping[str, str]:
    """What makes builds, by distribution."""
    others = [name for name in (MTKAHYPAR,) if name == partitioner]
    return {name: importlib.metadata.version(name) for name in ("talon-core", "talon-hw", *others)}


def rates(flat: Graph, placed: Placed, plan: Plan, calibration: Any, repeat: int | None) -> np.ndarray:
    """How many packets a run sends, by unit; without a calibration 1 for each."""
    if calibration is None:
        return np.ones(placed.wiring.count, np.float64)
    wiring = placed.wiring
    few = first_samples(calibration, 0 if repeat is not None else 1, SAMPLES)
    cells = [f"{wiring.path(number)}.spikes" for number, node in enumerate(wiring.nodes) if node.spiking]
    result = run(flat, few, repeat=repeat, engine="integer", record=cells)
    # What gives values sends them at every step.
    found = np.full(wiring.count, float(max((len(a) for a in result.records.values()), default=1)))
    for number, units in wiring.units.items():
        spikes = result.records.get(f"{wiring.path(number)}.spikes")
        if spikes is not None:
            found[units] = spikes.sum(axis=(0, 1))
    given = few if isinstance(few, Mapping) else {next(iter(flat.inputs)): few}
    for number, node in enumerate(wiring.nodes):
        if type(node).__name__ == "Input":
            x = np.asarray(given[wiring.path(number)])
            coded = plan.encodings[number].encode(x)
            active = np.count_nonzero(coded, axis=(0, 1) if repeat is None else 0)
            found[wiring.wires[number, 0][0]] = active * (1 if repeat is None else repeat)
    return found


def first_samples(inputs: Any, axis: int, count: int) -> Any:
    """The first samples of an input, of every array where there are several."""
    if isinstance(inputs, Mapping):
        return {name: first_samples(value, axis, count) for name, value in inputs.items()}
    array = np.asarray(inputs)
    return array[:count] if axis == 0 else array[:, :count]
