"""Train the digits network of `talon demo`: 64 + 10 LIF neurons on scikit-learn's 8x8 digits, by surrogate gradients.

The forward pass is the meaning of `ir.Affine` and `ir.LIF` operation for operation, so exporting copies numbers and
converts nothing. Weights are trained on a grid of 1/64 within 8 signed bits and pixels are sixteenths: every sum of the
affine layers is exact in float32, and no order of summation, here or in an engine, can move a spike. The script proves
it: it runs the written file with `talon.engine` and compares every spike.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import Tensor, nn

from talon import ir
from talon.engine import run

ROOT = Path(__file__).resolve().parents[2]
DATA = ROOT / "packages/talon-core/src/talon/cli/data"
EXPECTED = ROOT / "tests/cli/digits_expected.json"

HIDDEN, CLASSES, STEPS, TAU, THRESHOLD = 64, 10, 24, 4.0, 1.0
PIXEL_SCALE, GRID, HELD_OUT, SPLIT_SEED = 1 / 16, 64, 360, 0
EPOCHS, BATCH, LEARNING_RATE, WEIGHT_DECAY = 60, 64, 5e-3, 1e-4
SLOPE = 5.0  # of the surrogate derivative, 1 / (1 + SLOPE |v - threshold|)^2
COUNT_SCALE = 0.5  # logits per output spike
RATE_PENALTY = 0.3  # loss at one hidden spike per neuron and step; it halves the spikes


@dataclass(frozen=True, eq=False)
class Digits:
    """Pixels 0..16 as uint8 `(N, 64)`, labels 0..9 as uint8 `(N,)`."""

    images: np.ndarray
    labels: np.ndarray

    @property
    def currents(self) -> Tensor:
        return torch.from_numpy(self.images * np.float32(PIXEL_SCALE))

    def accuracy(self, output: np.ndarray) -> float:
        """Share of images whose class has most spikes in `(STEPS, N, CLASSES)`, the lowest class among equals."""
        return float((output.sum(axis=0).argmax(axis=1) == self.labels).mean())


def split() -> tuple[Digits, Digits]:
    """The training images and the held-out ones, stratified by class."""
    data, target = (a.astype(np.uint8) for a in load_digits(return_X_y=True))
    parts = train_test_split(data, target, test_size=HELD_OUT, stratify=target, random_state=SPLIT_SEED)
    return Digits(parts[0], parts[2]), Digits(parts[1], parts[3])


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


def on_grid(values: Tensor) -> Tensor:
    """The nearest of the 255 multiples of 1/GRID around zero; the gradient passes straight through."""
    nearest = (values * GRID).round().clamp(-127, 127) / GRID
    return values + (nearest - values).detach()


def lif(v: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
    """One step of `ir.LIF` with r = 1, v_leak = 0 and a reset to 0: the new membrane and the spikes."""
    beta = 1 - 1 / TAU
    v = beta * v + (1 - beta) * x
    spikes = Spike.apply(v - THRESHOLD)
    return torch.where(spikes > 0, torch.zeros_like(v), v), spikes


class Network(nn.Module):
    """Affine, LIF, Affine, LIF; the input current is constant over the steps."""

    def __init__(self) -> None:
        super().__init__()
        self.fc1 = nn.Linear(64, HIDDEN)
        self.fc2 = nn.Linear(HIDDEN, CLASSES)
        with torch.no_grad():  # torch's initial weights are too small for a neuron to reach its threshold
            self.fc1.weight *= 2
            self.fc2.weight *= 2

    def exported(self) -> list[Tensor]:
        """Weight and bias of both layers, on the grid."""
        return [on_grid(p) for p in (self.fc1.weight, self.fc1.bias, self.fc2.weight, self.fc2.bias)]

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Spikes of both layers, `(STEPS, N, HIDDEN)` and `(STEPS, N, CLASSES)`, for currents `(N, 64)`."""
        weight1, bias1, weight2, bias2 = self.exported()
        v1, v2 = x.new_zeros(len(x), HIDDEN), x.new_zeros(len(x), CLASSES)
        current = x @ weight1.T + bias1
        steps: list[tuple[Tensor, Tensor]] = []
        for _ in range(STEPS):
            v1, hidden = lif(v1, current)
            v2, output = lif(v2, hidden @ weight2.T + bias2)
            steps.append((hidden, output))
        return torch.stack([h for h, _ in steps]), torch.stack([o for _, o in steps])


