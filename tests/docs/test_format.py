"""docs/format.md says what the code does: its tables and limits are compared with the code's own."""

from __future__ import annotations

import hashlib
import io
import json
import re
from collections.abc import Iterator
from itertools import accumulate, takewhile
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from talon import ir
from talon.ir.document import FORMAT, PUBLISHED
from talon.ir.values import MAX_DEPTH
from talon.storage.hdf5.backend import SIGNATURE
from talon.storage.hdf5.reading import EXTRAS
from talon.storage.hdf5.writing import ALIGNMENT, COMPACT, DATASETS
from talon.storage.index import footer, layout, packing
from talon.storage.index.layout import COLUMNS, Column
from talon.storage.tagged import DEEPEST_JSON, tagged, untagged
from talon.testing.everything import everything

PAGE = (Path(__file__).parents[2] / "docs" / "format.md").read_text(encoding="utf-8")
FLOWING = re.sub(r"\s+", " ", PAGE)


def rows(head: str) -> list[list[str]]:
    """The rows of the table whose head begins like this."""
    _, found, after = PAGE.partition(f"\n| {head} ")
    assert found, f"there is no table {head!r}"
    lines = takewhile(lambda line: line.startswith("|"), after.splitlines()[2:])
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]


def code(cell: str) -> str:
    """The first piece of code in a cell."""
    return cell.split("`")[1].replace("\\|", "|")


def number(text: str) -> int:
    base, _, power = text.partition("^")
    return int(base) ** int(power or 1)


def columns() -> Iterator[Column]:
    for name, dtype, rules, _ in rows("column"):
        refers, ends = (re.search(rf"{rule} `(\w+)`", rules) for rule in ("row of", "ends in"))
        most = re.search(r"at most ([\d^]+)", rules)
        yield Column(
            code(name),
            code(dtype),
            refers[1] if refers else None,
            ends[1] if ends else None,
            "ascends" in rules,
            number(most[1]) if most else None,
        )


def test_the_columns_are_those_of_the_code() -> None:
    assert tuple(columns()) == COLUMNS
    assert all(meaning for *_, meaning in rows("column"))


def test_the_dtypes_are_those_of_the_code() -> None:
    told = rows("`array.dtype` | items")
    assert [int(cells[0]) for cells in told] == list(range(len(layout.DTYPES)))
    assert [code(cells[1]) for cells in told] == [dtype.str for dtype in layout.DTYPES]


def test_the_kinds_are_those_of_the_code() -> None:
    constants = {
        "none": layout.NONE,
        "truth": layout.TRUTH,
        "whole number": layout.WHOLE,
        "real number": layout.REAL,
        "text": layout.TEXT,
        "value": layout.VALUE,
    }
    told = (cells[0].split(" ", 1) for cells in rows("`attr.kind` | `attr.value`"))
    assert {name: int(kind) for kind, name in told} == constants


def test_the_footer_is_that_of_the_code() -> None:
    told = [(int(offset), int(size), kind) for offset, size, kind, _ in rows("offset | bytes")]
    assert [offset for offset, _, _ in told] == [0, *accumulate(size for _, size, _ in told)][:-1]
    assert sum(size for _, size, _ in told) == footer.LENGTH
    index = b"index"
    file = io.BytesIO(b"a tree")
    footer.append(file, index)
    last = file.getvalue()[-footer.LENGTH :]
    fields = [last[offset : offset + size] for offset, size, _ in told]
    found = [int.from_bytes(f, "little") if kind == "u64" else f for f, (_, _, kind) in zip(fields, told, strict=True)]
    magic = bytes.fromhex(code(rows("offset | bytes")[0][3]))
    assert found == [magic, 64, len(index), 64 + len(index) + 64, hashlib.sha256(index).digest()]


def test_the_header_is_that_of_the_code() -> None:
    index = packing.pack("1.0", "w", {c.name: np.zeros(0, c.dtype) for c in COLUMNS})
    header = json.loads(index[8 : 8 + int.from_bytes(index[:8], "little")])
    assert {code(cells[0]) for cells in rows("key")} == header.keys()


