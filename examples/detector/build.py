"""Builds a spiking detector of ghost blocks and writes it: `python build.py detector.t1c`.

A ghost convolution computes half of its channels by a convolution and the other half from these by a cheap depthwise
one. The backbone halves the image three times, the neck joins two scales, and a head a scale gives boxes and classes.
Weights are random: the network has the layers, sizes and activity of a trained one, and finds nothing.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np

from talon import ir

GRID = 64
"""Weights are multiples of 1/64, so that every order of adding gives the same sums."""
STEPS = 4
STRIDES = (4, 8)


class Weights:
    """Random weights by the names that constructors give them."""

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)

    def kernel(self, outputs: int, inputs: int, size: int, gain: float) -> np.ndarray:
        spread = gain / (inputs * size * size) ** 0.5
        drawn = self.rng.standard_normal((outputs, inputs, size, size)) * spread
        return (np.rint(drawn * GRID) / GRID).astype(np.float32)

    def ghost(self, prefix: str, outputs: int, inputs: int, size: int, gain: float = 2.7) -> dict[str, np.ndarray]:
        """Half of the outputs by the convolution, half by the cheap one."""
        half = outputs // 2
        return {
            f"{prefix}primary_weight": self.kernel(half, inputs, size, gain),
            f"{prefix}primary_bias": np.zeros(half, np.float32),
            f"{prefix}cheap_weight": self.kernel(half, 1, 3, 1.0),
            f"{prefix}cheap_bias": np.zeros(half, np.float32),
        }

    def first_block(self, outputs: int, inputs: int) -> dict[str, np.ndarray]:
        residual = self.ghost("cvres_", outputs // 2, inputs, 1)
        return residual | self.ghost("cv0_", outputs, inputs, 3) | self.ghost("cv2_", outputs // 2, outputs // 2, 3)

    def second_block(self, outputs: int, inputs: int) -> dict[str, np.ndarray]:
        return self.ghost("cv0_", outputs, inputs, 1) | self.ghost("cv2_", outputs // 2, outputs // 2, 3)

    def head(self, channels: int, classes: int, boxes: int, groups: int = 4) -> dict[str, np.ndarray]:
        """The box branch in `groups`, one for each side."""
        branches = {"cv2": (boxes, channels, groups), "cv3": (classes, channels, 1)}
        found: dict[str, np.ndarray] = {}
        for branch, (outputs, hidden, split) in branches.items():
            sizes = [(hidden, channels, 3), (hidden, hidden // split, 3), (outputs, hidden // split, 1)]
            for number, size in enumerate(sizes):
                found[f"{branch}_w{number}"] = self.kernel(*size, gain=2.7)
                found[f"{branch}_b{number}"] = np.zeros(size[0], np.float32)
        return found


def backbone(width: int, weights: Weights, size: tuple[int, int]) -> tuple[dict[str, Any], list[Any]]:
    """Encoder, blocks and neck; the last of both scales are `l6` and `l9`."""
    a, b, c = width, 2 * width, 4 * width
    encoder = {
        "conv1_weight": weights.kernel(a, 3, 3, 1.5),
        "conv1_bias": np.zeros(a, np.float32),
        **weights.ghost("ghost_", a, a, 3),
    }
    spiking = {"neuron": "if"}
    nodes = {
        "input": ir.Input([3, *size]),
        "l0": ir.SGhostEncoderLite(**encoder, stride=2, **spiking),
        "l1": ir.GhostBasicBlock1(**weights.first_block(b, a), stride=2, **spiking),
        "l2": ir.GhostBasicBlock1(**weights.first_block(c, b), stride=2, **spiking),
        "l3": ir.SGhostConv(**weights.ghost("", b, c, 1), **spiking),
        "l4": ir.Upsample(scale_factor=2),
        "l5": ir.Concat(),
        "l6": ir.GhostBasicBlock2(**weights.second_block(b, 2 * b), **spiking),
        "l7": ir.SGhostConv(**weights.ghost("", b, b, 3), primary_stride=(2, 2), **spiking),
        "l8": ir.Concat(),
        "l9": ir.GhostBasicBlock2(**weights.second_block(b, 2 * b), **spiking),
    }
    edges = [("input", "l0"), ("l0", "l1"), ("l1", "l2"), ("l2", "l3"), ("l3", "l4"), ("l4", "l5"), ("l1", "l5")]
    edges += [("l5", "l6"), ("l6", "l7"), ("l7", "l8"), ("l3", "l8"), ("l8", "l9")]
    return nodes, edges


def build(
    width: int = 40, size: tuple[int, int] = (320, 320), classes: int = 3, reg_max: int = 8, decoded: bool = True
) -> ir.Graph:
    """`decoded`: the maps of both heads go through box decoding and suppression; else they are the outputs."""
    weights = Weights(seed=1)
    nodes, edges = backbone(width, weights, size)
    for number, (last, stride) in enumerate(zip(("l6", "l9"), STRIDES, strict=True)):
        head = weights.head(2 * width, classes, 4 * reg_max)
        nodes[f"det{number}"] = ir.SDDetect(classes, reg_max, stride, **head, neuron="if")
        edges.append((last, f"det{number}"))
        if decoded:
            nodes[f"dfl{number}"] = ir.DFLDecode(reg_max)
            nodes[f"box{number}"] = ir.Dist2BBox(stride)
            edges += [(f"det{number}", f"dfl{number}"), (f"dfl{number}", f"box{number}"), (f"box{number}", "nms")]
        else:
            nodes[f"output{number}"] = ir.Output(None)
            edges.append((f"det{number}", f"output{number}"))
    if decoded:
        nodes |= {"nms": ir.NMS(), "output": ir.Output([300, 6])}
        edges.append(("nms", "output"))
    return ir.Graph(nodes, edges)


def image(size: tuple[int, int] = (320, 320)) -> np.ndarray:
    """Something to look at, the same at every step: `(T, 1, 3, H, W)` in sixteenths."""
    rng = np.random.default_rng(2)
    drawn = rng.integers(0, 17, (1, 3, *size)).astype(np.float32) / 16
    return np.broadcast_to(drawn, (STEPS, *drawn.shape))


def count(graph: ir.Graph) -> int:
    """Weights, without biases."""
    flat = graph.flatten()
    return sum(node.weight.size for node in flat.nodes.values() if "weight" in node.fields and node.weight is not None)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("path", type=Path)
    parser.add_argument("--width", type=int, default=40, help="channels of the first layer")
    arguments = parser.parse_args()
    graph = build(arguments.width)
    ir.write(arguments.path, graph)
    print(f"{arguments.path}: {count(graph):,} weights")
