"""What a run is asked by besides its arrays: of the wrong kind it is one clear error, of numpy's kind it is taken."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from talon import ir
from talon.engine import run, stream

NET = ir.Graph.chain(input=ir.Input([3]), lif=ir.LIF(2.0, 2.0, 0.0, 1.0), output=ir.Output([3]))
X = np.ones((4, 1, 3), np.float32)

KINDS: list[tuple[str, Any, str]] = [
    ("record", 3, "T206"),
    ("record", [3], "T206"),
    ("record", None, "T206"),
    ("record", b"lif.v", "T206"),
    ("engine_options", 3, "T206"),
    ("engine_options", ["chunk"], "T206"),
    ("engine_options", "chunk", "T206"),
    ("engine_options", {3: 1}, "T206"),
    ("engine_options", {"nothing": 1}, "T405"),
    ("engine", 3, "T206"),
    ("engine", ["reference"], "T206"),
    ("threads", "2", "T401"),
    ("threads", 0, "T401"),
    ("threads", 10**30, "T401"),
    ("threads", True, "T401"),
]


def refused(call: Callable[[], Any], code: str) -> ir.TalonError:
    with pytest.raises(ir.TalonError) as caught:
        call()
    error = caught.value
    assert error.code == code
    assert error.diagnostic.expected
    assert error.diagnostic.found
    assert error.help
    return error


@pytest.mark.parametrize(("name", "value", "code"), KINDS, ids=repr)
def test_wrong_kinds_are_told(name: str, value: Any, code: str) -> None:
    given = {"engine": "reference", name: value}
    refused(lambda: run(NET, X, **given), code)
    refused(lambda: next(stream(NET, X, **given)), code)


@pytest.mark.parametrize("progress", [3, "print"])
def test_progress_is_called(progress: Any) -> None:
    refused(lambda: run(NET, X, progress=progress), "T206")


NUMBERS = {"a word": "2", "a float": 2.0, "none": 0, "below": -1, "a truth": True, "of numpy": np.float32(2)}
LARGE = {"a dimension": 10**30, "what Python writes": 10**5000, "all memory": 2**62}


@pytest.mark.parametrize("number", [*NUMBERS.values(), *LARGE.values()], ids=[*NUMBERS, *LARGE])
def test_steps_are_counted(number: Any) -> None:
    refused(lambda: run(NET, X[0], repeat=number), "T401")
    refused(lambda: next(stream(NET, X[0], repeat=number)), "T401")


@pytest.mark.parametrize("chunk", ["2", 2.0, 0, True])
def test_chunks_are_counted(chunk: Any) -> None:
    refused(lambda: next(stream(NET, X, chunk=chunk)), "T401")


def test_what_is_no_array_is_told() -> None:
    with pytest.raises(ir.TalonRunError, match="cannot be made an array") as caught:
        run(NET, [[1.0], [1.0, 2.0]])
    assert caught.value.code == "T402"


def test_numbers_of_numpy_are_numbers() -> None:
    expected = run(NET, X[0], repeat=3).outputs["output"]
    found = run(NET, X[0], repeat=np.int64(3), threads=np.int32(1))  # type: ignore[arg-type]
    assert np.array_equal(found.outputs["output"], expected)
    parts = [result.outputs["output"] for result in stream(NET, X[0], repeat=np.uint8(3), chunk=np.int64(2))]  # type: ignore[arg-type]
    assert [len(part) for part in parts] == [2, 1]
    assert np.array_equal(np.concatenate(parts), expected)
