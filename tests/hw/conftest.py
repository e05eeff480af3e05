"""Builders of small graphs, and targets with other limits than the ones that ship."""

from __future__ import annotations

import re
from collections.abc import Callable
from importlib.resources import files
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from talon import hw, ir
from talon.hw.native.sweep import Sweep
from talon.hw.native.tape import Tape

MESH = files("talon.hw").joinpath("targets", "generic-mesh.toml").read_text()


def dense(inputs: int, outputs: int, bias: bool = True) -> ir.Affine:
    return ir.Affine(np.zeros((outputs, inputs), np.float32), np.zeros(outputs, np.float32) if bias else None)


def conv(inputs: int, outputs: int, kernel: int = 3, bias: bool = True, **fields: object) -> ir.Conv2d:
    groups = int(fields.get("groups", 1))
    weight = np.zeros((outputs, inputs // groups, kernel, kernel), np.float32)
    return ir.Conv2d(weight, np.zeros(outputs, np.float32) if bias else None, **{"padding": kernel // 2} | fields)


def lif() -> ir.LIF:
    return ir.LIF(2.0, 1.0, 0.0, 1.0)


def batch_norm(channels: int) -> ir.BatchNorm2d:
    return ir.BatchNorm2d(channels, None, None, np.zeros(channels), np.ones(channels))


def row(report: hw.FitReport, name: str) -> dict[str, int | None]:
    """The needs of one layer by resource, with its fan-in and its number of tiles."""
    (layer,) = [layer for layer in report.layers if layer.name == name]
    return {use.resource: use.need for use in layer.uses} | {"fan-in": layer.fan_in, "tiles": layer.tiles}


def findings(report: hw.FitReport, code: str) -> dict[str | None, hw.Finding]:
    """The findings of a code by resource."""
    return {d.resource: d for d in report.diagnostics if isinstance(d, hw.Finding) and d.code == code}


def core(report: hw.FitReport, number: int = 0) -> dict[str, int | None]:
    """What one core needs by resource."""
    return {use.resource: use.need for use in report.cores[number].uses}


def skip_graph() -> ir.Graph:
    """Two convolutions; the second, with batch norm, is added to the spikes of the first."""
    nodes = {
        "in": ir.Input([2, 6, 6]),
        "c1": conv(2, 4),
        "n1": ir.IF(1.0),
        "c2": conv(4, 4, bias=False),
        "bn": batch_norm(4),
        "add": ir.Skip("residual"),
        "n2": ir.IF(1.0),
        "out": ir.Output([4, 6, 6]),
    }
    pairs = ["in c1", "c1 n1", "n1 c2", "c2 bn", "bn add", "n1 add", "add n2", "n2 out"]
    return ir.Graph(nodes, [(pair.split()[0], pair.split()[1]) for pair in pairs])


def mlp() -> ir.Graph:
    """784-1024-1024-10, LIF after every layer."""
    sizes = [784, 1024, 1024, 10]
    layers = [n for a, b in pairwise(sizes) for n in (dense(a, b), lif())]
    return ir.Graph.chain(ir.Input([784]), *layers, ir.Output([10]))


@pytest.fixture
def make() -> SimpleNamespace:
    return SimpleNamespace(
        dense=dense,
        conv=conv,
        lif=lif,
        batch_norm=batch_norm,
        skip_graph=skip_graph,
        mlp=mlp,
        row=row,
        core=core,
        findings=findings,
    )


@pytest.fixture
def edited(tmp_path: Path) -> Callable[..., Path]:
    """`edited((old, new), ...)`: a file with generic-mesh's description after these replacements, each made once."""

    def write(*changes: tuple[str, str]) -> Path:
        text = MESH
        for old, new in changes:
            assert old in text, old
            text = text.replace(old, new, 1)
        path = tmp_path / "chip.toml"
        path.write_text(text)
        return path

    return write


@pytest.fixture(scope="session")
def mesh() -> Callable[..., hw.Target]:
    return limited


def limited(**limits: int) -> hw.Target:
    """generic-mesh with other limits: `cores, neurons, fan_in, in_axons, out_edges, weight_words, state_words`."""
    from talon.hw.catalogue import described

    text = MESH
    if "cores" in limits:
        count = limits.pop("cores")
        text = text.replace("count = { value = 64", f"count = {{ value = {count}").replace("[8, 8]", f"[{count}, 1]")
    words = {"weight_words": "65536", "state_words": "8192"}
    for key, value in limits.items():
        if key in words:
            text = text.replace(f"words = {{ value = {words[key]}", f"words = {{ value = {value}")
        else:
            text = re.sub(rf"(?m)^{key} = {{ value = \d+", f"{key} = {{ value = {value}", text)
    return described(text.encode(), "test.toml")


@pytest.fixture
def played(monkeypatch: pytest.MonkeyPatch) -> list[Tape]:
    """The tapes that were played, in order."""
    return noted(monkeypatch, "play")


@pytest.fixture
def recorded(monkeypatch: pytest.MonkeyPatch) -> list[Tape]:
    """The tapes that were recorded, in order."""
    return noted(monkeypatch, "record")


def noted(monkeypatch: pytest.MonkeyPatch, name: str) -> list[Tape]:
    """The tapes with which a method of sweeps is called from now on."""
    found: list[Tape] = []
    method = getattr(Sweep, name)

    def also(self: Sweep, tape: Tape, start: int, steps: int) -> None:
        found.append(tape)
        method(self, tape, start, steps)

    monkeypatch.setattr(Sweep, name, also)
    return found
