"""Whole ghost detectors, layer by layer: every layer, inner neuron, head, box and detection that the cases hold."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from talon import hw, ir
from talon.engine import Result, run

TRANSLATED = {"grid_offset": "offset", "format": "box_format"}
COMPARATORS = {">": "gt", ">=": "ge"}


def node_of(case: Any, name: str, kind: str, attrs: dict[str, Any]) -> Any:
    cls = getattr(ir, kind)
    values = {TRANSLATED.get(k, k): v for k, v in attrs.items() if k not in ("act", "box_groups")}
    values |= case.under(f"p.{name}.")
    if "neuron" in cls.fields:
        values["neuron"] = "if" if case.spiking else "none"
    return cls(**values)


def graph_of(case: Any) -> Any:
    """The graph that the case describes, with two more suppressions beside its own, and Outputs for all three."""
    settings = dict(case.meta["nms"])
    assert settings.pop("iou_compare") == ">"
    settings["comparator"] = COMPARATORS[settings.pop("score_compare")]
    nodes: dict[str, Any] = {}
    for node in case.meta["nodes"]:
        name, kind, attrs = node["name"], node["primitive"], node["attrs"]
        if kind == "Input":
            nodes[name] = ir.Input(attrs["shape"])
        elif kind == "Output":
            nodes[name] = ir.Output([settings["max_detections"], 6])
        else:
            nodes[name] = node_of(case, name, kind, settings if kind == "NMS" else attrs)
    nodes["agnostic"] = ir.NMS(**settings | {"class_aware": False})
    nodes["multi"] = ir.NMS(**settings | {"multi_label": True, "max_detections": 20})
    edges = [tuple(edge) for edge in case.meta["edges"]]
    for name in ("agnostic", "multi"):
        nodes[f"{name}_out"] = ir.Output(None)
        edges += [(src, name) for src, dst in edges if dst == "nms"] + [(name, f"{name}_out")]
    return ir.Graph(nodes, edges)


def key_of(case: Any, graph: Any, name: str) -> str:
    """Where an intermediate of this golden name is recorded."""
    node, _, site = name.partition(".")
    if site:
        return f"{node}/{case.site(site)}_if.spikes"
    return f"{node}/output.out" if isinstance(graph.nodes[node], ir.Composite) else f"{node}.out"


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_net(net_case: Any, dtype: str) -> None:
    case, graph = net_case, graph_of(net_case)
    assert graph.check().ok
    layers = {name: key_of(case, graph, name) for name in case.under("act.")}
    ends = [name for prefix in ("head.", "dist.", "box.") for name in case.under(prefix)]
    keys = {name: key_of(case, graph, name) for name in ends}
    result = run(graph, case["in0"], repeat=case.meta["T"], dtype=dtype, record=[*layers.values(), *keys.values()])
    for name, key in layers.items():
        case.compare(result.records[key], case[f"act.{name}"], name, spikes=case.spiking)
    for prefix in ("head.", "dist.", "box."):
        for name, expected in case.under(prefix).items():
            # The last step has the mean over all of them; boxes and distances are the first channels.
            found = result.records[keys[name]][-1]
            case.compare(found if prefix == "head." else found[:, :4], expected, name)
    check_counts(case, result)
    check_detections(case, result, [keys[n["name"]] for n in case.meta["nodes"] if n["primitive"] == "Dist2BBox"])


def check_counts(case: Any, result: Result) -> None:
    """Spikes of every inner neuron, from the engine's own counts."""
    counted = case.meta["spike_count_and_sites"]
    assert bool(counted) == case.spiking
    for name, (spikes, sites) in counted.items():
        node, _, site = name.partition(".")
        found = result.counts[f"{node}/{case.site(site)}_if"]
        assert int(found["spikes"].sum()) == spikes, name
        assert int(found["updates"].sum()) == sites, name


def check_detections(case: Any, result: Result, boxes: list[str]) -> None:
    """Boxes and class scores of all anchors, then what three suppressions keep of them."""
    joined = np.concatenate([(x := result.records[key][-1, 0]).reshape(len(x), -1) for key in boxes], axis=1).T
    case.compare(joined[:, :4], case["out.boxes_xywh"], "boxes")
    case.compare(1 / (1 + np.exp(-joined[:, 4:])), case["out.class_prob"], "class scores")
    case.compare(result.outputs["output"][-1, 0], case["out.detections_padded300"], "detections")
    anchors = {"output": "out.anchor_index", "agnostic_out": "out.anchor_index_agnostic"}
    others = {"agnostic_out": "out.detections_agnostic", "multi_out": "out.detections_multilabel20"}
    for output, name in {"output": "out.detections", **others}.items():
        found, expected = result.outputs[output][-1, 0], case[name]
        case.compare(found[: len(expected)], expected, name)
        assert not found[len(expected) :].any(), "rows behind the detections are zero"
        if output in anchors:
            x, y, width, height = joined[case[anchors[output]], :4].T
            corners = np.stack([x - width / 2, y - height / 2, x + width / 2, y + height / 2], axis=1)
            case.compare(found[: len(expected), :4], corners, "boxes of the anchors that are kept")


ON_THE_HOST = ("DFLDecode", "Dist2BBox", "NMS", "Output")


def test_what_a_net_takes_of_a_chip(net_case: Any) -> None:
    """Its neurons are those that the case counts; what makes boxes of the head's output stays on the host."""
    graph = graph_of(net_case)
    on_chip = graph.subgraph([name for name, node in graph.nodes.items() if node.type_name not in ON_THE_HOST])
    report = hw.check(on_chip, "t1c-asic")
    neurons = sum(sites for _, sites in net_case.meta["spike_count_and_sites"].values()) // net_case.meta["T"]
    means = sum(layer.uses[0].need or 0 for layer in report.layers if layer.name.endswith("_mean"))
    assert sum(layer.uses[0].need or 0 for layer in report.layers if layer.spiking) == neurons
    if neurons != 111_616:
        return
    assert report.verdict().endswith("it takes 148 of 256 cores")
    assert report.ok
    assert means == 64 * 16 * 8 + 16 * 16 * 3 + 32 * 8 * 8 + 8 * 8 * 3
    for name, cores in (("generic-mesh", 64), ("zcu102", 32)):
        short = {d.resource: d for d in hw.check(on_chip, name).errors if isinstance(d, hw.Finding)}
        # StepMean, and sums from layer to layer that are wider than 8 bits.
        assert set(short) == {"neurons", "cores"} | ({"primitives", "payload"} if name == "generic-mesh" else set())
        assert (short["neurons"].have, short["neurons"].need) == (16_384, 151_488)
        assert "111,616 that spike, and 39,872 sums or values" in short["neurons"].message
        assert (short["cores"].have, (short["cores"].need or 0) > cores) == (cores, True)
    refused = {d.node for d in hw.check(graph, "t1c-asic").errors}
    assert refused == {n for n, node in graph.nodes.items() if node.type_name in ON_THE_HOST[:3]}
