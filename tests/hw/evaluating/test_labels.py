"""Labels that no largest output can be are refused, and not counted as wrong answers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from talon import hw, ir

GRAPH = ir.Graph.chain(ir.Input([2]), ir.Affine(np.eye(2, dtype=np.float32)), ir.IF(1.0), ir.Output(None))
X = np.ones((3, 4, 2), np.float32)


@pytest.mark.parametrize(
    "labels", [np.eye(3), [0.5, 1.0, 0.0], ["a", "b", "c"], [None] * 3, 3, [[1], [1, 2], [0]]], ids=str
)
def test_other_labels(labels: Any) -> None:
    with pytest.raises(ir.TalonRunError) as caught:
        hw.evaluate(GRAPH, X, labels=labels)
    assert caught.value.code == "T413"
    assert "argmax" in (caught.value.help or "")


def test_decide_may_have_labels_of_its_own() -> None:
    found = hw.evaluate(GRAPH, X, labels=["a", "a", "b"], decide=lambda outputs: "a")
    assert found.accuracy == pytest.approx(2 / 3)
