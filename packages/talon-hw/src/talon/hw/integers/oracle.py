"""The integers in numpy, one step after the other: the written meaning that every other execution must reproduce."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from talon.hw.integers import matrices
from talon.hw.integers.arithmetic import Arithmetic, Decay, Register, decayed, overflowed, shifted
from talon.hw.integers.pieces import Cell, Piece, Weights
from talon.ir import exact
from talon.ir.primitives.convolution import Convolution


class Firing(Protocol):
    """When neurons fire and what that does to them, as their node says it."""

    @property
    def reset(self) -> str: ...
    @property
    def comparator(self) -> str: ...
    def is_late(self) -> bool: ...


class Neurons(Protocol):
    """What the rule of a step reads of neurons: a whole node's, or those of one core."""

    @property
    def node(self) -> Firing: ...
    @property
    def threshold(self) -> np.ndarray: ...
    @property
    def reset(self) -> np.ndarray: ...
    @property
    def factor(self) -> np.ndarray: ...
    @property
    def decay(self) -> Decay | None: ...
    @property
    def shift(self) -> int: ...
    @property
    def input_bits(self) -> int: ...


def computed(
    piece: Piece, t: int, state: dict[str, np.ndarray], arguments: tuple[np.ndarray, ...], numeric: Arithmetic
) -> tuple[np.ndarray, ...]:
    """One step of a node."""
    if isinstance(piece, Weights):
        return (sums(piece, t, arguments[0], numeric),)
    if isinstance(piece, Cell):
        return (cell(piece, t, state, arguments[0], numeric),)
    return piece.values(t, *arguments)


def sums(piece: Weights, t: int, x: np.ndarray, numeric: Arithmetic) -> np.ndarray:
    """The sums of a layer, exact; or with every addition saturated, where the arithmetic says so."""
    node, weight, bias = piece.node, piece.weight_at(t), piece.bias_at(t)
    if piece.clipped:
        x = overflowed(x, numeric.accumulators)
    if numeric.accumulate == "sequential_saturate":
        return saturated_sums(piece, t, x, numeric.accumulators)
    if isinstance(node, Convolution):
        geometry = (node.strides, node.pads, node.dilations, node.group_count)
        return exact.convolve(x, weight, bias, *geometry)
    rows = matrices.sums(weight, x.reshape(-1, x.shape[-1]), bias, piece.columns)
    return rows.reshape(*x.shape[:-1], -1)


def saturated_sums(piece: Weights, t: int, x: np.ndarray, register: Register) -> np.ndarray:
    """One input after the other in the written order, each sum kept to the register."""
    node, weight, bias = piece.node, piece.weight_at(t), piece.bias_at(t)
    if not isinstance(node, Convolution):
        total = np.zeros((*x.shape[:-1], weight.shape[0]), np.int64)
        total = overflowed(total if bias is None else total + bias, register)
        return matrices.saturated(weight, x, total, register, piece.columns)
    total = np.zeros((len(x), *piece.shape), np.int64)
    if bias is not None:
        total = overflowed(total + bias.reshape(-1, *(1,) * (total.ndim - 2)), register)
    geometry = (node.strides, node.pads, node.dilations, node.group_count)
    for tap in np.ndindex(*weight.shape[2:]):
        for channel in range(weight.shape[1]):
            one = np.zeros_like(weight)
            place = (slice(None), channel, *tap)
            one[place] = weight[place]
            total = overflowed(total + exact.convolve(x, one, None, *geometry), register)
    return total


def tested(piece: Neurons, t: int, v: np.ndarray, x: np.ndarray, numeric: Arithmetic) -> np.ndarray:
    """The membrane that the spike test of a step finds, from that before the step and the sum that enters."""
    node, membranes = piece.node, numeric.membranes
    x = overflowed(x, Register(piece.input_bits, numeric.accumulators.overflow))
    x = shifted(x, piece.shift, numeric.rounding)
    pending = fires(v, piece) if node.is_late() and t > 0 else None
    if pending is not None and node.reset == "value":
        v = np.where(pending, piece.reset, v)
    if numeric.order[0] == "decay":
        v = overflowed((v if piece.decay is None else decayed(v, piece.factor, piece.decay)) + x, membranes)
    else:
        v = overflowed(v + x, membranes)
        v = v if piece.decay is None else overflowed(decayed(v, piece.factor, piece.decay), membranes)
    if pending is not None and node.reset == "subtract":
        v = overflowed(np.where(pending, v - piece.threshold, v), membranes)
    return v


def cell(piece: Neurons, t: int, state: dict[str, np.ndarray], x: np.ndarray, numeric: Arithmetic) -> np.ndarray:
    """One step of a neuron: as its float step, in integers."""
    node, membranes, late = piece.node, numeric.membranes, piece.node.is_late()
    v = tested(piece, t, state["v"].astype(np.int64), x, numeric)
    spikes = fires(v, piece)
    if not late and node.reset == "value":
        v = np.where(spikes, piece.reset, v)
    elif not late and node.reset == "subtract":
        v = overflowed(np.where(spikes, v - piece.threshold, v), membranes)
    state["v"] = v.astype(state["v"].dtype)
    return spikes.astype(np.int64)


def fires(v: np.ndarray, piece: Neurons) -> np.ndarray:
    return np.asarray(v >= piece.threshold if piece.node.comparator == "ge" else v > piece.threshold)
