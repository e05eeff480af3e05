"""`talon hw demo`: what the digits network of talon-core takes on each target, a network that does not fit, and the
digits in integers."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import click

from talon.cli.command import PATH, command
from talon.cli.output import Output

if TYPE_CHECKING:
    from talon.hw.accuracy import WidthRow
    from talon.hw.pricing import Energy
    from talon.hw.report import FitReport
    from talon.ir.graph import Graph


SHOWN = "generic-mesh"
"""The target whose cores are drawn and whose integers are run; of the others there is the verdict, what is wrong, and
what is not known."""
WIDTHS = (8, 4)
"""Of weights."""
SHOWN_SAMPLES = 16
"""Images in the report."""
CALIBRATION = 64
"""Images whose pixels, not their labels, set the scales."""


@command("demo")
@click.option("--save", "folder", type=PATH, help="Keep the artifact and its report in this folder.")
def demo(out: Output, folder: str | None) -> None:
    """Say how many cores the trained digits network takes on every target, what a misfit looks like, what the network
    does in integers, and run it core by core from an artifact, with a report.

    Example: talon hw demo --save demo
    """
    from talon.cli.demo import model_path
    from talon.storage import read

    path = model_path()
    graph = read(path)
    reports = fit_everywhere(graph)
    out.line(f"read     {path}")
    out.line(f"         {' -> '.join(type(node).__name__ for node in graph.nodes.values())}\n")
    for report in reports:
        out.line(report.verdict())
        if report.target == SHOWN:
            for line in report.bars():
                out.line(f"  {line}")
        for finding in {finding.message: finding for finding in report.errors}.values():
            out.line(f"  {finding.message}: {finding.expected}; found {finding.found}")
        if report.warnings:
            out.line(f"  not known of {report.target}: {', '.join(unknown(report))}")
        out.line()
    misfit = too_large()
    out.line("a network that does not fit: 32 maps of 64 x 64 neurons")
    out.line(misfit.verdict())
    for finding in misfit.errors:
        for line in str(finding).splitlines():
            out.line(f"  {line}")
    rows = in_integers(graph)
    show_integers(out, graph, rows)
    built = on_cores(graph, folder)
    show_cores(out, built)
    out.data = {
        "model": str(path),
        "artifact": built.as_dict(),
        "targets": [report.as_dict() for report in reports],
        "misfit": misfit.as_dict(),
        "widths": [row.as_dict() for row in rows],
    }
    out.line(f"\nnext: 'talon demo --save .' copies {path.name} here, then try")
    quantise = f"talon hw quantize {path.name} --calibration digits.npy --steps {graph.metadata['steps']} --bits 4"
    deploying = f"talon hw deploy digits4.t1c --calibration digits.npy --steps {graph.metadata['steps']}"
    for words, meaning in (
        (f"talon hw check {path.name} --target zcu102", "the whole report"),
        ("talon hw targets show generic-mesh", "every number and its source"),
        (f"{quantise} -o digits4.t1c", "the integers in a file"),
        (f"{deploying} -o digits4.talonhw", "an artifact that runs alone"),
    ):
        out.line(f"  {words:<90} {meaning}")


def fit_everywhere(graph: Graph) -> list[FitReport]:
    """`hw.check` of the graph on every target that ships."""
    from talon import hw

    return [hw.check(graph, name) for name in hw.targets()]


def unknown(report: FitReport) -> list[str]:
    """The resources that could not be checked because the target does not say."""
    from talon.hw.report import Finding

    return [w.resource for w in report.warnings if isinstance(w, Finding) and w.resource]


def too_large() -> FitReport:
    """`hw.check` of one convolution with 131,072 neurons on `generic-mesh`, which has 16,384."""
    import numpy as np

    from talon import hw
    from talon.ir import IF, Conv2d, Graph, Input, Output

    conv = Conv2d(np.zeros((32, 2, 3, 3), np.float32), None, padding="same")
    graph = Graph.chain(Input([2, 64, 64]), conv, IF(1.0), Output([32, 64, 64]))
    return hw.check(graph, SHOWN)


def in_integers(graph: Graph) -> list[WidthRow]:
    """The held-out images by the network in floats, and in integers of `WIDTHS`."""
    from talon import hw
    from talon.cli.demo import drive, test_images

    images, labels = test_images()
    currents = drive(graph, images)
    steps = int(graph.metadata["steps"])
    return list(
        hw.by_width(
            graph, currents, labels, calibration=currents[:CALIBRATION], repeat=steps, bits=WIDTHS, target=SHOWN
        )
    )


@dataclass(frozen=True)
class OnCores:
    """The network run from its artifact, over all held-out images. `path` and `report`: of the artifact and the page
    about it, None where they were not kept; `size` in bytes."""

    path: str | None
    report: str | None
    size: int
    cores: int
    accuracy: float
    same: bool
    packets: float
    energy: Energy

    def as_dict(self) -> dict[str, Any]:
        """Plain values, as `--json` prints them."""
        return asdict(self) | {"energy": self.energy.as_dict()}


def on_cores(graph: Graph, folder: str | None) -> OnCores:
    """Deploy the network in 8 bits on `SHOWN`, save it, load it again and run it from the artifact alone."""
    import tempfile
    from pathlib import Path

    import numpy as np

    from talon import hw
    from talon.cli.demo import drive, test_images
    from talon.engine import run

    images, labels = test_images()
    currents, steps = drive(graph, images), int(graph.metadata["steps"])
    quantised = hw.quantize(graph, SHOWN, calibration=currents[:CALIBRATION], repeat=steps, bits=WIDTHS[0])
    build = hw.deploy(quantised, SHOWN, calibration=currents[:CALIBRATION], repeat=steps)
    with tempfile.TemporaryDirectory() as temporary:
        path = Path(folder or temporary) / "digits.talonhw"
        build.save(path, overwrite=True)
        build, size = hw.load(path), path.stat().st_size
    page = None
    if folder is not None:
        page = Path(folder) / "report.html"
        told = build.report(currents[:SHOWN_SAMPLES], repeat=steps, graph=graph, quantised=quantised, title="digits")
        page.write_text(told.to_html(), encoding="utf-8")
    result = build.run(currents, repeat=steps)
    expected = run(quantised, currents, repeat=steps, engine="integer")
    (output,), (other,) = result.outputs.values(), expected.outputs.values()
    return OnCores(
        None if folder is None else str(path),
        None if page is None else str(page),
        size,
        build.cores,
        float((output.sum(axis=0).argmax(axis=1) == labels).mean()),
        bool(np.array_equal(output, other)),
        result.packets / len(labels),
        build.energy(result, samples=len(labels)),
    )


def show_cores(out: Output, found: OnCores) -> None:
    """What the artifact is, and what running it gave."""
    from talon.hw.accuracy import told

    out.line(f"\nthe network in {WIDTHS[0]} bits from its artifact, spike by spike on {found.cores} core of {SHOWN}:")
    out.line(
        f"  accuracy {found.accuracy:.1%}, {told(found.energy)} nJ an image, {found.packets:,.0f} packets between cores"
    )
    out.line(f"  the same spikes as the integer engine: {'yes' if found.same else 'no'}")
    where = found.path or "not kept; --save FOLDER keeps it, and writes a report"
    out.line(f"  artifact of {found.size:,} bytes: {where}")
    if found.report is not None:
        out.line(f"  report, one page for a browser: {found.report}")


def show_integers(out: Output, graph: Graph, rows: list[WidthRow]) -> None:
    """The table of widths, and where its energies come from."""
    from talon.cli.demo import test_images
    from talon.hw.accuracy import HEAD, told

    count = len(test_images()[1])
    out.line(
        f"\nthe network in integers of {SHOWN}: {count} images, {graph.metadata['steps']} steps, figures per image"
    )
    out.table(HEAD, [row.cells() for row in rows])
    narrow = next(row for row in rows if row.bits is not None)
    out.line(f"\nenergy of {narrow.name}, {told(narrow.energy)} nJ an image, by the cost rows of {SHOWN}:")
    out.table(
        ("operation", "per image", "row", "price", "nJ"),
        [
            (line.what, f"{line.count:,.0f}", line.row, str(line.price), f"{(line.picojoules or 0) / 1e3:,.2f}")
            for line in narrow.energy.lines
        ],
    )
    for key, citation in narrow.energy.citations.items():
        out.line(f"{key}: {citation}")
    out.line("not in it: additions of biases, comparisons, routes on the chip, clocks, leakage")
