"""Who does the work: this process, processes of our own, a given executor, or the workers of a Dask client."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import BrokenExecutor, Future, ProcessPoolExecutor
from contextlib import contextmanager
from itertools import islice
from multiprocessing import get_context
from typing import Any, Protocol

from talon.hw.evaluating.items import Item
from talon.hw.evaluating.problems import wrong
from talon.hw.evaluating.runners import Runner
from talon.hw.evaluating.sizes import Sizes
from talon.hw.evaluating.work import Done, compute
from talon.ir.errors import TalonError, TalonRunError, suggest


class Executing(Protocol):
    """What an executor must have: `submit`, which gives something with `result` and `cancel`."""

    def submit(self, function: Callable[..., Any], /, *arguments: Any) -> Any: ...


class Here:
    """The executor of this process: everything is done when it is asked for."""

    def submit(self, function: Callable[..., Any], /, *arguments: Any) -> Future[Any]:
        future: Future[Any] = Future()
        try:
            future.set_result(function(*arguments))
        except Exception as error:  # noqa: BLE001 - whoever asks for the result is told
            future.set_exception(error)
        return future


class Cluster:
    """The executor of a Dask client. Samples go to a worker, and only their names to the scheduler."""

    def __init__(self, client: Any) -> None:
        self.client = client

    @property
    def workers(self) -> int:
        return max(1, sum(int(threads) for threads in self.client.nthreads().values()))

    def submit(self, function: Callable[..., Any], /, *arguments: Any) -> Any:
        carried, chunk = arguments
        (there,) = self.client.scatter([chunk], hash=False)
        return self.client.submit(function, carried, there, pure=False)

    def send(self, runner: Runner) -> Any:
        """What runs goes to every worker once, not with every task."""
        return self.client.scatter(runner.packed(), broadcast=True, hash=False)


class Crew:
    """An executor with the number of its workers. `send` makes something that travels of what runs."""

    def __init__(self, executor: Executing, workers: int, send: Callable[[Runner], Any]) -> None:
        self.executor, self.workers, self.send = executor, workers, send

    def work(self, runner: Runner, items: Iterator[Item], sizes: Sizes) -> Iterator[Done]:
        """What all items give, in the order of the tasks; items are taken as tasks are made.

        Raises `TalonRunError` (T413) where a worker is lost.
        """
        carried = self.send(runner)
        ahead = 1 if self.workers == 1 else 2 * self.workers
        waiting: deque[tuple[int, Any]] = deque()
        try:
            while True:
                while len(waiting) < (ahead if sizes.measured else 1):
                    chunk = list(islice(items, sizes.size))
                    if not chunk:
                        break
                    waiting.append((len(chunk), self.submitted(carried, chunk)))
                if not waiting:
                    return
                samples, future = waiting.popleft()
                done = finished(future)
                sizes.learn(samples, done.seconds)
                yield done
        finally:
            for _, future in waiting:
                future.cancel()

    def submitted(self, carried: Any, chunk: list[Item]) -> Any:
        try:
            return self.executor.submit(compute, carried, chunk)
        except RuntimeError as error:
            raise lost(error) from error


def finished(future: Any) -> Done:
    try:
        done: Done = future.result()
    except TalonError:
        raise
    except Exception as error:
        raise lost(error) from error
    return done


def lost(error: Exception) -> TalonRunError:
    """Samples never make a task fail, so the worker is gone, or what was sent could not be made there again."""
    advice = "what runs must be importable there, with the same talon; executor='serial' runs everything here"
    if isinstance(error, BrokenExecutor):
        advice = (
            "a worker ended: a script that starts processes needs if __name__ == '__main__': around what it does, "
            "and memory must suffice for all of them"
        )
    return wrong(
        "a worker could not do its part",
        expected="every task to come to its end",
        found=f"{type(error).__name__}: {error}",
        help=f"{advice}; with a cache, what was done is not lost",
    )


@contextmanager
def serial(workers: int | None) -> Iterator[Crew]:
    yield Crew(Here(), 1, lambda runner: runner)


@contextmanager
def processes(workers: int | None) -> Iterator[Crew]:
    count = workers or available()
    pool = ProcessPoolExecutor(count, mp_context=get_context("spawn"))
    try:
        yield Crew(pool, count, Runner.packed)
    finally:
        pool.shutdown(cancel_futures=True)


EXECUTORS = {"serial": serial, "processes": processes}
"""Those that have a name."""


def available() -> int:
    """How many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextmanager
def crew(executor: Any, workers: int | None = None) -> Iterator[Crew]:
    """The crew of an executor: None, a name, something with `submit`, or a Dask client; ours ends with the block."""
    if workers is not None and (isinstance(workers, bool) or not isinstance(workers, int) or workers < 1):
        raise wrong("workers is a number", expected="a whole number >= 1", found=repr(workers), help="leave it out")
    if executor is None or isinstance(executor, str):
        name = executor or "serial"
        if name not in EXECUTORS:
            raise wrong(
                f"there is no executor {name!r}",
                expected=" or ".join(map(repr, EXECUTORS)),
                found=repr(name),
                help=suggest(name, EXECUTORS, "give a name, an Executor of concurrent.futures, or a Dask client"),
            )
        if name == "serial" and workers is not None and workers > 1:
            raise wrong(
                "this process works alone",
                expected="workers with an executor",
                found=f"workers={workers} without",
                help='say executor="processes"',
            )
        with EXECUTORS[name](workers) as found:
            yield found
    elif all(callable(getattr(executor, name, None)) for name in ("submit", "scatter", "nthreads")):
        cluster = Cluster(executor)
        yield Crew(cluster, workers or cluster.workers, cluster.send)
    elif callable(getattr(executor, "submit", None)):
        yield Crew(executor, workers or getattr(executor, "_max_workers", None) or available(), Runner.packed)
    else:
        raise wrong(
            "this is no executor",
            expected="a name, an Executor of concurrent.futures, or a Dask client",
            found=type(executor).__name__,
            help=f"use one of {', '.join(map(repr, EXECUTORS))}",
        )
