"""Linear layers, convolutions, normalisation, activations and joins: values worked by hand or by naive loops."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from talon import ir

GRID = np.random.default_rng(3)


def grid(*shape: int) -> np.ndarray:
    """Multiples of 1/64, whose sums are exact in any order."""
    return GRID.integers(-64, 65, shape) / 64


def naive_convolution(x: np.ndarray, w: np.ndarray, b: np.ndarray, stride: int, pads: tuple[int, int], dilation: int,
                      groups: int) -> np.ndarray:  # fmt: skip
    """One output at a time, straight from the definition; `pads` are before and after."""
    outputs, per_group, kh, kw = w.shape
    _, height, width = x.shape
    oh = (height + sum(pads) - dilation * (kh - 1) - 1) // stride + 1
    ow = (width + sum(pads) - dilation * (kw - 1) - 1) // stride + 1
    y = np.zeros((outputs, oh, ow))
    for o in range(outputs):
        group = o // (outputs // groups)
        for i in range(oh):
            for j in range(ow):
                total = b[o]
                for ky in range(kh):
                    for kx in range(kw):
                        row, column = i * stride + ky * dilation - pads[0], j * stride + kx * dilation - pads[0]
                        if 0 <= row < height and 0 <= column < width:
                            for c in range(per_group):
                                total += w[o, c, ky, kx] * x[group * per_group + c, row, column]
                y[o, i, j] = total
    return y


@pytest.mark.parametrize(
    ("stride", "padding", "dilation", "groups", "k"),
    [(1, 0, 1, 1, 3), (2, 1, 1, 1, 3), (1, 2, 2, 2, 3), (3, 0, 1, 4, 2), (1, "same", 2, 1, 2), (1, "same", 1, 1, 4)],
)
@pytest.mark.parametrize("cls", [ir.Conv2d, ir.SConv])
def test_conv2d(run: Any, cls: Any, stride: int, padding: Any, dilation: int, groups: int, k: int) -> None:
    x, w, b = grid(4, 7, 6), grid(8, 4 // groups, k, k), grid(8)
    total = dilation * (k - 1)
    pads = (total // 2, total - total // 2) if padding == "same" else (padding, padding)
    node = cls(w, b, stride, padding, dilation, groups)
    y = run(node, x[None])[0]
    assert y.shape == node.infer(x.shape)
    assert np.array_equal(y, naive_convolution(x, w, b, stride, pads, dilation, groups))


def test_same_puts_the_odd_zero_at_the_end(run: Any) -> None:
    node = ir.Conv1d(np.array([[[1.0, 10.0]]]), padding="same")
    assert run(node, [[[1, 2, 3]]]).tolist() == [[[21, 32, 3]]]
    assert run(ir.Conv1d(np.array([[[1.0, 10.0]]]), padding="valid"), [[[1, 2, 3]]]).tolist() == [[[21, 32]]]


def test_conv1d_is_a_cross_correlation(run: Any) -> None:
    node = ir.Conv1d(np.array([[[1.0, 2.0, 3.0]]]), np.array([0.5]), stride=2, padding=1)
    # windows (0,1,2) (2,3,4): 0+2+6+.5, 2+6+12+.5
    assert run(node, [[[1, 2, 3, 4]]]).tolist() == [[[8.5, 20.5]]]


def test_depthwise_and_separable(run: Any) -> None:
    x, w, b = grid(3, 5, 5), grid(3, 1, 3, 3), grid(3)
    depthwise = run(ir.SDConv(w, b, padding=1), x[None])[0]
    assert np.array_equal(depthwise, naive_convolution(x, w, b, 1, (1, 1), 1, 3))
    inner = ir.SepConv2d(w, grid(2, 3, 1, 1), b, None, stride=2, dilation=2, padding=2).decompose()
    assert inner.nodes["depthwise"].stride == (2, 2)  # type: ignore[attr-defined]
    assert inner.nodes["depthwise"].dilation == (2, 2)  # type: ignore[attr-defined]
    assert inner.nodes["pointwise"].padding == (0, 0)  # type: ignore[attr-defined]
    assert inner.edges == (("input", "depthwise"), ("depthwise", "pointwise"), ("pointwise", "output"))


def test_affine_on_the_last_axis(run: Any) -> None:
    w, b, x = grid(3, 4), grid(3), grid(2, 5, 4)
    y = run(ir.Affine(w, b), x[None])[0]
    for i in range(2):
        for j in range(5):
            assert y[i, j].tolist() == [b[o] + sum(w[o, k] * x[i, j, k] for k in range(4)) for o in range(3)]
    spiking = ir.SpikingAffine(w, b, "rate", 4, 8)
    assert np.array_equal(run(spiking, x[None])[0], y)


@pytest.mark.parametrize("cls", [ir.Affine, ir.SpikingAffine])
def test_step_axis_beyond_its_length(run: Any, cls: Any) -> None:
    weight, bias = np.array([[[1.0]], [[10.0]]]), np.array([[0.0], [0.25], [0.5]])
    y = run(cls(weight, bias), np.ones((7, 1)))
    assert y[:, 0].tolist() == [1, 10.25, 1.5, 10, 1.25, 10.5, 1]


def test_step_axis_of_convolutions(run: Any) -> None:
    weight = np.array([1.0, 10.0, 100.0]).reshape(3, 1, 1, 1, 1)
    assert run(ir.Conv2d(weight), np.ones((5, 1, 1, 1))).ravel().tolist() == [1, 10, 100, 1, 10]
    assert run(ir.SDConv(weight[:, :, :, :, :], np.array([0.5])), np.ones((4, 1, 1, 1))).ravel().tolist() == [
        1.5,
        10.5,
        100.5,
        1.5,
    ]
    line = ir.Conv1d(np.ones((1, 1, 1)), np.array([[0.0], [1.0]]))
    assert run(line, np.ones((3, 1, 1))).ravel().tolist() == [1, 2, 1]


def test_batch_norm(run: Any) -> None:
    mean, var, gamma, beta = [1.0, 2.0], [0.75, 3.75], [2.0, 3.0], [0.5, -0.5]
    node = ir.BatchNorm1d(2, gamma, beta, mean, var, eps=0.25)
    assert run(node, [[[2, 3], [4, 0]]]).tolist() == [[[2.5, 4.5], [2.5, -3.5]]]
    assert run(node, [[2, 4]]).tolist() == [[2.5, 2.5]]
    bare = ir.BatchNorm2d(2, None, None, mean, var, eps=0.25)
    assert run(bare, [[[[2]], [[4]]]]).ravel().tolist() == [1, 1]


def test_layer_norm(run: Any) -> None:
    # mean 2, biased variance 1, eps 3: (x - 2) / 2
    node = ir.LayerNorm((2, 2), [[2.0, 2], [2, 4]], [[1.0, 1], [1, 1]], eps=3.0)
    assert run(node, [[[[1, 3], [3, 1]]]]).tolist() == [[[[0, 2], [2, -1]]]]
    assert run(ir.LayerNorm((2,), eps=3.0), [[[1, 3], [13, 11]]]).tolist() == [[[-0.5, 0.5], [0.5, -0.5]]]


def close(a: Any, b: Any) -> None:
    np.testing.assert_allclose(np.asarray(a, float).ravel(), b, rtol=2e-6, atol=1e-7)


def test_pointwise_activations(run: Any) -> None:
    x = [[-2.0, -0.5, 0.0, 0.5, 100.0]]
    assert run(ir.ReLU(5), x).tolist() == [[0, 0, 0, 0.5, 100]]
    assert run(ir.ReLU(5, 0.5), x).tolist() == [[-1, -0.25, 0, 0.5, 100]]
    close(run(ir.Sigmoid(5), x), [1 / (1 + math.exp(-v)) for v in x[0]])
    close(run(ir.Tanh(5), x), [math.tanh(v) for v in x[0]])
    close(run(ir.ELU(5, 2.0), x), [v if v > 0 else 2 * math.expm1(v) for v in x[0]])
    close(run(ir.GELU(5, approximate=False), x), [v / 2 * (1 + math.erf(v / math.sqrt(2))) for v in x[0]])
    inner = [math.sqrt(2 / math.pi) * (v + 0.044715 * v**3) for v in x[0]]
    close(run(ir.GELU(5), x), [v / 2 * (1 + math.tanh(u)) for v, u in zip(x[0], inner, strict=True)])
    assert abs(run(ir.GELU(5), x) - run(ir.GELU(5, False), x)).max() > 1e-5


def test_activations_do_not_overflow(run: Any) -> None:
    with np.errstate(all="raise", under="ignore"):
        x = [[-1e30, 1e30, -200, 200]]
        assert run(ir.Sigmoid(4), x).tolist() == [[0, 1, 0, 1]]
        assert run(ir.ELU(4), x).tolist() == [[-1, np.float32(1e30), -1, 200]]
        assert run(ir.Softmax(4), x).tolist() == [[0, 1, 0, 0]]


def test_prelu_is_per_channel_on_axis_0(run: Any) -> None:
    x = -np.ones((1, 2, 2))
    assert run(ir.PReLU(2, [0.5, 0.25]), x).tolist() == [[[-0.5, -0.5], [-0.25, -0.25]]]
    assert run(ir.PReLU(2, 0.5), x).tolist() == [[[-0.5, -0.5], [-0.5, -0.5]]]


@pytest.mark.parametrize(("dim", "axis"), [(0, 0), (1, 1), (-1, 1), (-2, 0)])
def test_softmax_counts_axes_of_the_sample(run: Any, dim: int, axis: int) -> None:
    x = grid(3, 4)
    y = run(ir.Softmax(3, dim), x[None])[0]
    powers = np.exp(x)
    close(y, (powers / powers.sum(axis=axis, keepdims=True)).ravel())


def test_joins_and_splits(run: Any) -> None:
    a, b = np.arange(6.0).reshape(1, 2, 3), np.arange(3.0).reshape(1, 1, 3)
    assert run(ir.Concat(2), a, b)[0].tolist() == [[0, 1, 2], [3, 4, 5], [0, 1, 2]]
    assert run(ir.Concat(2, dim=-1), a, a)[0].tolist() == [[0, 1, 2, 0, 1, 2], [3, 4, 5, 3, 4, 5]]
    assert run(ir.Skip("concat"), b, a)[0].tolist() == [[0, 1, 2], [0, 1, 2], [3, 4, 5]]
    assert run(ir.Skip("add"), a)[0].tolist() == a[0].tolist()
    left, right = run(ir.ChannelSplit([1, 2], dim=1), a)
    assert left[0].tolist() == [[0], [3]]
    assert right[0].tolist() == [[1, 2], [4, 5]]
    assert run(ir.ChannelSplit([2]), a)[0].tolist() == a[0].tolist()


@pytest.mark.parametrize("node", [ir.Dropout(2, 0.9), ir.HybridRegion("snn", 2), ir.Skip("identity")])
def test_identities(run: Any, node: Any) -> None:
    x = grid(1, 2, 3)
    assert node.identity
    assert np.array_equal(run(node, x), x)


def test_step_mean(run: Any) -> None:
    assert run(ir.StepMean(), [[1.0], [2], [6], [-1]]).ravel().tolist() == [1, 1.5, 3, 2]


@pytest.mark.parametrize(
    ("start", "end", "shape"), [(0, -1, (24,)), (1, -1, (2, 12)), (0, 1, (6, 4)), (-2, -1, (2, 12)), (1, 1, (2, 3, 4))]
)
def test_flatten_honours_both_ends(run: Any, start: int, end: int, shape: tuple[int, ...]) -> None:
    x = np.arange(24.0).reshape(1, 2, 3, 4)
    assert np.array_equal(run(ir.Flatten(start, end), x)[0], x[0].reshape(shape))


def test_counts_of_operations() -> None:
    x = np.array([[0.0, 1, 2], [0, 0, 0]])
    assert ir.Affine(np.ones((5, 3))).count((x,), None)["macs"] == 15
    assert ir.Affine(np.ones((5, 3))).count((x,), None)["synops"].tolist() == [10, 0]
    conv = ir.Conv2d(np.ones((2, 1, 3, 3)), padding=1)
    image = np.zeros((1, 1, 4, 4))
    image[0, 0, 0, 0] = image[0, 0, 1, 1] = 1
    tally = conv.count((image,), np.zeros((1, 2, 4, 4)))
    assert tally["synops"].tolist() == [2 * 4 + 2 * 9]  # a corner is read by 4 windows, an inner pixel by 9
    assert tally["macs"] == 2 * (4 * 4 + 8 * 6 + 4 * 9)
