"""What files of the published package mean: copies of its files, edited field by field, read with what it executed."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from click.testing import CliRunner

from talon import ir
from talon.cli.main import cli
from talon.engine import run
from talon.ir.published import Meaning

FOLDER = Path(__file__).parents[1] / "golden" / "talon-ir-0.0.2"
Edges = list[tuple[str, str]]


class Edited:
    """A copy of a file of the published package, to be changed as that package would have written it."""

    def __init__(self, name: str, folder: Path) -> None:
        self.path = folder / f"{name}.t1c"
        shutil.copyfile(FOLDER / f"{name}.t1c", self.path)

    def put(self, where: str, value: Any) -> None:
        """A field, such as `graph/nodes/node/dim`."""
        with h5py.File(self.path, "r+") as file:
            if where in file:
                del file[where]
            file[where] = value

    def rename(self, old: str, new: str) -> None:
        with h5py.File(self.path, "r+") as file:
            file.move(f"graph/nodes/{old}", f"graph/nodes/{new}")

    def edges(self, pairs: Edges, level: str = "graph") -> None:
        for place, end in enumerate(("src", "dst")):
            self.put(f"{level}/edges/{end}", [pair[place] for pair in pairs])

    def node(self, name: str, kind: str, level: str = "graph", **fields: Any) -> None:
        for field, value in {"type": kind, **fields}.items():
            self.put(f"{level}/nodes/{name}/{field}", value)


Edit = Callable[[str], Edited]


@pytest.fixture
def edit(tmp_path: Path) -> Edit:
    return lambda name: Edited(name, tmp_path)


def survives(path: Path) -> ir.Graph:
    """What was read, after checking that our own files keep it: the meaning is found once and never again."""
    graph = ir.read(path)
    again = path.with_name("ours.t1c")
    ir.write(again, graph)
    assert ir.read(again).same_as(graph)
    found = ir.info(again)
    assert (found.legacy, found.meanings) == (False, ())
    ir.write(again, ir.read(again))
    assert ir.read(again).same_as(graph)
    return graph


def answer(graph: ir.Graph, x: Any) -> np.ndarray:
    (found,) = run(graph, np.asarray(x, np.float32)).outputs.values()
    return found


def told(path: Path) -> str:
    result = CliRunner().invoke(cli, ["info", str(path)])
    assert result.exit_code == 0, result.output
    return result.stdout


# Fields


def test_boxes_have_their_anchors_at_cell_corners(edit: Edit) -> None:
    file = edit("Dist2BBox")
    graph = survives(file.path)
    assert graph.nodes["node"].offset == 0.0
    assert ir.info(file.path).meanings == (Meaning("node", "offset", 0.0),)
    assert "read as      node.offset = 0.0" in told(file.path)
    # Column 2, row 1, distances 1, 1, 1, 1, stride 8: the centre is the corner of the cell.
    box = answer(graph, np.ones((1, 1, 4, 3, 5)))[0, 0, :, 1, 2]
    assert box.tolist() == [16.0, 8.0, 16.0, 16.0]


def test_a_field_that_was_set_is_in_json_too(edit: Edit) -> None:
    result = CliRunner().invoke(cli, ["info", str(edit("Dist2BBox").path), "--json"])
    assert json.loads(result.stdout)["data"]["meanings"] == [{"path": "node", "field": "offset", "value": 0.0}]


def test_suppression_of_rank_2_reads_rows(edit: Edit) -> None:
    file = edit("NMS")
    graph = survives(file.path)
    assert graph.nodes["node"].input_format == "rows"
    assert ir.info(file.path).meanings == (Meaning("node", "input_format", "rows"),)
    assert "node.input_format = 'rows'" in told(file.path)
    x = np.zeros((1, 1, 24, 8))
    x[0, 0, 3, :6] = [5, 5, 2, 2, 0.15, 1]  # objectness times class is the threshold, which is enough for rows
    assert answer(graph, x)[0, 0, 0].tolist() == np.float32([5, 5, 2, 2, 0.15, 1, 0, 0]).tolist()


def test_suppression_of_rank_3_reads_maps(edit: Edit) -> None:
    file = edit("NMS")
    file.put("graph/nodes/input/shape", np.array([6, 3, 5]))
    file.put("graph/nodes/output/shape", np.array([10, 6]))
    graph = survives(file.path)
    assert graph.nodes["node"].input_format == "maps"
    assert graph.check().ok
    assert ir.info(file.path).meanings == ()


def test_suppression_behind_other_nodes_is_decided_by_the_shape_that_arrives(edit: Edit) -> None:
    file = edit("detection_chain_as_documented")
    graph = survives(file.path)
    assert (graph.nodes["nms"].input_format, graph.nodes["d2b"].offset) == ("maps", 0.0)
    assert ir.info(file.path).meanings == (Meaning("d2b", "offset", 0.0),)


def softmax(edit: Edit, dim: int) -> Edited:
    file = edit("Softmax")
    for end in ("input", "output"):
        file.put(f"graph/nodes/{end}/shape", np.array([6, 2, 3]))
    file.put("graph/nodes/node/dim", dim)
    return file


@pytest.mark.parametrize(("dim", "axis"), [(1, 0), (2, 1), (3, 2)])
def test_a_positive_softmax_axis_counted_the_batch(dim: int, axis: int, edit: Edit) -> None:
    file = softmax(edit, dim)
    graph = survives(file.path)
    assert graph.nodes["node"].dim == axis
    assert ir.info(file.path).meanings == (Meaning("node", "dim", axis),)
    assert f"node.dim = {axis}" in told(file.path)
    x = np.random.default_rng(0).normal(size=(1, 2, 6, 2, 3))
    powers = np.exp(x)
    np.testing.assert_allclose(answer(graph, x), powers / powers.sum(axis=axis + 2, keepdims=True), rtol=1e-5)


@pytest.mark.parametrize("dim", [-1, -3])
def test_a_negative_softmax_axis_is_left(dim: int, edit: Edit) -> None:
    file = softmax(edit, dim)
    assert survives(file.path).nodes["node"].dim == dim
    assert ir.info(file.path).meanings == ()


def test_softmax_over_the_batch_is_refused(edit: Edit) -> None:
    file = softmax(edit, 0)
    with pytest.raises(ir.TalonFormatError, match="batch") as caught:
        ir.read(file.path)
    (told,) = ir.info(file.path).refused  # what else it holds can be told
    for found in (caught.value.diagnostic, told):
        assert (found.code, found.node, found.file, found.found) == ("T303", "node", str(file.path), "dim = 0")
        assert "dim=-1" in str(found.help)
    result = CliRunner().invoke(cli, ["info", str(file.path)])
    assert result.exit_code == 0
    assert "warning[T303]" in result.stderr
    assert str(file.path) in result.stderr


def test_inside_a_nested_graph_the_path_is_told(edit: Edit) -> None:
    file = edit("nested_graph")
    file.node("a", "Softmax", "graph/nodes/sub", features=3, dim=1)
    with h5py.File(file.path, "r+") as tree:
        del tree["graph/nodes/sub/nodes/a/weight"], tree["graph/nodes/sub/nodes/a/bias"]
    graph = survives(file.path)
    assert graph.node("sub/a").dim == 0
    assert ir.info(file.path).meanings == (Meaning("sub/a", "dim", 0),)
    assert "sub/a.dim = 0" in told(file.path)
    file.put("graph/nodes/sub/nodes/a/dim", 0)
    with pytest.raises(ir.TalonFormatError) as caught:
        ir.read(file.path)
    assert caught.value.diagnostic.node == "sub/a"


def test_suppression_inside_a_nested_graph(edit: Edit) -> None:
    """Its input's rank follows from the inner Input."""
    file = edit("nested_graph")
    with h5py.File(file.path, "r+") as tree:
        del tree["graph/nodes/sub/nodes/a"]
    file.node("a", "NMS", "graph/nodes/sub", score_threshold=0.2, iou_threshold=0.5, max_detections=4)
    for node, shape in {"input": (9, 7), "output": (4, 7), "sub/nodes/in": (9, 7), "sub/nodes/out": (4, 7)}.items():
        file.put(f"graph/nodes/{node}/shape", np.array(shape))
    graph = survives(file.path)
    assert graph.node("sub/a").input_format == "rows"
    assert graph.check().ok


