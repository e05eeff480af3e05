"""zarr stores as folders and as zip archives: plain zarr opens them, and nothing is lost in either."""

from __future__ import annotations

import copy
import hashlib
import json
import mmap
import os
import pickle
import subprocess
import sys
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pytest
import zarr
from zarr.storage import LocalStore, ZipStore

from talon import ir
from talon.storage.source import OpenFile
from talon.storage.zarr import archiving, records
from talon.storage.zarr.archive import Archive
from talon.testing.storage import check_backend, content
from tests.storage.owners import base, weight
from tests.storage.zarr_graphs import GRAPH, LARGE, MIDDLE, OTHER, SMALL, SUFFIXES, WIDE


@pytest.fixture(params=SUFFIXES)
def path(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    path = tmp_path / f"g{request.param}"
    ir.write(path, GRAPH)
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    ir.write(tmp_path / "g.zarr", GRAPH)
    return tmp_path / "g.zarr"


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_zarr_passes_the_kit(suffix: str) -> None:
    check_backend("zarr", suffix, deterministic=True)


# What others see


def test_plain_zarr_opens_it(path: Path) -> None:
    store = ZipStore(path, read_only=True) if path.suffix == ".zip" else LocalStore(path, read_only=True)
    root = zarr.open_group(store, mode="r")
    assert sorted(root) == ["arrays", "columns"]
    assert sorted(root["arrays"].array_keys()) == ["1", "2", "pool"]
    for name, node, expected in (("1", "large", LARGE), ("2", "wide", WIDE)):
        array = root[f"arrays/{name}"]
        assert array[...].tobytes() == expected.tobytes()
        assert array.dtype == expected.dtype
        assert array.attrs.asdict() == {"field": f"{node}.weight"}
    pool = root["arrays/pool"][...]
    assert pool.tobytes() == MIDDLE.tobytes()
    columns = {name: array[...] for name, array in root["columns"].arrays()}
    assert len(columns["node.type"]) == 1 + 6 + 3
    assert columns["array.place"].tolist() == [1, 1, 0, 2, *[0] * (len(columns["array.place"]) - 4)]
    assert columns["array.crc32"][0] == zlib.crc32(LARGE)
    for array in root["columns"].array_values():
        assert [type(codec).__name__ for codec in array.metadata.codecs] == ["BytesCodec", "Crc32cCodec"]
    assert root.attrs["talon"]["format"] == "1.0"


def test_the_hash_of_the_root_is_the_one_that_is_described(folder: Path) -> None:
    """As `docs/format.md` says it, by zarr alone."""
    root = zarr.open_group(str(folder), mode="r")
    said = root.attrs["talon"]
    columns = {name: array[...] for name, array in sorted(root["columns"].arrays())}
    listed = [[name, array.dtype.str, len(array)] for name, array in columns.items()]
    text = json.dumps([said["index"], said["format"], said["writer"], listed], separators=(",", ":"))
    found = hashlib.sha256(text.encode("ascii") + b"".join(array.tobytes() for array in columns.values()))
    assert found.hexdigest() == said["sha256"]


@pytest.mark.filterwarnings("ignore:Consolidated metadata")
def test_consolidated_metadata_may_be_there(folder: Path) -> None:
    zarr.consolidate_metadata(str(folder))
    assert b"consolidated_metadata" in (folder / "zarr.json").read_bytes()
    assert ir.read(folder).same_as(GRAPH)


def test_an_archive_is_one_that_anybody_reads(tmp_path: Path) -> None:
    ir.write(tmp_path / "g.zarr.zip", GRAPH)
    with zipfile.ZipFile(tmp_path / "g.zarr.zip") as archive:
        assert archive.testzip() is None
        members = archive.infolist()
        names = [member.filename for member in members]
        assert names == sorted(set(names))
        assert {(m.compress_type, m.date_time) for m in members} == {(zipfile.ZIP_STORED, (1980, 1, 1, 0, 0, 0))}
    container = Archive(tmp_path / "g.zarr.zip")
    assert {container.span(name).start % archiving.ALIGNMENT for name in names} == {0}


def test_a_wide_archive_is_read_by_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As if sizes, offsets and the number of files did not fit into their fields."""
    for module in (archiving, records):
        monkeypatch.setattr(module, "NARROW", 20)
        monkeypatch.setattr(module, "WIDE", 3000)
    for constant in (3000, 20):
        ir.write(tmp_path / "g.zarr.zip", GRAPH)
        assert ir.read(tmp_path / "g.zarr.zip").same_as(GRAPH), constant


# What we see


def test_each_array_of_the_pool_is_proved_when_it_is_read(tmp_path: Path) -> None:
    """By its own crc32: damage of one is not told of the others, and all of its bytes count."""
    rng = np.random.default_rng(1)
    nodes = {f"n{i}": ir.PReLU.restore({"features": 1, "weight": rng.random(401 + i).astype("f4")}) for i in range(4)}
    path = tmp_path / "g.zarr"
    ir.write(path, ir.Graph(nodes, []))
    chunk = path / "arrays" / "pool" / "c" / "0"
    honest, start = chunk.read_bytes(), 0
    for damaged, node in nodes.items():
        size = node.weight.nbytes  # type: ignore[attr-defined]
        for place in (start, start + size // 2, start + size - 1):
            chunk.write_bytes(honest[:place] + bytes([honest[place] ^ 64]) + honest[place + 1 :])
            graph = ir.read(path)
            for name, other in graph.nodes.items():
                if name == damaged:
                    with pytest.raises(ir.TalonFormatError, match="crc32") as caught:
                        other.weight  # type: ignore[attr-defined]  # noqa: B018
                    assert (caught.value.code, caught.value.diagnostic.node) == ("T305", damaged)
                else:
                    assert other.same_as(nodes[name])
            with pytest.raises(ir.TalonFormatError, match="crc32"):
                ir.read(path, lazy=False)
        start += -(-size // 8) * 8
    assert start + 4 == len(honest)


def test_everything_comes_back(everything: ir.Graph, tmp_path: Path) -> None:
    for suffix in SUFFIXES:
        path = tmp_path / f"all{suffix}"
        ir.write(path, everything)
        for lazy in (True, False):
            graph = ir.read(path, lazy=lazy)
            assert graph.same_as(everything)
            assert copy.deepcopy(graph).same_as(everything)
        assert ir.read_version(path) == "1.0"


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_conversion_is_lossless_both_ways(everything: ir.Graph, tmp_path: Path, suffix: str) -> None:
    for name, graph in (("a", everything), ("b", GRAPH)):
        first, store, back = tmp_path / f"{name}.t1c", tmp_path / f"{name}{suffix}", tmp_path / f"{name}2.t1c"
        ir.write(first, graph)
        for source, target in ((first, store), (store, back)):
            call = [sys.executable, "-m", "talon", "convert", str(source), str(target)]
            done = subprocess.run(call, capture_output=True, text=True, check=False)
            assert done.returncode == 0, done.stderr
            assert graph.fingerprint() in done.stdout
        assert back.read_bytes() == first.read_bytes()
        again = tmp_path / f"{name}2{suffix}"
        ir.write(again, ir.read(back))
        assert content(again) == content(store)


def test_the_content_decides_not_the_suffix(path: Path, tmp_path: Path) -> None:
    renamed = path.rename(tmp_path / "anything.dat")
    assert ir.read(renamed).same_as(GRAPH)
    assert ir.info(renamed).path == str(renamed)


def test_neither_hdf5_nor_zarr_is_imported(path: Path) -> None:
    code = """
import sys
from talon import ir
graph = ir.read(sys.argv[1]).load()
ir.info(sys.argv[1])
ir.write(sys.argv[1], graph)
print([name for name in ("h5py", "zarr") if name in sys.modules], ir.read(sys.argv[1]).fingerprint())
"""
    done = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=False)
    assert done.stdout.split() == ["[]", GRAPH.fingerprint()], done.stderr


def test_without_the_extra_there_is_one_clear_error(path: Path) -> None:
    code = """
import sys
sys.modules["google_crc32c"] = None
from talon import ir
for call in (lambda: ir.read(sys.argv[1]), lambda: ir.info(sys.argv[1]), lambda: ir.write("x.zarr", ir.Graph({}, []))):
    try:
        call()
    except ir.TalonMissingPluginError as error:
        print(error.code, error.help)
ir.write(sys.argv[1] + ".t1c", ir.Graph({}, []))
assert not ir.read(sys.argv[1] + ".t1c").nodes
"""
    call = [sys.executable, "-W", "error", "-c", code, str(path)]
    done = subprocess.run(call, capture_output=True, text=True, check=False, cwd=path.parent)
    assert done.stdout.splitlines() == ["T001 pip install 'talon-core[zarr]'"] * 3, done.stderr


def test_info_touches_no_array(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("talon.storage.zarr.reading.Arrays.array", lambda *a: pytest.fail("an array was touched"))
    found = ir.info(path)
    assert (found.format, len(found.nodes) - 1, len(found.edges)) == ("1.0", 9, 4)
    assert found.parameters == LARGE.size + MIDDLE.size + SMALL.size + WIDE.size
    assert found.nodes[2].arrays["weight"].shape == (200, 200)
    assert found.size == sum(map(len, content(path).values()))
    ir.read(path)


def test_arrays_are_fetched_when_used(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    graph = ir.read(path)
    assert isinstance(base(weight(graph, "large")), mmap.mmap)
    assert isinstance(base(weight(graph, "sub/middle")), np.ndarray)
    with pytest.raises(ValueError):
        weight(graph, "large")[0, 0] = 1
    maps = []
    monkeypatch.setattr(OpenFile, "map", lambda self, *a: maps.append(a))
    assert graph.load().same_as(GRAPH)
    assert ir.read(path, lazy=False).same_as(GRAPH)
    assert maps == []


def test_a_changed_array_is_one_error_with_node_and_field(path: Path) -> None:
    for name, array in (("large", LARGE), ("sub/middle", MIDDLE), ("wide", WIDE)):
        ir.write(path, GRAPH)
        files = [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]
        file = next(file for file in files if array.tobytes() in file.read_bytes())
        data = bytearray(file.read_bytes())
        data[data.index(array.tobytes()) + 100] ^= 1
        file.write_bytes(data)
        for lazy in (True, False):
            with pytest.raises(ir.TalonFormatError) as caught:
                weight(ir.read(path, lazy=lazy), name)
            error = caught.value.diagnostic
            assert (error.code, error.node, error.file) == ("T305", name, str(path))
            assert "'weight'" in error.message


def test_lazy_graphs_outlive_the_replacement_of_their_store(path: Path) -> None:
    graph, touched = ir.read(path), ir.read(path)
    weight(touched, "large")
    ir.write(path, OTHER)
    assert ir.read(path).same_as(OTHER)
    for found in (graph, touched, pickle.loads(pickle.dumps(graph)), copy.deepcopy(graph)):
        assert found.same_as(GRAPH)
    assert os.listdir(path.parent) == [path.name]


def test_beyond_the_files_that_may_be_open_a_replaced_store_is_refused(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("talon.storage.zarr.folder.open_files", lambda: 4)
    graph = ir.read(folder)
    ir.write(folder, OTHER)
    assert weight(graph, "large").tobytes() == LARGE.tobytes()
    with pytest.raises(ir.TalonFormatError) as caught:
        weight(graph, "wide")
    assert (caught.value.code, caught.value.diagnostic.node) == ("T305", "wide")
    assert "replaced" in str(caught.value)


def test_a_lazy_graph_is_written_over_its_own_store(path: Path) -> None:
    before = content(path)
    ir.write(path, ir.read(path))
    assert content(path) == before
