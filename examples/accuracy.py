"""Write docs/accuracy.md: three trained networks in floats and in integers of `generic-mesh`, by the files that ship.

Neither torch nor a data set is needed. The figures of the digits also go to tests/hw/digits_expected.json. `--check`
writes nothing; the exit status says whether the page is what would be written.
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from talon import hw, ir
from talon.cli import demo
from talon.engine import compare
from talon.engine.comparing.outcome import RATES
from talon.hw.accuracy import HEAD, WidthRow
from talon.hw.demo import CALIBRATION

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs/accuracy.md"
DIGITS = ROOT / "tests/hw/digits_expected.json"
FASHION = ROOT / "examples/fashion"
TARGET, WIDTHS = "generic-mesh", (8, 6, 4)
WHOLE_HEAD = ("numbers", "accuracy", "points to float32", "their standard error")
WHOLE_HEAD += ("answers changed", "of them led by 0 or 1 spike", "lost", "won")
RECORDED = ("bits", "accuracy", "spikes", "synops")


@dataclass(frozen=True, eq=False)
class Case:
    """A trained network and its images, as it takes them. `whole`: what was measured on the whole test set."""

    title: str
    graph: ir.Graph
    inputs: np.ndarray
    labels: np.ndarray
    calibration: np.ndarray
    calibrated_by: str
    whole: Mapping[str, Any] | None = None

    @property
    def steps(self) -> int:
        return int(self.graph.metadata["steps"])

    def rows(self) -> list[WidthRow]:
        how: Any = {"calibration": self.calibration, "repeat": self.steps, "bits": WIDTHS, "target": TARGET}
        return list(hw.by_width(self.graph, self.inputs, self.labels, **how))

    def layers(self) -> list[tuple[str, ...]]:
        """Where the spikes of 8 bits part from those of floats, a row for each layer."""
        quantised = hw.quantize(self.graph, TARGET, calibration=self.calibration, repeat=self.steps, bits=WIDTHS[0])
        return compare(self.graph, quantised, self.inputs, repeat=self.steps, what="spikes").rates()


def digits() -> Case:
    graph = ir.read(demo.model_path())
    images, labels = demo.test_images()
    inputs = demo.drive(graph, images)
    calibrated_by = f"the first {CALIBRATION} of them, without their labels"
    return Case("Digits, dense", graph, inputs, labels, inputs[:CALIBRATION], calibrated_by)


def fashion(kind: str, title: str) -> Case:
    graph = ir.read(FASHION / f"fashion_{kind}.t1c")
    with np.load(FASHION / "fashion_subset.npz", allow_pickle=False) as data:
        inputs, labels = demo.drive(graph, data["images"]), data["labels"]
        calibration = demo.drive(graph, data["calibration"])
    whole = json.loads((FASHION / "whole.json").read_text())[kind]
    return Case(title, graph, inputs, labels, calibration, f"{len(calibration)} training images", whole)


CASES: dict[str, Callable[[], Case]] = {
    "digits": digits,
    "conv": lambda: fashion("conv", "Fashion-MNIST, convolutional"),
    "ghost": lambda: fashion("ghost", "Fashion-MNIST, ghost convolutions"),
}


def section(case: Case, rows: list[WidthRow]) -> str:
    """The part of the page about one network."""
    kinds = " -> ".join(type(node).__name__ for node in case.graph.nodes.values())
    return "\n".join(
        [
            f"## {case.title}",
            "",
            f"`{kinds}`, {len(case.labels)} test images, {case.steps} steps; calibrated with {case.calibrated_by}.",
            "",
            f"| {' | '.join(HEAD)} |",
            "|---|" + "---:|" * (len(HEAD) - 1),
            *(f"| {' | '.join(row.cells())} |" for row in rows),
            "",
            *([] if case.whole is None else of_the_whole(case.whole)),
            f"{WIDTHS[0]} bits layer by layer (a: float32, b: integers), on the images of the first table:",
            "",
            f"| {' | '.join(RATES)} |",
            "|---|" + "---:|" * (len(RATES) - 1),
            *(f"| {' | '.join(row)} |" for row in case.layers()),
            "",
        ]
    )


def of_the_whole(found: Mapping[str, Any]) -> Iterator[str]:
    """The accuracy on all test images, where half a point is more than chance, and which answers change."""
    count = found["images"]
    ties = f"{found['tied']:,} are ties in float32"
    yield f"On all {count:,} test images, of which {ties} (recorded by `make accuracy-whole`):"
    yield ""
    yield f"| {' | '.join(WHOLE_HEAD)} |"
    yield "|---|" + "---:|" * (len(WHOLE_HEAD) - 1)
    yield f"| float32 | {found['accuracy']:.2%} | | | | | | |"
    for row in found["widths"]:
        points = 100 * (row["accuracy"] - found["accuracy"])
        # Of a difference of two networks on the same images: each answer that turns right or wrong counts 1.
        chance = 100 * math.sqrt(row["lost"] + row["won"]) / count
        cells = [f"{row['accuracy']:.2%}", f"{points:+.2f}", f"{chance:.2f}"]
        cells += [f"{row[key]:,}" for key in ("changed", "near", "lost", "won")]
        yield f"| {row['bits']} bits | {' | '.join(cells)} |"
    yield ""


def prices(row: WidthRow) -> Iterator[str]:
    """Which rows price a network, with their sources."""
    for line in row.energy.lines:
        yield f"| {row.name} | {line.what} | `{line.row}` | {line.price} |"


def page(cases: dict[str, Case], rows: dict[str, list[WidthRow]]) -> str:
    floats, narrow = rows["digits"][:2]
    sources = [f"- `{key}`: {text}" for key, text in narrow.energy.citations.items()]
    tables = [section(case, rows[name]) for name, case in cases.items()]
    return "\n".join([HEADER, *tables, ENERGY, *prices(floats), *prices(narrow), "", *sources, ""])


HEADER = f"""\
# Accuracy in integers

