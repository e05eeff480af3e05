"""The published package, in an environment of its own, reads what we write: same types, edges and arrays."""

from __future__ import annotations

import hashlib
import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from talon import ir
from talon.ir.known import PRIMITIVES

ROOT = Path(__file__).parents[2]
PYTHON = ROOT / ".envs" / "published" / "bin" / "python"
FOLDER = ROOT / "tests" / "golden" / "talon-ir-0.0.2"
Reader = Callable[[Path], dict[str, Any]]


@pytest.fixture(scope="session")
def published() -> Reader:
    if (ROOT / ".envs" / "published" / "missing").exists():
        pytest.skip("talon-ir 0.0.2 has no wheel for this machine")
    assert PYTHON.exists(), "run 'make test', which makes the environment of the published package"

    def read_all(folder: Path) -> dict[str, Any]:
        script = Path(__file__).with_name("published_reader.py")
        done = subprocess.run([PYTHON, "-I", script, folder], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        found: dict[str, Any] = json.loads(done.stdout)
        return found

    return read_all


def test_it_reads_the_same_from_our_copy_of_its_files(published: Reader, tmp_path: Path) -> None:
    covered = set()
    for path in FOLDER.glob("*.t1c"):
        graph = ir.read(path)
        covered |= {type(node).__name__ for node in graph.nodes.values()}
        ir.write(tmp_path / path.name, graph)
    assert covered == set(PRIMITIVES) - {"StepMean"}
    original, ours = published(FOLDER), published(tmp_path)
    assert original.keys() == ours.keys()
    for name, expected in original.items():
        assert ours[name] == expected, name


def test_it_refuses_a_sparse_weight(published: Reader, tmp_path: Path) -> None:
    """It must not compute with something else; `toarray()` makes what it opens."""
    weight = ir.CSR.from_dense(np.eye(3, 4, dtype=np.float32))
    for name, value in (("sparse", weight), ("array", weight.toarray())):
        graph = ir.Graph.chain(input=ir.Input([4]), fc=ir.Affine(value), output=ir.Output([3]))
        ir.write(tmp_path / f"{name}.t1c", graph)
    found = published(tmp_path)
    assert "weight must be" in found["sparse"]
    assert found["array"]["nodes"]["fc"]["weight"]["shape"] == [3, 4]


@pytest.fixture
def ours_alone() -> dict[str, ir.Graph]:
    """Graphs that use what only we can say, each of which the published package must still open."""
    rng = np.random.default_rng(0)

    def weights(*shape: int) -> np.ndarray:
        return rng.standard_normal(shape).astype(np.float32)

    def chain(shape: list[int], node: ir.Node) -> ir.Graph:
        return ir.Graph.chain(input=ir.Input(shape), node=node, output=ir.Output(None))

    ghost = (weights(4, 3, 3, 3), weights(4), weights(4, 1, 3, 3), weights(4))
    split = ir.Graph(
        {"in": ir.Input([3]), "split": ir.ChannelSplit((1, 2)), "a": ir.Output([2]), "b": ir.Output([1])},
        [("in", "split"), ir.Edge("split:1", "a", delay=2), ("split:0", "b")],
        dt=0.001,
    )
    return {
        "no_bias_affine": chain([3], ir.Affine(weights(2, 3))),
        "no_bias_conv": chain([3, 5, 5], ir.Conv2d(weights(2, 3, 3, 3), padding="same")),
        "conv1d": chain([3, 9], ir.Conv1d(weights(2, 3, 3), padding=1)),
        "depthwise": chain([3, 5, 5], ir.SDConv(weights(3, 1, 3, 3))),
        "separable": chain([3, 5, 5], ir.SepConv2d(weights(3, 1, 3, 3), weights(2, 3, 1, 1))),
        "scalar_lif": chain([4], ir.LIF(2.0, 1.0, 0.0, 1.0, reset="subtract", comparator="gt", v_init=0.25)),
        "if": chain([4], ir.IF(np.ones(4), r=2.0, reset_delay=1)),
        "norm": chain([4], ir.LayerNorm((4,))),
        "batch_norm": chain([4], ir.BatchNorm1d(4, None, None, np.zeros(4, np.float32), np.ones(4, np.float32))),
        "softmax": chain([4], ir.Softmax(4, dim=0)),
        "ghost": chain([3, 6, 6], ir.SGhostConv(*ghost, neuron="if")),
        "decode": chain([10, 2, 2], ir.DFLDecode(2)),
        "boxes": chain([5, 2, 2], ir.Dist2BBox(8, offset=0.5, box_format="xyxy")),
        "nms": chain([6, 4], ir.NMS(scores="probabilities")),
        "split": split,
    }


def test_it_reads_what_only_we_can_say(published: Reader, ours_alone: dict[str, ir.Graph], tmp_path: Path) -> None:
    for name, graph in ours_alone.items():
        ir.write(tmp_path / f"{name}.t1c", graph)
    found = published(tmp_path)
    for name, graph in ours_alone.items():
        assert isinstance(found[name], dict), found[name]
        assert found[name]["edges"] == [[edge.src, edge.dst] for edge in graph.edges]
        for key, node in graph.nodes.items():
            seen = found[name]["nodes"][key]
            assert seen["type"] == type(node).__name__
            for field, declared in node.fields.items():
                value = getattr(node, field)
                if declared.is_array and value is not None and field in seen and value.ndim:
                    digest = hashlib.sha256(np.ascontiguousarray(value).tobytes()).hexdigest()
                    expected = {"dtype": value.dtype.str, "shape": list(value.shape), "sha256": digest}
                    assert seen[field] == expected, (name, key, field)
    nodes = {name: found[name]["nodes"].get("node", {}) for name in found}
    zeros = {"dtype": "<f4", "shape": [2], "sha256": hashlib.sha256(bytes(8)).hexdigest()}
    assert nodes["no_bias_affine"]["bias"] == nodes["no_bias_conv"]["bias"] == zeros
    assert nodes["softmax"]["dim"] == -1
    assert nodes["depthwise"]["groups"] == 3
    assert nodes["conv1d"]["padding"] == 1
    one = {"dtype": "<i8", "shape": [2], "sha256": hashlib.sha256(np.ones(2, np.int64).tobytes()).hexdigest()}
    assert nodes["ghost"]["primary_padding"] == nodes["ghost"]["cheap_padding"] == one
    assert found["split"]["edges"][1] == ["split:1", "a"]


def test_it_refuses_integers_rather_than_compute_with_them(published: Reader, tmp_path: Path) -> None:
    weight = ir.Quantized(np.ones((2, 3), np.int8), np.full((2, 1), 0.5, np.float32), 8, "pow2")
    graph = ir.Graph.chain(input=ir.Input([3]), fc=ir.Affine(weight, np.zeros(2)), output=ir.Output([2]))
    ir.write(tmp_path / "integers.t1c", graph)
    found = published(tmp_path)["integers"]
    assert isinstance(found, str)
    assert "Quantized:Affine" in found
