"""Files of the published package that it could run: the same outputs and membranes, from the file to the answer."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from talon import ir
from talon.engine import run

FILES = Path(__file__).parent / "talon-ir-0.0.2"
MANIFEST = json.loads((FILES / "manifest.json").read_text())


@pytest.mark.parametrize("name", sorted(name for name, entry in MANIFEST.items() if entry["executes"]))
def test_same_answers(name: str) -> None:
    with np.load(FILES / f"{name}.npz", allow_pickle=False) as stored:
        arrays = {key: stored[key] for key in stored.files}
    graph, x, expected = ir.read(FILES / f"{name}.t1c"), arrays.pop("input"), arrays.pop("output")
    rank = len(next(iter(graph.inputs.values())).shape)
    records = {key: key.removeprefix("state/") + ".v" for key in arrays}
    unbatched = x.ndim == rank + 1 and name != "cyclic"
    if name == "cyclic":
        # Its executor held one input `(batch, ...)` over all steps.
        result = run(graph, x, repeat=len(expected), record=records.values())
    else:
        result = run(graph, x[:, None] if unbatched else x, record=records.values())
    (found,) = result.outputs.values()
    boxes = any(type(node).__name__ == "Dist2BBox" for node in graph.nodes.values())
    tolerance = {"rtol": 1e-5, "atol": 1e-3 if boxes else 1e-5}
    np.testing.assert_allclose(found[:, 0] if unbatched else found, expected, **tolerance)
    for key, record in records.items():
        np.testing.assert_allclose(result.records[record], arrays[key], **tolerance, err_msg=key)
