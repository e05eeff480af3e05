"""The documented chain SDDetect -> DFLDecode -> Dist2BBox -> NMS -> Output([300, 6]), and the plugin."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import entry_points, version
from typing import Any

import numpy as np
import pytest

import talon.detect
from talon import ir
from talon.engine import run

NAMES = ("DFLDecode", "Dist2BBox", "NMS", "SDDetect")


def head(rng: Any, channels: int, stride: int) -> Any:
    def conv(out: int, into: int, kernel: int) -> tuple[np.ndarray, np.ndarray]:
        return rng.normal(0, 0.4, (out, into, kernel, kernel)).astype(np.float32), np.zeros(out, np.float32)

    box = [*conv(8, channels, 3), *conv(8, 8, 3), *conv(16, 8, 1)]
    classes = [*conv(6, channels, 3), *conv(6, 6, 3), *conv(2, 6, 1)]
    return ir.SDDetect(2, 4, stride, *box, *classes)


def detector(strides: list[int]) -> Any:
    """One head per scale; the map of stride s is `(5, 64 / s, 48 / s)`."""
    rng = np.random.default_rng(sum(strides))
    nodes: dict[str, Any] = {}
    edges = []
    for s in strides:
        names = [f"{name}{s}" for name in ("features", "detect", "dfl", "box")]
        parts = (ir.Input([5, 64 // s, 48 // s]), head(rng, 5, s), ir.DFLDecode(4), ir.Dist2BBox(s))
        nodes |= dict(zip(names, parts, strict=True))
        edges += [*zip(names, [*names[1:], "nms"], strict=True)]
    return ir.Graph({**nodes, "nms": ir.NMS(), "output": ir.Output([300, 6])}, [*edges, ("nms", "output")])


@pytest.mark.parametrize("strides", [[8], [4, 8, 16]], ids=["one scale", "three scales"])
def test_the_documented_chain_runs_as_drawn(strides: list[int]) -> None:
    graph = detector(strides)
    assert not graph.check().diagnostics
    rng = np.random.default_rng(1)
    x = {name: rng.normal(size=(1, 2, *node.shape)) for name, node in graph.inputs.items()}
    records = [f"box{s}.out" for s in strides]
    result = run(graph, x, record=records)
    found = result.outputs["output"]
    assert found.shape == (1, 2, 300, 6)
    for sample in range(2):
        maps = [result.records[key][0, sample].reshape(6, -1) for key in records]
        scores = 1 / (1 + np.exp(-np.concatenate(maps, axis=1)[4:]))
        kept = found[0, sample]
        count = np.count_nonzero(kept[:, 4])
        assert count > 0
        assert np.isclose(kept[0, 4], scores.max(), rtol=1e-6), "the best score of all scales comes first"
        assert np.all(np.diff(kept[:count, 4]) <= 0)
        assert np.all(kept[:count, 4] > 0.25)
        assert not kept[count:].any()


def test_a_detector_survives_a_file(tmp_path: Any) -> None:
    graph = detector([8])
    graph = graph.replace("detect8", graph.nodes["detect8"].changed(neuron="if", v_threshold=0.5))
    ir.write(tmp_path / "detector.t1c", graph)
    back = ir.read(tmp_path / "detector.t1c")
    assert back.same_as(graph)
    x = np.random.default_rng(2).normal(size=(3, 1, 5, 8, 6))
    assert np.array_equal(run(back, x).outputs["output"], run(graph, x).outputs["output"])


def test_plugin_is_found_and_light() -> None:
    (point,) = [p for p in entry_points(group="talon") if p.name == "detect"]
    assert point.value == "talon.detect.plugin"
    assert talon.detect.__version__ == version("talon-detect")
    assert set(NAMES) <= set(dir(talon.detect))
    code = (
        "import sys, talon.detect.plugin as p; print(sorted(p.talon_primitives()));"
        "print([m for m in ('numpy', 'h5py', 'talon.ir.node', 'talon.detect.nms') if m in sys.modules])"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert shown.splitlines() == [str(sorted(NAMES)), "[]"]


def test_names_of_the_package() -> None:
    for name in NAMES:
        assert getattr(talon.detect, name) is getattr(ir, name)
    with pytest.raises(AttributeError, match="NMSS"):
        _ = talon.detect.NMSS  # type: ignore[attr-defined]


def test_published_positional_order() -> None:
    branch = [f"{kind}{place}" for place in range(3) for kind in ("w", "b")]
    expected = {
        "SDDetect": ["num_classes", "reg_max", "stride", *(f"{b}_{part}" for b in ("cv2", "cv3") for part in branch)],
        "DFLDecode": ["reg_max", "dfl_weights"],
        "Dist2BBox": ["stride"],
        "NMS": ["score_threshold", "iou_threshold", "max_detections"],
    }
    for name, order in expected.items():
        assert [n for n, f in getattr(ir, name).fields.items() if not f.kw_only] == order, name