@pytest.mark.parametrize("size", [1, 5])
@pytest.mark.parametrize(
    ("name", "field"),
    [
        ("SGhostEncoderLite", "ghost_cheap_weight"),
        ("GhostBasicBlock1", "cvres_cheap_weight"),
        ("GhostBasicBlock2", "cv2_cheap_weight"),
    ],
)
def test_cheap_kernels_of_blocks_were_padded_by_one(name: str, field: str, size: int, edit: Edit) -> None:
    """Maps that lie beside each other then differ in size: the file opens, and check() says what it cannot do."""
    file = edit(name)
    with h5py.File(file.path) as tree:
        maps = tree[f"graph/nodes/node/{field}"].shape[0]
    file.put(f"graph/nodes/node/{field}", np.ones((maps, 1, size, size), np.float32))
    graph = survives(file.path)
    assert graph.nodes["node"].cheap_padding == (1, 1)
    assert ir.info(file.path).meanings == (Meaning("node", "cheap_padding", (1, 1)),)
    assert "node.cheap_padding = (1, 1)" in told(file.path)
    assert any(field in str(error) and "padding (1, 1)" in str(error) for error in graph.check().errors)


@pytest.mark.parametrize("name", ["SGhostEncoderLite", "GhostBasicBlock1", "GhostBasicBlock2", "SGhostConv_stride2_k3"])
def test_half_of_a_cheap_kernel_of_3_is_one_anyway(name: str, edit: Edit) -> None:
    file = edit(name)
    assert "cheap_padding" not in told(file.path)
    node = survives(file.path).nodes["node"]
    assert node.cheap_padding == ((1, 1) if name.startswith("SGhostConv") else None)


