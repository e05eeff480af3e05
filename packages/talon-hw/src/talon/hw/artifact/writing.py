"""A build as an artifact: a zip archive of stored files, the same bytes for the same build."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from talon.hw.artifact.rows import Writer
from talon.hw.deploying.build import Build
from talon.hw.deploying.programs import Chip, Gather, Population, Source, places
from talon.hw.quantising.lines import deflated
from talon.ir.errors import TalonFileError
from talon.storage.atomic import replacing
from talon.storage.files import local_path
from talon.storage.files import write as write_graph
from talon.storage.zarr.archiving import ArchiveSink

FORMAT, VERSION = "talonhw", 1
SUFFIX = ".talonhw"


def write(build: Build, path: str | os.PathLike[str], *, overwrite: bool = False) -> None:
    """Write an artifact; the file is replaced only when the new one is complete and on the disk.

    Raises `TalonFileError` (T301, T306, T308).
    """
    path = local_path(path)
    if os.path.lexists(path) and not overwrite:
        raise TalonFileError("T306", "the file exists already", file=str(path), help="pass overwrite=True")
    members = members_of(build)
    with replacing(path) as temporary, ArchiveSink(temporary) as sink:
        for name in sorted(members):
            sink.put(name, [members[name]], len(members[name]))


def members_of(build: Build) -> dict[str, bytes]:
    """The files of the archive."""
    rows = Writer()
    put_chip(rows, build.chip)
    put_uses(rows, build)
    manifest = {
        "format": FORMAT,
        "version": VERSION,
        "target": {"id": build.target.id, "hash": build.target.hash},
        "graph": build.graph,
        "calibration": build.calibration,
        "seed": build.seed,
        "assumed": list(build.assumed),
        "made_by": dict(build.versions),
        "arithmetic": build.chip.arithmetic.as_dict(),
        "cores": len(build.chip.axons),
        "tiles": len(build.chip.tiles),
        "resources": [[use.resource, use.unit] for use in build.uses[0].uses] if build.uses else [],
        "layers": [layer_as_dict(layer) for layer in build.chip.layers],
        "inputs": [
            {
                "name": name,
                "shape": list(port.shape),
                "first": port.first,
                "scale": float(port.encoding.scale),
                "low": port.encoding.low,
                "high": port.encoding.high,
            }
            for name, port in build.chip.inputs.items()
        ],
        "readouts": [
            {"name": r.name, "summed": r.summed, "to": "host" if r.to_host else "output"} for r in build.chip.readouts
        ],
        "host": build.host_nodes(),
        "golden": None if build.golden is None else build.golden.steps,
    }
    if build.golden is not None:
        for array in (*build.golden.inputs.values(), *build.golden.readouts):
            rows.put("golden", array)
        rows.put("checksums", build.golden.by_core)
        rows.put("checksums", build.golden.by_step)
    members = {
        "manifest.json": text(manifest),
        "target.json": text(build.target.data),
        "ledger.z": deflated(build.ledger),
        **rows.members(),
    }
    if build.host is not None:
        members["host.t1c"] = graph_bytes(build)
    return members


def text(value: Any) -> bytes:
    """Canonical JSON."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False).encode()


def layer_as_dict(layer: Population) -> dict[str, Any]:
    found: dict[str, Any] = {
        "members": list(layer.members),
        "shape": list(layer.shape),
        "channel_axis": layer.channel_axis,
        "level": layer.level,
        "sources": [source_as_dict(source) for source in layer.sources],
    }
    if layer.neuron is not None and layer.rule is not None:
        rule = layer.rule
        found["neuron"] = {
            "node": layer.neuron,
            "shape": list(layer.neurons),
            "reset": rule.reset,
            "late": rule.late,
            "comparator": rule.comparator,
            "decays": layer.decays,
            "shift": layer.shift,
            "input_bits": layer.input_bits,
        }
    return found


def source_as_dict(source: Source) -> dict[str, Any]:
    return {
        "node": source.node,
        "operation": source.operation,
        "windows": [[w.outputs, w.inputs, w.taps, w.stride, w.front, w.dilation, w.every] for w in source.windows],
        "delay": source.delay,
        "bound": source.bound,
        "clipped": source.clipped,
        "stepped": [source.stepped_weight, source.stepped_bias],
        **({"sparse": True} if source.sparse else {}),
    }


def put_chip(rows: Writer, chip: Chip) -> None:
    """Every array of the cores, in the order in which the reader takes them."""
    rows.put("positions", chip.positions)
    rows.put("kinds", np.array(chip.kinds, np.int64))
    rows.put("neurons", np.array(chip.neurons, np.int64))
    for layer in chip.layers:
        if layer.neuron is not None:
            rows.put("unit", layer.unit)
    boxes = [[tile.layer, tile.core, *(n for ends in tile.box for n in ends)] for tile in chip.tiles]
    rows.put("tiles", np.array([n for box in boxes for n in box], np.int64))
    for tile in chip.tiles:
        for part in tile.parts:
            put_gather(rows, part.inputs)
            if part.weight is not None:
                rows.put("weight", part.weight)
            if part.bias is not None:
                rows.put("bias", part.bias)
        if tile.cells is not None:
            rows.put("threshold", tile.cells.threshold)
            for role in ("reset", "start", "factor"):
                put_unless(rows, role, getattr(tile.cells, role), 0)
            if not np.array_equal(tile.cells.seats, places(chip.layers[tile.layer].shape, tile.box)):
                rows.put("seats", tile.cells.seats)
    rows.put("counts", chip.routes.counts)
    rows.put("cores", chip.routes.cores)
    rows.put("axons", chip.routes.axons)
    for readout in chip.readouts:
        put_gather(rows, readout.lines)
        rows.put("unit", readout.unit)


def put_gather(rows: Writer, gather: Gather) -> None:
    rows.put("numbers", gather.numbers)
    put_unless(rows, "delays", gather.delays, 0)
    put_unless(rows, "times", gather.times, 1)


def put_unless(rows: Writer, role: str, values: np.ndarray, default: int) -> None:
    """An array, left out where it says what is meant without it."""
    if (values != default).any():
        rows.put(role, values)


def put_uses(rows: Writer, build: Build) -> None:
    """By core, what it needs and what it has of every resource; -1 where that is unknown."""
    numbers = [[(-1 if n is None else n) for use in core.uses for n in (use.need, use.have)] for core in build.uses]
    columns = len(numbers[0]) if numbers else 0
    rows.put("uses", np.array(numbers, np.int64).reshape(len(numbers), columns))


def graph_bytes(build: Build) -> bytes:
    """The host's graph as a `.t1c` file."""
    assert build.host is not None
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "host.t1c"
        write_graph(path, build.host)
        return path.read_bytes()
