"""`sweep`: one network for several targets, widths of weights and seeds of the mapping, each evaluated."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from talon.hw.accuracy import HEAD, WidthRow, engine_of, figures, in_width
from talon.hw.catalogue import target as find_target
from talon.hw.description import Target
from talon.hw.evaluating.crews import crew
from talon.hw.evaluating.entry import Progress, evaluated, refuse_other_kinds, showing
from talon.hw.evaluating.items import Items
from talon.hw.evaluating.outcome import Evaluation, Gathering
from talon.hw.evaluating.problems import problem_of, wrong
from talon.hw.evaluating.runners import Runnable, Runner
from talon.hw.evaluating.sizes import Sizes
from talon.ir.errors import Diagnostic
from talon.ir.graph import Graph

TARGET = "generic-mesh"
TRAVELLED = ("packets", "hops")
"""Columns of what was mapped, as `Evaluation.travelled` says it."""

Builder = Callable[[Graph, Target, int], "Graph | Runnable"]
"""Makes what runs of a quantised graph, for a target, with a seed."""


@dataclass(frozen=True, eq=False)
class SweepRow:
    """One network of a sweep. `figures` and `evaluation`, or, where it could not be made or every sample failed,
    `error`. `bits` and `seed` are None for float32, and `seed` where nothing is mapped."""

    target: str
    bits: int | None
    seed: int | None
    figures: WidthRow | None = None
    evaluation: Evaluation | None = None
    error: Diagnostic | None = None

    def cells(self) -> tuple[str, ...]:
        """For people, under `Sweep.head`."""
        width = "float32" if self.bits is None else f"{self.bits} bits"
        shown = self.figures.cells() if self.figures else (width, *[""] * (len(HEAD) - 1))
        failed = len(self.evaluation.failed) if self.evaluation else 0
        problem = f"[{self.error.code}] {self.error.message}" if self.error else f"{failed:,} failed" if failed else ""
        far = {} if self.evaluation is None else self.evaluation.travelled()
        travelled = [f"{far[name]:,.0f}" if name in far else "" for name in TRAVELLED]
        return (self.target, "" if self.seed is None else str(self.seed), *shown, *travelled, problem)

    def as_dict(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "target": self.target,
            "bits": self.bits,
            "seed": self.seed,
            "figures": self.figures and self.figures.as_dict(),
            "evaluation": self.evaluation and self.evaluation.as_dict(),
            "error": self.error and self.error.as_dict(),
        }


@dataclass(frozen=True, eq=False)
class Sweep:
    """The rows of a sweep, by target, then width, then seed."""

    rows: tuple[SweepRow, ...]

    head = ("target", "seed", *HEAD, *TRAVELLED, "problem")

    @property
    def ok(self) -> bool:
        """Whether there are no errors, and no sample failed."""
        return not any(row.error or (row.evaluation and row.evaluation.failed) for row in self.rows)

    def table(self) -> list[tuple[str, ...]]:
        """The head and the rows as text."""
        return [self.head, *(row.cells() for row in self.rows)]

    def as_dict(self) -> dict[str, Any]:
        return {"rows": [row.as_dict() for row in self.rows]}

    def __str__(self) -> str:
        table = self.table()
        widths = [max(map(len, column)) for column in zip(*table, strict=True)]
        return "\n".join("  ".join(map(str.ljust, row, widths)).rstrip() for row in table)


def sweep(
    graph: Graph,
    dataset: Any,
    executor: Any = None,
    *,
    calibration: Any,
    targets: Sequence[Target | str | os.PathLike[str]] = (TARGET,),
    bits: Sequence[int | None] = (None, 8),
    seeds: Sequence[int] | None = None,
    build: Builder | None = None,
    labels: Any = None,
    repeat: int | None = None,
    decide: Callable[[Any], Any] | None = None,
    cache: str | os.PathLike[str] | None = None,
    workers: int | None = None,
    chunk: int | None = None,
    progress: Progress | bool | None = None,
) -> Sweep:
    """Evaluate a graph for every target of `targets`, in every width of `bits`, with every seed of `seeds`.

    A width of None is float32, which is evaluated once; others are quantised with `calibration` and run in the integers
    of the target. With `seeds` those are put on the cores of the target first, by `hw.deploy` with each seed, or by
    `build(quantised, target, seed)`, which may give anything that can be evaluated. Everything else as for
    `hw.evaluate`; the samples of one row are shared among workers. `progress` begins anew for every row.

    A row that cannot be made holds its error, and the others go on. Raises `TalonRunError` (T413) for what no row could
    be made with, and (T501, T502) for a target that is not known.
    """
    if not isinstance(graph, Graph):
        raise wrong(
            "a sweep takes a graph",
            expected="ir.Graph",
            found=type(graph).__name__,
            help="give the graph in floats; build= makes of it, quantised, what is run",
        )
    if hasattr(dataset, "__next__"):
        raise wrong(
            "a sweep goes through the data set several times",
            expected="arrays, or a sequence",
            found=type(dataset).__name__,
            help="give list(dataset)",
        )
    labels = list(labels) if hasattr(labels, "__next__") else labels
    refuse_other_kinds(decide, progress, cache)
    for name, given in (("targets", targets), ("bits", bits), ("seeds", seeds)):
        if given is not None and (isinstance(given, (str, bytes)) or not isinstance(given, Sequence) or not given):
            raise wrong(
                f"{name} are several",
                expected="a sequence with at least one",
                found=repr(given),
                help=f"give {name}=({given!r},)" if given else f"leave {name} out",
            )
    if build is not None and not callable(build):
        raise wrong(
            "build is of another kind",
            expected="a function (quantised, target, seed)",
            found=repr(build),
            help="leave it out for hw.deploy",
        )
    if (seeds is not None or build is not None) and all(width is None for width in bits):
        raise wrong(
            "seeds and build are for widths, and there is none",
            expected="a number among bits: floats are put on no cores",
            found=f"bits={bits!r}",
            help="give bits=(8,), or leave seeds and build out",
        )
    with crew(executor, workers) as found, showing(progress) as show:

        def run(subject: Graph | Runnable, engine: str) -> Evaluation:
            runner = Runner(subject, repeat, engine, decide is not None)
            gathering = Gathering(decide)
            return evaluated(found, runner, Items(dataset, labels), gathering, Sizes(chunk), cache, show)

        Runner(graph, repeat, "auto", False).check(Items(dataset, labels).example(0 if repeat else 1))
        Sizes(chunk)
        if build is None and seeds is not None:
            build = deploying(calibration, repeat)
        plan = Plan(graph, calibration, repeat, build, run)
        chosen = [find_target(one) for one in targets]
        return Sweep(tuple(row for one in chosen for width in bits for row in plan.rows(one, width, seeds)))


def deploying(calibration: Any, repeat: int | None) -> Builder:
    """Builds by `hw.deploy`."""
    from talon.hw.deploying.deploy import deploy

    return lambda quantised, target, seed: deploy(quantised, target, calibration=calibration, repeat=repeat, seed=seed)


@dataclass
class Plan:
    """Makes the rows. What several of them share is made once."""

    graph: Graph
    calibration: Any
    repeat: int | None
    build: Builder | None
    run: Callable[[Graph | Runnable, str], Evaluation]
    floats: list[Evaluation] = field(default_factory=list)

    def rows(self, target: Target, bits: int | None, seeds: Sequence[int] | None) -> Iterator[SweepRow]:
        mapped = self.build is not None and bits is not None
        chosen: Sequence[int | None] = (seeds if seeds is not None else (0,)) if mapped else (None,)
        try:
            made = in_width(self.graph, bits, target, calibration=self.calibration, repeat=self.repeat)
        except Exception as error:  # noqa: BLE001 - the other rows go on
            yield from (SweepRow(target.id, bits, seed, error=problem_of(error)) for seed in chosen)
            return
        for seed in chosen:
            try:
                found = self.evaluation(made, bits, target, seed)
                if not found.done:
                    yield SweepRow(target.id, bits, seed, evaluation=found, error=found.failed[0].problem)
                else:
                    yield SweepRow(target.id, bits, seed, figures(made, bits, found, target), found)
            except Exception as error:  # noqa: BLE001 - the other rows go on
                yield SweepRow(target.id, bits, seed, error=problem_of(error))

    def evaluation(self, made: Graph, bits: int | None, target: Target, seed: int | None) -> Evaluation:
        if bits is None:
            self.floats = self.floats or [self.run(made, engine_of(None))]
            return self.floats[0]
        if self.build is None or seed is None:
            return self.run(made, engine_of(bits))
        return self.run(self.build(made, target, seed), "auto")
