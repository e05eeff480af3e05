"""The native engine keeps what the conformance kit asks of every engine, on each instruction set."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from talon.hw.native import library
from talon.testing.engines import check_engine
from tests.hw.test_native import SETS

pytestmark = pytest.mark.skipif(library.load()[0] is None, reason=f"no C library here: {library.load()[1]}")

WAYS: dict[str, list[dict[str, Any]]] = {
    "base": [{"kernels": "event", "chunk": 2}],
    "v3": [{"kernels": "dense", "chunk": 3}],
    "v4": [{}, {"kernels": "event"}],
}
"""Options by instruction set: every pair of a kernel and a set is compared elsewhere, on fewer things."""


@pytest.fixture(autouse=True)
def widest() -> Iterator[None]:
    yield
    library.library().isa(SETS[-1])


@pytest.mark.parametrize("isa", SETS)
def test_native_passes(isa: str) -> None:
    library.library().isa(isa)
    check_engine("native", options=WAYS[isa])
