"""docs/artifact.md says what the code does, and a reader made from it alone runs what talon writes."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from itertools import takewhile
from pathlib import Path

import pytest

from talon import hw
from talon.hw.artifact import manifest, opening, rows, words, writing
from talon.hw.integers import arithmetic
from talon.hw.wiring import MOST
from tests.hostile.stores import zipped
from tests.hw.artifact import builds

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "artifact.md").read_text(encoding="utf-8")
FLOWING = re.sub(r"\s+", " ", PAGE)
SCRIPT = ROOT / "examples" / "read_talonhw.py"


def table(head: str) -> list[list[str]]:
    """The rows of the table whose head begins like this."""
    _, found, after = PAGE.partition(f"\n| {head} |")
    assert found, f"there is no table {head!r}"
    lines = takewhile(lambda line: line.startswith("|"), after.splitlines()[2:])
    return [[cell.strip() for cell in line[1:-1].split("|")] for line in lines]


def code(cell: str) -> str:
    return cell.split("`")[1]


def test_the_version() -> None:
    assert f"# The artifact format, `{writing.SUFFIX}`, version {writing.VERSION}\n" in PAGE
    assert f'"{writing.FORMAT}"' in PAGE


def test_members() -> None:
    told = {code(row[0]) for row in table("member")}
    grouped = {re.sub(r"(map|tensors)/\w+\.npy", r"\1/*.npy", name) for name in opening.KNOWN}
    assert told == grouped


def test_columns_roles_forms_and_pools() -> None:
    assert [code(row[0]) for row in table("column")] == list(rows.COLUMNS)
    assert [(int(row[0]), code(row[1])) for row in table("role")] == list(enumerate(rows.ROLES))
    assert [int(row[0]) for row in table("form")] == [rows.STORED, rows.CONSTANT, rows.RANGE, rows.NEXT]
    assert [(int(row[0]), code(row[1])) for row in table("pool")] == list(enumerate(rows.POOLS))


def test_keys() -> None:
    assert tuple(code(row[0]) for row in table("key | value")) == manifest.KEYS
    assert tuple(code(row[0]) for row in table("key | value of a layer")) == manifest.LAYER
    assert tuple(code(row[0]) for row in table("key | value of a source")) == manifest.SOURCE
    assert tuple(code(row[0]) for row in table("key | value of a neuron")) == manifest.NEURON
    (ports,) = [row[1] for row in table("key | value") if code(row[0]) == "inputs"]
    assert set(re.findall(r"`(\w+)`", ports)) == set(manifest.PORT)


def test_words_and_limits() -> None:
    own = (*manifest.OPERATIONS, *manifest.RESETS)
    for word in (*own, *arithmetic.OVERFLOWS, *arithmetic.ROUNDINGS, *arithmetic.DECAYS, *arithmetic.ACCUMULATIONS):
        assert f"`{word}`" in PAGE, word
    assert f"plus {rows.SIGN} where numbers are signed" in FLOWING
    assert f"{rows.MOST_NUMBERS} numbers, plus 16 for each byte" in FLOWING
    assert f"below {MOST}" in FLOWING
    assert f"at most {MOST}; broadcasts" in FLOWING
    assert f"at most {manifest.MOST_RESOURCES}" in FLOWING
    assert f"up to {words.LONGEST} letters" in FLOWING
    true = ", ".join(f"`{role}`" for role in rows.TRUE[:-1])
    assert f"{true} and `{rows.TRUE[-1]}` stand in whole bytes, unless" in FLOWING


def test_every_row_stands_where_the_page_says(tmp_path: Path) -> None:
    """The roles of an artifact, in order, are those of section 5."""
    build = builds.everything()
    store = writing.members_of(build)
    role, kind = (rows.loaded(store, f"map/{name}.npy", "iu") for name in ("role", "kind"))
    found = [rows.ROLES[number] for number in role[kind]]
    optional = {"delays", "times", "reset", "start", "factor", "bias", "seats"}
    expected = ["positions", "kinds", "neurons", *("unit" for layer in build.chip.layers if layer.neuron), "tiles"]
    for tile in build.chip.tiles:
        layer = build.chip.layers[tile.layer]
        for source in layer.sources:
            expected += ["numbers", "delays", "times"]
            expected += ["weight", "bias"] if source.operation in ("dense", "conv") else []
        expected += ["threshold", "reset", "start", "factor", "seats"] if layer.neuron else []
    expected += ["counts", "cores", "axons"]
    for _ in build.chip.readouts:
        expected += ["numbers", "delays", "times", "unit"]
    expected += ["uses", *("golden" for _ in (*build.chip.inputs, *build.chip.readouts)), "checksums", "checksums"]
    at = 0
    for role in expected:
        if at < len(found) and found[at] == role:
            at += 1
        else:
            assert role in optional, (role, found[at:])
    assert at == len(found)
    section = PAGE.partition("## 5. ")[2].partition("## 6. ")[0]
    told = list(dict.fromkeys(word for word in re.findall(r"`(\w+)`", section) if word in rows.ROLES))
    assert told == list(dict.fromkeys(expected))


@pytest.mark.parametrize("which", ["small", "digits"])
def test_the_plain_reader_runs_the_golden_sample(tmp_path: Path, which: str) -> None:
    path = tmp_path / "net.talonhw"
    build = builds.small() if which == "small" else builds.digits(8)
    build.save(path)
    ran = subprocess.run([sys.executable, "-I", SCRIPT, path], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    assert "the answer it should" in ran.stdout
    # Other weights give another answer, so that the comparison compares.
    store = writing.members_of(build)
    weights = rows.npy(-rows.loaded(store, "tensors/int8.npy", "i"))
    path.write_bytes(zipped(store | {"tensors/int8.npy": weights}))
    ran = subprocess.run([sys.executable, "-I", SCRIPT, path], capture_output=True, text=True, check=False)
    assert ran.returncode == 1, ran.stderr


def test_the_plain_reader_shares_nothing_with_talon() -> None:
    text = SCRIPT.read_text(encoding="utf-8")
    assert len(text.splitlines()) < 160
    names = {
        name.split(".")[0]
        for node in ast.walk(ast.parse(text))
        for name in (
            [alias.name for alias in node.names] if isinstance(node, ast.Import)
            else [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        )
    }  # fmt: skip
    assert names <= set(sys.stdlib_module_names) | {"numpy"}


def test_the_manifest_of_an_artifact_has_every_key(tmp_path: Path) -> None:
    builds.everything().save(tmp_path / "net.talonhw")
    said = json.loads(opening.members_at(tmp_path / "net.talonhw")["manifest.json"])
    assert set(said) == set(manifest.KEYS)
    assert hw.load(tmp_path / "net.talonhw").verify()