def test_paddings_of_a_ghost_convolution_are_those_stored(edit: Edit) -> None:
    file = edit("SGhostConv")
    file.put("graph/nodes/node/primary_padding", np.array([2, 1]))
    file.put("graph/nodes/node/cheap_padding", np.array([1, 1]))
    node = survives(file.path).nodes["node"]
    assert (node.primary_padding, node.cheap_padding) == ((2, 1), (1, 1))
    assert ir.info(file.path).meanings == ()


def test_setting_a_field_loads_no_array_and_loses_none(edit: Edit) -> None:
    file = edit("GhostBasicBlock2")
    wide = np.random.default_rng(0).normal(size=(2, 4, 15, 15)).astype(np.float32)
    file.put("graph/nodes/node/cv2_primary_weight", wide)
    file.put("graph/nodes/node/cv2_cheap_weight", np.ones((2, 1, 1, 1), np.float32))
    node = ir.read(file.path).nodes["node"]
    assert node.cheap_padding == (1, 1)
    assert "cv2_primary_weight" not in vars(node)
    assert np.array_equal(node.cv2_primary_weight, wide)


# Edges that stand twice


def sums(edit: Edit, edges: Edges, features: int = 1) -> Edited:
    """`input` through `big` (times 2**24) and directly into `output`, by the edges given."""
    file = edit("Affine")
    with h5py.File(file.path, "r+") as tree:
        del tree["graph/nodes/node"]
    file.node("big", "Affine", weight=np.float32([[2**24]]), bias=np.float32([0]))
    for end in ("input", "output"):
        file.put(f"graph/nodes/{end}/shape", np.array([features]))
    file.edges(edges)
    return file


