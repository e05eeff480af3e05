"""Every golden case of a primitive, expressed as a graph and run in float32 and float64."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from talon import ir
from talon.engine import run

COMPOSITES = ("SGhostConv", "SGhostEncoderLite", "GhostBasicBlock1", "GhostBasicBlock2", "SDDetect")
INNER = {name: f"{name}/output" for name in ("cvres", "cv0", "cv2")} | {"add": "add", "cat": "cat"}
"""Golden names of other intermediates of a block, and the node whose output they are."""
NO_COUNTERPART = {"T", "act", "extra_channels", "margin", "input", "row_format"}
TRANSLATED = {
    "grid_offset": lambda v: {"offset": v},
    "format": lambda v: {"box_format": v},
    "reset": lambda v: {"reset": {"hard_zero": "value"}[v]},
    "v0": lambda v: {"v_init": v},
    "neuron": lambda v: {"neuron": {"none": "none", "IF th=1 hard reset v0=0": "if"}[v]},
    "score_compare": lambda v: {"comparator": {">": "gt", ">=": "ge"}[v]},
    "iou_compare": lambda v: {">": {}}[v],
    "tie": lambda v: {"lower input index first": {}}[v],
    "box_groups": lambda v: {},
}


def fields(case: Any, cls: type) -> dict[str, Any]:
    """Constructor arguments from parameters and attributes; a name nobody knows reaches the constructor and fails."""
    values = dict(case.under("p."))
    for name, value in case.meta["attrs"].items():
        if name not in NO_COUNTERPART:
            values |= TRANSLATED[name](value) if name in TRANSLATED else {name: value}
    if "features" in cls.fields:
        values["features"] = case["in0"].shape[1]
    return values


def timed(case: Any, array: np.ndarray) -> np.ndarray:
    return array if case.meta["time_axis"] else array[None]


def graph_of(node: Any, shapes: list[tuple[int, ...]]) -> Any:
    """Inputs `in0, in1, ...` into the node, in order, and one Output `out0, out1, ...` for each of its ports."""
    ports = node.ports().outputs
    nodes = {f"in{i}": ir.Input(shape) for i, shape in enumerate(shapes)} | {"node": node}
    edges = [(f"in{i}", "node") for i in range(len(shapes))]
    for i, port in enumerate(ports):
        nodes[f"out{i}"] = ir.Output(None)
        edges.append((f"node:{port}", f"out{i}"))
    return ir.Graph(nodes, edges)


def run_node(case: Any, node: Any, dtype: str, record: list[str] | None = None) -> Any:
    ins = [timed(case, case[f"in{i}"]) for i in range(len(case.under("in")))]
    graph = graph_of(node, [x.shape[2:] for x in ins])
    assert graph.check().ok
    return run(graph, {f"in{i}": x for i, x in enumerate(ins)}, dtype=dtype, record=record or [])


def check_leaf(case: Any, dtype: str) -> None:
    cls = getattr(ir, case.meta["primitive"])
    result = run_node(case, cls(**fields(case, cls)), dtype)
    assert len(result.outputs) == len(case.under("out"))
    for name, found in result.outputs.items():
        assert found.dtype == dtype
        case.compare(found if case.meta["time_axis"] else found[0], case[name], name)


def check_neuron(case: Any, dtype: str) -> None:
    cls = getattr(ir, case.meta["primitive"])
    result = run_node(case, cls(**fields(case, cls)), dtype, ["node.v"])
    case.compare(result.outputs["out0"], case["out0"], "spikes", spikes=True)
    case.compare(result.records["node.v"], case["out1"], "membrane after the reset")


def check_composite(case: Any, dtype: str) -> None:
    cls = getattr(ir, case.meta["primitive"])
    node = cls(**fields(case, cls))
    with_neurons = node.neuron == "if"
    assert with_neurons == case.spiking
    keys = {}
    for name in case.under("x."):
        inner = name.partition(".")[2]
        if inner in INNER:
            keys[name] = f"node/{INNER[inner]}.out"
        elif with_neurons:
            keys[name] = f"node/{case.site(inner)}_if.spikes"
        else:
            keys[name] = f"node/{case.site(inner)}.{'1' if inner == 'act2' else 'out'}"
    if case.meta["primitive"] == "SGhostEncoderLite":
        graph = graph_of(node, [case["in0"].shape[1:]])
        result = run(graph, case["in0"], repeat=case.meta["attrs"]["T"], dtype=dtype, record=list(keys.values()))
    else:
        result = run_node(case, node, dtype, list(keys.values()))
    for name, key in keys.items():
        case.compare(result.records[key], case[f"x.{name}"], name, spikes=key.endswith(".spikes"))
    found = result.outputs["out0"]
    if case.meta["primitive"] == "SDDetect":
        # The head averages over steps by itself only where neurons stand inside.
        found = found[-1] if with_neurons else found.mean(axis=0)
        assert node.decompose().nodes["cv2_1"].groups == case.meta["attrs"]["box_groups"]
    case.compare(found, case["out0"], "out0")


def check_nms(case: Any, dtype: str) -> None:
    values = fields(case, ir.NMS)
    if case.meta["attrs"]["input"] == "rows":
        # What rows mean is fixed, and the case says the same.
        assert (values.pop("comparator"), values.pop("class_aware")) == ("ge", False)
        node = ir.NMS(**values, input_format="rows")
        x, axes = case["in0"], case["in0"].shape
    else:
        node = ir.NMS(**values, scores="probabilities")
        x = np.concatenate([case["in0"], case["in1"]], axis=1).T
        axes = x.shape
    if 0 in axes:
        # No Input can be declared without anchors, so the step itself is asked.
        found = node.step(0, {}, x[None].astype(dtype))[0]
    else:
        found = run(graph_of(node, [axes]), x[None, None], dtype=dtype).outputs["out0"][0, 0]
    expected = case["out0"]
    assert not found[len(expected) :].any(), "rows behind the detections are zero"
    case.compare(found[: len(expected)], expected, "detections")
    if "out1" in case.arrays:
        corners = case["in0"][case["out1"]]
        if case.meta["attrs"]["box_format"] == "xyxy":
            assert np.array_equal(found[: len(expected), :4], corners), "the input rows that were kept"


def check_conv_then_mean(case: Any, dtype: str) -> None:
    graph = ir.Graph.chain(
        input=ir.Input(case["in0"].shape[2:]),
        conv=ir.Conv2d(**case.under("p.")),
        mean=ir.StepMean(),
        out=ir.Output(None),
    )
    case.compare(run(graph, case["in0"], dtype=dtype).outputs["out"][-1], case["out0"], "mean of all steps")


def check_conv_then_if(case: Any, dtype: str) -> None:
    attrs, folded = case.meta["attrs"], case.under("x.folded_")
    conv = ir.SConv(folded["weight"], folded["bias"], stride=attrs["stride"], padding=attrs["padding"])
    graph = ir.Graph.chain(input=ir.Input(case["in0"].shape[2:]), conv=conv, neuron=ir.IF(1.0), out=ir.Output(None))
    result = run(graph, case["in0"], dtype=dtype, record="conv.out")
    case.compare(result.outputs["out"], case["out0"], "spikes", spikes=True)
    case.compare(result.records["conv.out"], case["out1"], "input of the neuron")


CHECKS = {
    **dict.fromkeys(COMPOSITES, check_composite),
    **dict.fromkeys(("LIF", "IF"), check_neuron),
    "NMS": check_nms,
    "SUYOLO_SDConv": check_conv_then_mean,
    "SeBN_SConv": check_conv_then_if,
}
"""What is more than one output per input; every other case is a leaf of its name."""


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_case(primitive_case: Any, dtype: str) -> None:
    CHECKS.get(primitive_case.meta["primitive"], check_leaf)(primitive_case, dtype)
