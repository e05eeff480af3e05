"""The one written order of floating-point sums, in numpy.

One accumulator per output element starts at `bias + 0.0` and takes the products in ascending input index (convolution:
ky, kx, input channel), each product rounded before it is added. The accumulator is never -0.0, so a zero input changes
no bit and may be skipped. Vectorised over outputs and batch, never over the summed index.
"""

from __future__ import annotations

from typing import Any

import numpy as np

CHUNK = 1 << 18
"""Elements of one block of products (1 MiB of float32)."""


def settle(v: np.ndarray) -> np.ndarray:
    """State below the smallest normal number becomes +0.0: a silent membrane never computes in subnormals."""
    tiny = np.finfo(v.dtype).tiny
    return np.where(np.abs(v) < tiny, v.dtype.type(0), v)


def ordered_sum(terms: np.ndarray) -> np.ndarray:
    """Sum over the first axis, in ascending order, into one accumulator of the array's dtype."""
    total = np.zeros(terms.shape[1:], terms.dtype)
    for term in terms:
        total = total + term
    return total


def affine(x: np.ndarray, weight_t: np.ndarray, bias: np.ndarray | None) -> np.ndarray:
    """`x (N, in)` times `weight_t (in, out)` plus bias `(out,)`, summed over `in` in ascending order."""
    n, out = x.shape[0], weight_t.shape[1]
    total = np.zeros((n, out), x.dtype)
    if bias is not None:
        total += bias
    active = np.flatnonzero((x != 0).any(axis=0))
    if n > 8 or n * out == 1:
        for i in active:
            total += x[:, i, None] * weight_t[i]
        return total
    # np.add.reduce over the first axis of a C-contiguous block adds row after row (a test guards it).
    rows = max(1, CHUNK // (n * out))
    for start in range(0, len(active), rows):
        chosen = active[start : start + rows]
        block = np.empty((len(chosen) + 1, n, out), x.dtype)
        block[0] = total
        np.multiply(x.T[chosen, :, None], weight_t[chosen, None, :], out=block[1:])
        total = np.add.reduce(block, axis=0)
    return total


def affine_by_columns(
    x: np.ndarray, columns: tuple[np.ndarray, np.ndarray, np.ndarray], outs: int, bias: np.ndarray | None
) -> np.ndarray:
    """`affine` with a sparse weight `(out, in)` by columns, as `CSR.by_columns` gives it."""
    ends, rows, values = columns
    total = np.zeros((x.shape[0], outs), x.dtype)
    if bias is not None:
        total += bias
    # Input after input; the outputs of one differ, so that each is added to once.
    for i in np.flatnonzero((x != 0).any(axis=0)):
        own = slice(ends[i], ends[i + 1])
        total[:, rows[own]] += x[:, i, None] * values[own]
    return total


def convolve(
    x: np.ndarray,
    weight: np.ndarray,
    bias: np.ndarray | None,
    stride: tuple[int, ...],
    pads: tuple[tuple[int, int], ...],
    dilation: tuple[int, ...],
    groups: int,
) -> np.ndarray:
    """Cross-correlation of `x (N, C, *size)` with `weight (O, C/groups, *kernel)` over any number of spatial axes."""
    n, channels = x.shape[:2]
    outputs, per_group, *kernel = weight.shape
    padded = np.pad(x, ((0, 0), (0, 0), *pads)) if any(p != (0, 0) for p in pads) else x
    size = tuple(
        (length - d * (k - 1) - 1) // s + 1
        for length, k, s, d in zip(padded.shape[2:], kernel, stride, dilation, strict=True)
    )
    blank = (1,) * len(kernel)
    total = np.zeros((n, groups, outputs // groups, *size), x.dtype)
    if bias is not None:
        total += bias.reshape(groups, -1, *blank)
    grouped = padded.reshape(n, groups, channels // groups, *padded.shape[2:])
    weights = weight.reshape(groups, outputs // groups, per_group, *kernel)
    for tap in np.ndindex(*kernel):
        window: tuple[Any, ...] = tuple(
            slice(k * d, k * d + (o - 1) * s + 1, s) for k, d, o, s in zip(tap, dilation, size, stride, strict=True)
        )
        for channel in range(per_group):
            values = grouped[(slice(None), slice(None), channel, *window)]
            if not values.any():
                continue
            factors = weights[(slice(None), slice(None), channel, *tap)].reshape(groups, -1, *blank)
            total += values[:, :, None] * factors
    return total.reshape(n, outputs, *size)


def taps(size: int, out: int, kernel: int, stride: int, begin: int, dilation: int) -> np.ndarray:
    """For each position of an axis, how many (output, kernel tap) pairs read it."""
    read = np.arange(out)[:, None] * stride + np.arange(kernel) * dilation - begin
    inside = read[(read >= 0) & (read < size)]
    return np.bincount(inside, minlength=size)


def at_step(array: np.ndarray, per_step: bool, t: int) -> Any:
    """Entry `t` modulo its length where the array carries a step axis."""
    return array[t % array.shape[0]] if per_step else array
