"""One graph with everything that a file must keep: what the conformance kit for storage backends writes and reads."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from talon.ir.csr import CSR
from talon.ir.edges import Edge
from talon.ir.graph import Graph
from talon.ir.node import Node
from talon.ir.primitives.activation import ReLU, Softmax
from talon.ir.primitives.boundary import Input, Output
from talon.ir.primitives.convolution import Conv1d
from talon.ir.primitives.linear import Affine
from talon.ir.primitives.neurons import LIF
from talon.ir.primitives.spatial import Upsample
from talon.ir.primitives.structure import ChannelSplit
from talon.ir.quantized import Quantized

METADATA: dict[str, Any] = {
    "tuple": (1, 2),
    "list": [1, 2],
    "none": None,
    "deep": {"mixed": (1.5, "x", None, [True, {"k": ()}]), "empty": {}},
    "empty text": "",
    "text": "é漢\n",
    "nul": "a\0b\0",
    "lone surrogate": "\ud800",
    "wide": 1 << 70,
    "negative": -(1 << 63),
    "nan": float("nan"),
    "inf": float("-inf"),
    "minus zero": -0.0,
    "int8": np.array([1, 2], np.int8),
    "scalar f4": np.float32(3),
    "scalar i8": np.array(5),
    "scalar f8": np.array(5.0),
    "flags": np.array([True, False]),
    "no rows": np.zeros((0, 3)),
    "empty list": [],
    "empty tuple": (),
    "pairs": [["a", "b"]],
    "pair tuples": [("a", "b")],
    "words": ["x", "yy"],
    "word tuple": ("x", "yy"),
    "src and dst": {"src": ["a"], "dst": ["b"]},
    "yes": True,
    "slash/key": 3,
    ".": 4,
    "": 5,
    "numbers": [1, 2.5],
}
"""Metadata of every kind, with what naive forms lose: tuples, wide integers, signs of zero, empty and odd names."""

DTYPES = ("f2", "f4", "f8", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "?")
SHAPES = ((), (1,), (3,), (2, 1), (1, 2, 3), (2, 1, 2, 1, 2))


def everything() -> Graph:
    """Every kind of field, port, edge, metadata and nesting in one graph. It is for files: it cannot be run."""
    rng = np.random.default_rng(0)
    weight = rng.standard_normal((300, 4))
    weight[0, 0], weight[0, 1] = -0.0, math.nan
    sub = Graph.chain(x=Input([300]), relu=ReLU(300), y=Output([300]))
    nodes: dict[str, Node] = {
        "z first": Input([4], metadata=METADATA),
        # As `read` restores it: a NaN is for check() to find, files keep it.
        "half": Affine.restore(
            {
                "weight": weight,
                "bias": np.full(300, 1.5, np.float16),
                "metadata": METADATA,
                "precision": "int8",
                "weight_t": "ap_fixed<8,2>",
                "bias_t": "ap_fixed<8,2>",
                "accum_t": "ap_fixed<16,6>",
                "result_t": "ap_fixed<8,4>",
                "reuse_factor": 4,
                "core_id": 0,
                "hardware_hints": {"pragma": (1, "two"), "arr": np.arange(3)},
                "input_type": [4],
                "output_type": [300],
            }
        ),
        "whole": Affine(np.ones((300, 300), np.int16), np.ones(300, bool)),
        "sparse": Affine.restore({"weight": CSR.from_dense(np.where(weight > 0.5, weight, 0))}),
        "no synapse": Affine(CSR([0, 0, 0], [], np.zeros(0, np.int8), (2, 3))),
        "quantised": Affine(
            Quantized(np.arange(-6, 6, dtype=np.int8).reshape(3, 4), [[0.5], [0.25], [2.0]], 4, "pow2"),
            Quantized(np.array([-32767, 0, 40], np.int16), 1e-3, 16),
        ),
        "quantised large": Affine(Quantized(np.ones((300, 300), np.int32), np.linspace(1, 2, 300)[:, None], 24)),
        "quantised sparse": Affine(Quantized(CSR.from_dense(np.eye(300, dtype=np.int8)), 0.1, 2)),
        "quantised lif": LIF(
            Quantized(np.int16(200), 0.01, 16), 1.0, 0.0, Quantized(np.array([3], np.int8), 0.5, 4, "pow2")
        ),
        "lif.ß": LIF(
            2,
            np.float32(1),
            [0.0],
            np.ones(300, np.float32),
            reset="subtract",
            reset_delay=1,
            comparator="gt",
            v_reset=0.5,
            v_init=np.full(300, 0.25),
        ),
        "up": Upsample((2, 1.5), mode="bilinear"),
        "split": ChannelSplit((100, 200)),
        "soft": Softmax(200, dim=0),
        "sub": Graph({"x": Input([300]), "inner": sub, "y": Output([300])}, [("x", "inner"), ("inner", "y")], dt=0.1),
        "conv": Conv1d(np.ones((1, 1, 3)), padding="same", stride=1),
        "a last": Output(None),
    }
    edges: list[Edge | tuple[str, str]] = [
        ("z first", "half"),
        Edge("half", "whole", delay=0),
        ("whole", "lif.ß"),
        ("lif.ß", "sub:x"),
        Edge("sub:y", "split", delay=3),
        ("split:1", "soft"),
        ("split:0", "up"),
        ("lif.ß", "whole"),
        ("up", "a last"),
        ("soft", "a last"),
        ("conv", "a last"),
    ]
    return Graph(
        nodes,
        edges,
        dt=1e-3,
        metadata=METADATA,
        allow_cycles=True,
        quantization_config=(1, 2),
        partition_metadata={"a": 2, "pairs": [["a", "b"]]},
        cyclic_config={"termination": "fixed"},
        target_hardware="zcu102",
        execution_schedule=[["half", "whole"], ("up",)],
        precision="int4",
    )


def bit_patterns() -> Graph:
    """An array of every dtype in every shape, drawn as bytes, so that NaN payloads, -0.0 and subnormals are among them.

    `v_leak` of a LIF takes any shape; nothing here is legal to run.
    """
    rng = np.random.default_rng(1)
    nodes: dict[str, Node] = {}
    for name in DTYPES:
        dtype = np.dtype(name)
        for shape in SHAPES:
            count = math.prod(shape)
            data = rng.integers(0, 2, count, np.uint8) if name == "?" else rng.integers(0, 256, count * dtype.itemsize)
            nodes[f"{dtype.name} {len(shape)}"] = pattern(data.astype(np.uint8).view(dtype).reshape(shape))
        if dtype.kind == "f":
            ones = np.array([-1], f"i{dtype.itemsize}").view(dtype)  # a NaN with sign and full payload
            tiny = np.array([1], f"i{dtype.itemsize}").view(dtype)
            special = [dtype.type(value) for value in (-0.0, 0.0, math.inf, -math.inf)]
            nodes[f"{dtype.name} special"] = pattern(np.concatenate([ones, tiny, np.array(special, dtype)]))
    return Graph(nodes, [])


def pattern(array: np.ndarray) -> LIF:
    return LIF.restore({"tau": 2.0, "r": 1.0, "v_leak": array, "v_threshold": 1.0})