What trained networks lose when their weights become integers of `{TARGET}` of 8, 6 and 4 bits: `hw.quantize`, then
`engine="integer"`, which computes to the bit as the target does. Written by `make accuracy` from files that ship; a
test compares the page with a fresh run. Accuracy is the share of test images whose class has most output spikes, the
lowest class among equals; all other figures are per image, over all steps.

Few images tell little: of N images on which k answers turn from right to wrong or back, the difference of two
accuracies has a standard error of sqrt(k) / N. With 500 images that is most of a point, so that whether 8 bits stay
within half a point of float32 is seen on the whole test set alone. The answers that change are near things: in float32
most of them lead by no spike or by one, out of the 8 that a neuron can send. `talon compare FLOAT QUANTISED --on X`
says in which layer the spikes of an image first part, and by which margin ([comparing](comparing.md)).
"""

ENERGY = f"""\
## Where the energies come from

Counted operations times the cost rows of `{TARGET}`, by `hw.energy`. A synaptic operation is one addition, and a
multiplication where the input is not 0 or 1, as the pixels of the first layer are; it reads one weight. A neuron update
is one addition, and a multiplication for each decay; it reads and writes one membrane, a write at the price of a read.
A width that has no row takes the next wider one: accumulators have 24 bits, and weights of 6 and 4 bits take whole
words of the 8-bit memory, so that narrower weights save only by the spikes that they change. Memory is priced as if it
had 8 KiB, the only size with a published row; that of the target is larger. Additions of biases, comparisons, routes on
the chip, clocks and leakage are not in it. So these are lower bounds, for comparing the rows of a table with each
other.

| network | operation | row | price |
|---|---|---|---|"""


def main() -> None:
    parser = argparse.ArgumentParser(description="Write the table of accuracy by width.")
    parser.add_argument("--check", action="store_true", help="write nothing; exit with 1 if the page would change")
    options = parser.parse_args()
    cases = {name: make() for name, make in CASES.items()}
    rows = {name: case.rows() for name, case in cases.items()}
    recorded = [{key: row.as_dict()[key] for key in RECORDED} for row in rows["digits"]]
    written = {PAGE: page(cases, rows), DIGITS: json.dumps(recorded, indent=2) + "\n"}
    stale = [path for path, text in written.items() if not path.exists() or path.read_text() != text]
    for path in stale:
        print(f"{path.relative_to(ROOT)}: {'would be written otherwise' if options.check else 'written'}")
        if not options.check:
            path.write_text(written[path])
    if options.check and stale:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
