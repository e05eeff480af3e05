"""Graphs for the golden files of a format: small, and together with one of everything that a file keeps.

All numbers follow from arithmetic, so that the graphs are the same wherever they are made.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from talon import ir
from talon.ir.arrays import ArrayRef
from talon.ir.document import NodeRecord
from talon.plugins import registry
from talon.testing.strategies import sample


def values(shape: tuple[int, ...], dtype: Any = np.float32) -> np.ndarray:
    """Numbers between -6.25 and 6.25, exact in every float type; whole ones where the type is."""
    numbers = (np.arange(math.prod(shape)) * 37 % 101 - 50).reshape(shape)
    return (numbers if np.dtype(dtype).kind in "iu" else numbers / 8).astype(dtype)


def plain() -> ir.Graph:
    """What most people have."""
    chain = ir.Graph.chain(
        input=ir.Input([20]),
        fc1=ir.Affine(values((32, 20)), values((32,))),
        lif1=ir.LIF(tau=np.full(32, 4.0, np.float32), r=1.0, v_leak=0.0, v_threshold=np.float32(1)),
        fc2=ir.Affine(values((10, 32))),
        lif2=ir.LIF(2.0, 1.0, [0.0], 1.0, reset="subtract", comparator="gt"),
        output=ir.Output([10]),
    )
    return ir.Graph(chain.nodes, chain.edges, dt=1e-3, metadata={"made by": "the golden files"})


def nested() -> ir.Graph:
    """Three levels; ports, delays, feedback; nodes and edges in no order of the alphabet."""
    inner = ir.Graph.chain(z=ir.Input([6]), relu=ir.ReLU(6), a=ir.Output([6]))
    middle = ir.Graph(
        {"x": ir.Input([6]), "inner": inner, "if.1": ir.IF(1.0), "y": ir.Output([6])},
        [("x", "inner:z"), ("inner:a", "if.1"), ir.Edge("if.1", "if.1", delay=2), ("if.1", "y")],
        dt=0.5,
        metadata={"level": 2},
    )
    return ir.Graph(
        {
            "z first": ir.Input([6]),
            "sub": middle,
            "split": ir.ChannelSplit((2, 4)),
            "é": ir.Affine(values((4, 2), np.float64)),
            "cat": ir.Concat(num_inputs=3),
            "back": ir.Affine(values((6, 12), np.float16)),
            "a last": ir.Output([12]),
            "漢": ir.Output(None),
        },
        [
            ir.Edge("z first", "sub:x", delay=0),
            ("sub", "split"),
            ir.Edge("split:1", "cat", delay=1),
            ("split:0", "é"),
            ("é", "cat"),
            ("split:1", "cat"),
            ir.Edge("cat", "back", delay=3),
            ("back", "sub"),
            ("cat", "a last"),
            ("back", "漢"),
        ],
    )


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
    "nan": math.nan,
    "inf": -math.inf,
    "minus zero": -0.0,
    "int8": np.array([1, 2], np.int8),
    "scalars": [np.float32(3), np.array(5), np.array(5.0), np.bool_(True)],
    "flags": np.array([True, False]),
    "no rows": np.zeros((0, 3)),
    "large": values((40, 5), np.int64),
    "pairs": [["a", "b"]],
    "words": ("x", "yy"),
    "src and dst": {"src": ["a"], "dst": ["b"]},
    "slash/key": 3,
    "": 5,
}


def exact() -> ir.Graph:
    """Values that a naive form loses; hints, declared shapes, and every field of a graph."""
    hints: dict[str, Any] = {
        "precision": "int8",
        "weight_t": "ap_fixed<8,2>",
        "bias_t": "ap_fixed<8,2>",
        "accum_t": "ap_fixed<16,6>",
        "result_t": "ap_fixed<8,4>",
        "reuse_factor": 4,
        "core_id": 0,
        "hardware_hints": {"pragma": (1, "two"), "rows": {"indptr": np.arange(4), "indices": np.array([2, 0, 1])}},
    }
    nodes = {
        "in": ir.Input([4], metadata=METADATA, output_type=[4]),
        "fc": ir.Affine(values((4, 4)), values((4,), np.float16), **hints, input_type=[4], output_type=[4]),
        "whole": ir.Affine(values((4, 4), np.int16), np.array([True, False, True, False])),
        "soft": ir.Softmax(4, dim=0),
        "conv": ir.Conv1d(values((1, 4, 3)), padding="same"),
        "up": ir.Upsample((2, 1.5), mode="bilinear"),
        "out": ir.Output(None),
    }
    return ir.Graph(
        nodes,
        [("in", "fc"), ("fc", "whole"), ("whole", "soft"), ("soft", "out")],
        dt=0.1,
        metadata=METADATA,
        allow_cycles=True,
        quantization_config=(1, 2),
        partition_metadata={"a": 2, "pairs": [["a", "b"]]},
        cyclic_config={"termination": "fixed"},
        target_hardware="zcu102",
        execution_schedule=[["fc", "whole"], ("soft",)],
        core_id=7,
    )


def bits() -> ir.Graph:
    """Every dtype, with and without axes, below and above what stands in the index; NaN payloads, -0.0, subnormals."""
    nodes: dict[str, ir.Node] = {}
    for name in ("f2", "f4", "f8", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "?"):
        dtype = np.dtype(name)
        for shape in ((), (1,), (3, 5), (1100,)):
            data = (np.arange(math.prod(shape) * dtype.itemsize) * 151 % 256).astype(np.uint8)
            array = (data % 2 if name == "?" else data).view(dtype).reshape(shape)
            nodes[f"{name} {len(shape)} {array.size}"] = leaking(array)
        if dtype.kind == "f":
            whole = [-1, 1, np.iinfo(f"i{dtype.itemsize}").min, 0]  # NaN with full payload, subnormal, -0.0, 0.0
            nodes[f"{name} special"] = leaking(np.array(whole, f"i{dtype.itemsize}").view(dtype))
    return ir.Graph(nodes, [])


def leaking(array: np.ndarray) -> ir.Node:
    """`v_leak` takes any shape and dtype; it is for files, not for running."""
    return ir.LIF.restore({"tau": 2.0, "r": 1.0, "v_leak": array, "v_threshold": 1.0})


def opaque() -> ir.Graph:
    """Nodes of types that nobody provides, of one type in two versions."""
    attrs = {"number": 1.5, "words": ["a", "b"], "tuple": (1, 2), "deep": {"k": (1, None)}, "wide": 1 << 65}
    arrays = {"table": values((2, 3), np.int16), "scalar": np.array(2.5), "big": values((30, 20))}
    refs = {name: ArrayRef.of(array) for name, array in arrays.items()}
    one = ir.Opaque(NodeRecord("", "NobodysNeuron", "nobody", "9.1", 3, attrs, refs), ["in", "more"], ["out", "extra"])
    two = ir.Opaque(NodeRecord("", "NobodysNeuron", "nobody", "8.0", 2, {"core_id": 3}), ["in"], ["out"])
    nodes = {"in": ir.Input([3]), "one": one, "two": two, "out": ir.Output([3]), "other": ir.Output([3])}
    edges = [("in", "one:in"), ir.Edge("in", "one:more", delay=2), ("one:out", "out"), ("one:extra", "other")]
    return ir.Graph(nodes, [*edges, ("in", "two"), ("two", "out")])


def primitives() -> ir.Graph:
    """One of each primitive of ours as its help page has it, and one with fields drawn at random."""
    nodes: dict[str, ir.Node] = {}
    for name in registry.primitives():
        cls = registry.primitive(name)
        if name != "Graph" and cls.usage is not None:
            nodes[f"{name} usage"] = eval(cls.usage[0], {"ir": ir, "np": np})
            nodes[f"{name} drawn"] = sample(cls, 1).node
    return ir.Graph(nodes, [])


FIXED: dict[str, Callable[[], ir.Graph]] = {
    "empty": lambda: ir.Graph({}, []),
    "plain": plain,
    "nested": nested,
    "exact": exact,
    "bits": bits,
    "opaque": opaque,
}
GRAPHS = {**FIXED, "primitives": primitives}
