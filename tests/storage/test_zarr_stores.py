"""zarr store objects in the place of a path: memory, fsspec, obstore."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import fsspec
import numpy as np
import obstore
import pytest
import zarr
from zarr.storage import FsspecStore, MemoryStore, ObjectStore, WrapperStore

from talon import ir
from talon.storage.zarr import objects
from tests.hostile import stores as forged
from tests.storage.owners import weight
from tests.storage.zarr_graphs import GRAPH, LARGE, MIDDLE, OTHER, WIDE, code_of


def memory() -> Any:
    return MemoryStore()


def by_fsspec() -> Any:
    fsspec.filesystem("memory").store.clear()
    return FsspecStore.from_url("memory://bucket/net")


def by_obstore() -> Any:
    return ObjectStore(obstore.store.MemoryStore())


class Asked(WrapperStore[MemoryStore]):
    """A store in memory that notes which keys were fetched, and may fail."""

    def __init__(self) -> None:
        super().__init__(MemoryStore())
        self.got: list[tuple[str, Any]] = []
        self.fails: Callable[[str, str], bool] = lambda what, key: False
        self.cuts = ""

    async def get(self, key: str, prototype: Any, byte_range: Any = None) -> Any:
        if self.fails("get", key):
            raise RuntimeError("the connection broke")
        self.got.append((key, byte_range))
        found = await super().get(key, prototype, byte_range)
        return found[:-1] if key == self.cuts and found is not None else found

    async def getsize(self, key: str) -> int:
        return await self._store.getsize(key)

    async def set(self, key: str, value: Any) -> None:
        if self.fails("set", key):
            raise RuntimeError("the connection broke")
        await super().set(key, value)


@pytest.fixture(params=[memory, by_fsspec, by_obstore])
def store(request: pytest.FixtureRequest) -> Any:
    return request.param()


def keys(store: Any) -> set[str]:
    return objects.listed(store)


def test_store_objects_stand_in_the_place_of_a_path(everything: ir.Graph, store: Any) -> None:
    for graph in (everything, GRAPH):
        ir.write(store, graph)
        for lazy in (True, False):
            assert ir.read(store, lazy=lazy).same_as(graph)
    assert sorted(zarr.open_group(store, mode="r")["arrays"].array_keys()) == ["1", "2", "pool"]
    assert ir.read_version(store) == "1.0"
    found = ir.info(store)
    assert (found.path, len(found.nodes) - 1) == (str(store), 9)
    assert found.size > LARGE.nbytes + WIDE.nbytes + MIDDLE.nbytes


def test_the_same_keys_as_in_a_folder(store: Any, tmp_path: Any) -> None:
    from talon.testing.storage import content

    ir.write(store, GRAPH)
    ir.write(tmp_path / "g.zarr", GRAPH)
    expected = content(tmp_path / "g.zarr")
    assert keys(store) == expected.keys()
    for key, data in expected.items():
        assert objects.Objects(store).span(key).source.fetch(0, np.dtype("u1"), (len(data),), key).tobytes() == data


def test_what_is_no_longer_needed_is_removed(store: Any) -> None:
    ir.write(store, GRAPH)
    assert code_of(ir.write, store, OTHER, overwrite=False) == "T306"
    ir.write(store, OTHER)
    assert ir.read(store).same_as(OTHER)
    assert not [key for key in keys(store) if key.startswith("arrays/1/")]


def test_a_lazy_graph_is_written_over_its_own_store(store: Any) -> None:
    ir.write(store, GRAPH)
    ir.write(store, ir.read(store).replace("in", ir.Input([200], core_id=1)), backend="zarr")
    assert ir.read(store).replace("in", GRAPH.nodes["in"]).same_as(GRAPH)


def test_a_store_with_anything_else_is_left_alone(store: Any) -> None:
    assert code_of(ir.read, store) == "T302"
    zarr.create_group(store, attributes={"mine": 1})
    before = keys(store)
    assert code_of(ir.read, store) == "T302"
    assert code_of(ir.write, store, GRAPH) == "T308"
    zarr.create_array(store, name="x", shape=(3,), dtype="f4")
    assert code_of(ir.write, store, GRAPH) == "T308"
    assert before < keys(store)


def test_other_backends_take_paths_alone(store: Any) -> None:
    assert code_of(ir.write, store, GRAPH, backend="hdf5") == "T206"
    assert code_of(ir.write, store, GRAPH, backend="nobody") == "T206"
    assert keys(store) == set()


def test_a_store_that_is_only_read_is_not_written() -> None:
    store = memory()
    ir.write(store, GRAPH)
    with pytest.raises(ir.TalonFileError) as caught:
        ir.write(store.with_read_only(True), OTHER)
    assert caught.value.code == "T301"
    assert ir.read(store.with_read_only(True)).same_as(GRAPH)


def test_what_is_fetched() -> None:
    """Columns at once; an array and its metadata when it is used; of the pool a block, once."""
    store = Asked()
    pooled = ir.Graph({f"n{i}": ir.Affine(np.full((40, 40), i, np.float32)) for i in range(20)}, [])
    ir.write(store, ir.Graph({**GRAPH.nodes, **pooled.nodes}, GRAPH.edges))
    store.got.clear()
    graph = ir.read(store)
    assert {key.split("/")[1] for key, _ in store.got if key.startswith("arrays/")} == {"pool", "zarr.json"}
    assert len(store.got) == len({key for key, _ in store.got})
    assert all(part is None for _, part in store.got)
    store.got.clear()
    assert weight(graph, "large").tobytes() == LARGE.tobytes()
    assert sorted(store.got) == [("arrays/1/c/0/0", None), ("arrays/1/zarr.json", None)]
    store.got.clear()
    for number in range(20):
        assert weight(graph, f"n{number}").max() == number
    assert [key for key, _ in store.got] == ["arrays/pool/c/0"]


def test_blocks_of_the_pool_are_put_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(objects, "BLOCK", 1000)
    store = Asked()
    ir.write(store, GRAPH)
    assert ir.read(store).same_as(GRAPH)
    parts = [part for key, part in store.got if key == "arrays/pool/c/0"]
    assert [(part.start, part.end) for part in parts[:3]] == [(0, 1000), (1000, 2000), (2000, 3000)]


@pytest.mark.parametrize("where", ["zarr.json", "columns/node.type/c/0", "arrays/1/c/0/0", "arrays/pool/c/0"])
def test_a_store_that_fails_is_one_error(where: str) -> None:
    store = Asked()
    ir.write(store, GRAPH)
    store.fails = lambda what, key: (what, key) == ("get", where)
    with pytest.raises(ir.TalonFileError, match="the connection broke") as caught:
        ir.read(store).load()
    assert caught.value.code == "T301"
    assert caught.value.diagnostic.file == str(store)


def test_a_write_that_fails_leaves_no_store_that_is_read() -> None:
    store = Asked()
    ir.write(store, GRAPH)
    store.fails = lambda what, key: (what, key) == ("set", "columns/word.end/c/0")
    with pytest.raises(ir.TalonFileError, match="cannot be written"):
        ir.write(store, OTHER)
    assert code_of(ir.read, store) == "T302"
    store.fails = lambda what, key: False
    ir.write(store, OTHER)
    assert ir.read(store).same_as(OTHER)


@pytest.mark.parametrize("where", ["zarr.json", "columns/node.type/c/0", "arrays/1/c/0/0", "arrays/pool/c/0"])
def test_an_object_that_is_shorter_than_it_was_said_is_refused(where: str) -> None:
    store = Asked()
    ir.write(store, GRAPH)
    store.cuts = where
    with pytest.raises(ir.TalonFormatError, match="has changed") as caught:
        ir.read(store).load()
    assert caught.value.code == "T303"
    assert caught.value.diagnostic.file == str(store)


def test_an_object_that_changes_is_refused() -> None:
    store = memory()
    ir.write(store, GRAPH)
    graph = ir.read(store)
    other = GRAPH.replace("large", ir.Affine(LARGE + 1)).replace("wide", ir.Affine(WIDE[:, :-1000]))
    ir.write(store, other.replace("sub", ir.Graph({"middle": ir.Affine(MIDDLE * 2)}, [])))
    for name, code in (("large", "T305"), ("wide", "T303"), ("sub/middle", "T305")):
        with pytest.raises(ir.TalonFormatError) as caught:
            weight(graph, name)
        assert (caught.value.code, caught.value.diagnostic.node) == (code, name)


LIES: list[tuple[str, Callable[[forged.Files], object], str]] = [
    ("a key missing", lambda s: s.pop("columns/node.type/c/0"), "T303"),
    ("a key more", lambda s: s.update({"columns/node.type/c/1": b""}), "T303"),
    ("a key that leads out", lambda s: s.update({"../secret": b""}), "T303"),
    ("a column of terabytes", forged.metadata("columns/node.type", lambda d: d.update(shape=[1 << 40])), "T303"),
    ("another codec", forged.metadata("arrays/1", lambda d: d.update(codecs=[{"name": "zstd"}])), "T303"),
    ("an array too long", lambda s: s.update({"arrays/1/c/0/0": bytes(100_000)}), "T303"),
    ("another array", lambda s: s.update({"arrays/1/c/0/0": forged.chunk(bytes(69_000))}), "T305"),
    ("root NaN", forged.text("zarr.json", '{"talon":NaN}'), "T303"),
    ("too many keys", lambda s: s.update({f"x{i}": b"" for i in range(200)}), "T303"),
    ("columns too large", lambda s: s.update({"columns/node.type/c/0": bytes(100_000)}), "T303"),
]


@pytest.mark.parametrize(("change", "code"), [lie[1:] for lie in LIES], ids=[lie[0] for lie in LIES])
def test_a_store_that_lies_is_one_error(
    change: Callable[[forged.Files], object], code: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(objects, "MOST_KEYS", 150)
    monkeypatch.setattr(objects, "MOST_INDEX_BYTES", 40_000)
    found = forged.files()
    store = Asked()

    def fill() -> None:
        buffer = zarr.core.buffer.default_buffer_prototype().buffer
        asyncio.run(gather([store.set(key, buffer.from_bytes(data)) for key, data in found.items()]))

    fill()
    assert not ir.read(store).load().same_as(GRAPH)
    change(found)
    store = Asked()
    fill()
    with pytest.raises(ir.TalonFormatError) as caught:
        ir.read(store).load()
    assert caught.value.code == code


async def gather(work: list[Any]) -> None:
    await asyncio.gather(*work)
