"""How the ghost primitives are constructed, refused, decomposed, stored and found."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import entry_points, version
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import talon.ghost
from talon import ir
from talon.engine import run

NAMES = ("SGhostConv", "SGhostEncoderLite", "GhostBasicBlock1", "GhostBasicBlock2")


def ones(*shape: int) -> np.ndarray:
    return np.ones(shape, np.float32)


def weights(name: str, channels: int, half: int, kernel: int, cheap: int = 3) -> dict[str, Any]:
    return {
        f"{name}primary_weight": ones(half, channels, kernel, kernel),
        f"{name}primary_bias": ones(half),
        f"{name}cheap_weight": ones(half, 1, cheap, cheap),
        f"{name}cheap_bias": ones(half),
    }


def instances() -> dict[str, Any]:
    stem = {"conv1_weight": ones(4, 3, 3, 3), "conv1_bias": ones(4)}
    main = weights("cv0_", 6, 4, 3) | weights("cv2_", 4, 2, 3)
    return {
        "SGhostConv": ir.SGhostConv(**weights("", 6, 4, 3)),
        "SGhostEncoderLite": ir.SGhostEncoderLite(**stem, **weights("ghost_", 4, 2, 1)),
        "GhostBasicBlock1": ir.GhostBasicBlock1(**weights("cvres_", 6, 2, 1), **main),
        "GhostBasicBlock2": ir.GhostBasicBlock2(**main),
    }


def test_published_positional_order() -> None:
    four = ("primary_weight", "primary_bias", "cheap_weight", "cheap_bias")
    pads = ("primary_stride", "primary_padding", "cheap_stride", "cheap_padding")
    block = [f"{prefix}_{part}" for prefix in ("cvres", "cv0", "cv2") for part in four]
    expected = {
        "SGhostConv": [*four, *pads],
        "SGhostEncoderLite": ["conv1_weight", "conv1_bias", *(f"ghost_{part}" for part in four), "stride"],
        "GhostBasicBlock1": [*block, "stride"],
        "GhostBasicBlock2": block[4:],
    }
    for name, order in expected.items():
        fields = getattr(ir, name).fields
        assert [n for n, f in fields.items() if not f.kw_only] == order, name


@pytest.mark.parametrize(
    ("make", "both", "numbers"),
    [
        (
            lambda: ir.SGhostConv(ones(4, 3, 1, 1), None, ones(5, 1, 3, 3), None),
            ("primary_weight", "cheap_weight"),
            ("4", "5"),
        ),
        (
            lambda: ir.SGhostConv(ones(4, 3, 1, 1), ones(3), ones(4, 1, 3, 3), None),
            ("primary_weight", "primary_bias"),
            ("4", "3"),
        ),
        (
            lambda: ir.SGhostEncoderLite(ones(4, 3, 3, 3), None, **weights("ghost_", 5, 2, 1)),
            ("conv1_weight", "ghost_primary_weight"),
            ("4", "5"),
        ),
        (
            lambda: ir.GhostBasicBlock2(**weights("cv0_", 6, 4, 1), **weights("cv2_", 3, 2, 3)),
            ("cv0_primary_weight", "cv2_primary_weight"),
            ("4", "3"),
        ),
        (
            lambda: ir.GhostBasicBlock1(
                **weights("cvres_", 6, 3, 1), **weights("cv0_", 6, 4, 3), **weights("cv2_", 4, 2, 3)
            ),
            ("cvres_primary_weight", "cv2_primary_weight"),
            ("3", "2"),
        ),
        (
            lambda: ir.GhostBasicBlock1(
                **weights("cvres_", 5, 2, 1), **weights("cv0_", 6, 4, 3), **weights("cv2_", 4, 2, 3)
            ),
            ("cvres_primary_weight", "cv0_primary_weight"),
            ("5", "6"),
        ),
    ],
)
def test_channels_that_do_not_fit_are_refused(make: Any, both: tuple[str, str], numbers: tuple[str, str]) -> None:
    with pytest.raises(ir.TalonValueError) as caught:
        make()
    assert caught.value.code == "T201"
    text = str(caught.value)
    assert all(part in text for part in (*both, *numbers)), text


@pytest.mark.parametrize(
    ("make", "field"),
    [
        (lambda: ir.SGhostConv(**weights("", 3, 4, 3, cheap=2)), "cheap_weight"),
        (lambda: ir.SGhostConv(**weights("", 3, 4, 3, cheap=5), cheap_padding=1), "cheap_weight"),
        (
            lambda: ir.SGhostEncoderLite(ones(4, 3, 3, 3), None, **weights("ghost_", 4, 2, 1), cheap_padding=0),
            "ghost_cheap_weight",
        ),
        (lambda: ir.GhostBasicBlock2(**weights("cv0_", 6, 4, 1), **weights("cv2_", 4, 2, 2)), "cv2_primary_weight"),
        (
            lambda: ir.GhostBasicBlock2(
                **weights("cv0_", 6, 4, 1, cheap=5), **weights("cv2_", 4, 2, 3), cheap_padding=1
            ),
            "cv0_cheap_weight",
        ),
    ],
)
def test_kernels_that_never_fit_their_padding_are_refused(make: Any, field: str) -> None:
    with pytest.raises(ir.TalonValueError, match=field) as caught:
        make()
    assert "padding" in str(caught.value)


def test_kernels_of_two_branches_that_differ_in_size_are_found_by_check() -> None:
    """An even kernel beside an odd one fits some sizes and not others, so the graph's shapes decide."""
    node = ir.GhostBasicBlock1(
        **weights("cvres_", 6, 2, 2), **weights("cv0_", 6, 4, 3), **weights("cv2_", 4, 2, 3), stride=2
    )
    assert node.infer((6, 9, 9)) == (8, 5, 5)
    with pytest.raises(ir.TalonShapeError, match="different shapes"):
        node.infer((6, 8, 8))


