"""Numbers at their packed width, beside whole numbers of Python."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from talon.hw.artifact import numbers
from talon.hw.artifact.numbers import pack, packed_bytes, unpack
from talon.hw.integers.narrow import smallest, width


@st.composite
def values(draw: st.DrawFn) -> list[int]:
    bits = draw(st.integers(1, 62))
    least = draw(st.sampled_from([0, -(2**bits)]))
    return draw(st.lists(st.integers(least, 2**bits - 1), min_size=1, max_size=70))


def plainly(found: list[int], bits: int) -> bytes:
    """One long whole number, the first of them in its lowest bits."""
    whole = sum((number % 2**bits) << (bits * place) for place, number in enumerate(found))
    return whole.to_bytes(-(-len(found) * bits // 8), "little")


@given(values())
def test_against_whole_numbers_of_python(found: list[int]) -> None:
    array = np.array(found, np.int64)
    bits, signed = width(array)
    low, high = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if signed else (0, 2**bits - 1)
    assert low <= min(found) <= max(found) <= high
    assert bits == 1 + signed or not all((low if signed else 0) // 2 <= n <= high // 2 for n in found)
    data = pack(array, bits)
    assert data.tobytes() == plainly(found, bits)
    assert len(data) == packed_bytes(len(found), bits)
    back = unpack(data, len(found), bits, signed)
    assert back.tolist() == found
    assert back.dtype == smallest(bits, signed)


@pytest.mark.parametrize("bits", [1, 3, 8, 13])
def test_many_blocks(bits: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(numbers, "BLOCK", 16)
    found = np.random.default_rng(bits).integers(0, 2**bits, 101)
    data = pack(found, bits)
    assert data.tobytes() == plainly(found.tolist(), bits)
    assert unpack(data, 101, bits, False).tolist() == found.tolist()


def test_nothing_takes_no_room() -> None:
    assert width(np.zeros(0, np.int64)) == (1, False)
    assert len(pack(np.zeros(0, np.int64), 5)) == 0
    assert unpack(np.zeros(0, np.uint8), 0, 5, True).tolist() == []
