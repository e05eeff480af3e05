"""A data set as samples that come one after the other, each with its number."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sized
from dataclasses import dataclass, field
from itertools import chain, repeat
from typing import Any

import numpy as np

from talon.hw.evaluating.problems import Failure, problem_of, wrong

ALONE = ""
"""The name of an array that was given without one, for the only Input."""


@dataclass(frozen=True)
class Item:
    """One sample: an array for every Input, `(steps, *shape)`, or `(*shape)` where it is held."""

    index: int
    inputs: Mapping[str, np.ndarray]

    @property
    def kind(self) -> tuple[tuple[str, str, tuple[int, ...]], ...]:
        """What samples that run together have in common."""
        return tuple((name, array.dtype.str, array.shape) for name, array in self.inputs.items())

    def digest(self) -> bytes:
        """sha256 over names, dtypes, shapes and values."""
        found = hashlib.sha256()
        for name, array in sorted(self.inputs.items()):
            found.update(repr((name, array.dtype.str, array.shape)).encode())
            found.update(array.tobytes())
        return found.digest()


def stacked(items: list[Item], axis: int) -> Any:
    """Samples of one kind as one array, or as a dict by Input name, with the samples along `axis`."""
    arrays = {name: np.stack([item.inputs[name] for item in items], axis) for name in items[0].inputs}
    return arrays[ALONE] if list(arrays) == [ALONE] else arrays


@dataclass
class Items:
    """The samples of a data set, gone through once.

    `dataset`: an array or a mapping of arrays `(samples, ...)`, or anything that can be iterated, over inputs or pairs
    `(input, label)`. `labels` grows as pairs go by, unless labels were given. Raises `TalonRunError` (T413).
    """

    dataset: Any
    given: Any = None
    labels: list[Any] = field(default_factory=list)
    taken: int = 0

    def __post_init__(self) -> None:
        if isinstance(self.dataset, Mapping):
            counts = {name: length(array) for name, array in self.dataset.items()}
            if len(set(counts.values())) != 1 or None in counts.values():
                raise wrong(
                    "the arrays of the data set do not have the same number of samples",
                    expected="arrays (samples, ...), one for each Input",
                    found=", ".join(f"{name}: {count}" for name, count in counts.items()) or "no arrays",
                    help="the first axis of every array counts the samples",
                )
        elif not has_items(self.dataset):
            raise wrong(
                "the data set holds no samples",
                expected="arrays (samples, ...), or something to iterate over",
                found=type(self.dataset).__name__,
                help="give an array, a dict of arrays by Input name, or a sequence of (input, label)",
            )
        total, told = self.total, length(self.given)
        if total == 0:
            raise empty()
        if self.given is not None and total is not None and told is not None and total != told:
            raise unequal(total, told)

    @property
    def total(self) -> int | None:
        """How many samples there are, where the data set says so."""
        if isinstance(self.dataset, Mapping):
            return length(next(iter(self.dataset.values())))
        return length(self.dataset)

    def example(self, axis: int) -> Any:
        """The first sample as a batch of one, of a data set of arrays; None of any other."""
        if not isinstance(self.dataset, (Mapping, np.ndarray)):
            return None
        first = item_of(0, next(self.inputs()))
        return None if isinstance(first, Failure) else stacked([first], axis)

    def inputs(self) -> Iterator[Any]:
        if not isinstance(self.dataset, Mapping):
            yield from self.dataset
            return
        for rows in zip(*self.dataset.values(), strict=True):
            yield dict(zip(self.dataset, rows, strict=True))

    def __iter__(self) -> Iterator[Item | Failure]:
        """Every sample; of one that is no array of numbers, what is wrong."""
        missing = object()
        labels = chain(self.given, repeat(missing)) if self.given is not None else None
        for index, value in enumerate(self.inputs()):
            x = value
            if labels is not None:
                if (label := next(labels)) is missing:
                    raise unequal(f"more than {index:,}", index)
                self.labels.append(label)
            elif isinstance(value, tuple) and len(value) == 2:
                x, label = value
                self.labels.append(label)
            if self.labels and len(self.labels) != index + 1:
                raise wrong(
                    "only some samples have labels",
                    expected="(input, label) for every sample, or for none",
                    found=f"sample {index:,} is of another kind than those before",
                    help="leave out samples without labels, or give labels=... by themselves",
                )
            self.taken = index + 1
            yield item_of(index, x)
        if self.taken == 0:
            raise empty()
        if labels is not None and next(labels) is not missing:
            raise unequal(self.taken, f"more than {self.taken:,}")


def has_items(dataset: Any) -> bool:
    if isinstance(dataset, (str, bytes)) or getattr(dataset, "ndim", None) == 0:
        return False
    return isinstance(dataset, Iterable) or hasattr(dataset, "__getitem__")


def item_of(index: int, x: Any) -> Item | Failure:
    try:
        named = x if isinstance(x, Mapping) else {ALONE: x}
        arrays = {str(name): np.asarray(value) for name, value in named.items()}
    except Exception as error:  # noqa: BLE001 - whatever a stranger's sample does, it is this sample that fails
        return Failure(index, problem_of(error))
    kinds = {name: str(array.dtype) for name, array in arrays.items() if array.dtype.kind not in "fiub"}
    if kinds or not arrays:
        problem = wrong(
            "the sample is no array of numbers",
            expected="real, whole or boolean numbers",
            found=", ".join(f"{name or 'input'}: {kind}" for name, kind in kinds.items()) or "no arrays",
            help="give an array for every Input",
        )
        return Failure(index, problem.diagnostic)
    return Item(index, arrays)


def length(value: Any) -> int | None:
    """How long something is, where it says so."""
    return len(value) if isinstance(value, Sized) and getattr(value, "ndim", None) != 0 else None


def empty() -> Exception:
    return wrong("the data set is empty", expected="at least one sample", found="none", help="see what makes it")


def unequal(samples: object, labels: object) -> Exception:
    return wrong(
        "there are not as many labels as samples",
        expected=f"a label for every sample: {samples}",
        found=f"{labels} labels",
        help="give labels in the order of the samples",
    )
