"""`talon hw quantize FILE --calibration X -o OUT`"""

from __future__ import annotations

import click

from talon.cli.command import PATH, TRUSTED, command
from talon.cli.output import Output
from talon.cli.run import load_arrays
from talon.hw.names import TARGET, refuse_same
from talon.ir.errors import TalonFileError


@command("quantize")
@click.argument("file", type=PATH)
@TARGET
@click.option(
    "--calibration", "source", type=PATH, required=True, help="A representative input: .npy, or .npz by Input."
)
@click.option("--steps", type=click.IntRange(min=1), help="Hold an input without time axis for this many steps.")
@click.option("--bits", type=int, help="Width of weights; by default the target's.")
@click.option("--method", default="mse", show_default=True, help="How scales are chosen: mse, max or percentile.")
@click.option("--percentile", type=float, help="For --method percentile; by default 99.9.")
@click.option("--input-bits", type=int, help="Width of Inputs that are not 0 and 1; by default the target's payload.")
@click.option("-o", "--output", type=PATH, required=True, help="Where the quantised network goes. FILE stays as it is.")
@click.option("--force", is_flag=True, help="Replace the new file if it exists.")
@TRUSTED
def quantize(
    out: Output,
    file: str,
    name: str,
    source: str,
    steps: int | None,
    bits: int | None,
    method: str,
    percentile: float | None,
    input_bits: int | None,
    output: str,
    force: bool,
    trusted: bool,
) -> None:
    """Write FILE in integers of a target, with every rewrite told and the spikes of both networks compared.

    Example: talon hw quantize net.t1c --calibration x.npy --bits 8 -o net8.t1c
    """
    from pathlib import Path

    from talon import hw
    from talon.storage import read, write

    if percentile is not None and method != "percentile":
        raise click.UsageError(f"--percentile is for --method percentile, not for {method!r}")
    refuse_same(output, file, source)
    if Path(output).exists() and not force:
        raise TalonFileError("T306", "the new file exists already", file=output, help="pass --force to replace it")
    target = hw.target(name)
    graph = read(file, trusted=trusted)
    arrays = load_arrays(source, list(graph.inputs))
    quantised = hw.quantize(
        graph,
        target,
        calibration=arrays,
        repeat=steps,
        bits=bits,
        method=method,
        percentile=99.9 if percentile is None else percentile,
        input_bits=input_bits,
    )
    report = hw.quantization_report(graph, quantised, arrays, repeat=steps)
    write(output, quantised, overwrite=force)
    out.data = report.as_dict() | {"target": target.id, "written": output}
    for line in report.ledger:
        why = f" ({line['why']})" if "why" in line else ""
        out.line(f"{line['pass']}: {line['node']}.{line['field']}: {line['before']} -> {line['after']}{why}")
    out.line()
    head, *rows = report.table()
    out.table(head, rows)
    out.line()
    for proof in report.proofs:
        out.line(str(proof))
    sizes = [Path(path).stat().st_size for path in (file, output) if Path(path).is_file()]
    smaller = f", {sizes[1]:,} bytes of {sizes[0]:,}" if len(sizes) == 2 else ""
    out.line(f"{output}: integers for {target.id}{smaller}; run it with 'talon run {output} --engine integer'")
