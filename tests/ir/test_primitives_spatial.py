"""Pools and resampling against naive loops and values worked by hand."""

from __future__ import annotations

import math
from fractions import Fraction
from itertools import product
from typing import Any

import numpy as np
import pytest

from talon import ir


def pooled_length(n: int, k: int, s: int, p: int, d: int, ceil: bool) -> int:
    """How many windows, counted one by one: a window counts if it fits, or in ceil mode if it starts in time."""
    count = 0
    while True:
        start = count * s
        fits = start + d * (k - 1) + 1 <= n + 2 * p
        # by ceil one more window is begun when any of the padded axis is left over, and dropped beyond n + p
        begun = ceil and (count - 1) * s + d * (k - 1) + 1 < n + 2 * p and start < n + p
        if not fits and not begun:
            return count
        count += 1


@pytest.mark.parametrize("ceil", [False, True])
def test_pool_sizes_counted_one_by_one(ceil: bool) -> None:
    for n, k, s, d in product(range(1, 10), range(1, 5), range(1, 5), (1, 2)):
        for p in range(k // 2 + 1):
            if n + 2 * p < d * (k - 1) + 1:
                continue
            pool = ir.MaxPool2d(k, s, p, d, ceil)
            assert pool.infer((1, n, n))[1] == pooled_length(n, k, s, p, d, ceil), (n, k, s, p, d)


def test_ceil_drops_a_window_that_starts_in_the_back_padding(run: Any) -> None:
    x = np.arange(1.0, 6).reshape(1, 1, 5, 1) * np.ones((1, 1, 1, 5))
    # 5 + 2*1 padded = 7, windows of 2 every 3: by ceil at 0, 3, 6; the last starts at 6 = 5 + 1 and is dropped
    y = run(ir.MaxPool2d(2, 3, 1, ceil_mode=True), x)[0, 0]
    assert y.shape == (2, 2)
    assert y[:, 0].tolist() == [1, 4]
    kept = run(ir.MaxPool2d(2, 2, 0, ceil_mode=True), x)[0, 0]
    assert kept[:, 0].tolist() == [2, 4, 5]


def test_max_pool(run: Any) -> None:
    x = -np.arange(1.0, 17).reshape(1, 1, 4, 4)
    assert run(ir.MaxPool2d(2), x)[0, 0].tolist() == [[-1, -3], [-9, -11]]
    # padding is minus infinity, not zero
    assert run(ir.MaxPool2d(3, 2, 1), x)[0, 0].tolist() == [[-1, -2], [-5, -6]]
    assert run(ir.MaxPool2d(2, 1, 0, 2), x)[0, 0].tolist() == [[-1, -2], [-5, -6]]


def test_avg_pool_divisors(run: Any) -> None:
    x = np.ones((1, 1, 5, 5))
    included = run(ir.AvgPool2d(3, 2, 1, True, True), x)[0, 0]
    excluded = run(ir.AvgPool2d(3, 2, 1, True, False), x)[0, 0]
    assert included[0].tolist() == [np.float32(4 / 9), np.float32(6 / 9), np.float32(4 / 9)]
    assert np.array_equal(excluded, np.ones((3, 3)))
    # in ceil mode the last window is clipped to the padded map: 2 of 3 columns at the edge
    clipped = run(ir.AvgPool2d(3, 3, 0, True, True), x)[0, 0]
    assert np.array_equal(clipped, np.ones((2, 2)))


@pytest.mark.parametrize(("ceil", "count"), [*product([False, True], [False, True])])
def test_avg_pool_by_loops(run: Any, ceil: bool, count: bool) -> None:
    x = np.random.default_rng(0).integers(-8, 8, (2, 6, 7)).astype(float)
    k, s, p = (3, 4), (2, 3), (1, 2)
    node = ir.AvgPool2d(k, s, p, ceil, count)
    y = run(node, x[None], dtype=np.float64)[0]
    for c, i, j in np.ndindex(*y.shape):
        top, left = i * s[0] - p[0], j * s[1] - p[1]
        values = [
            x[c, r, q] for r in range(top, top + k[0]) for q in range(left, left + k[1]) if 0 <= r < 6 and 0 <= q < 7
        ]
        padded = (min(top + k[0], 6 + p[0]) - top) * (min(left + k[1], 7 + p[1]) - left)
        assert y[c, i, j] == sum(values) / (padded if count else len(values))


def nearest(n: int, f: Fraction) -> list[int]:
    return [min(math.floor(i / f), n - 1) for i in range(math.floor(n * f))]


@pytest.mark.parametrize(
    ("factor", "ratio"),
    [
        (2, Fraction(2)),
        (1.3, Fraction(13, 10)),
        (0.75, Fraction(3, 4)),
        (0.7, Fraction(7, 10)),
        (1 / 3, Fraction(1, 3)),
    ],
)
@pytest.mark.parametrize("n", [4, 10, 20, 30])
def test_nearest_in_exact_ratios(run: Any, factor: float, ratio: Fraction, n: int) -> None:
    x = np.arange(float(n)).reshape(1, 1, n, 1)
    y = run(ir.Upsample((factor, 1)), x)[0, 0, :, 0]
    assert y.tolist() == nearest(n, ratio)


def test_nearest_worked_by_hand(run: Any) -> None:
    x = np.arange(4.0).reshape(1, 1, 4, 1)
    assert run(ir.Upsample((1.3, 1)), x)[0, 0, :, 0].tolist() == [0, 0, 1, 2, 3]
    assert run(ir.Upsample((0.75, 1)), x)[0, 0, :, 0].tolist() == [0, 1, 2]
    # with a size the step is in/out
    assert run(ir.Upsample(size=(6, 1)), x)[0, 0, :, 0].tolist() == [0, 0, 1, 2, 2, 3]
    assert run(ir.Upsample(99, size=(3, 2)), x)[0, 0].tolist() == [[0, 0], [1, 1], [2, 2]]


def test_size_comes_from_size_else_from_the_factor() -> None:
    assert ir.Upsample(1.3).infer((2, 10, 20)) == (2, 13, 26)
    assert ir.Upsample((0.7, 1.5)).infer((2, 10, 3)) == (2, 7, 4)
    assert ir.Upsample(7, size=(3, 4)).infer((2, 10, 20)) == (2, 3, 4)


def test_bilinear_worked_by_hand(run: Any) -> None:
    x = np.array([0.0, 4.0]).reshape(1, 1, 1, 2)
    # places max((j + .5)/2 - .5, 0) = 0, .25, .75, 1.25
    assert run(ir.Upsample((1, 2), mode="bilinear"), x).ravel().tolist() == [0, 1, 3, 4]
    aligned = ir.Upsample(size=(1, 5), mode="bilinear", align_corners=True)
    assert run(aligned, x).ravel().tolist() == [0, 1, 2, 3, 4]
    single = ir.Upsample(size=(1, 1), mode="bilinear", align_corners=True)
    assert run(single, x).ravel().tolist() == [0]


def test_bilinear_weighs_four_neighbours(run: Any) -> None:
    x = np.array([[0.0, 4], [8, 12]]).reshape(1, 1, 2, 2)
    y = run(ir.Upsample(2, mode="bilinear"), x)[0, 0]
    assert y.tolist() == [[0, 1, 3, 4], [2, 3, 5, 6], [6, 7, 9, 10], [8, 9, 11, 12]]
