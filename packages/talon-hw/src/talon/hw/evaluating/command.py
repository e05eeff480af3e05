"""`talon hw evaluate FILE --input X --labels Y`"""

from __future__ import annotations

from typing import Any

import click

from talon.cli.command import PATH, TRUSTED, command
from talon.cli.exits import Exit
from talon.cli.output import Output
from talon.cli.run import load_arrays
from talon.ir.errors import TalonRunError


@command("evaluate")
@click.argument("file", type=PATH)
@click.option(
    "--input", "source", type=PATH, required=True, help="Samples first: .npy, or .npz with one array per Input."
)
@click.option("--labels", type=PATH, help="The right answers, one for each sample: .npy.")
@click.option("--steps", type=click.IntRange(min=1), help="Hold samples without time axis for this many steps.")
@click.option("--engine", default="auto", show_default=True, help="Engine by name.")
@click.option("--processes", type=click.IntRange(min=1), help="Share the samples among so many processes.")
@click.option("--cache", type=PATH, help="Keep results in this folder, and compute only what is missing there.")
@TRUSTED
def evaluate(
    out: Output,
    file: str,
    source: str,
    labels: str | None,
    steps: int | None,
    engine: str,
    processes: int | None,
    cache: str | None,
    trusted: bool,
) -> Exit:
    """Run FILE, a network or an artifact of 'talon hw deploy', on many samples: what it answers, how much of it is
    right, and what it takes. Exits with 1 when a sample fails.

    The answer is the largest output, summed over steps. Samples are arrays (samples, steps, ...), or (samples, ...)
    with --steps.

    Example: talon hw evaluate net.t1c --input x.npy --labels y.npy --steps 32 --processes 4
    """
    from talon import hw

    runnable, names = opened(file, trusted)
    dataset = load_arrays(source, names)
    right = None if labels is None else load_arrays(labels, ["labels"])
    if isinstance(right, dict):
        raise TalonRunError(
            "T413",
            "the labels are more than one array",
            expected="one array (samples,)",
            found=", ".join(right),
            help="save the labels with numpy.save",
        )
    with out.progress("evaluating") as progress:
        found = hw.evaluate(
            runnable,
            dataset,
            None if processes is None else "processes",
            labels=right,
            repeat=steps,
            engine=engine,
            cache=cache,
            workers=processes,
            progress=progress,
        )
    out.data = found.as_dict()
    for line in str(found).splitlines():
        out.line(line)
    return Exit.FINDINGS if found.failed else Exit.OK


def opened(file: str, trusted: bool) -> tuple[Any, list[str]]:
    """What a file holds, and the names of its Inputs."""
    from talon import hw
    from talon.hw.artifact.opening import is_artifact
    from talon.storage import read

    if is_artifact(file):
        build = hw.load(file)
        return build, list(build.chip.inputs)
    graph = read(file, trusted=trusted)
    return graph, list(graph.inputs)
