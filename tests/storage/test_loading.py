"""Reading everything at once: large arrays by threads, small ones by a short way, and the collector on afterwards."""

from __future__ import annotations

import gc
import os
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from talon import ir
from talon.storage.source import PIECE, OpenFile
from tests.hostile import forged
from tests.storage.writing import GRAPHS


@pytest.fixture
def path(tmp_path: Path) -> Path:
    mask = ir.Affine.restore({"weight": np.eye(4, dtype=bool)})
    ir.write(tmp_path / "net.t1c", ir.Graph({**GRAPHS[0].nodes, "mask": mask}, GRAPHS[0].edges))
    return tmp_path / "net.t1c"


@pytest.fixture(params=[True, False], ids=["collecting", "not collecting"])
def collecting(request: pytest.FixtureRequest) -> Iterator[bool]:
    """Whether the collector is on, as it must be afterwards."""
    before = gc.isenabled()
    (gc.enable if request.param else gc.disable)()
    yield request.param
    assert gc.isenabled() is request.param
    (gc.enable if before else gc.disable)()


def test_all_values_are_there_without_the_file(path: Path, collecting: bool) -> None:
    graph = ir.read(path, lazy=False)
    path.write_bytes(b"")
    for name, node in GRAPHS[0].nodes.items():
        assert graph.nodes[name].same_as(node)
        assert not any(
            getattr(graph.nodes[name], n).flags.writeable for n, _ in node._tables.arrays if node.raw(n) is not None
        )
    assert graph.nodes["mask"].weight.tolist() == np.eye(4, dtype=bool).tolist()


@pytest.mark.parametrize(
    ("node", "field", "code"), [("fc1", "weight", "T305"), ("fc1", "bias", "T303"), ("lif2", "tau", "T303")]
)
def test_damage_is_named(path: Path, node: str, field: str, code: str, collecting: bool) -> None:
    """Of a large array by its checksum; small ones stand in the index, whose hash is wrong then."""
    wanted = GRAPHS[0].nodes[node].raw(field)
    assert isinstance(wanted, np.ndarray)
    content = path.read_bytes()
    place = content.rindex(wanted.tobytes())
    path.write_bytes(content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :])
    with pytest.raises(ir.TalonFormatError) as caught:
        ir.read(path, lazy=False)
    assert caught.value.code == code
    if code == "T305":
        assert (caught.value.diagnostic.node, caught.value.diagnostic.file) == (node, str(path))


@pytest.mark.parametrize("done", [1, 5])
def test_reading_stops_where_it_is_interrupted(path: Path, done: int, collecting: bool) -> None:
    def progress(number: int, total: int) -> None:
        if number == done:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ir.read(path, lazy=False, progress=progress)
    with pytest.raises(KeyboardInterrupt):
        ir.write(path, GRAPHS[1], progress=progress)
    assert ir.read(path).nodes.keys() == {*GRAPHS[0].nodes, "mask"}


def test_a_small_array_with_another_checksum() -> None:
    def change(columns: forged.Columns) -> None:
        columns["array.crc32"][np.flatnonzero(columns["array.place"] == 0)] ^= 1

    with (
        forged.file_of(forged.with_columns(change)) as path,
        pytest.raises(ir.TalonFormatError, match="crc32") as caught,
    ):
        ir.read(path, lazy=False)
    assert caught.value.code == "T305"


@pytest.mark.parametrize("size", [1, PIECE - 1, PIECE, PIECE + 1, 3 * PIECE])
def test_a_checksum_made_while_reading_is_that_of_all_bytes(size: int, tmp_path: Path) -> None:
    data = np.random.default_rng(size).integers(0, 256, size, np.uint8)
    (tmp_path / "bytes").write_bytes(b"front" + data.tobytes() + b"behind")
    array, crc32 = OpenFile(tmp_path / "bytes").summed(5, data.dtype, data.shape, "")
    assert (array == data).all()
    assert crc32 == zlib.crc32(data)


def test_a_file_cut_short_while_it_is_read_is_told(tmp_path: Path) -> None:
    (tmp_path / "bytes").write_bytes(bytes(3 * PIECE))
    source = OpenFile(tmp_path / "bytes")
    os.truncate(tmp_path / "bytes", 2 * PIECE)
    with pytest.raises(ir.TalonError, match="T305"):
        source.summed(0, np.dtype(np.uint8), (3 * PIECE,), "")
