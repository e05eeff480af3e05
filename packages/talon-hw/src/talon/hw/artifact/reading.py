"""An artifact as a build. The file may be a stranger's: sizes and checksums first, and nothing it says is believed."""

from __future__ import annotations

import hashlib
import math
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np

from talon.hw.artifact.checking import check_chip
from talon.hw.artifact.checking_uses import check_arithmetic, check_uses
from talon.hw.artifact.manifest import KEYS, LAYER, MOST_RESOURCES, NEURON, RESETS, parsed, port, source
from talon.hw.artifact.refusal import HDF5, damaged, not_ours
from talon.hw.artifact.rows import Reader
from talon.hw.artifact.words import Words
from talon.hw.artifact.writing import FORMAT, VERSION, text
from talon.hw.deploying.build import Build, Golden
from talon.hw.deploying.programs import (
    Cells,
    Chip,
    Gather,
    Part,
    Population,
    Readout,
    Routes,
    Rule,
    Source,
    Tile,
    places,
)
from talon.hw.description import Target
from talon.hw.description import build as build_target
from talon.hw.families import Box
from talon.hw.integers.arithmetic import MOST_BITS, Arithmetic
from talon.hw.quantising.lines import inflated
from talon.hw.report import CoreUse, Use
from talon.ir.errors import TalonError, TalonFormatError, TalonTargetError
from talon.ir.fields import Shape
from talon.ir.graph import Graph
from talon.storage.files import read as read_graph
from talon.storage.index import footer


