"""What a worker does: run some samples, and find out which of them fail."""

from __future__ import annotations

import pickle
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from talon.hw.evaluating.blocks import Block, block
from talon.hw.evaluating.items import Item, stacked
from talon.hw.evaluating.problems import Failure, problem_of
from talon.hw.evaluating.runners import Runner


@dataclass(frozen=True)
class Done:
    """What a task gave, and how long it took."""

    blocks: tuple[Block, ...]
    failures: tuple[Failure, ...]
    seconds: float


def compute(carried: Runner | bytes, items: list[Item]) -> Done:
    """Run samples, those of one kind together. `carried`: what runs, pickled where it was sent here."""
    start = time.perf_counter()
    runner = unpacked(carried) if isinstance(carried, bytes) else carried
    kinds: dict[object, list[Item]] = {}
    for item in items:
        kinds.setdefault(item.kind, []).append(item)
    found = [part for alike in kinds.values() for part in attempts(runner, alike)]
    blocks = tuple(part for part in found if isinstance(part, Block))
    failures = tuple(part for part in found if isinstance(part, Failure))
    return Done(blocks, failures, time.perf_counter() - start)


@lru_cache(maxsize=1)
def unpacked(content: bytes) -> Runner:
    """Kept for the tasks that follow."""
    found: Runner = pickle.loads(content)
    return found


def attempts(runner: Runner, items: list[Item]) -> Iterator[Block | Failure]:
    """Run samples together; where that fails, each half by itself, until those that fail are alone."""
    try:
        ran = runner(stacked(items, runner.axis))
        yield block(tuple(item.index for item in items), ran, runner.whole)
        return
    except Exception as error:  # noqa: BLE001 - whatever a sample does, the others go on
        problem = problem_of(error)
    if len(items) == 1:
        yield Failure(items[0].index, problem)
        return
    half = len(items) // 2
    yield from attempts(runner, items[:half])
    yield from attempts(runner, items[half:])
