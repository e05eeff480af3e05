"""The name of the program that wrote a file is shown to people: none moves the cursor or forges a line."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import h5py
import pytest
from click.testing import CliRunner

from talon import ir
from talon.cli.main import cli
from talon.ir.document import to_document
from talon.storage.hdf5.backend import Hdf5Backend
from tests.hostile import forged

WRITERS = ["x\n  size         1 bytes", "\x1b[2J", "\u202egnp.exe", "w" * 300]
HALF = "\ud800"
"""Half a character, which only JSON can say."""


def in_the_index(folder: Path, writer: str) -> Path:
    path = folder / "index.t1c"
    path.write_bytes(forged.with_header(lambda header: header.update(writer=writer)))
    return path


def in_the_tree(folder: Path, writer: str) -> Path:
    path = written(folder / "tree.t1c")
    with h5py.File(path, "r+") as file:
        del file["talon/writer"]
        file["talon/writer"] = writer
    return path


def in_the_root(folder: Path, writer: str) -> Path:
    path = written(folder / "net.zarr")
    root = json.loads((path / "zarr.json").read_text())
    root["attributes"]["talon"]["writer"] = writer
    (path / "zarr.json").write_text(json.dumps(root))
    return path


def written(path: Path) -> Path:
    ir.write(path, ir.Graph.chain(input=ir.Input([4]), output=ir.Output([4])))
    return path


Forge = Callable[[Path, str], Path]
FORGED = [(forge, writer) for forge in (in_the_index, in_the_tree, in_the_root) for writer in WRITERS]


@pytest.mark.parametrize(("forge", "writer"), [*FORGED, (in_the_index, HALF), (in_the_root, HALF)])
def test_no_writer_reaches_a_terminal_that_cannot_be_printed(forge: Forge, writer: str, tmp_path: Path) -> None:
    path = forge(tmp_path, writer)
    for trusted in (False, True):
        with pytest.raises(ir.TalonFormatError) as caught:
            ir.info(path, trusted=trusted)
        assert (caught.value.code, caught.value.diagnostic.file) == ("T303", str(path))
        assert "writer" in caught.value.diagnostic.message
    for words in (["info"], ["check", "--deep"]):
        result = CliRunner().invoke(cli, [*words, str(path)])
        refused_in_print(result.exit_code, result.output, writer)


@pytest.mark.parametrize("lie", ["\x1b[2J\x1b[H talon", "x\n  size    1 b", "\u202egnp.exe"])
def test_a_comparison_does_not_repeat_the_writer_of_a_tree(lie: str, tmp_path: Path) -> None:
    """The index behind the tree is an honest one."""
    graph = ir.Graph.chain(input=ir.Input([4]), output=ir.Output([4]))
    parts = []
    for number, writer in enumerate((lie, "w" * len(lie.encode()))):
        path = tmp_path / f"{number}.t1c"
        document = to_document(graph, lambda cls: ("talon-core", "0.1.0"), writer)
        Hdf5Backend().write(document, path, None)
        content = path.read_bytes()
        end = int.from_bytes(content[-56:-48], "little")
        parts.append((content[:end], content[end:]))
    path.write_bytes(parts[0][0] + parts[1][1])
    assert set(ir.info(path).writer) == {"w"}
    result = CliRunner().invoke(cli, ["check", "--deep", str(path)])
    refused_in_print(result.exit_code, result.output, lie)
    assert "writer" in result.output


def refused_in_print(exit_code: int, output: str, writer: str) -> None:
    assert exit_code != 0
    assert "T303" in output
    assert all(line.isprintable() for line in output.splitlines())
    assert not any(line in output.splitlines() for line in writer.splitlines()[1:])
    assert len(output) < 2000