class Loading:
    """One artifact on its way to a build."""

    def __init__(self, members: Mapping[str, bytes]) -> None:
        self.members = members
        self.said = Words(parsed(members["manifest.json"], "manifest.json"), "manifest.json")
        if self.said.data.get("format") != FORMAT:
            raise not_ours(text(self.said.data.get("format")))
        version = self.said.whole("version", 1)
        if version > VERSION:
            raise TalonFormatError(
                "T307",
                "the artifact is of a newer format",
                expected=f"version {VERSION} or older",
                found=str(version),
                help="upgrade talon-hw",
            )
        self.said.only(KEYS)
        self.rows = Reader(members, sum(map(len, members.values())))

    def build(self) -> Build:
        said = self.said
        target = self.target()
        chip = self.chip(target)
        check_chip(chip, target, self.rows)
        assumed = said.words("assumed") if said.data.get("assumed") != [] else ()
        check_arithmetic(chip, target, assumed)
        uses = self.uses(target, chip)
        check_uses(uses, chip, target)
        golden = self.golden(chip)
        self.rows.finish()
        versions = said.part("made_by")
        found = Build(
            chip,
            target,
            said.word("graph"),
            None if said.data.get("calibration") is None else said.word("calibration"),
            said.whole("seed", 0, 2**63),
            self.host(chip),
            golden,
            inflated(np.frombuffer(self.members["ledger.z"], np.uint8), damaged),
            uses,
            {name: versions.word(name) for name in versions.data},
            assumed,
        )
        try:
            found.inputs  # noqa: B018 - makes nodes of them
        except TalonError as error:
            raise damaged("an Input has a name that no node can have", found=error.diagnostic.message) from error
        if said.data.get("host") != found.host_nodes():
            raise damaged("the host's graph holds other nodes than the manifest says")
        return found

    def target(self) -> Target:
        data = parsed(self.members["target.json"], "target.json")
        own = self.said.part("target")
        own.only(("id", "hash"))
        if hashlib.sha256(text(data)).hexdigest() != own.word("hash"):
            raise damaged("target.json is not the target that the manifest names")
        try:
            found = build_target(data, "target.json")
        except TalonTargetError as error:
            raise damaged("target.json describes no target", found=error.diagnostic.message) from error
        if found.id != own.word("id"):
            raise damaged("target.json has another id than the manifest", own.word("id"), found.id)
        return found

    def chip(self, target: Target) -> Chip:
        said, rows = self.said, self.rows
        cores, tiles = said.whole("cores", 0), said.whole("tiles", 0)
        positions = rows.take("positions", 2)
        kinds, neurons = rows.take("kinds", 1), rows.take("neurons", 1)
        if not len(positions) == len(kinds) == len(neurons) == cores:
            raise damaged("positions, kinds and neurons are not those of the manifest's cores")
        if cores and (kinds.min() < 0 or kinds.max() >= len(target.cores) or neurons.min() < 0):
            raise damaged("a core is of no kind that the target has")
        layers = tuple([self.layer(each) for each in said.parts("layers")])
        table = rows.take("tiles", 1)
        found = tuple(self.tiles(table.tolist(), layers, tiles, cores))
        routes = Routes(rows.take("counts", 1), rows.take("cores", 1), rows.take("axons", 1))
        inputs = {each.word("name"): port(each) for each in said.parts("inputs")}
        readouts = tuple([self.readout(each) for each in said.parts("readouts")])
        names = [(readout.name, readout.to_host) for readout in readouts]
        if not inputs or len(inputs) != len(said.parts("inputs")) or len(set(names)) != len(names):
            raise damaged("two Inputs, or two readouts, have one name, or there is no Input")
        heard = routes.cores[(routes.cores >= 0) & (routes.cores < cores)]
        axons = np.bincount(heard, minlength=cores)
        return Chip(
            Arithmetic.of(said.part("arithmetic").data),
            layers,
            found,
            tuple(axons.tolist()),
            tuple(neurons.tolist()),
            positions,
            tuple(kinds.tolist()),
            routes,
            inputs,
            readouts,
        )

    def layer(self, said: Words) -> Population:
        said.only(LAYER)
        members = said.words("members")
        shape = said.shape("shape")
        axis = said.whole("channel_axis", 0, max(len(shape), 1))
        sources = tuple([source(each, len(shape)) for each in said.parts("sources")])
        if not sources:
            raise damaged(f"a layer has no source, in {said.where}")
        level = said.whole("level", 0)
        if "neuron" not in said.data:
            return Population(members, shape, axis, level, sources)
        own = said.part("neuron")
        own.only(NEURON)
        rule = Rule(own.one_of("reset", RESETS), own.flag("late"), own.one_of("comparator", ("ge", "gt")))
        neurons = own.shape("shape")
        unit = self.rows.take("unit")
        broadcasts(unit, neurons, "the unit of a neuron")
        return Population(
            members,
            shape,
            axis,
            level,
            sources,
            own.word("node"),
            rule,
            own.flag("decays"),
            own.whole("shift", 1 - MOST_BITS, MOST_BITS),
            own.whole("input_bits", 1, MOST_BITS + 1),
            neurons,
            unit,
        )

    def tiles(self, table: list[int], layers: tuple[Population, ...], count: int, cores: int) -> list[Tile]:
        """Every tile with its parts; lines are numbered in their order."""
        found, at, first = [], 0, 0
        for _ in range(count):
            if at + 2 > len(table) or not 0 <= table[at] < len(layers) or not 0 <= table[at + 1] < cores:
                raise damaged("a tile is of no layer or on no core")
            number, core = table[at], table[at + 1]
            layer = layers[number]
            ends = table[at + 2 : at + 2 + 2 * len(layer.shape)]
            at += 2 + 2 * len(layer.shape)
            box = tuple(zip(ends[::2], ends[1::2], strict=False))
            if len(box) != len(layer.shape) or any(
                not 0 <= low < high <= length for (low, high), length in zip(box, layer.shape, strict=True)
            ):
                raise damaged("a tile is not inside its layer", layer.shape, box)
            parts = tuple([self.part(source) for source in layer.sources])
            cells = None if layer.neuron is None else self.cells(layer.shape, box)
            tile = Tile(number, core, box, first, parts, cells)
            first += math.prod(tile.form)
            found.append(tile)
        if at != len(table):
            raise damaged("the table of tiles is longer than the tiles", at, len(table))
        return found

    def part(self, source: Source) -> Part:
        inputs = self.gather()
        if source.operation not in ("dense", "conv"):
            return Part(inputs)
        weight = self.rows.take("weight")
        return Part(inputs, weight, self.rows.take("bias") if self.rows.role() == "bias" else None)

    def gather(self) -> Gather:
        numbers = self.rows.take("numbers")
        if numbers.ndim < 1:
            raise damaged("what is gathered has no alternatives")
        delays, times = self.rows.optional("delays", 0), self.rows.optional("times", 1)
        # Folded arrays are spread again where they are used, one for each alternative.
        rank = (1,) * numbers.ndim
        delays, times = (a.reshape(rank) if a.ndim == 0 else a for a in (delays, times))
        for values in (delays, times):
            broadcasts(values, numbers.shape, "delays or times of what is gathered")
        return Gather(numbers, delays, times)

    def cells(self, shape: Shape, box: Box) -> Cells:
        threshold = self.rows.take("threshold")
        found = [self.rows.optional(role, 0) for role in ("reset", "start", "factor")]
        reset, start, factor = (a.reshape((1,) * len(shape)) if a.ndim == 0 else a for a in found)
        if self.rows.role() == "seats":
            return Cells(threshold, reset, start, factor, self.rows.take("seats"))
        self.rows.spend(math.prod(end - low for low, end in box), "seats")
        return Cells(threshold, reset, start, factor, places(shape, box))

    def readout(self, said: Words) -> Readout:
        said.only(("name", "summed", "to"))
        lines = self.gather()
        unit = self.rows.take("unit")
        broadcasts(unit, lines.numbers.shape[1:], "the unit of a readout")
        return Readout(
            said.word("name"), lines, unit, said.flag("summed"), said.one_of("to", ("host", "output")) == "host"
        )

    def uses(self, target: Target, chip: Chip) -> tuple[CoreUse, ...]:
        numbers = self.rows.take("uses", 2)
        names = self.said.pairs("resources", MOST_RESOURCES)
        if numbers.shape != (len(chip.axons) if names else 0, 2 * len(names)):
            raise damaged("the table of resources has another form than the manifest says")
        called = [" + ".join(layer.members) for layer in chip.layers]
        layers: list[dict[str, None]] = [{} for _ in chip.axons]
        for tile in chip.tiles:
            layers[tile.core][called[tile.layer]] = None

        @cache  # most cores are like others
        def of_row(row: tuple[int, ...]) -> tuple[Use, ...]:
            pairs = zip(names, row[::2], row[1::2], strict=True)
            return tuple([Use(name, known(need), known(have), unit) for (name, unit), need, have in pairs])

        return tuple(
            [
                CoreUse(target.cores[kind].name, tuple(own), of_row(tuple(row)))
                for kind, own, row in zip(chip.kinds, layers, numbers.tolist(), strict=False)
            ]
        )

    def golden(self, chip: Chip) -> Golden | None:
        if self.said.data.get("golden") is None:
            return None
        steps = self.said.whole("golden", 1)
        shapes = [port.shape for port in chip.inputs.values()] + [readout.shape for readout in chip.readouts]
        arrays = []
        for shape in shapes:
            array = self.rows.take("golden")
            if array.shape != (steps, *shape):
                raise damaged("the golden sample has another shape", (steps, *shape), array.shape)
            arrays.append(array.astype(np.int64))
        for (name, own), array in zip(chip.inputs.items(), arrays, strict=False):
            if array.min() < own.encoding.low or array.max() > own.encoding.high:
                raise damaged(f"the golden sample holds values that Input {name!r} does not have")
        inputs = dict(zip(chip.inputs, arrays, strict=False))
        by_core, by_step = self.checksums(len(chip.axons)), self.checksums(steps)
        return Golden(inputs, tuple(arrays[len(inputs) :]), by_core, by_step)

    def checksums(self, count: int) -> np.ndarray:
        found = self.rows.take("checksums", 1).astype(np.int64)
        if len(found) != count or not ((found >= 0) & (found < 2**32)).all():
            raise damaged("the checksums of the golden sample are not those of its cores and steps", count, len(found))
        return found.astype(np.uint32)

    def host(self, chip: Chip) -> Graph | None:
        if "host.t1c" not in self.members:
            if any(readout.to_host for readout in chip.readouts):
                raise damaged("it lacks 'host.t1c', which reads what leaves the chip")
            return None
        if not self.members["host.t1c"].startswith(HDF5) or not indexed(self.members["host.t1c"]):
            raise damaged("host.t1c is no .t1c file with an index")
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "host.t1c"
            path.write_bytes(self.members["host.t1c"])
            try:
                graph = read_graph(path, lazy=False)
            except TalonError as error:
                # The copy beside the artifact is nobody's business.
                message = f"host.t1c in the artifact: {error.diagnostic.message}"
                error.diagnostic = replace(error.diagnostic, file="", message=message)
                raise
        fed = {readout.name: readout.shape for readout in chip.readouts if readout.to_host}
        if {name: node.shape for name, node in graph.inputs.items()} != fed:
            raise damaged("the host's graph reads something else than leaves the chip", fed, list(graph.inputs))
        if set(graph.outputs) & {readout.name for readout in chip.readouts if not readout.to_host}:
            raise damaged("an Output is fed by the chip and by the host")
        return graph


def indexed(data: bytes) -> bool:
    """Whether the end of a `.t1c` says where its index is; without one it would take a child process to read."""
    return data[-footer.LENGTH :].startswith(footer.MAGIC)


def known(number: int) -> int | None:
    return None if number < 0 else number


def broadcasts(values: np.ndarray, shape: tuple[int, ...], what: str) -> None:
    """Raise where an array does not broadcast to a shape."""
    try:
        np.broadcast_to(values, shape)
    except ValueError as error:
        raise damaged(f"{what} does not fit", shape, values.shape) from error
