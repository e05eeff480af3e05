"""Paths, overwriting, laziness, and files that are not what they should be."""

from __future__ import annotations

import gzip
import io
import os
import time
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from talon import ir
from talon.storage import atomic

GRAPH = ir.Graph.chain(
    input=ir.Input([64]), fc=ir.Affine(np.ones((64, 64), np.float32)), output=ir.Output([64]), lif=ir.IF(1.0)
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    ir.write(tmp_path / "g.t1c", GRAPH)
    return tmp_path / "g.t1c"


def code_of(call: Any, *arguments: Any, **named: Any) -> str:
    with pytest.raises(ir.TalonError) as caught:
        call(*arguments, **named)
    return caught.value.code


def test_parents_are_made_and_nothing_else_is_left(tmp_path: Path) -> None:
    ir.write(tmp_path / "a" / "b" / "g.t1c", GRAPH)
    assert os.listdir(tmp_path / "a" / "b") == ["g.t1c"]


def test_paths_that_are_none(path: Path) -> None:
    with open(path, "rb") as file:
        assert code_of(ir.read, file) == "T308"
    assert code_of(ir.write, io.BytesIO(), GRAPH) == "T308"
    assert code_of(ir.read, "https://example.org/net.t1c") == "T308"
    assert code_of(ir.write, "s3://bucket/net.t1c", GRAPH) == "T308"
    assert code_of(ir.read, "") == "T308"
    assert code_of(ir.read, 7) == "T206"
    assert code_of(ir.write, path, {"nodes": {}}) == "T206"


def test_missing_and_unreadable(tmp_path: Path) -> None:
    with pytest.raises(ir.TalonFileError) as caught:
        ir.read(tmp_path / "none.t1c")
    assert caught.value.code == "T301"
    assert isinstance(caught.value, OSError)
    assert "none.t1c" in str(caught.value)
    assert code_of(ir.read, tmp_path) == "T302"
    (tmp_path / "file").write_text("x")
    assert code_of(ir.write, tmp_path / "file" / "x.t1c", GRAPH) == "T301"


def test_overwrite(path: Path) -> None:
    old = path.read_bytes()
    assert code_of(ir.write, path, ir.Graph({}, []), overwrite=False) == "T306"
    assert path.read_bytes() == old
    ir.write(path, ir.Graph({"in": ir.Input([1])}, []))
    assert list(ir.read(path).nodes) == ["in"]


def test_the_backend_is_found_by_content(path: Path, tmp_path: Path) -> None:
    other = tmp_path / "anything.dat"
    other.write_bytes(path.read_bytes())
    assert ir.read(other).same_as(GRAPH)
    ir.write(tmp_path / "no_suffix", GRAPH)
    assert ir.read(tmp_path / "no_suffix").same_as(GRAPH)
    assert code_of(ir.write, tmp_path / "x", GRAPH, backend="hfd5") == "T002"


def test_a_failed_write_leaves_the_old_file(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old = path.read_bytes()

    def fail(*arguments: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("talon.storage.hdf5.writing._Tree.edges", fail)
    with pytest.raises(ir.TalonFileError, match="No space left"):
        ir.write(path, ir.Graph({"in": ir.Input([1])}, []))
    assert path.read_bytes() == old
    assert os.listdir(path.parent) == ["g.t1c"]


def test_the_new_file_is_synced_before_it_takes_the_place(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    events: list[str] = []
    sync, replace = atomic.sync, os.replace
    monkeypatch.setattr(atomic, "sync", lambda p: (events.append("dir" if p.is_dir() else "file"), sync(p))[1])
    monkeypatch.setattr(os, "replace", lambda a, b: (events.append("replace"), replace(a, b))[1])
    ir.write(path, GRAPH)
    assert events == ["file", "replace", "dir"]


def test_stale_temporaries_are_swept_and_fresh_ones_left(path: Path) -> None:
    stale, fresh = path.with_name(".g.t1c.0123456789ab.talon-tmp"), path.with_name(".g.t1c.ba9876543210.talon-tmp")
    for left in (stale, fresh):
        left.write_text("x")
    os.utime(stale, (time.time() - 7200,) * 2)
    ir.write(path, GRAPH)
    assert not stale.exists()
    assert fresh.exists()


def test_links_and_permissions_are_kept(path: Path, tmp_path: Path) -> None:
    path.chmod(0o640)
    link = tmp_path / "link.t1c"
    link.symlink_to(path)
    ir.write(link, GRAPH)
    assert link.is_symlink()
    assert path.stat().st_mode & 0o777 == 0o640


def test_lazy_arrays_are_fetched_when_used(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fetched: list[str] = []
    from talon.storage.source import OpenFile

    summed = OpenFile.summed
    monkeypatch.setattr(OpenFile, "summed", lambda self, *a: (fetched.append(a[-1]), summed(self, *a))[1])
    graph = ir.read(path)
    assert graph.shapes["fc:out"] == (64,)
    repr(graph)
    ir.info(path)
    assert fetched == []
    assert graph.nodes["fc"].weight.sum() == 64 * 64
    assert graph.nodes["fc"].weight.sum() == 64 * 64
    assert fetched == ["fc.weight"]
    ir.read(path, lazy=False)
    assert fetched == ["fc.weight"] * 2


def test_a_lazy_graph_survives_the_replacement_of_its_file(path: Path) -> None:
    graph = ir.read(path)
    ir.write(path, graph.replace("fc", ir.Affine(np.zeros((64, 64)))))
    assert graph.same_as(GRAPH)
    path.unlink()
    assert graph.nodes["fc"].weight.shape == (64, 64)


def test_a_file_changed_in_place_is_refused(path: Path) -> None:
    graph = ir.read(path)
    with open(path, "r+b") as file:
        file.truncate(2000)
    assert code_of(lambda: graph.nodes["fc"].weight) == "T305"


def test_load_detaches(path: Path) -> None:
    graph = ir.read(path).load()
    with open(path, "r+b") as file:
        file.truncate(0)
    assert graph.same_as(GRAPH)


def damaged(path: Path, change: Any) -> Path:
    with h5py.File(path, "r+") as file:
        change(file)
    return path


def put(name: str, value: Any) -> Any:
    def change(file: h5py.File) -> None:
        if name in file:
            del file[name]
        file[name] = value

    return change


DAMAGE: list[tuple[str, Any, str, list[str]]] = [
    ("no graph", lambda f: f.move("graph", "grph"), "T302", ["/graph"]),
    ("future", put("talon/format", "2.0"), "T307", ["format 2.0", "upgrade"]),
    ("no type", lambda f: f.__delitem__("graph/nodes/fc/type"), "T303", ["'fc'", "type"]),
    ("unknown type", put("graph/nodes/fc/type", "Afine"), "T304", ["'Afine'", "fc"]),
    ("unknown field", put("graph/nodes/fc/wieght", 1), "T304", ["'wieght'", "did you mean 'weight'"]),
    ("missing field", lambda f: f.__delitem__("graph/nodes/fc/weight"), "T206", ["needs weight"]),
    ("wrong rank", put("graph/nodes/fc/weight", np.ones(3)), "T201", ["weight", "(3,)"]),
    ("text weight", put("graph/nodes/fc/weight", "x"), "T204", ["weight"]),
    ("edges differ", put("graph/edges/src", ["input"]), "T303", ["1 destinations"]),
    ("unknown end", put("graph/edges/dst", ["fc", "output", "nobody"]), "T303", ["'nobody'"]),
    ("order", put("talon/node_order", '{"": ["a"]}'), "T303", ["node_order"]),
    ("json", put("talon/exact", "{'a': 1}"), "T303", ["strict JSON"]),
    ("json twice", put("talon/exact", '{"a": {}, "a": {}}'), "T303", ["twice"]),
    ("json NaN", put("talon/exact", '{"": {"dt": NaN}}'), "T303", ["NaN"]),
    ("tagged", put("talon/exact", '{"": {"metadata": {"lisst": []}}}'), "T303", ["lisst"]),
    ("soft link", lambda f: f.__setitem__("graph/nodes/fc/extra", h5py.SoftLink("/version")), "T303", ["link"]),
    ("external link", lambda f: f.__setitem__("graph/nodes/fc/extra", h5py.ExternalLink("x", "/y")), "T303", ["link"]),
    ("compound", put("graph/nodes/fc/extra", np.zeros(3, "i4,f4")), "T303", ["fc.extra"]),
    ("a long writer", put("talon/writer", "w" * 70_000), "T303", ["writer", "70000"]),
    ("a writer that clears the screen", put("talon/writer", "\x1b[2J\u202egnp.exe\n"), "T303", ["printed", "\\x1b"]),
    ("newer schema", put("talon/providers", '{"Affine": ["talon-core", "9.0", 2]}'), "T307", ["schema 2", "upgrade"]),
]


@pytest.mark.parametrize(("change", "code", "words"), [d[1:] for d in DAMAGE], ids=[d[0] for d in DAMAGE])
def test_damage_is_named(path: Path, change: Any, code: str, words: list[str]) -> None:
    with pytest.raises(ir.TalonError) as caught:
        ir.read(damaged(path, change))
    assert caught.value.code == code, str(caught.value)
    assert caught.value.diagnostic.file == str(path)
    for word in words:
        assert word in str(caught.value), str(caught.value)


@pytest.mark.parametrize("content", [b"", b"text\n", b"\x89HDF\r\n\x1a\n", b"\x89HDF\r\n\x1a\n" + bytes(200)])
def test_bytes_that_are_no_file(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x.t1c").write_bytes(content)
    for call in (ir.read, ir.info, ir.read_version):
        assert code_of(call, tmp_path / "x.t1c") in ("T302", "T303")


@pytest.mark.parametrize(
    ("change", "word"),
    [
        (lambda b: b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n", "git lfs pull"),
        (lambda b: b"\n<!DOCTYPE HTML><html>404</html>", "web page"),
        (gzip.compress, "gunzip"),
        (lambda b: b.replace(b"\n", b"\r\n"), "as text"),
        (lambda b: b.replace(b"\r\n", b"\n"), "as text"),
        (lambda b: b.decode("latin-1").encode(), "as text"),
        (lambda b: b"\x93NUMPY", "right file"),
    ],
)
def test_what_often_lies_in_the_place_of_a_network_is_told(path: Path, change: Any, word: str) -> None:
    path.write_bytes(change(path.read_bytes()))
    with pytest.raises(ir.TalonFormatError) as caught:
        ir.read(path)
    assert caught.value.code == "T302"
    assert word in str(caught.value.help)


def test_names_of_files_change_no_terminal(tmp_path: Path) -> None:
    for name in ("a\x1b[2J", "a\nb", "a\udcff", "a\u202eb"):
        with pytest.raises(ir.TalonFileError) as caught:
            ir.read(tmp_path / name)
        assert caught.value.diagnostic.file == str(tmp_path / name)
        assert ascii(name)[1:-1] in str(caught.value)
        assert all(line.isprintable() for line in str(caught.value).splitlines())
        str(caught.value).encode()


def test_bytes_of_a_file_are_no_path(path: Path) -> None:
    with pytest.raises(ir.TalonFileError) as caught:
        ir.read(path.read_bytes())  # type: ignore[arg-type]
    assert caught.value.code == "T308"
    assert len(str(caught.value)) < 300


def test_truncation_anywhere_is_one_error(path: Path) -> None:
    whole = path.read_bytes()
    for length in range(0, len(whole), 997):
        path.write_bytes(whole[:length])
        assert code_of(lambda: ir.read(path).load()) in ("T302", "T303")


def test_info_and_version(path: Path) -> None:
    found = ir.info(path)
    assert (found.format, found.legacy, len(found.nodes) - 1, len(found.edges)) == ("1.0", False, 4, 3)
    assert found.types == {"Affine": 1, "IF": 1, "Input": 1, "Output": 1}
    assert found.providers["Affine"] == f"talon-core {ir.__version__}"
    assert found.parameters == 64 * 64
    assert found.size == path.stat().st_size
    assert ir.read_version(path) == "1.0"
    assert "4 nodes" in repr(found)
    assert len(repr(found).splitlines()) < 20


def test_only_files_are_replaced(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    assert code_of(ir.write, pipe, GRAPH) == "T308"
    assert pipe.is_fifo()
    (tmp_path / "folder.t1c").mkdir()
    assert code_of(ir.write, tmp_path / "folder.t1c", GRAPH) == "T308"


@pytest.mark.parametrize("name", ["net.nir", "net.onnx", "net.t1c.bak", "net.tic", "net.zip", "net.T1C2"])
def test_a_suffix_that_nobody_has_is_no_hdf5(tmp_path: Path, name: str) -> None:
    assert code_of(ir.write, tmp_path / name, GRAPH) == "T308"
    assert not (tmp_path / name).exists()
    ir.write(tmp_path / name, GRAPH, backend="hdf5")
    assert ir.read(tmp_path / name).same_as(GRAPH)
