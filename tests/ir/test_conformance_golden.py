"""Golden vectors that an author hands to the conformance kit beside its own random instances."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from talon import ir
from talon.testing.primitives import Golden, check_golden, check_primitive


def test_golden_vectors_are_compared() -> None:
    gain, x = ir.Affine(np.diag([2.0, 3.0])), np.ones((4, 1, 2))
    right = Golden(gain, [x], [np.broadcast_to([2.0, 3.0], (4, 1, 2))], name="by hand")
    check_primitive(ir.Affine, range(1), golden=[right])
    off = replace(right, outputs=[np.broadcast_to([2.0, 3.001], (4, 1, 2))])
    with pytest.raises(AssertionError, match="4 of 8 values are not the golden ones") as caught:
        check_primitive(ir.Affine, range(1), golden=[right, off])
    assert "golden case by hand of Affine" in caught.value.__notes__[0]
    check_golden(replace(off, atol=0.01))
    with pytest.raises(AssertionError, match="Mismatched elements"):
        check_golden(replace(off, atol=0.0001))


def test_golden_vectors_of_another_shape_port_or_primitive_are_refused() -> None:
    gain, x = ir.Affine([[2.0]]), np.ones((4, 1, 1))
    with pytest.raises(AssertionError, match="golden output is"):
        check_golden(Golden(gain, [x], [np.full((4, 1, 1, 1), 2.0)]))
    with pytest.raises(AssertionError, match="2 golden outputs for 1 ports"):
        check_golden(Golden(gain, [x], [2 * x, 2 * x]))
    with pytest.raises(AssertionError, match="is of Affine, not of SConv"):
        check_primitive(ir.SConv, (), golden=[Golden(gain, [x], [2 * x])])


def test_golden_spikes_are_equal_whatever_the_tolerance() -> None:
    x = np.full((4, 1, 1), 0.5)
    spikes = np.array([0, 1, 0, 1.0]).reshape(4, 1, 1)
    check_golden(Golden(ir.IF(1.0), [x], [spikes]))
    with pytest.raises(AssertionError, match="values are not the golden ones"):
        check_golden(Golden(ir.IF(1.0), [x], [1 - spikes], rtol=1.0, atol=1.0))


def test_golden_vectors_of_a_split_go_port_by_port_and_in_float64() -> None:
    split, x = ir.ChannelSplit((1, 2)), np.arange(6.0).reshape(2, 1, 3) / 3
    check_golden(Golden(split, [x], [x[..., :1], x[..., 1:]], dtype="float64"))
    joined = np.concatenate([x, -x], axis=2)
    check_golden(Golden(ir.Concat(2), [x, -x], [joined], dtype="float64"))
    with pytest.raises(AssertionError, match="not the golden ones"):
        check_golden(Golden(ir.Concat(2), [-x, x], [joined], dtype="float64"))