NOTE = "the file has the edge 'input' -> 'output' more than once; this carries one more copy"


@pytest.mark.parametrize(
    ("edges", "total"),
    [
        # One added to 2**24 is lost to rounding, so that the order of the sum shows.
        ([("input", "output"), ("big", "output"), ("input", "output")], 2**24),
        ([("input", "output"), ("input", "output"), ("big", "output")], 2**24 + 2),
        ([("big", "output"), ("input", "output"), ("input", "output")], 2**24),
        ([("input", "output"), ("input", "output"), ("input", "output"), ("big", "output")], 2**24 + 4),
    ],
)
def test_copies_of_an_edge_are_summed_in_the_order_of_the_file(edges: Edges, total: int, edit: Edit) -> None:
    file = sums(edit, [("input", "big"), *edges])
    graph = survives(file.path)
    assert graph.check().ok
    assert answer(graph, [[[1.0]]]).item() == total
    added = [f"input_again_{k}" for k in range(2, edges.count(("input", "output")) + 1)]
    assert graph.nodes.keys() - {"input", "big", "output"} == set(added)
    for name in added:
        node = graph.nodes[name]
        assert (type(node), node.skip_type, dict(node.metadata)) == (ir.Skip, "passthrough", {"note": NOTE})
    assert next(src for src, dst in graph.edges if dst == "output") == edges[0][0]
    found = ir.info(file.path)
    assert found.meanings == tuple(Meaning(name, "metadata", {"note": NOTE}) for name in added)
    assert len(found.edges) == len(edges) + 1, "info counts what the file has"
    assert NOTE in told(file.path)


def test_a_name_that_is_taken_is_not_taken_again(edit: Edit) -> None:
    twice = [("input", "output")] * 2
    file = sums(edit, [("input", "big"), *twice, ("big", "input_again_2"), ("input_again_2", "output")])
    file.node("input_again_2", "Skip", skip_type="residual")
    graph = survives(file.path)
    assert graph.nodes["input_again_2"].skip_type == "residual"
    assert graph.nodes["input_again_3"].skip_type == "passthrough"
    assert answer(graph, [[[1.0]]]).item() == 2**24 + 2


def test_copies_inside_a_nested_graph(edit: Edit) -> None:
    file = edit("nested_graph")
    file.edges([("in", "a"), ("in", "a"), ("a", "out"), ("in", "out"), ("a", "out")], "graph/nodes/sub")
    file.edges([("input", "sub"), ("input", "sub"), ("sub", "output")])
    graph = survives(file.path)
    assert {"sub/in_again_2", "sub/a_again_2", "input_again_2"} == {m.path for m in ir.info(file.path).meanings}
    affine = graph.node("sub/a")
    x = np.float32([1.0, -2.0, 0.5])
    expected = 2 * (affine.weight @ (4 * x) + affine.bias) + 2 * x
    np.testing.assert_allclose(answer(graph, x[None, None])[0, 0], expected, rtol=1e-5)


def test_copies_into_a_concatenation_are_two_parts(edit: Edit) -> None:
    file = edit("ChannelSplit_Concat")
    with h5py.File(file.path, "r+") as tree:
        for name in ("a", "b", "split"):
            del tree[f"graph/nodes/{name}"]
    file.edges([("input", "cat"), ("input", "cat"), ("cat", "output")])
    file.put("graph/nodes/output/shape", np.array([10, 3, 3]))
    graph = survives(file.path)
    assert graph.check().ok
    x = np.random.default_rng(0).normal(size=(1, 1, 5, 3, 3)).astype(np.float32)
    assert np.array_equal(answer(graph, x), np.concatenate([x, x], axis=2))


