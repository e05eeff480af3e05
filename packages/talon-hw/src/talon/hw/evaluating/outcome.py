"""What an evaluation gives: predictions, accuracy, counts, and the samples that failed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from talon.engine.counts import Counts
from talon.hw.evaluating.blocks import BINARY, CHIP, Block
from talon.hw.evaluating.problems import Failure, problem_of, wrong
from talon.hw.pricing import HOPS
from talon.ir.errors import TalonRunError

SHOWN = 5
"""Failed samples that are told one by one."""


@dataclass(frozen=True, eq=False, repr=False)
class Evaluation:
    """`predictions`: what was answered for every sample, None where it failed. `labels`: what is right, or None.

    `counts` are summed over samples and steps: `hw.energy(graph, counts, target, samples=done)` prices them. Their
    first axis separates steps whose inputs were 0 and 1 from others. `reused`: samples that came from the cache.
    """

    predictions: tuple[Any, ...]
    labels: tuple[Any, ...] | None
    counts: Counts
    failed: tuple[Failure, ...]
    reused: int = 0
    events: Mapping[str, int] = field(default_factory=dict)
    """Of a build, what chips price, packets and hops too, summed alike; `energy` does."""

    @property
    def samples(self) -> int:
        return len(self.predictions)

    def travelled(self) -> dict[str, float]:
        """Packets between cores and their hops, a sample; empty where nothing was mapped, without hops where they are
        not known."""
        if not self.events or not self.done:
            return {}
        hops = [self.events[name] for name in HOPS if name in self.events]
        sums = {"packets": self.events["packets"]} | ({"hops": sum(hops)} if hops else {})
        return {name: count / self.done for name, count in sums.items()}

    @property
    def done(self) -> int:
        """How many samples were evaluated."""
        return self.samples - len(self.failed)

    @property
    def correct(self) -> int | None:
        """How many predictions are their label; None without labels."""
        if self.labels is None:
            return None
        missed = {failure.index for failure in self.failed}
        pairs = enumerate(zip(self.predictions, self.labels, strict=True))
        return sum(index not in missed and bool(np.array_equal(*pair)) for index, pair in pairs)

    @property
    def accuracy(self) -> float | None:
        """The share of correct ones among the samples that were evaluated; None without labels, or where all failed."""
        return None if self.correct is None or not self.done else self.correct / self.done

    def raise_failed(self) -> None:
        """Raise the error of the first sample that failed, if one did."""
        if not self.failed:
            return
        first = self.failed[0]
        message = f"sample {first.index:,}: {first.problem.message}"
        error = TalonRunError(first.problem.code, message)
        error.diagnostic = replace(first.problem, message=message)
        raise error

    def as_dict(self) -> dict[str, Any]:
        """Plain values, as `--json` prints them."""
        return {
            "samples": self.samples,
            "done": self.done,
            "reused": self.reused,
            "correct": self.correct,
            "accuracy": self.accuracy,
            "counts": self.counts.total(),
            "events": dict(self.events),
            "failed": [failure.as_dict() for failure in self.failed],
            "predictions": list(self.predictions),
        }

    def __str__(self) -> str:
        """For people, in a few lines."""
        totals = self.counts.total()
        lines = [f"samples   {self.done:,} of {self.samples:,}" + (f", {self.reused:,} reused" if self.reused else "")]
        if self.accuracy is not None:
            lines.append(f"accuracy  {self.accuracy:.1%} ({self.correct:,} of {self.done:,})")
        if self.done:
            each = {name: f"{totals[name] / self.done:,.0f}" for name in ("spikes", "synops")}
            lines.append(f"a sample  {each['spikes']} spikes, {each['synops']} synaptic operations")
            if far := self.travelled():
                hops = f", {far['hops']:,.0f} hops" if "hops" in far else ""
                lines.append(f"          {far['packets']:,.0f} packets between cores{hops}")
        lines += [f"failed    {failure}" for failure in self.failed[:SHOWN]]
        if len(self.failed) > SHOWN:
            lines.append(f"failed    and {len(self.failed) - SHOWN:,} more")
        return "\n".join(lines)

    def __repr__(self) -> str:
        return f"<Evaluation of {self.samples} samples: {len(self.failed)} failed, accuracy {self.accuracy}>"


class Gathering:
    """Puts blocks together, in whatever order they come."""

    def __init__(self, decide: Callable[[Any], Any] | None) -> None:
        self.decide = decide
        self.answers: dict[int, Any] = {}
        self.failures: dict[int, Failure] = {}
        self.counted: dict[str, dict[str, np.ndarray]] = {}
        self.classes: int | None = None
        """How many there are, where the largest output is the answer."""

    @property
    def done(self) -> int:
        return len(self.answers) + len(self.failures)

    def fail(self, failure: Failure) -> None:
        self.failures[failure.index] = failure

    def add(self, block: Block) -> None:
        if self.decide is None:
            self.classes = next((array.shape[-1] for array in block.outputs.values()), None)
        answers = most(block) if self.decide is None else [self.decided(block, i) for i in range(len(block.indexes))]
        good = [i for i, answer in enumerate(answers) if not isinstance(answer, Failure)]
        for index, answer in zip(block.indexes, answers, strict=True):
            if isinstance(answer, Failure):
                self.fail(answer)
            else:
                self.answers[index] = answer
        for path, quantity, rows in block.rows(good).totals():
            node = self.counted.setdefault(path, {})
            node[quantity] = node[quantity] + rows if quantity in node else rows

    def decided(self, block: Block, i: int) -> Any:
        assert self.decide is not None
        outputs = {name: array[i] for name, array in block.outputs.items()}
        try:
            return self.decide(next(iter(outputs.values())) if len(outputs) == 1 else outputs)
        except Exception as error:  # noqa: BLE001 - whatever it makes of one sample, the others go on
            return Failure(block.indexes[i], problem_of(error))

    def evaluation(self, samples: int, labels: list[Any], reused: int) -> Evaluation:
        events = self.counted.pop(CHIP, {})
        return Evaluation(
            tuple(self.answers.get(index) for index in range(samples)),
            tuple(labels) if labels else None,
            Counts({path: as_counts(node) for path, node in sorted(self.counted.items())}),
            tuple(self.failures[index] for index in sorted(self.failures)),
            reused,
            {name: int(rows.sum()) for name, rows in events.items()},
        )


def as_counts(node: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Sums as a node's counts `(rows, 1)`."""
    found = {quantity: rows[:, None] for quantity, rows in node.items()}
    if any(len(rows) == 2 for rows in node.values()):
        found[BINARY] = np.array([[True], [False]])
    return found


def most(block: Block) -> list[int]:
    """The place of the largest output, summed over steps; the lowest of equal ones."""
    shapes = {name: array.shape[1:] for name, array in block.outputs.items()}
    if len(shapes) != 1 or any(len(shape) != 1 for shape in shapes.values()):
        raise wrong(
            "the outputs are no scores of classes, so somebody must say what the answer is",
            expected="one Output of shape (classes,), or decide=",
            found=", ".join(f"{name or 'output'}: {shape}" for name, shape in shapes.items()) or "no outputs",
            help="give decide=f, called with the outputs (steps, *shape) of a sample, a dict if there are several",
        )
    (scores,) = block.outputs.values()
    found: list[int] = scores.argmax(axis=1).tolist()
    return found
