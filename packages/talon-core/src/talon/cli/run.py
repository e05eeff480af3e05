"""`talon run F --input X`"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from talon.cli.command import PATH, TRUSTED, command
from talon.cli.output import Output

if TYPE_CHECKING:
    from talon.engine import Result


@command("run")
@click.argument("file", type=PATH)
@click.option(
    "--input", "source", type=PATH, required=True, help="Arrays: .npy for one Input, .npz with one array per Input."
)
@click.option("--steps", type=click.IntRange(min=1), help="Hold an input without time axis for this many steps.")
@click.option("--record", default="", help="What to record, such as spikes,v or lif1.spikes (then -o is needed).")
@click.option("--dtype", type=click.Choice(["float32", "float64"]), default="float32", show_default=True)
@click.option("--engine", default="auto", show_default=True, help="Engine by name.")
@click.option(
    "-o", "--output", "--save", "target", type=PATH, help="Write outputs and records to this .h5, .zarr or .npz."
)
@click.option("--force", is_flag=True, help="Replace the output file if it exists.")
@TRUSTED
def run(
    out: Output,
    file: str,
    source: str,
    steps: int | None,
    record: str,
    dtype: str,
    engine: str,
    target: str | None,
    force: bool,
    trusted: bool,
) -> None:
    """Run FILE on arrays of shape (steps, batch, ...), or (batch, ...) with --steps.

    However many steps there are, they take little memory, unless the results go to a .npz, which is made as a whole.

    Example: talon run net.t1c --input x.npz --steps 32 --record spikes -o y.h5
    """
    from talon.engine import record_to, stream
    from talon.engine import run as run_graph
    from talon.ir.errors import TalonFileError, TalonRunError
    from talon.storage import read
    from talon.storage.recording import is_recording

    if target and os.path.lexists(target) and not force:
        raise TalonFileError("T306", "the output file exists already", file=target, help="pass --force to replace it")
    wanted = [pattern(word) for word in record.split(",") if word]
    if wanted and not target:
        raise TalonRunError("T404", "records need a file to go to", help="add -o records.h5")
    graph = read(file, trusted=trusted)
    arrays = load_arrays(source, list(graph.inputs))
    how: dict[str, Any] = {"repeat": steps, "record": wanted, "dtype": dtype, "engine": engine}
    found = Found()
    with out.progress("running") as progress:
        if target and not is_recording(Path(target)):
            result = run_graph(graph, arrays, progress=progress, **how)
            found.add(result)
            save(target, result)
        else:
            chunks = found.told(stream(graph, arrays, **how), steps or length(arrays), progress)
            if target:
                record_to(target, chunks, graph=graph)
            else:
                for _ in chunks:
                    pass
    use = found.engine
    out.data = {
        "engine": use.name,
        "why": use.why,
        "steps": found.steps,
        "outputs": {name: {"shape": shape, "sum": found.sums[name]} for name, shape in found.shapes.items()},
        "counts": found.counts,
        "written": target,
    }
    for name, shape in found.shapes.items():
        axes = "x".join(map(str, shape))
        out.line(f"{name}: {dtype} {axes}, sum {found.sums[name]:g}, largest {found.largest[name]:g}")
    counts = found.counts
    out.line(f"spikes {counts['spikes']:,}, synaptic operations {counts['synops']:,} of {counts['macs']:,} dense")
    out.line(f"engine {use}")
    if target:
        out.note(f"written to {target}")


class Found:
    """What is told of a run, gathered chunk by chunk."""

    def __init__(self) -> None:
        self.steps = 0
        self.shapes: dict[str, list[int]] = {}
        self.sums: dict[str, float] = {}
        self.largest: dict[str, float] = {}
        self.counts: dict[str, int] = {}

    def add(self, result: Result) -> None:
        self.steps, self.engine = result.state.step, result.engine
        for name, array in result.outputs.items():
            self.shapes[name] = [self.steps, *array.shape[1:]]
            self.sums[name] = self.sums.get(name, 0.0) + float(array.sum(dtype=float))
            self.largest[name] = max(self.largest.get(name, float("-inf")), float(array.max()))
        for quantity, total in result.counts.total().items():
            self.counts[quantity] = self.counts.get(quantity, 0) + total

    def told(
        self, results: Iterator[Result], steps: int, progress: Callable[[int, int], None] | None
    ) -> Iterator[Result]:
        """The results, as they go by."""
        for result in results:
            self.add(result)
            if progress is not None:
                progress(self.steps, steps)
            yield result


def length(arrays: Any) -> int:
    """How many steps there are."""
    first = next(iter(arrays.values())) if isinstance(arrays, dict) else arrays
    return len(first) if first.ndim else 0


def pattern(word: str) -> str:
    """`spikes` means `*.spikes`; anything with a dot stands for itself."""
    return word if "." in word else f"*.{word}"


def load_arrays(source: str, names: list[str]) -> Any:
    """One array from `.npy`, read as it is used; from `.npz` a dict by Input name (a single one may have any name)."""
    import numpy as np

    from talon.ir.errors import TalonFileError, TalonFormatError

    try:
        try:
            found = np.load(source, mmap_mode="r", allow_pickle=False)
        except ValueError:
            found = np.load(source, allow_pickle=False)  # an empty array cannot be mapped
        if isinstance(found, np.ndarray):
            return found
        with found:
            arrays = {name: found[name] for name in found.files}
    except OSError as error:
        raise TalonFileError("T301", "the input cannot be opened", file=source, found=str(error)) from error
    except Exception as error:
        raise TalonFormatError(
            "T303",
            "the input is no .npy or .npz file of plain numbers",
            file=source,
            found="something else" if "pickle" in str(error) else f"{type(error).__name__}: {error}",
            help="save it with numpy.save or numpy.savez",
        ) from error
    if len(arrays) == 1 and len(names) == 1:
        return next(iter(arrays.values()))
    return arrays


def save(target: str, result: Any) -> None:
    """Outputs and records as one npz: `outputs/NAME`, `records/NODE.QUANTITY`."""
    import numpy as np

    from talon.storage.atomic import replacing

    arrays = {f"outputs/{name}": array for name, array in result.outputs.items()}
    arrays |= {f"records/{name}": array for name, array in result.records.items()}
    with replacing(Path(target)) as temporary, open(temporary, "wb") as file:
        np.savez_compressed(file, **arrays)
