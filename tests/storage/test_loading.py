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
from talon.storage.index import loading
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


SHAPES = ((4, 4), (2, 8), (8, 2), (16,), (1, 16), (1, 1, 16), (1, 1, 1, 4, 4), (1, 1, 1, 1, 4, 4), (1, 1))
DTYPES = (np.float32, np.int32, np.float64, np.int8, bool)


def many(count: int) -> ir.Graph:
    """As many nodes of each shape and dtype, whose values all differ."""
    rng = np.random.default_rng(count)
    values = {
        f"{number} {np.dtype(dtype)} {shape}": rng.integers(0, 2 if dtype is bool else 100, shape).astype(dtype)
        for number in range(count)
        for shape in SHAPES
        for dtype in DTYPES
    }
    return ir.Graph({name: ir.PReLU.restore({"features": 1, "weight": value}) for name, value in values.items()}, [])


@pytest.mark.parametrize("at_once", [7, 1 << 12])
@pytest.mark.parametrize("count", [loading.MANY - 1, loading.MANY, 2 * loading.MANY + 1])
def test_arrays_that_are_read_together_are_what_each_is(
    count: int, at_once: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loading, "AT_ONCE", at_once)
    graph = many(count)
    ir.write(tmp_path / "many.t1c", graph)
    assert ir.read(tmp_path / "many.t1c", lazy=False).same_as(graph)


def test_arrays_that_are_read_together_cannot_be_written_to(tmp_path: Path) -> None:
    ir.write(tmp_path / "many.t1c", many(loading.MANY))
    for name, node in ir.read(tmp_path / "many.t1c", lazy=False).nodes.items():
        if "bool" not in name:
            with pytest.raises(ValueError, match="WRITEABLE"):
                node.weight.flags.writeable = True  # type: ignore[attr-defined]


@pytest.mark.parametrize("which", [0, 5, loading.MANY - 1])
@pytest.mark.parametrize("bit", [1, 128])
def test_one_damaged_array_among_many_is_named(which: int, bit: int, tmp_path: Path) -> None:
    """Whoever damages a small array can put the hash of the index right; its own crc32 tells."""
    ir.write(tmp_path / "many.t1c", many(loading.MANY))
    name = [name for name in many(loading.MANY).nodes if "int32 (2, 8)" in name][which]

    def change(columns: forged.Columns) -> None:
        row = 1 + list(many(loading.MANY).nodes).index(name)
        before = columns["array.node"] < row
        sizes = np.array([node.weight.nbytes for node in many(loading.MANY).nodes.values()])  # type: ignore[attr-defined]
        columns["data.byte"][int((-(-sizes[: int(before.sum())] // 8) * 8).sum()) + 9] ^= bit

    (tmp_path / "many.t1c").write_bytes(forged.reindexed((tmp_path / "many.t1c").read_bytes(), change))
    with pytest.raises(ir.TalonFormatError, match="crc32") as caught:
        ir.read(tmp_path / "many.t1c", lazy=False)
    assert (caught.value.code, caught.value.diagnostic.node) == ("T305", name)


def test_one_byte_that_is_no_truth_value_among_many_is_found(tmp_path: Path) -> None:
    """A stranger's file, whose crc32 is right."""
    graph = ir.Graph({f"n{i}": ir.Affine.restore({"weight": np.eye(4, dtype=bool)}) for i in range(40)}, [])
    ir.write(tmp_path / "many.t1c", graph)

    def change(columns: forged.Columns) -> None:
        columns["data.byte"][16 * 17] = 2
        columns["array.crc32"][17] = zlib.crc32(columns["data.byte"][16 * 17 : 16 * 18])

    (tmp_path / "many.t1c").write_bytes(forged.reindexed((tmp_path / "many.t1c").read_bytes(), change))
    with pytest.raises(ir.TalonFormatError, match="bytes 0 and 1") as caught:
        ir.read(tmp_path / "many.t1c", lazy=False)
    assert (caught.value.code, caught.value.diagnostic.node) == ("T305", "n17")


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
