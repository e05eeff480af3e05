"""examples/read_t1c.py, a reader made from docs/format.md alone, refuses what talon refuses, and nothing else."""

from __future__ import annotations

import math
import random
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from talon import ir
from talon.ir.values import MAX_DEPTH
from talon.storage.index import layout, opening, packing, records
from talon.storage.index.layout import COLUMNS, Column
from tests.docs.test_read_t1c import read
from tests.hostile import forged
from tests.hostile.fuzz import forge
from tests.hostile.test_index import ATTACKS


def talons_refusal(path: Path) -> str:
    """Why talon refuses the file, or nothing; whether types, fields and ports exist is not asked."""
    found = opening.indexed(path)
    if found is None:
        return "there is no footer"
    document = records.document(found.header, found.tables, found.source, False, None)
    levels = [record.path.count("/") + 2 for record in document.nodes if record.path and record.type == "Graph"]
    return "graphs are nested too deeply" if max(levels, default=0) > MAX_DEPTH else ""


OF_UNICODE = ("printed", "a word stands twice", "have the same name")
"""What a reader should refuse and need not, because it depends on the version of Unicode."""


def compare(content: bytes) -> bool:
    """The example reads what talon reads and refuses what talon refuses; returns whether it reads."""
    with forged.file_of(content) as path:
        try:
            refusal = talons_refusal(path)
        except ir.TalonFormatError as error:
            refusal = error.diagnostic.message
        try:
            read(path)
        except ValueError as error:
            said, reads = str(error), False
        else:
            said, reads = "", True
    assert reads or refusal or "version" in said, f"only the example refuses: {said}"
    assert not reads or not refusal or any(words in refusal for words in OF_UNICODE), f"only talon refuses: {refusal}"
    return reads


@pytest.mark.parametrize("forge", [attack[1] for attack in ATTACKS], ids=[attack[0] for attack in ATTACKS])
def test_every_attack_on_the_index_is_refused(forge: Callable[[], bytes]) -> None:
    compare(forge())


def test_attacks_are_refused_at_all() -> None:
    """That the comparison above is not one of readers that read everything."""
    reads = [name for name, forge, code, _ in ATTACKS if code in ("T303", "T305") and compare(forge())]
    assert reads == [
        "header writer of several lines",
        "header writer that clears the screen",
        "header writer that turns text around",
        "a name twice after NFC",
        "a name with a line break",
        "a name with a null",
        "a name that turns text around",
        "a word that cannot be printed",
        "a step length of text",
    ]


@pytest.mark.parametrize("column", COLUMNS, ids=lambda column: column.name)
@pytest.mark.parametrize("lie", ["longer", "shorter", "zeros", "largest", "next", "reversed"])
def test_every_column_that_lies_is_refused_by_both_or_none(column: Column, lie: str) -> None:
    def change(c: forged.Columns) -> None:
        old = c[column.name]
        c[column.name] = {
            "longer": lambda: np.concatenate([old, old[-1:] if len(old) else np.zeros(1, old.dtype)]),
            "shorter": lambda: old[:-1],
            "zeros": lambda: np.zeros_like(old),
            "largest": lambda: np.full_like(old, np.iinfo(old.dtype).max),
            "next": lambda: old + old.dtype.type(1),
            "reversed": lambda: old[::-1].copy(),
        }[lie]()

    compare(forged.with_columns(change))


