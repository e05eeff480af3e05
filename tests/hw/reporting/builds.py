"""Real builds to report of: the digits network cut over small cores, and the golden detector on a large chip."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from talon import hw, ir
from talon.cli.demo import drive, model_path, test_images
from talon.hw.catalogue import described
from talon.storage import read
from tests.hw.conftest import MESH, limited

EXAMPLE = Path(__file__).parents[3] / "examples" / "chip" / "detector.py"


@dataclass(frozen=True)
class Case:
    """A build with the networks that it was made from, and an input of so many steps."""

    build: hw.Build
    graph: ir.Graph
    quantised: ir.Graph
    inputs: np.ndarray
    repeat: int

    def report(self, **how: Any) -> hw.Report:
        given = {"graph": self.graph, "quantised": self.quantised} | how
        return self.build.report(self.inputs, repeat=self.repeat, **given)


def rectangle(rows: int, columns: int, kind: str, multicast: bool, neurons: int = 16) -> hw.Target:
    """generic-mesh with other sides and smaller cores."""
    text = MESH.replace("count = { value = 64", f"count = {{ value = {rows * columns}")
    text = text.replace("[8, 8]", f"[{rows}, {columns}]").replace('kind = "mesh"', f'kind = "{kind}"')
    text = text.replace("8 x 8 mesh", f"{rows} x {columns} {kind}")
    text = text.replace("multicast = true", f"multicast = {str(multicast).lower()}")
    return described(text.replace("neurons = { value = 256", f"neurons = {{ value = {neurons}").encode(), "test.toml")


def digits_on(target: hw.Target, samples: int = 5) -> Case:
    graph = read(model_path())
    images, _ = test_images()
    inputs, steps = drive(graph, images)[:samples], int(graph.metadata["steps"])
    quantised = hw.quantize(graph, target, calibration=inputs, repeat=steps)
    build = hw.deploy(quantised, target, calibration=inputs, repeat=steps)
    return Case(build, graph, quantised, inputs, steps)


@cache
def digits() -> Case:
    """On five cores of sixteen neurons."""
    return digits_on(limited(neurons=16))


@cache
def shown() -> Case:
    """The digits on a mesh of 4 x 6 cores of eight neurons, of which the picture in the documentation is."""
    return digits_on(rectangle(4, 6, "mesh", True, neurons=8), samples=20)


@cache
def detector() -> Case:
    """The golden ghost detector, 64x64 pixels, on 148 cores of a chip of which little is known."""
    spec = importlib.util.spec_from_file_location("chip_example", EXAMPLE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    graph, image = module.golden()
    quantised = hw.quantize(graph, module.QUANTISED_FOR, calibration=image, repeat=module.STEPS)
    build = hw.deploy(quantised, "t1c-asic", calibration=image, repeat=module.STEPS)
    return Case(build, graph, quantised, image, module.STEPS)
