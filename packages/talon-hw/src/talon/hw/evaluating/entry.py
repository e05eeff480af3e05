"""`evaluate`: a data set through something that runs, in tasks, here or elsewhere."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from talon.hw.evaluating.blocks import Block
from talon.hw.evaluating.cache import Cache
from talon.hw.evaluating.crews import Crew, crew
from talon.hw.evaluating.items import Item, Items
from talon.hw.evaluating.outcome import Evaluation, Gathering
from talon.hw.evaluating.problems import Failure, wrong
from talon.hw.evaluating.runners import Runnable, Runner
from talon.hw.evaluating.sizes import Sizes
from talon.ir.graph import Graph

Progress = Callable[[int, int], None]


def evaluate(
    runnable: Graph | Runnable,
    dataset: Any,
    executor: Any = None,
    *,
    labels: Any = None,
    repeat: int | None = None,
    engine: str = "auto",
    decide: Callable[[Any], Any] | None = None,
    cache: str | os.PathLike[str] | None = None,
    workers: int | None = None,
    chunk: int | None = None,
    progress: Progress | bool | None = None,
) -> Evaluation:
    """Run every sample of a data set, and say what was answered, how much of it is right, and what it took.

    `runnable`: a graph, a program of `hw.compile`, a build of `hw.deploy` or `hw.load`, or anything else that is a
    `hw.Runnable`. `dataset`: an array `(samples, steps, *shape)`, or `(samples, *shape)` with `repeat=T`, or a dict of
    such by Input name; or anything that can be iterated, over samples or pairs `(sample, label)`. `labels`: of the
    samples, in their order.

    `executor`: None or `"serial"` for this process, `"processes"` for as many as there are processors (or `workers`),
    an executor as `concurrent.futures` has them, or a Dask client. A task gets `chunk` samples, by default so many that
    it lasts about a second. The result depends on none of that. No sample is ever cut in parts.

    The answer is the largest output, summed over steps; else `decide` is called here with the outputs `(steps, *shape)`
    of every sample, a dict of such where there are several Outputs. `engine` as for `talon.engine.run`.

    `cache`: a folder for results; a sample that was computed before by the same thing is not computed again.
    `progress`: called with how many samples are done and how many are known; True draws a bar where stderr is a
    terminal.

    A sample that fails is in `failed`, and the others go on. Raises `TalonRunError` (T413 and others) for what no
    sample could be run with.
    """
    refuse_other_kinds(decide, progress, cache)
    if decide is None and labels is not None:
        refuse_other_labels(labels)
    with crew(executor, workers) as found, showing(progress) as show:
        runner = Runner(runnable, repeat, engine, decide is not None)
        return evaluated(found, runner, Items(dataset, labels), Gathering(decide), Sizes(chunk), cache, show)


def refuse_other_kinds(decide: Any, progress: Any, cache: Any) -> None:
    """Raise `TalonRunError` (T413) for options that are none."""
    told = progress is None or isinstance(progress, bool) or callable(progress)
    wanted = (
        ("decide", decide, decide is None or callable(decide), "a function of a sample's outputs"),
        ("progress", progress, told, "True, or a function (done, total)"),
        ("cache", cache, cache is None or isinstance(cache, (str, os.PathLike)), "the path of a folder"),
    )
    for name, given, right, expected in wanted:
        if not right:
            raise wrong(f"{name} is of another kind", expected=expected, found=repr(given), help="or leave it out")


def refuse_other_labels(labels: Any) -> None:
    """Raise `TalonRunError` (T413) for labels that no largest output can be: they are compared with its number."""
    if isinstance(labels, Iterator):
        return  # what comes by and by is looked at when it is compared
    try:
        array = np.asarray(labels)
    except ValueError:
        array = np.zeros((0, 0))
    if array.ndim != 1 or (array.size and array.dtype.kind not in "iu"):
        raise wrong(
            "the labels are no numbers of outputs",
            expected="a whole number for each sample",
            found=f"{array.dtype} of shape {array.shape}",
            help="give the number of the right output (of one-hot labels, argmax), or say decide=",
        )


def refuse_labels_beyond(labels: Sequence[Any], classes: int | None) -> None:
    """Raise `TalonRunError` (T413) for numbers of outputs that there are not."""
    numbers = {int(label) for label in labels if isinstance(label, (int, np.integer))} if classes is not None else set()
    beyond = sorted(number for number in numbers if not 0 <= number < (classes or 0))
    if beyond:
        raise wrong(
            "there is no output of such a number",
            expected=f"labels from 0 to {(classes or 1) - 1}",
            found=", ".join(map(str, beyond[:8])),
            help="count classes from 0, or say decide=",
        )


def evaluated(
    crew: Crew,
    runner: Runner,
    items: Items,
    gathering: Gathering,
    sizes: Sizes,
    cache: str | os.PathLike[str] | None,
    progress: Progress | None,
) -> Evaluation:
    """`evaluate` by a crew that is there already."""
    runner.check(items.example(runner.axis))
    store = None if cache is None else Cache(cache, runner.key())
    passing = Passing(items, gathering, store)
    checked = 0
    for done in crew.work(runner, iter(passing), sizes):
        for block in done.blocks:
            gathering.add(block)
            passing.keep(block)
        for failure in done.failures:
            gathering.fail(failure)
        refuse_labels_beyond(items.labels[checked:], gathering.classes)
        checked = len(items.labels)
        if progress is not None:
            progress(gathering.done, items.total or items.taken)
    if progress is not None:
        progress(gathering.done, gathering.done)
    return gathering.evaluation(items.taken, items.labels, passing.reused)


@dataclass
class Passing:
    """The items that are left to compute; what is in the store goes by them."""

    items: Items
    gathering: Gathering
    store: Cache | None
    digests: dict[int, bytes] = field(default_factory=dict)
    """Of what is being computed."""
    reused: int = 0

    def __iter__(self) -> Iterator[Item]:
        for item in self.items:
            if isinstance(item, Failure):
                self.gathering.fail(item)
                continue
            if self.store is not None:
                digest = item.digest()
                if (known := self.store.get(digest, item.index)) is not None:
                    self.gathering.add(known)
                    self.reused += 1
                    continue
                self.digests[item.index] = digest
            yield item

    def keep(self, block: Block) -> None:
        if self.store is not None:
            self.store.put(block, self.digests)
            for index in block.indexes:
                del self.digests[index]


@contextmanager
def showing(progress: Progress | bool | None) -> Iterator[Progress | None]:
    """What is told of the progress: what was given, or the bar of the commands."""
    if not isinstance(progress, bool) or not progress:
        yield progress or None
        return
    from talon.cli.output import Output

    with Output().progress("evaluating") as show:
        yield show