def test_a_file_with_another_cheap_padding_opens_and_check_finds_it() -> None:
    """Reading defers such checks; the padding in the file is used, not half the kernel."""
    node = ir.GhostBasicBlock2(**weights("cv0_", 6, 4, 1, 5), **weights("cv2_", 4, 2, 3))
    opened = ir.GhostBasicBlock2.restore({**node.given(), "cheap_padding": 1})
    assert opened.decompose().nodes["cv0"].cheap_padding == (1, 1)
    with pytest.raises(ir.TalonShapeError, match="axis 0"):
        opened.infer((6, 8, 8))
    graph = ir.Graph.chain(input=ir.Input([6, 8, 8]), block=opened, output=ir.Output(None))
    assert "cv0_cheap_weight" in str(graph.check().errors[0])


def test_wrong_input_channels_name_the_part_inside() -> None:
    graph = ir.Graph.chain(input=ir.Input([5, 8, 8]), block=instances()["GhostBasicBlock1"], output=ir.Output(None))
    (error,) = graph.check().errors
    assert (error.code, error.node) == ("T104", "block")
    assert "6 channels" in str(error)
    assert "(5, 8, 8)" in str(error)


@pytest.mark.parametrize("name", NAMES)
def test_nothing_is_loaded_to_infer_decompose_or_flatten(name: str) -> None:
    def refuse() -> np.ndarray:
        raise AssertionError("an array was loaded")

    node = instances()[name]
    values = node.given() | {"neuron": "if"}
    for field, declared in node.fields.items():
        if declared.is_array and node.raw(field) is not None:
            values[field] = ir.ArrayRef(np.float32, node.shape_of(field), refuse)
    channels = 3 if name == "SGhostEncoderLite" else 6
    graph = ir.Graph.chain(input=ir.Input([channels, 8, 8]), node=type(node).restore(values), output=ir.Output(None))
    assert graph.shapes["node:out"] == node.infer((channels, 8, 8))
    assert "node.cat" in graph.flatten().nodes or "node.ghost.cat" in graph.flatten().nodes


def test_names_inside() -> None:
    flat = {}
    for name, node in instances().items():
        graph = ir.Graph.chain(input=ir.Input(None), n=node.changed(neuron="if"), out=ir.Output(None))
        flat[name] = set(graph.flatten().nodes)
    assert {"n.primary", "n.primary_if", "n.cheap", "n.cheap_if", "n.cat"} <= flat["SGhostConv"]
    assert {"n.conv1", "n.conv1_if", "n.ghost.primary_if", "n.ghost.cheap_if"} <= flat["SGhostEncoderLite"]
    assert {"n.cvres.primary", "n.cv0.cheap", "n.split", "n.split_if", "n.cv2.cat", "n.add", "n.cat_if"} <= flat[
        "GhostBasicBlock1"
    ]
    neurons = {name: sum(node.endswith("_if") for node in nodes) for name, nodes in flat.items()}
    assert neurons == {"SGhostConv": 2, "SGhostEncoderLite": 3, "GhostBasicBlock1": 2, "GhostBasicBlock2": 2}


def test_what_files_hold() -> None:
    """Our additions only when set; the published package is told the paddings that None stands for."""
    node = ir.SGhostConv(**weights("", 3, 4, 5))
    assert not {"neuron", "v_threshold", "primary_padding", "cheap_padding"} & node.given().keys()
    assert node.published_values(lambda: ()) == {"primary_padding": (2, 2), "cheap_padding": (1, 1)}
    assert node.changed(primary_padding=1).published_values(lambda: ()) == {"cheap_padding": (1, 1)}
    spiking = node.changed(neuron="if", v_threshold=2)
    assert {"neuron": "if", "v_threshold": 2.0}.items() <= spiking.given().items()


@given(
    kernel=st.sampled_from([1, 2, 3, 5]),
    cheap=st.sampled_from([1, 3, 5]),
    stride=st.integers(1, 3),
    size=st.tuples(st.integers(1, 9), st.integers(1, 9)),
)
@settings(max_examples=40, deadline=None)
def test_inferred_shape_comes_out(kernel: int, cheap: int, stride: int, size: tuple[int, int]) -> None:
    node = ir.SGhostConv(**weights("", 2, 3, kernel, cheap), primary_stride=stride)
    graph = ir.Graph.chain(input=ir.Input([2, *size]), node=node, output=ir.Output(None))
    expected = tuple((n + 2 * (kernel // 2) - kernel) // stride + 1 for n in size)
    assert graph.shapes["node:out"] == (6, *expected)
    assert run(graph, np.ones((1, 1, 2, *size))).outputs["output"].shape[2:] == (6, *expected)


def test_plugin_is_found_and_light() -> None:
    (point,) = [p for p in entry_points(group="talon") if p.name == "ghost"]
    assert point.value == "talon.ghost.plugin"
    assert talon.ghost.__version__ == version("talon-ghost")
    assert set(NAMES) <= set(dir(talon.ghost))
    code = (
        "import sys, talon.ghost.plugin as p; print(sorted(p.talon_primitives()));"
        "print([m for m in ('numpy', 'h5py', 'talon.ir.node', 'talon.ghost.conv') if m in sys.modules])"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert shown.splitlines() == [str(sorted(NAMES)), "[]"]


def test_names_of_the_package() -> None:
    for name in NAMES:
        assert getattr(talon.ghost, name) is getattr(ir, name)
    with pytest.raises(AttributeError, match="SGhostConw"):
        _ = talon.ghost.SGhostConw  # type: ignore[attr-defined]