LIMITS = [
    (f"version of the columns, {layout.VERSION}", "header"),
    (f'version of the format, `"{FORMAT}"`', "header"),
    (f"format **{FORMAT}** with index **{layout.VERSION}**", "top"),
    (SIGNATURE.hex(" "), "signature"),
    (f"the length of the index is at most 2^{layout.MOST_INDEX_BYTES.bit_length() - 1};", "footer"),
    (f"a multiple of {footer.BEGINS} and at least {footer.FIRST},", "footer"),
    (f"H is at most {layout.MOST_HEADER_BYTES} ", "header"),
    (f"nested in at most {MAX_DEPTH} levels, and its values", "header"),
    (f"at most {layout.MOST_COLUMNS} columns", "header"),
    (f"the end of the one before, aligned to {layout.ALIGNMENT} |", "header"),
    (f"at most {layout.LONGEST_NAME} characters (code points)", "texts"),
    (f"at most {MAX_DEPTH - 2} graphs hold it besides the outermost", "nodes"),
    (f"nested in at most {MAX_DEPTH} levels.", "nodes"),
    (f"2^{layout.MOST_PATH_BYTES.bit_length() - 1} + {layout.MOST_PATH_BYTES_PER_NODE} times", "nodes"),
    (f"is at most 2^{layout.MOST_ARRAY_BYTES.bit_length() - 1}. A reader", "arrays"),
    (f"of up to {layout.INLINE} bytes has the place 0", "arrays"),
    (f"more than {layout.LONGEST_SHARED} characters MUST NOT", "values"),
    (f"inside more than {MAX_DEPTH} lists", "values"),
    (f"which is {MAX_DEPTH} for the header of the index and {DEEPEST_JSON} for", "JSON"),
    (f"`{PUBLISHED}`, the version of the published layout", "tree"),
    (f"up to {COMPACT} bytes the layout is compact", "tree"),
    (f"at a multiple of {ALIGNMENT}.", "tree"),
]


@pytest.mark.parametrize("said", [said for said, _ in LIMITS])
def test_the_limits_are_those_of_the_code(said: str) -> None:
    assert said in FLOWING


def test_the_latest_revision_is_that_of_the_top() -> None:
    top = re.search(
        r"^Revision (\d+) of this page\. It describes format \*\*(.*)\*\* with index \*\*(.*)\*\*", PAGE, re.M
    )
    assert top is not None
    revision, versions, _ = rows("revision")[-1]
    assert (revision, versions) == (top[1], f"{top[2]}, {top[3]}")


def test_the_datasets_of_the_group_talon_are_those_of_the_code(tmp_path: Path) -> None:
    told = [code(cells[0]) for cells in rows("dataset")]
    always = [name for name, (_, content) in zip(told, rows("dataset"), strict=True) if "only where" not in content]
    assert {"format", "writer", *EXTRAS} <= set(told)
    assert f"The values of the last {['', 'one', 'two', 'three', 'four'][len(DATASETS)]} are" in FLOWING
    assert set(told[-len(DATASETS) :]) == set(DATASETS)
    ir.write(tmp_path / "g.t1c", everything())
    with h5py.File(tmp_path / "g.t1c") as file:
        assert sorted(file["talon"]) == sorted(always)
        assert sorted(file) == sorted(code(cells[0]).strip("/") for cells in rows("object"))


VALUES: list[Any] = [None, True, False, "x", 12, 0.1, float("nan"), np.zeros((2, 3), "f4"), [1], (1,), {"k": None}]


def test_every_tagged_form_is_told() -> None:
    told = {form for cells in rows("JSON") for form in re.findall(r'\{"(\w+)"', cells[0])}
    forms = [tagged(value) for value in VALUES]
    assert {key for form in forms if isinstance(form, dict) for key in form} == told


def test_the_examples_of_tagged_forms_are_values() -> None:
    for cells in rows("JSON"):
        for text in re.findall(r"`(\{[^`]*\})`", cells[0]):
            if "..." not in text and "key" not in text:
                assert tagged(untagged(json.loads(text))) == json.loads(text)
