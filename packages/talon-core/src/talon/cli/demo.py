"""`talon demo`: a trained spiking network on real handwritten digits, from package data."""

from __future__ import annotations

import time
from dataclasses import dataclass
from importlib.resources import as_file, files
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from talon.cli.command import PATH, command
from talon.cli.output import Output

if TYPE_CHECKING:
    import numpy as np

    from talon.ir.graph import Graph

DATA = files("talon.cli") / "data"


@dataclass(frozen=True)
class DemoReport:
    """What the network did on the held-out images. `confusion[true, predicted]` counts images."""

    predicted: np.ndarray
    confusion: np.ndarray
    accuracy: float
    counts: dict[str, int]
    per_layer: dict[str, dict[str, int]]
    raster: np.ndarray
    seconds: float


@command("demo")
@click.option("--save", "folder", type=PATH, help="Also copy the network and its test images to this folder.")
@click.option("--force", is_flag=True, help="Replace files that exist there.")
def demo(out: Output, folder: str | None, force: bool) -> None:
    """Read a trained network from a .t1c file, check it, and run it on 360 held-out handwritten digits.

    Example: talon demo --save .
    """
    from talon.storage import read

    written = save(Path(folder), force) if folder is not None else None
    path = model_path()
    graph = read(path)
    images, labels = test_images()
    out.line(f"read     {path}")
    out.line(f"         {len(graph.nodes)} nodes: {' -> '.join(type(node).__name__ for node in graph.nodes.values())}")
    report = graph.check()
    report.raise_errors()
    out.line(f"checked  {report.summary()}")
    with out.progress("running") as progress:
        found = classify(graph, images, labels, progress)
    steps, count = int(graph.metadata["steps"]), len(labels)
    out.data = {
        "model": str(path),
        "images": count,
        "steps": steps,
        "accuracy": found.accuracy,
        "counts": found.counts,
        "per_layer": found.per_layer,
        "seconds": found.seconds,
        "confusion": found.confusion.tolist(),
    }
    sparse = found.counts["synops"] / found.counts["macs"]
    out.line(f"ran      {count} images that it was not trained on, {steps} steps each\n")
    out.line(f"accuracy               {found.accuracy:.1%}")
    out.line(f"spikes                 {found.counts['spikes'] / count:,.0f} per image")
    out.line(
        f"synaptic operations    {found.counts['synops'] / count:,.0f} per image, {sparse:.0%} of a dense network's"
    )
    out.line(f"time                   {found.seconds / count * 1e3:.2f} ms per image\n")
    out.line("what was shown (rows) and what was answered (columns):")
    rows = [(digit, *(n or "." for n in row)) for digit, row in enumerate(found.confusion.tolist())]
    out.table(("", *map(str, range(10))), rows)
    out.line(f"\nspikes of the ten output neurons for the first image, a {labels[0]}, over {steps} steps:")
    for digit, row in enumerate(found.raster):
        out.line(f"  {digit} {''.join('|' if spike else '.' for spike in row)}  {int(row.sum())}")
    if written is None:
        out.line("\nnext: 'talon demo --save .' copies the network and the images here, then try")
        network, arrays = "digits.t1c", "digits.npy"
    else:
        network, arrays = map(str, written)
        out.line(f"\nwritten {network} and {arrays}; now try")
    for words, meaning in (
        (f"info {network}", "what the file holds"),
        (f"ls {network}", "its nodes and shapes"),
        (f"show {network} lif1", "one node in full"),
        (f"check {network}", "every problem at once"),
        (f"run {network} --input {arrays} --steps {steps}", "the network on arrays of your own"),
        ("hw demo", "what it takes on a chip (talon-hw)"),
    ):
        out.line(f"  talon {words:<50} {meaning}")


def save(folder: Path, force: bool) -> tuple[Path, Path]:
    """Copy the network, and write its test images as it takes them, float32 `(360, 64)`; returns both paths."""
    import numpy as np

    from talon.ir.errors import TalonFileError
    from talon.storage import read
    from talon.storage.atomic import replacing

    network, arrays = folder / "digits.t1c", folder / "digits.npy"
    for path in (network, arrays):
        if path.exists() and not force:
            raise TalonFileError("T306", "the file exists already", file=str(path), help="pass --force to replace it")
    with replacing(network) as temporary:
        temporary.write_bytes(model_path().read_bytes())
    images = drive(read(model_path()), test_images()[0])
    with replacing(arrays) as temporary, open(temporary, "wb") as file:
        np.save(file, images)
    return network, arrays


def model_path() -> Path:
    """The trained network that ships with talon-core."""
    with as_file(DATA / "digits.t1c") as path:
        return path


def test_images() -> tuple[np.ndarray, np.ndarray]:
    """The held-out images, uint8 `(360, 64)` of 0 to 16, and their digits."""
    import numpy as np

    with as_file(DATA / "digits_test.npz") as path, np.load(path, allow_pickle=False) as data:
        images, labels = data["images"], data["labels"]
    return images.reshape(len(labels), -1), labels


def drive(graph: Graph, images: np.ndarray) -> np.ndarray:
    """Images as the network takes them: float32, scaled, `(images, *shape of the Input)`."""
    (entry,) = graph.inputs.values()
    return (images * float(graph.metadata["input_scale"])).astype("f4").reshape(len(images), *(entry.shape or ()))


def classify(graph: Graph, images: np.ndarray, labels: np.ndarray, progress: Any = None) -> DemoReport:
    """Hold every image for the network's number of steps; the answer is the output neuron that spikes most."""
    import numpy as np

    from talon.engine import run

    steps = int(graph.metadata["steps"])
    start = time.perf_counter()
    result = run(graph, drive(graph, images), repeat=steps, progress=progress)
    seconds = time.perf_counter() - start
    (spikes,) = result.outputs.values()
    totals = spikes.sum(axis=0)
    predicted = totals.argmax(axis=1)
    confusion = np.zeros((10, 10), np.int64)
    np.add.at(confusion, (labels, predicted), 1)
    return DemoReport(
        predicted,
        confusion,
        float((predicted == labels).mean()),
        result.counts.total(),
        {path: result.counts.total(path) for path in result.counts},
        spikes[:, 0].T,
        seconds,
    )
