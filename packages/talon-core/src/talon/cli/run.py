"""`talon run F --input X`"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click

from talon.cli.command import PATH, TRUSTED, command
from talon.cli.output import Output


@command("run")
@click.argument("file", type=PATH)
@click.option(
    "--input", "source", type=PATH, required=True, help="Arrays: .npy for one Input, .npz with one array per Input."
)
@click.option("--steps", type=click.IntRange(min=1), help="Hold an input without time axis for this many steps.")
@click.option("--record", default="", help="What to record, such as spikes,v or lif1.spikes (then -o is needed).")
@click.option("--dtype", type=click.Choice(["float32", "float64"]), default="float32", show_default=True)
@click.option("--engine", default="auto", show_default=True, help="Engine by name.")
@click.option("-o", "--output", "target", type=PATH, help="Write outputs and records to this .npz.")
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

    Example: talon run net.t1c --input x.npz --steps 32 -o y.npz
    """
    from talon.engine import run as run_graph
    from talon.ir.errors import TalonFileError, TalonRunError
    from talon.storage import read

    if target and os.path.lexists(target) and not force:
        raise TalonFileError("T306", "the output file exists already", file=target, help="pass --force to replace it")
    wanted = [pattern(word) for word in record.split(",") if word]
    if wanted and not target:
        raise TalonRunError("T404", "records need a file to go to", help="add -o records.npz")
    graph = read(file, trusted=trusted)
    with out.progress("running") as progress:
        result = run_graph(
            graph,
            load_arrays(source, list(graph.inputs)),
            repeat=steps,
            record=wanted,
            dtype=dtype,
            engine=engine,
            progress=progress,
        )
    totals = result.counts.total()
    out.data = {
        "engine": result.engine.name,
        "why": result.engine.why,
        "steps": result.state.step,
        "outputs": {name: {"shape": list(a.shape), "sum": float(a.sum())} for name, a in result.outputs.items()},
        "counts": totals,
        "written": target,
    }
    for name, array in result.outputs.items():
        axes = "x".join(map(str, array.shape))
        out.line(f"{name}: {array.dtype} {axes}, sum {array.sum():g}, largest {array.max():g}")
    out.line(f"spikes {totals['spikes']:,}, synaptic operations {totals['synops']:,} of {totals['macs']:,} dense")
    out.line(f"engine {result.engine}")
    if target:
        save(target, result)
        out.note(f"written to {target}")


def pattern(word: str) -> str:
    """`spikes` means `*.spikes`; anything with a dot stands for itself."""
    return word if "." in word else f"*.{word}"


def load_arrays(source: str, names: list[str]) -> Any:
    """One array from `.npy`, a dict by Input name from `.npz` (a single one may have any name)."""
    import numpy as np

    from talon.ir.errors import TalonFileError, TalonFormatError

    try:
        found = np.load(source, allow_pickle=False)
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
