"""`talon hw deploy FILE -o NET` and `talon hw run NET --input X`"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from talon.cli.command import PATH, TRUSTED, command
from talon.cli.exits import Exit
from talon.cli.output import Output
from talon.cli.run import load_arrays, pattern, save
from talon.hw.names import TARGET, refuse_same
from talon.hw.report import plural
from talon.ir.errors import TalonFileError, TalonRunError, TalonTargetError

if TYPE_CHECKING:
    from talon.hw.deploying.build import Build
    from talon.hw.deploying.result import BuildResult


@command("deploy")
@click.argument("file", type=PATH)
@TARGET
@click.option(
    "--calibration", "source", type=PATH, help="A representative input: .npy, or .npz by Input. Floats need one."
)
@click.option("--steps", type=click.IntRange(min=1), help="Hold an input without time axis for this many steps.")
@click.option("--bits", type=int, help="Width of weights, where FILE is in floats; by default the target's.")
@click.option("--seed", type=click.IntRange(0, 2**63 - 1), default=0, show_default=True, help="Of the mapping.")
@click.option(
    "--partitioner",
    default="auto",
    show_default=True,
    help="Who says which tiles share a core: talon's own, or mtkahypar of the extra 'mapping'.",
)
@click.option("-o", "--output", type=PATH, required=True, help="Where the artifact goes, such as net.talonhw.")
@click.option("--force", is_flag=True, help="Replace the artifact if it exists.")
@TRUSTED
def deploy(
    out: Output,
    file: str,
    name: str,
    source: str | None,
    steps: int | None,
    bits: int | None,
    seed: int,
    partitioner: str,
    output: str,
    force: bool,
    trusted: bool,
) -> Exit:
    """Put FILE on the cores of a target, and write an artifact that runs alone. Exits with 5 when it does not fit.

    A network in floats is quantised first, with the calibration.

    Example: talon hw deploy net.t1c --calibration x.npy --steps 32 -o net.talonhw
    """
    from talon import hw
    from talon.hw.fit_shown import show_report
    from talon.storage import read

    if steps is not None and source is None:
        raise click.UsageError("--steps is for a --calibration without time axis")
    refuse_same(output, file, source)
    if os.path.lexists(output) and not force:
        raise TalonFileError("T306", "the artifact exists already", file=output, help="pass --force to replace it")
    target = hw.target(name)
    graph = read(file, trusted=trusted)
    arrays = None if source is None else load_arrays(source, list(graph.inputs))
    if not graph.quantization_config:
        if arrays is None:
            raise TalonRunError(
                "T508",
                "the network is in floats, and cores compute in integers",
                file=file,
                expected="--calibration X.npy, from which its scales follow",
                found="none",
                help="give a representative input, or quantise it first with 'talon hw quantize'",
            )
        graph = hw.quantize(graph, target, calibration=arrays, repeat=steps, bits=bits)
    elif bits is not None:
        raise click.UsageError(f"{file} is in integers already; --bits is for a network in floats")
    try:
        build = hw.deploy(graph, target, calibration=arrays, repeat=steps, seed=seed, partitioner=partitioner)
    except TalonTargetError:
        report = hw.check(graph, target)
        if report.ok:
            raise
        # The error names the first problem, the report all of them.
        out.data = report.as_dict() | {"written": None}
        show_report(out, report)
        out.line(f"{file}: {report.verdict()}")
        return Exit.DOES_NOT_FIT
    build.save(output, overwrite=force)
    out.data = described(build) | {"written": output, "bytes": Path(output).stat().st_size}
    show_build(out, build)
    out.line(f"{output}: {out.data['bytes']:,} bytes; run it with 'talon hw run {output} --input X.npy'")
    return Exit.OK


def described(build: Build) -> dict[str, Any]:
    """A build as plain values, as `--json` prints them."""
    from talon.hw.wishes import PASS

    chip = build.chip
    return {
        "target": build.target.id,
        "target_hash": build.target.hash,
        "graph": build.graph,
        "calibration": build.calibration,
        "seed": build.seed,
        "cores": build.cores,
        "neurons": sum(chip.neurons),
        "tiles": len(chip.tiles),
        "routes": len(chip.routes.cores),
        "assumed": list(build.assumed),
        "host": build.host_nodes(),
        "hints": [dict(line) for line in build.ledger if line.get("pass") == PASS],
        "layers": [
            {
                "name": " + ".join(layer.members),
                "neurons": sum(tile.size for tile in chip.tiles if tile.layer == number),
                "tiles": sum(tile.layer == number for tile in chip.tiles),
                "cores": len({tile.core for tile in chip.tiles if tile.layer == number}),
            }
            for number, layer in enumerate(chip.layers)
        ],
    }


def show_build(out: Output, build: Build) -> None:
    """The layers as a table, what runs on the host, and what was assumed."""
    found = described(build)
    rows = [(row["name"], f"{row['neurons']:,}", f"{row['tiles']:,}", f"{row['cores']:,}") for row in found["layers"]]
    out.table(("layer", "neurons", "tiles", "cores"), rows)
    out.line()
    for hint in found["hints"]:
        out.line(f"hint {hint['node']}.{hint['field']}={hint['before']}: {hint['after']}")
    for node in found["host"]:
        out.line(f"on the host: {node['node']} ({node['type']})")
    if build.assumed:
        out.line(
            f"{build.target.id} does not say {', '.join(build.assumed)}: the network's own arithmetic is taken instead"
        )
    if build.golden is None:
        out.line("no golden sample to test a part with: give --calibration X.npy for one")
    out.line(
        f"{plural(found['neurons'], 'neuron')} in {plural(found['tiles'], 'tile')} on {plural(found['cores'], 'core')} "
        f"of {build.target.id}, {plural(found['routes'], 'route')}"
    )


@command("run")
@click.argument("file", type=PATH)
@click.option("--input", "source", type=PATH, help="Arrays: .npy for one Input, .npz with one array per Input.")
@click.option("--steps", type=click.IntRange(min=1), help="Hold an input without time axis for this many steps.")
@click.option("--record", default="", help="What to record, such as spikes,v or lif1.spikes (then -o is needed).")
@click.option("--verify", is_flag=True, help="Run the golden sample that the artifact carries, and compare.")
@click.option("-o", "--output", "target", type=PATH, help="Write outputs and records to this .npz.")
@click.option("--force", is_flag=True, help="Replace the output file if it exists.")
def run(
    out: Output,
    file: str,
    source: str | None,
    steps: int | None,
    record: str,
    verify: bool,
    target: str | None,
    force: bool,
) -> Exit:
    """Run the artifact FILE core by core, spike by spike, on arrays of shape (steps, batch, ...), or (batch, ...) with
    --steps. Exits with 1 when the golden sample goes another way.

    Example: talon hw run net.talonhw --input x.npy --steps 32
    """
    from talon import hw

    if (source is None) != verify:
        raise click.UsageError("give one of the two: --input X.npy to run, or --verify for the golden sample")
    if verify and (steps is not None or record or target):
        raise click.UsageError("--steps, --record and --output are for an --input; the golden sample only answers")
    if target:
        refuse_same(target, file, source)
    if target and os.path.lexists(target) and not force:
        raise TalonFileError("T306", "the output file exists already", file=target, help="pass --force to replace it")
    wanted = [pattern(word) for word in record.split(",") if word]
    if wanted and not target:
        raise TalonRunError("T404", "records need a file to go to", help="add -o records.npz")
    build = hw.load(file)
    if source is None:
        other = build.deviations()
        out.data = {"golden": not other, "deviations": other}
        out.line(f"{file}: the golden sample {'goes another way' if other else 'gives the answer it should'}")
        for what, each in other.items():
            out.line(f"  {what} {', '.join(map(str, each[:8]))}{', ...' if len(each) > 8 else ''}")
        return Exit.FINDINGS if other else Exit.OK
    arrays = load_arrays(source, list(build.chip.inputs))
    with out.progress("running") as progress:
        result = build.run(arrays, repeat=steps, record=wanted, progress=progress)
    if target:
        save(target, result)
    show_run(out, build, result, target)
    return Exit.OK


def show_run(out: Output, build: Build, result: BuildResult, target: str | None) -> None:
    """Outputs, what the cores did, and what that takes."""

    samples = next(iter(result.outputs.values())).shape[1] if result.outputs else 1
    energy, counts = build.energy(result, samples=samples), result.counts.total()
    out.data = {
        "steps": result.state.step,
        "outputs": {n: {"shape": list(a.shape), "sum": float(a.sum(dtype=float))} for n, a in result.outputs.items()},
        "counts": counts,
        "packets": result.packets,
        "energy_per_sample": energy.as_dict(),
        "written": target,
    }
    for name, array in result.outputs.items():
        axes = "x".join(map(str, array.shape))
        out.line(f"{name}: {array.dtype} {axes}, sum {array.sum(dtype=float):g}, largest {array.max():g}")
    out.line(f"spikes {counts['spikes']:,}, synaptic operations {counts['synops']:,}, packets {result.packets:,}")
    unknown = f"unknown: no row {', '.join(energy.unknown)}" if energy.unknown else ""
    out.line(
        f"energy {unknown or f'{(energy.picojoules or 0) / 1e3:,.1f} nJ'} a sample, by the rows of {energy.target}"
    )
    if target:
        out.note(f"written to {target}")