@settings(max_examples=400, deadline=None)
@given(st.lists(st.integers(0, len(forged.original()[1]) * 8 - 1), min_size=1, max_size=3))
def test_flipped_bits_of_an_index_with_a_right_hash_are_refused_by_both_or_none(bits: list[int]) -> None:
    index = bytearray(forged.original()[1])
    for bit in bits:
        index[bit // 8] ^= 1 << bit % 8
    compare(forged.with_footer(bytes(index)))


def test_forged_files_are_refused_by_both_or_none() -> None:
    source, index = random.Random(2), forged.original()[1]
    header = packing.header_of(index)
    columns = [(offset, np.dtype(dtype).itemsize, count) for _, dtype, offset, count in header.columns]
    reads = [compare(forge(source, index, columns)) for _ in range(500)]
    assert 10 < sum(reads) < 490


def moved(c: forged.Columns, row: int, place: int, shape: tuple[int, ...]) -> None:
    """An array of another place and shape, with the crc32 of the bytes that stand there; inside, the last one."""
    first = int(c["array.rank"][:row].sum())
    after = first + int(c["array.rank"][row])
    size = math.prod(shape) * layout.DTYPES[c["array.dtype"][row]].itemsize
    c["array.rank"][row], c["array.place"][row] = len(shape), place
    c["axis.length"] = np.concatenate([c["axis.length"][:first], np.array(shape, "<u8"), c["axis.length"][after:]])
    c["array.crc32"][row] = zlib.crc32(forged.original()[0][place : place + size])


def large(c: forged.Columns) -> list[int]:
    """The arrays outside of the index, in the order of their places."""
    return sorted(np.flatnonzero(c["array.place"]).tolist(), key=lambda row: int(c["array.place"][row]))


def last_small(c: forged.Columns) -> int:
    """The last array inside, whose bytes are taken away."""
    row = int(np.flatnonzero(c["array.place"] == 0)[-1])
    c["data.byte"] = c["data.byte"][:-8]
    return row


def longer_header(by: int) -> bytes:
    def change(h: dict[str, Any]) -> None:
        for column in h["columns"]:
            column[2] += by

    return forged.with_header(change, length=int.from_bytes(forged.original()[1][:8], "little") + by)


def place(c: forged.Columns, row: int) -> int:
    return int(c["array.place"][row])


RIGHT_BUT_FOR_ONE_RULE: dict[str, Callable[[], bytes]] = {
    "two arrays at one place": lambda: forged.with_columns(
        lambda c: moved(c, large(c)[1], place(c, large(c)[0]), (300, 5))
    ),
    "an array over the end of another": lambda: forged.with_columns(
        lambda c: moved(c, large(c)[1], place(c, large(c)[0]) + 64, (300, 5))
    ),
    "an array at a place that is not aligned": lambda: forged.with_columns(
        lambda c: moved(c, large(c)[1], place(c, large(c)[1]) + 8, (300, 5))
    ),
    "a small array outside": lambda: forged.with_columns(lambda c: moved(c, last_small(c), 64, (1,))),
    "an empty array of many axes": lambda: forged.with_columns(
        lambda c: moved(c, last_small(c), 0, (0, 1 << 40, 4096))
    ),
    "a header of more than 64 KiB": lambda: longer_header(1 << 16),
    "columns that are not aligned": lambda: longer_header(4),
}
"""Forged in one thing alone: with another check left out each would be read all the same."""


@pytest.mark.parametrize("name", RIGHT_BUT_FOR_ONE_RULE)
def test_one_broken_rule_is_enough(name: str) -> None:
    assert not compare(RIGHT_BUT_FOR_ONE_RULE[name]())


def test_what_these_are_made_with_breaks_nothing_else() -> None:
    assert compare(longer_header(64))
    assert compare(forged.with_columns(lambda c: moved(c, large(c)[1], place(c, large(c)[1]) + 64, (300, 5))))
    assert compare(forged.with_columns(lambda c: moved(c, last_small(c), 0, (0, 1 << 20, 4096))))


@pytest.mark.parametrize("byte", range(64))
def test_a_damaged_footer_is_refused(byte: int) -> None:
    content = bytearray(forged.with_footer(forged.original()[1]))
    content[len(content) - 64 + byte] ^= 1
    assert not compare(bytes(content))


def test_a_damaged_array_is_refused_and_the_rest_of_the_tree_is_not_read(tmp_path: Path) -> None:
    ir.write(tmp_path / "g.t1c", forged.honest())
    content = bytearray((tmp_path / "g.t1c").read_bytes())
    weight = read(tmp_path / "g.t1c")[1][2].arrays["weight"].tobytes()
    content[content.index(weight) + 5] ^= 1
    assert not compare(bytes(content))
    content[content.index(weight[6:]) - 1] ^= 1
    content[9] ^= 1
    assert compare(bytes(content))


def test_columns_of_a_newer_minor_are_passed_over() -> None:
    assert compare(forged.of_a_newer_minor())


@pytest.mark.parametrize("content", [b"", b"x", bytes(64), bytes(200)])
def test_other_files_are_refused(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(content)
    with pytest.raises(ValueError):
        read(tmp_path / "f")
