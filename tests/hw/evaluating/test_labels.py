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


@pytest.mark.parametrize("pairs", [False, True])
@pytest.mark.parametrize("wrong", [2, 99, -1])
def test_numbers_of_no_output(wrong: int, pairs: bool) -> None:
    labels = [0] * (len(X) - 1) + [wrong]
    given = {"dataset": list(zip(X, labels, strict=True))} if pairs else {"dataset": X, "labels": labels}
    with pytest.raises(ir.TalonRunError, match=rf"labels from 0 to 1; found {wrong}"):
        hw.evaluate(GRAPH, **given)  # type: ignore[arg-type]


def test_whoever_decides_may_have_other_numbers() -> None:
    found = hw.evaluate(GRAPH, X, labels=[99] * len(X), decide=lambda outputs: 99)
    assert found.accuracy == 1.0
