"""A build: a network on the cores of a target, which runs by itself."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from talon.engine.arguments import callback, wanted
from talon.engine.inputs import batches, cast
from talon.engine.running import run as run_graph
from talon.hw.deploying.checksums import Checksums
from talon.hw.deploying.needs import refuse_too_large
from talon.hw.deploying.programs import Chip
from talon.hw.deploying.recording import FLOAT32, Recorder, recordable, state_of
from talon.hw.deploying.result import BuildResult
from talon.hw.deploying.running import Running
from talon.hw.description import Target
from talon.hw.report import CoreUse, plural
from talon.ir.errors import TalonRunError
from talon.ir.graph import Graph
from talon.ir.primitives.boundary import Input

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from talon.hw.pricing import Energy
    from talon.hw.reporting.figures import Report

BOUNDARY = ("Input", "Output")


@dataclass(frozen=True)
class Golden:
    """One sample whose answer is known: the encoded values of every Input, `(T, *shape)`, those of every readout that
    leaves the chip, and checksums of all that happens between, `(cores)` and `(T)`: see `Checksums`."""

    inputs: Mapping[str, np.ndarray]
    readouts: tuple[np.ndarray, ...]
    by_core: np.ndarray
    by_step: np.ndarray

    @property
    def steps(self) -> int:
        return next((len(array) for array in self.inputs.values()), 0)


@dataclass(frozen=True, repr=False)
class Build:
    """Programs of cores, and what was known when they were made. Made by `hw.deploy` and `hw.load`.

    `target`: as it was then; `graph`: fingerprint of the quantised graph; `calibration`: hash of the input that set
    its scales; `host`: what the host computes after the chip; `ledger`: the rewrites, a line each; `uses`: of every
    core; `golden`: a sample to test a chip with; `versions`: of what made it; `seed`: of the mapping;
    `assumed`: keys of the arithmetic that the target leaves open, so that the graph's values are taken.
    """

    chip: Chip
    target: Target
    graph: str
    calibration: str | None
    seed: int
    host: Graph | None = None
    golden: Golden | None = None
    ledger: tuple[Mapping[str, Any], ...] = ()
    uses: tuple[CoreUse, ...] = ()
    versions: Mapping[str, str] = field(default_factory=dict)
    assumed: tuple[str, ...] = ()

    @cached_property
    def inputs(self) -> Graph:
        """The Inputs alone, to check arrays with."""
        return Graph({name: Input(port.shape) for name, port in self.chip.inputs.items()}, [])

    @cached_property
    def hops(self) -> np.ndarray | None:
        """Hops of a packet of every line, to all that hear it, `(lines, 2)`: along rows and along columns of the
        network; None where that is not known."""
        from talon.hw.deploying.journeys import hops_of_lines

        return hops_of_lines(self)

    @property
    def cores(self) -> int:
        return len(self.chip.axons)

    def host_nodes(self) -> list[dict[str, str]]:
        """What the host computes, by node and type; Inputs, where values cross over, and Outputs aside."""
        nodes = {} if self.host is None else self.host.nodes
        return [{"node": n, "type": node.type_name} for n, node in nodes.items() if node.type_name not in BOUNDARY]

    def run(
        self,
        inputs: ArrayLike | Mapping[str, ArrayLike],
        *,
        repeat: int | None = None,
        record: str | Iterable[str] = (),
        progress: Callable[[int, int], None] | None = None,
    ) -> BuildResult:
        """Run the cores, packet by packet, over inputs `(T, B, *shape)` as `talon.engine.run` takes them, or with
        `repeat=T` `(B, *shape)`. The same bits as `engine="integer"` of the graph.

        `record`: keys or patterns `path.quantity`, of `v`, `out` and `spikes`. Raises `TalonRunError` (T401, T402,
        T404, T406, T409), `TalonTypeError` (T206) for options of another kind, and T507 where a number traps.
        """
        arrays, steps, batch = batches(self.inputs, inputs, repeat)
        record, progress = wanted(record), callback(progress)
        recorded = sum(prod(shape) for shape in recordable(self.chip, record).values())
        refuse_too_large(self.chip, steps, batch, recorded)
        arrays = {name: cast(name, array, FLOAT32) for name, array in arrays.items()}
        recorder = Recorder(self.chip, record, steps, batch)
        running = Running(self.chip, steps, batch, self.hops)
        told = {r.name: np.empty((steps, batch, *r.shape), FLOAT32) for r in self.chip.readouts}
        for t in range(steps):
            values = running.step(
                t, {name: port.encoding.read(name, arrays[name][t]) for name, port in self.chip.inputs.items()}
            )
            for r in self.chip.readouts:
                told[r.name][t] = running.read(t, r) * r.unit.astype(np.float64)
            recorder.take(t, running, values)
            if progress is not None:
                progress(t + 1, steps)
        outputs = {r.name: told[r.name] for r in self.chip.readouts if not r.to_host}
        if self.host is not None:
            given = {r.name: told[r.name] for r in self.chip.readouts if r.to_host}
            outputs |= run_graph(self.host, given, engine="reference").outputs
        return BuildResult(
            outputs, recorder.records, state_of(self.chip, running, steps, batch), running.work, self.chip
        )

    def answers(self, coded: Mapping[str, np.ndarray]) -> tuple[tuple[np.ndarray, ...], Checksums]:
        """What every readout gives, in integers, for encoded inputs `(T, B, *shape)`, and what the cores did for the
        first sample."""
        steps, batch = next(iter(coded.values())).shape[:2]
        refuse_too_large(self.chip, steps, batch)
        running = Running(self.chip, steps, batch)
        found = [np.empty((steps, batch, *readout.shape), np.int64) for readout in self.chip.readouts]
        sums = Checksums(self.chip, steps)
        for t in range(steps):
            sums.take(t, running, running.step(t, {name: array[t] for name, array in coded.items()}))
            for array, readout in zip(found, self.chip.readouts, strict=True):
                array[t] = running.read(t, readout)
        return tuple(found), sums

    def verify(self) -> bool:
        """Whether the golden sample gives the answer that it gave when the build was made, and every core does what it
        did on the way. Raises `TalonRunError` (T401) where the build has none."""
        return not self.deviations()

    def deviations(self) -> dict[str, list[int] | list[str]]:
        """Where the golden sample goes another way than when the build was made: `cores` and `steps` by number, and
        `readouts` by name; empty where it does not. Raises `TalonRunError` (T401) where the build has none."""
        if self.golden is None:
            raise TalonRunError(
                "T401",
                "the build has no golden sample",
                expected="a build that was made with a calibration",
                found="none",
                help="deploy with calibration=x",
            )
        golden = self.golden
        found, sums = self.answers({name: array[:, None] for name, array in golden.inputs.items()})
        pairs = zip(self.chip.readouts, found, golden.readouts, strict=True)
        all_of: dict[str, list[int] | list[str]] = {
            "cores": np.flatnonzero(sums.by_core[-1] != golden.by_core).tolist(),
            "steps": np.flatnonzero(sums.by_step != golden.by_step).tolist(),
            "readouts": [readout.name for readout, a, b in pairs if not np.array_equal(a[:, 0], b)],
        }
        return {what: each for what, each in all_of.items() if each}

    def energy(self, result: BuildResult, *, samples: int = 1) -> Energy:
        """What a run takes by the cost rows of the target, divided by `samples`: whole events where the target prices
        those, else single operations as `hw.energy`."""
        from talon.hw.deploying.energy import build_energy

        return build_energy(self, result, samples=samples)

    def report(
        self,
        inputs: ArrayLike | Mapping[str, ArrayLike] | None = None,
        *,
        repeat: int | None = None,
        graph: Graph | None = None,
        quantised: Graph | None = None,
        title: str | None = None,
        progress: Callable[[int, int], None] | None = None,
    ) -> Report:
        """Run the build and tell how it lies on its chip and what it did: `.to_html()` is one page that needs nothing
        else, `.to_json()` the figures alone.

        `inputs`, `repeat`: as for `run`; without them the golden sample. `quantised`: the graph that was deployed,
        whose counts by an engine must be those of the cores. `graph`: the network in floats, to say where the build
        parts from it; with both, what quantising changed. Raises what `run` raises, `TalonRunError` (T401) where there
        is nothing to run, and `TalonTargetError` (T506) where `quantised` is another graph than was deployed.
        """
        from talon.hw.reporting.making import report

        return report(self, inputs, repeat=repeat, graph=graph, quantised=quantised, title=title, progress=progress)

    def save(self, path: str | os.PathLike[str], *, overwrite: bool = False) -> None:
        """Write the artifact, a `.talonhw` file: the same build gives the same bytes. Raises `TalonFileError`."""
        from talon.hw.artifact.writing import write

        write(self, path, overwrite=overwrite)

    def fingerprint(self) -> str:
        """sha256 over all that the artifact holds."""
        from talon.hw.artifact.writing import members_of

        found = hashlib.sha256(b"talon build 1\n")
        for name, content in sorted(members_of(self).items()):
            found.update(f"{name} {len(content)}\n".encode() + content)
        return found.hexdigest()

    def __repr__(self) -> str:
        counts = (self.cores, "core"), (sum(self.chip.neurons), "neuron"), (len(self.chip.tiles), "tile")
        return f"<Build for {self.target.id}: {', '.join(plural(*each) for each in counts)}>"
