"""A graph with one of everything that a file must keep."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from talon import ir

METADATA: dict[str, Any] = {
    "tuple": (1, 2),
    "list": [1, 2],
    "none": None,
    "deep": {"mixed": (1.5, "x", None, [True, {"k": ()}]), "empty": {}},
    "empty text": "",
    "text": "é漢\n",
    "nul": "a\0b\0",
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


@pytest.fixture
def everything() -> ir.Graph:
    rng = np.random.default_rng(0)
    weight = rng.standard_normal((300, 4))
    weight[0, 0], weight[0, 1] = -0.0, np.float64(np.nan)
    sub = ir.Graph.chain(x=ir.Input([300]), relu=ir.ReLU(300), y=ir.Output([300]))
    nodes: dict[str, ir.Node] = {
        "z first": ir.Input([4], metadata=METADATA),
        # As `read` restores it: a NaN is for check() to find, files keep it.
        "half": ir.Affine.restore(
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
        "whole": ir.Affine(np.ones((300, 300), np.int16), np.ones(300, bool)),
        "lif.ß": ir.LIF(
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
        "up": ir.Upsample((2, 1.5), mode="bilinear"),
        "split": ir.ChannelSplit((100, 200)),
        "soft": ir.Softmax(200, dim=0),
        "sub": ir.Graph(
            {"x": ir.Input([300]), "inner": sub, "y": ir.Output([300])}, [("x", "inner"), ("inner", "y")], dt=0.1
        ),
        "conv": ir.Conv1d(np.ones((1, 1, 3)), padding="same", stride=1),
        "a last": ir.Output(None),
    }
    edges = [
        ("z first", "half"),
        ir.Edge("half", "whole", delay=0),
        ("whole", "lif.ß"),
        ("lif.ß", "sub:x"),
        ir.Edge("sub:y", "split", delay=3),
        ("split:1", "soft"),
        ("split:0", "up"),
        ("lif.ß", "whole"),
        ("up", "a last"),
        ("soft", "a last"),
        ("conv", "a last"),
    ]
    return ir.Graph(
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
