"""Train the networks of the accuracy table on Fashion-MNIST by surrogate gradients, and write them as `.t1c`.

Each network is run in `talon.engine` from the written file; the script stops where its spikes are not torch's but for
a few that the order of float sums moves.
"""

from __future__ import annotations

import argparse
import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
from dataset import FOLDER, HERE, TEST, Images, load, write_subset
from networks import CLASSES, NETWORKS, STEPS
from torch import Tensor, nn

from talon import ir
from talon.engine import run

PIXEL_SCALE = 1 / 256
BATCH, LEARNING_RATE, WEIGHT_DECAY = 100, 4e-3, 1e-4
COUNT_SCALE = 0.6  # logits per output spike: small, so that the right neuron learns to win by several
RATE_PENALTY = 0.5  # loss at one spike per hidden neuron and step
MOVED = 1e-3  # share of the spikes that the order of float sums may move


def held(images: np.ndarray) -> Tensor:
    """Pixels as the network takes them, the same at every step."""
    x = torch.from_numpy(images.astype(np.float32) * np.float32(PIXEL_SCALE))[:, None]
    return x.expand(STEPS, *x.shape)


def train(kind: str, data: Images, epochs: int, seed: int) -> Any:
    torch.manual_seed(seed)
    network: Any = NETWORKS[kind]()
    labels = torch.from_numpy(data.labels.astype(np.int64))
    optimiser = torch.optim.AdamW(network.parameters(), LEARNING_RATE, weight_decay=WEIGHT_DECAY)
    total = epochs * -(-len(labels) // BATCH)
    rate = torch.optim.lr_scheduler.OneCycleLR(optimiser, LEARNING_RATE, total_steps=total)
    for epoch in range(1, epochs + 1):
        right = 0
        for chosen in torch.randperm(len(labels)).split(BATCH):
            *hidden, output = network(held(data.images[chosen.numpy()]))
            counts = output.sum(0)
            busy = torch.stack([spikes.mean() for spikes in hidden]).mean()
            loss = nn.functional.cross_entropy(counts * COUNT_SCALE, labels[chosen]) + RATE_PENALTY * busy
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            rate.step()
            right += int((counts.argmax(1) == labels[chosen]).sum())
        print(f"{kind}, epoch {epoch}: {right / len(labels):.2%} of the training images right", flush=True)
    return network.eval().requires_grad_(False)


def export(kind: str, network: Any, metadata: dict[str, Any]) -> Path:
    nodes = {"input": ir.Input([1, 28, 28]), **network.nodes(), "output": ir.Output([CLASSES])}
    file = HERE / f"fashion_{kind}.t1c"
    ir.write(file, ir.Graph(nodes, pairwise(nodes), dt=0.001, metadata=metadata), overwrite=True)
    return file


def measure(file: Path, network: Any, test: Images) -> dict[str, Any]:
    """What the written file does on the test images that are shipped, beside torch."""
    images, labels = test.images[:TEST], test.labels[:TEST]
    result = run(ir.read(file), held(images)[0].numpy(), repeat=STEPS, record="*.spikes")
    pairs = [
        (result.spikes[name], own.numpy()) for name, own in zip(network.spiking, network(held(images)), strict=True)
    ]
    moved = sum(int((a != b).sum()) for a, b in pairs) / sum(int(b.sum()) for _, b in pairs)
    if moved > MOVED:
        raise SystemExit(f"{moved:.2%} of the spikes of {file.name} differ between talon.engine and torch")
    counted = result.outputs["output"].sum(axis=0)
    return {
        "images": len(labels),
        "steps": STEPS,
        "accuracy": float((counted.argmax(axis=1) == labels).mean()),
        "spikes": {name: int(a.sum()) for name, (a, _) in zip(network.spiking, pairs, strict=True)},
        "spikes_moved": moved,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description="Train and write the Fashion-MNIST networks.")
    parser.add_argument("--seed", type=int, default=0, help="seed of the weights and the batches (default 0)")
    parser.add_argument("--epochs", type=int, default=3, help="passes over the training images (default 3)")
    parser.add_argument("--images", type=int, default=30_000, help="training images used (default 30,000 of 60,000)")
    parser.add_argument("--source", type=Path, default=FOLDER, help="folder of the four .gz files")
    parser.add_argument("--networks", nargs="+", default=list(NETWORKS), choices=list(NETWORKS), help="which (all)")
    options = parser.parse_args()
    torch.set_num_threads(1)  # the order of the sums in the gradients must not depend on the machine's cores
    torch.use_deterministic_algorithms(True)

    training, test = load(options.source, "train"), load(options.source, "t10k")
    write_subset(training, test)
    training = Images(training.images[: options.images], training.labels[: options.images])
    for kind in options.networks:
        network = train(kind, training, options.epochs, options.seed)
        right = 0
        for start in range(0, len(test.labels), 500):
            counts = network(held(test.images[start : start + 500]))[-1].sum(0)
            right += int((counts.argmax(1).numpy() == test.labels[start : start + 500]).sum())
        file = export(
            kind,
            network,
            {
                "task": "articles of clothing, 10 classes",
                "data": "Fashion-MNIST (Xiao, Rasul and Vollgraf, arXiv 1708.07747)",
                "data_licence": "MIT",
                "training": (
                    f"surrogate gradients, {options.epochs} epochs of {options.images} images, seed {options.seed}; "
                    "examples/fashion/train.py"
                ),
                "steps": STEPS,
                "input_scale": PIXEL_SCALE,
                "coding": "constant current: pixels 0..255 times input_scale, the same at every step",
                "readout": "most output spikes over all steps; the lowest class among equals",
                "test_accuracy": right / len(test.labels),
            },
        )
        figures = measure(file, network, test)
        (HERE / f"fashion_{kind}.json").write_text(json.dumps(figures, indent=2) + "\n")
        print(
            f"{kind}: {right / len(test.labels):.2%} of 10,000 test images right, {figures['accuracy']:.2%} of {TEST}"
        )


if __name__ == "__main__":
    main()
