"""The two networks in torch, whose forward pass means what the exported primitives mean."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from talon import ir

STEPS, CLASSES, THRESHOLD, TAU = 8, 10, 1.0, 2.0
SLOPE = 5.0  # of the surrogate derivative, 1 / (1 + SLOPE |v - threshold|)^2


class Spike(torch.autograd.Function):
    """A step at zero, with the derivative of a fast sigmoid (Zenke and Ganguli 2018) on the way back."""

    @staticmethod
    def forward(ctx: Any, distance: Tensor) -> Tensor:
        ctx.save_for_backward(distance)
        return (distance >= 0).to(distance.dtype)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        (distance,) = ctx.saved_tensors
        return gradients[0] / (1 + SLOPE * distance.abs()) ** 2


class Neurons(nn.Module):
    """`ir.LIF(tau, r=tau, v_leak=0)` for a tau above 1, `ir.IF` for None; reset to 0. Currents `(T, B, ...)`."""

    def __init__(self, tau: float | None) -> None:
        super().__init__()
        self.beta = 1.0 if tau is None else 1 - 1 / tau

    def forward(self, currents: Tensor) -> Tensor:
        v = torch.zeros_like(currents[0])
        spikes = []
        for current in currents:
            v = self.beta * v + current
            spike = Spike.apply(v - THRESHOLD)
            v = v * (1 - spike.detach())
            spikes.append(spike)
        return torch.stack(spikes)


class Sums(nn.Module):
    """A layer of weights and a batch norm over all steps, which goes into the weights when it is exported."""

    def __init__(self, layer: nn.Conv2d | nn.Linear) -> None:
        super().__init__()
        self.layer = layer
        dense = isinstance(layer, nn.Linear)
        self.norm = nn.BatchNorm1d(layer.out_features) if dense else nn.BatchNorm2d(layer.out_channels)

    def forward(self, x: Tensor) -> Tensor:
        return self.norm(self.layer(x.flatten(0, 1))).unflatten(0, x.shape[:2])

    def folded(self) -> tuple[np.ndarray, np.ndarray]:
        """Weight and bias with the norm inside."""
        norm, weight = self.norm, self.layer.weight.double()
        gain = norm.weight.double() / (norm.running_var.double() + norm.eps).sqrt()
        shift = norm.bias.double() - gain * norm.running_mean.double()
        folded = weight * gain.reshape(-1, *(1,) * (weight.ndim - 1))
        return folded.float().numpy(), shift.float().numpy()


def convolution(inner: int, outer: int, stride: int = 1, groups: int = 1) -> Sums:
    return Sums(nn.Conv2d(inner, outer, 3, stride, 1, groups=groups, bias=False))


class Convolutional(nn.Module):
    """Two convolutions of stride 2 and a dense layer, all with leaky neurons."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.conv2 = convolution(1, 12, 2), convolution(12, 24, 2)
        self.fc = Sums(nn.Linear(24 * 7 * 7, CLASSES, bias=False))
        self.neurons = Neurons(TAU)

    def forward(self, x: Tensor) -> list[Tensor]:
        """Spikes of every layer, `(STEPS, N, ...)`, for pixels `(STEPS, N, 1, 28, 28)`."""
        first = self.neurons(self.conv1(x))
        second = self.neurons(self.conv2(first))
        return [first, second, self.neurons(self.fc(second.flatten(2)))]

    def nodes(self) -> dict[str, Any]:
        return {
            "conv1": ir.Conv2d(*self.conv1.folded(), stride=2, padding=1),
            "lif1": leaky(),
            "conv2": ir.Conv2d(*self.conv2.folded(), stride=2, padding=1),
            "lif2": leaky(),
            "flatten": ir.Flatten(),
            "fc": ir.Affine(*self.fc.folded()),
            "lif3": leaky(),
        }

    spiking = ("lif1", "lif2", "lif3")


class Ghost(nn.Module):
    """A ghost encoder and a ghost convolution with integrate-and-fire neurons inside, then a dense leaky layer."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = convolution(1, 8, 2)
        self.primary1, self.cheap1 = convolution(8, 8), convolution(8, 8, groups=8)
        self.primary2, self.cheap2 = convolution(16, 16, 2), convolution(16, 16, groups=16)
        self.fc = Sums(nn.Linear(32 * 7 * 7, CLASSES, bias=False))
        self.inside, self.neurons = Neurons(None), Neurons(TAU)

    def forward(self, x: Tensor) -> list[Tensor]:
        """Spikes of every layer, `(STEPS, N, ...)`, for pixels `(STEPS, N, 1, 28, 28)`."""
        first = self.inside(self.conv1(x))
        primary1 = self.inside(self.primary1(first))
        cheap1 = self.inside(self.cheap1(primary1))
        primary2 = self.inside(self.primary2(torch.cat([primary1, cheap1], 2)))
        cheap2 = self.inside(self.cheap2(primary2))
        output = self.neurons(self.fc(torch.cat([primary2, cheap2], 2).flatten(2)))
        return [first, primary1, cheap1, primary2, cheap2, output]

    def nodes(self) -> dict[str, Any]:
        return {
            "encoder": ir.SGhostEncoderLite(
                *self.conv1.folded(), *self.primary1.folded(), *self.cheap1.folded(), stride=2, neuron="if"
            ),
            "ghost": ir.SGhostConv(*self.primary2.folded(), *self.cheap2.folded(), primary_stride=2, neuron="if"),
            "flatten": ir.Flatten(),
            "fc": ir.Affine(*self.fc.folded()),
            "lif": leaky(),
        }

    spiking = (
        "encoder/conv1_if",
        "encoder/ghost/primary_if",
        "encoder/ghost/cheap_if",
        "ghost/primary_if",
        "ghost/cheap_if",
        "lif",
    )


def leaky() -> ir.LIF:
    """With r = tau the input is added as it is."""
    return ir.LIF(*map(np.float32, (TAU, TAU, 0, THRESHOLD)))


NETWORKS: dict[str, type[Convolutional] | type[Ghost]] = {"conv": Convolutional, "ghost": Ghost}