def train(digits: Digits, seed: int) -> Network:
    torch.manual_seed(seed)
    x, y = digits.currents, torch.from_numpy(digits.labels).long()
    network = Network()
    optimiser = torch.optim.AdamW(network.parameters(), LEARNING_RATE, weight_decay=WEIGHT_DECAY)
    rate = torch.optim.lr_scheduler.OneCycleLR(optimiser, LEARNING_RATE, total_steps=EPOCHS * -(-len(x) // BATCH))
    for epoch in range(1, EPOCHS + 1):
        for chosen in torch.randperm(len(x)).split(BATCH):
            hidden, output = network(x[chosen])
            loss = nn.functional.cross_entropy(output.sum(0) * COUNT_SCALE, y[chosen]) + RATE_PENALTY * hidden.mean()
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            rate.step()
        if epoch % 10 == 0:
            print(f"epoch {epoch:3}: loss of the last batch {loss.item():.4f}")
    return network.requires_grad_(False)


def export(network: Network, metadata: dict[str, Any]) -> ir.Graph:
    weight1, bias1, weight2, bias2 = (p.numpy() for p in network.exported())
    tau, r, v_leak, v_threshold = map(np.float32, (TAU, 1, 0, THRESHOLD))
    nodes = {
        "input": ir.Input([64]),
        "fc1": ir.Affine(weight1, bias1),
        "lif1": ir.LIF(tau, r, v_leak, v_threshold),
        "fc2": ir.Affine(weight2, bias2),
        "lif2": ir.LIF(tau, r, v_leak, v_threshold),
        "output": ir.Output([CLASSES]),
    }
    return ir.Graph(nodes, pairwise(nodes), dt=0.001, metadata=metadata)


def measure(file: Path, digits: Digits, network: Network) -> dict[str, Any]:
    """What the written file does on `digits` in `talon.engine`; stops when a single spike differs from torch's."""
    result = run(ir.read(file), digits.currents.numpy(), repeat=STEPS, record="*.spikes")
    for layer, trained in zip(("lif1", "lif2"), network(digits.currents), strict=True):
        if differing := np.count_nonzero(result.spikes[layer] != trained.numpy()):
            raise SystemExit(f"{differing} spikes of {layer} differ between talon.engine and torch")
    spikes = {layer: int(values.sum()) for layer, values in result.spikes.items()}
    accuracy = digits.accuracy(result.outputs["output"])
    return {"images": len(digits.labels), "steps": STEPS, "accuracy": accuracy, "spikes": spikes}


def main() -> None:
    parser = argparse.ArgumentParser(description="Train and write the network of talon demo.")
    parser.add_argument("--seed", type=int, default=0, help="seed of the weights and the batches (default 0)")
    parser.add_argument("--data", type=Path, default=DATA, help="folder for digits.t1c and digits_test.npz")
    parser.add_argument("--expected", type=Path, default=EXPECTED, help="file for the figures that a test compares")
    options = parser.parse_args()
    torch.set_num_threads(1)  # the order of the sums in the gradients must not depend on the machine's cores
    torch.use_deterministic_algorithms(True)

    training, held_out = split()
    network = train(training, options.seed)
    on_training, on_held_out = (d.accuracy(network(d.currents)[1].numpy()) for d in (training, held_out))
    metadata = {
        "task": "handwritten digits 0 to 9",
        "data": "scikit-learn load_digits: UCI Optical Recognition of Handwritten Digits (Alpaydin and Kaynak, 1998)",
        "data_licence": "CC BY 4.0",
        "split": f"train_test_split(test_size={HELD_OUT}, stratify=labels, random_state={SPLIT_SEED})",
        "training": f"surrogate gradients, {EPOCHS} epochs, seed {options.seed}; examples/digits/train.py",
        "steps": STEPS,
        "input_scale": PIXEL_SCALE,
        "coding": "constant current: pixels 0..16 times input_scale, the same at every step",
        "readout": "most output spikes over all steps; the lowest class among equals",
        "weight_grid": 1 / GRID,
        "training_accuracy": on_training,
        "held_out_accuracy": on_held_out,
    }
    file = options.data / "digits.t1c"
    ir.write(file, export(network, metadata))
    np.savez_compressed(options.data / "digits_test.npz", images=held_out.images, labels=held_out.labels)

    figures = measure(file, held_out, network)
    each = ", ".join(f"{layer} {n / HELD_OUT:.1f}" for layer, n in figures["spikes"].items())
    print(f"right: {on_training:.2%} of training, {on_held_out:.2%} of held-out images; spikes per image: {each}")
    options.expected.write_text(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    main()
