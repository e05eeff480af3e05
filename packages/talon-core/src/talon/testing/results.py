"""Two results of a run compared to the bit: outputs, state, counts, records."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np

from talon.engine import Counts, Result
from talon.ir.equality import unequal

Named = Mapping[str, np.ndarray]


def differences(found: Result, expected: Result) -> Iterator[str]:
    """What a result has otherwise than expected, in words."""
    yield from of_arrays("output", found.outputs, expected.outputs)
    yield from of_arrays("record", found.records, expected.records)
    if found.state.step != expected.state.step:
        yield f"the state is that before step {found.state.step}, not {expected.state.step}"
    yield from of_arrays("state", dict(states(found)), dict(states(expected)))
    yield from of_arrays("delayed value", found.state.delays, expected.state.delays)
    yield from of_arrays("count", dict(counts(found)), dict(counts(expected)))


def states(result: Result) -> Iterator[tuple[str, np.ndarray]]:
    for path, values in result.state.nodes.items():
        yield from ((f"{path}.{name}", array) for name, array in values.items())


def counts(result: Result) -> Iterator[tuple[str, np.ndarray]]:
    for path, counted in result.counts.items():
        yield from ((f"{path}.{quantity}", array) for quantity, array in counted.items())


def of_arrays(what: str, found: Named, expected: Named) -> Iterator[str]:
    if missing := expected.keys() - found.keys():
        yield f"no {what} {', '.join(map(repr, sorted(missing)))}"
    if added := found.keys() - expected.keys():
        yield f"a {what} {', '.join(map(repr, sorted(added)))} that there should not be"
    for name in expected.keys() & found.keys():
        own, right = found[name], expected[name]
        if not isinstance(own, np.ndarray) or (own.dtype, own.shape) != (right.dtype, right.shape):
            given = f"{own.dtype} {own.shape}" if isinstance(own, np.ndarray) else type(own).__name__
            yield f"{what} {name!r} is {given}, not {right.dtype} {right.shape}"
            continue
        wrong = unequal(own, right)
        if wrong.any():
            at = tuple(int(i) for i in np.argwhere(wrong)[0])
            yield (
                f"{what} {name!r} differs in {np.count_nonzero(wrong)} of {wrong.size} values,"
                f" first at {list(at)}: {own[at]!r} in place of {right[at]!r}"
            )


def joined(parts: Sequence[Result]) -> Result:
    """Pieces of a run, one after the other, as one."""

    def along(each: list[Named]) -> dict[str, np.ndarray]:
        return {name: np.concatenate([found[name] for found in each]) for name in each[0]}

    counted = Counts({path: along([part.counts[path] for part in parts]) for path in parts[0].counts})
    outputs, records = along([part.outputs for part in parts]), along([part.records for part in parts])
    return replace(parts[-1], outputs=outputs, records=records, counts=counted)


def same_result(found: Result, expected: Result) -> None:
    """Raise AssertionError unless two results are equal to the bit, but for which engine ran."""
    for difference in differences(found, expected):
        raise AssertionError(difference)