def test_edges_of_a_split_are_no_copies(edit: Edit) -> None:
    """Two equal edges carry its two chunks, and nothing needs to stand between."""
    file = edit("ChannelSplit_Concat")
    file.put("graph/nodes/input/shape", np.array([6, 2, 2]))
    file.put("graph/nodes/output/shape", np.array([6, 2, 2]))
    file.put("graph/nodes/split/split_sections", np.array([2, 4]))
    with h5py.File(file.path, "r+") as tree:
        del tree["graph/nodes/a"], tree["graph/nodes/b"]
    file.edges([("input", "split"), ("split", "cat"), ("split", "cat"), ("cat", "output")])
    graph = survives(file.path)
    assert list(graph.edges) == [("input", "split"), ("split", "cat"), ("split", "cat"), ("cat", "output")]
    assert ir.info(file.path).meanings == ()
    x = np.random.default_rng(0).normal(size=(1, 1, 6, 2, 2)).astype(np.float32)
    assert np.array_equal(answer(graph, x), x)


def test_copies_around_a_cycle_have_the_delay_of_the_first(edit: Edit) -> None:
    """The feedback edge twice: twice its contribution, one step later."""
    file = edit("cyclic")
    with h5py.File(file.path) as tree:
        ends = (tree[f"graph/edges/{end}"].asstr()[()].tolist() for end in ("src", "dst"))
        edges: Edges = list(zip(*ends, strict=True))
    single = ir.read(file.path)
    file.edges([*edges, ("fb", "fc1")])
    double = survives(file.path)
    x = np.random.default_rng(0).normal(size=(6, 2, 8)).astype(np.float32)
    doubled = single.replace(
        "fb", single.nodes["fb"].changed(weight=2 * single.nodes["fb"].weight, bias=2 * single.nodes["fb"].bias)
    )
    assert np.array_equal(answer(double, x), answer(doubled, x))
    assert not np.array_equal(answer(double, x), answer(single, x))


def test_many_copies_are_read_in_reasonable_time(edit: Edit) -> None:
    file = sums(edit, [("input", "big"), ("big", "output"), *[("input", "output")] * 3000])
    graph = ir.read(file.path)
    assert len(graph.nodes) == 3 + 2999
    assert "input_again_3000" in graph.nodes


# Types that nobody here provides


def test_unknown_types_are_kept_beside_a_meaning(edit: Edit) -> None:
    file = sums(edit, [("input", "odd"), ("input", "odd"), ("odd", "boxes"), ("boxes", "output"), ("input", "big")])
    file.node("odd", "Wavelet", levels=3, taps=np.float32([0.5, 0.25]))
    file.node("boxes", "Dist2BBox", stride=4)
    file.put("graph/nodes/output/shape", np.array([4, 2, 2]))
    with pytest.raises(ir.TalonFormatError, match="Wavelet") as caught:
        ir.read(file.path)
    assert caught.value.code == "T304"
    graph = ir.read(file.path, unknown="keep")
    assert isinstance(graph.nodes["odd"], ir.Opaque)
    assert graph.nodes["boxes"].offset == 0.0
    paths = [(m.path, m.field) for m in ir.info(file.path).meanings]
    assert paths == [("input_again_2", "metadata"), ("boxes", "offset")]
    again = file.path.with_name("ours.t1c")
    ir.write(again, graph)
    kept = ir.read(again, unknown="keep")
    assert kept.same_as(graph)
    assert kept.nodes["odd"].record.attrs["levels"] == 3
    assert np.array_equal(kept.nodes["odd"].record.arrays["taps"].load(), np.float32([0.5, 0.25]))


def test_suppression_behind_an_unknown_type_reads_maps(edit: Edit) -> None:
    """Its rank is not known, and nothing is made up."""
    file = edit("NMS")
    file.node("odd", "Wavelet")
    file.edges([("input", "odd"), ("odd", "node"), ("node", "output")])
    assert ir.read(file.path, unknown="keep").nodes["node"].input_format == "maps"
    assert ir.info(file.path).meanings == ()
