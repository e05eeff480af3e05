"""The networks on all 10,000 test images, by width: written to whole.json, which `make accuracy` tells.

500 images cannot tell half a point from chance; the whole test set, from Debian's package `dataset-fashion-mnist`, can.
Needs talon-hw and no torch: run it with the project's own environment.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
from dataset import FOLDER, HERE, SUBSET, load

from talon import hw, ir
from talon.cli.demo import drive
from talon.engine import run

WHOLE = HERE / "whole.json"
WIDTHS, CHUNK = (8, 6, 4), 500
NEAR = 1  # spikes by which an answer leads


def counted(graph: ir.Graph, images: np.ndarray, engine: str) -> np.ndarray:
    """Output spikes of every class, `(N, 10)`."""
    steps = int(graph.metadata["steps"])
    parts = [
        run(graph, drive(graph, images[start : start + CHUNK]), repeat=steps, engine=engine)
        .outputs["output"]
        .sum(axis=0)
        for start in range(0, len(images), CHUNK)
    ]
    return np.concatenate(parts)


def measured(kind: str, images: np.ndarray, labels: np.ndarray, calibration: np.ndarray) -> dict[str, Any]:
    """Accuracy in floats and by width, and which answers change. `near`: of the changed ones, those that led by at
    most one spike in floats."""
    graph = ir.read(HERE / f"fashion_{kind}.t1c")
    floats = counted(graph, images, "auto")
    right = floats.argmax(axis=1) == labels
    first, second = np.sort(floats, axis=1)[:, :-3:-1].T
    lead = first - second
    widths = []
    for bits in WIDTHS:
        steps = int(graph.metadata["steps"])
        quantised = hw.quantize(graph, calibration=drive(graph, calibration), repeat=steps, bits=bits)
        answers = counted(quantised, images, "integer").argmax(axis=1)
        changed, now = answers != floats.argmax(axis=1), answers == labels
        widths.append(
            {
                "bits": bits,
                "accuracy": float(now.mean()),
                "changed": int(changed.sum()),
                "near": int((changed & (lead <= NEAR)).sum()),
                "lost": int((right & ~now).sum()),
                "won": int((~right & now).sum()),
            }
        )
    tied = int((lead == 0).sum())
    return {"images": len(labels), "accuracy": float(right.mean()), "tied": tied, "widths": widths}


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure the Fashion-MNIST networks on the whole test set.")
    parser.add_argument("--source", type=Path, default=FOLDER, help="folder of the four .gz files")
    test = load(parser.parse_args().source, "t10k")
    with np.load(SUBSET, allow_pickle=False) as data:
        calibration = data["calibration"]
    found = {kind: measured(kind, test.images, test.labels, calibration) for kind in ("conv", "ghost")}
    WHOLE.write_text(json.dumps(found, indent=2) + "\n")


if __name__ == "__main__":
    main()
