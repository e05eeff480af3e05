"""Nodes of an older schema become those of the installed primitive; what cannot is named, or kept."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from talon import ir
from talon.cli.plugins import plugin_rows
from talon.ir.declare import Array, array, integer, number
from talon.ir.document import FORMAT, Document, NodeRecord, from_document
from talon.plugins import temporary
from talon.storage import compared
from talon.storage.files import class_of
from talon.storage.hdf5.backend import Hdf5Backend
from talon.storage.source import OpenFile
from talon.testing.storage import document

WEIGHT = np.arange(64 * 400, dtype=np.float32).reshape(64, 400)
NOTES = {"notes": [1, {"k": (2,)}]}
Arrays = dict[str, ir.ArrayRef]


class Same(ir.Primitive):
    def infer(self, *inputs: Any) -> Any:
        return inputs[0]

    def step(self, t: int, state: dict[str, np.ndarray], *inputs: np.ndarray) -> np.ndarray:
        return inputs[0]


class First(Same):
    """Has its weight the other way round and its time in ms."""

    kernel: Array = array("in out", doc="weight")
    ms: float = number(doc="time", default=1.0)


class Second(Same):
    """Has its time in s."""

    schema = 2
    kernel: Array = array("in out", doc="weight")
    seconds: float = number(doc="time", default=1e-3)


class Third(Same):
    """Has its weight as everybody has it, and one field more."""

    schema = 3
    weight: Array = array("out in", doc="weight")
    seconds: float = number(doc="time", default=1e-3)
    lanes: int = integer(doc="lanes", default=1)


for version in (First, Second, Third):
    version.__name__ = "Odd"


def seconds_for_ms(attrs: dict[str, Any], arrays: Arrays) -> None:
    if "ms" in attrs:
        attrs["seconds"] = attrs.pop("ms") / 1000
    attrs.get("metadata", {}).get("notes", []).append("from 1")


def turn(attrs: dict[str, Any], arrays: Arrays) -> None:
    kernel = arrays.pop("kernel")
    arrays["weight"] = kernel.then(np.transpose, shape=kernel.shape[::-1])
    attrs["lanes"] = kernel.shape[0]


STEPS = {1: seconds_for_ms, 2: turn}
MIGRATED = Third(WEIGHT.T, 0.005, 64, metadata={"notes": [*NOTES["notes"], "from 1"]}, core_id=3)  # type: ignore[call-arg]


def graph(node: ir.Node) -> ir.Graph:
    inner = ir.Graph.chain(x=ir.Input([4]), odd=node, y=ir.Output([4]))
    return ir.Graph.chain(input=ir.Input([4]), odd=node, sub=inner, output=ir.Output([4]))


OLD = graph(First(WEIGHT, 5.0, metadata=NOTES, core_id=3))  # type: ignore[call-arg]


def installed(cls: type[ir.Node] = Third, steps: Any = STEPS) -> AbstractContextManager[None]:
    """As if the plugin were there in the version of a class, with these migrations."""
    return temporary(primitives={"Odd": cls}, migrations={"Odd": steps})


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A file that the first version of the plugin wrote."""
    with temporary(primitives={"Odd": First}):
        ir.write(tmp_path / "old.t1c", OLD)
    return tmp_path / "old.t1c"


def refusal(path: Path, **named: Any) -> ir.TalonError:
    with pytest.raises(ir.TalonError) as caught:
        ir.read(path, **named).load()
    return caught.value


@pytest.mark.parametrize("lazy", [True, False])
@pytest.mark.parametrize("by_tree", [True, False])
def test_steps_are_taken_in_order_at_every_level(path: Path, lazy: bool, by_tree: bool) -> None:
    if by_tree:
        with h5py.File(path, "r+"):
            pass
    with installed():
        found = ir.read(path, lazy=lazy)
    assert found.same_as(graph(MIGRATED))
    assert found.fingerprint() == graph(MIGRATED).fingerprint()


def test_a_younger_file_takes_fewer_steps(tmp_path: Path) -> None:
    with temporary(primitives={"Odd": Second}):
        ir.write(tmp_path / "b.t1c", graph(Second(WEIGHT, 5.0)))  # type: ignore[call-arg]
    with installed(steps={2: turn}):
        assert ir.read(tmp_path / "b.t1c").nodes["odd"].same_as(Third(WEIGHT.T, 5.0, 64))  # type: ignore[call-arg]


def test_what_is_lazy_stays_lazy(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mapped: list[str] = []
    map_ = OpenFile.map
    monkeypatch.setattr(OpenFile, "map", lambda self, *a: (mapped.append(a[-1]), map_(self, *a))[1])
    with installed():
        found = ir.read(path)
    assert found.nodes["odd"].shape_of("weight") == (400, 64)
    assert mapped == []
    assert found.nodes["odd"].weight[1, 2] == WEIGHT[2, 1]  # type: ignore[attr-defined]
    assert mapped == ["odd.kernel"]


def test_a_migrated_graph_needs_its_file_no_more_when_it_is_loaded_or_copied(path: Path) -> None:
    with installed():
        found = ir.read(path)
        copies = [copy.deepcopy(found), pickle.loads(pickle.dumps(found)), ir.read(path).load()]
    assert not any(np.shares_memory(c.nodes["odd"].weight, found.nodes["odd"].weight) for c in copies)
    with path.open("r+b") as file:
        file.write(bytes(path.stat().st_size))
    assert all(c.same_as(graph(MIGRATED)) for c in copies)


def test_it_is_written_in_the_new_schema(path: Path, tmp_path: Path) -> None:
    new = tmp_path / "new.t1c"
    with installed():
        ir.write(new, ir.read(path))
    with temporary(primitives={"Odd": Third}):
        assert ir.read(new).same_as(graph(MIGRATED))
    assert compared(new).diagnostics == ()


def test_a_document_stays_what_the_file_says() -> None:
    said = document(OLD)
    with installed():
        first, second = (from_document(said, class_of) for _ in range(2))
    assert first.same_as(second)
    assert said.nodes[2].schema == 1
    assert said.nodes[2].attrs["metadata"] == NOTES


def test_an_opaque_node_is_not_migrated_before_its_plugin_is_there(path: Path, tmp_path: Path) -> None:
    with temporary(migrations={"Odd": STEPS}):
        kept = ir.read(path, unknown="keep")
        ir.write(tmp_path / "kept.t1c", kept)
    node = kept.nodes["odd"]
    assert isinstance(node, ir.Opaque)
    assert node.record.schema == 1
    assert set(node.record.arrays) == {"kernel"}
    with installed():
        assert ir.read(tmp_path / "kept.t1c").same_as(graph(MIGRATED))


def future(path: Path, provider: str = "talon-core") -> Path:
    records = [NodeRecord("", "Graph"), NodeRecord("lif", "LIF", provider, "9.0", 7, {"leak": "new"})]
    Hdf5Backend().write(Document(FORMAT, "later", records, []), path, None)
    return path


def test_a_newer_schema_is_refused_with_what_to_install(tmp_path: Path) -> None:
    error = refusal(future(tmp_path / "f.t1c"))
    assert (error.code, error.diagnostic.node) == ("T307", "lif")
    assert error.expected == f"schema 1 of talon-core {ir.__version__}, or older"
    assert error.found == "schema 7 of talon-core 9.0"
    assert error.help == "pip install --upgrade talon-core"


def test_a_newer_schema_is_kept_on_request(tmp_path: Path) -> None:
    kept = ir.read(future(tmp_path / "f.t1c"), unknown="keep")
    (found,) = [d for d in kept.check().diagnostics if d.code == "T117"]
    assert found.found == f"talon-core {ir.__version__}, which does not read its schema 7"
    assert found.help == "pip install --upgrade talon-core"
    ir.write(tmp_path / "again.t1c", kept)
    assert refusal(tmp_path / "again.t1c").found == "schema 7 of talon-core 9.0"


@pytest.mark.parametrize("name", ["x; rm -rf ~", "--index-url=http://x", "a b", "", "x\u0301"])
def test_a_name_from_a_file_gets_into_no_command(name: str, tmp_path: Path) -> None:
    records = [NodeRecord("", "Graph"), NodeRecord("x", "Odd", name, "9.0")]
    Hdf5Backend().write(Document(FORMAT, "later", records, []), tmp_path / "f.t1c", None)
    assert "pip" not in str(refusal(tmp_path / "f.t1c").help)
    kept = ir.read(tmp_path / "f.t1c", unknown="keep")
    assert not any("pip" in str(d.help) for d in kept.check().diagnostics)


@pytest.mark.parametrize(
    ("steps", "message", "found"),
    [
        ({}, "schema 1 to 2", "schema 1 and no migrations"),
        ({2: turn}, "schema 1 to 2", "schema 1 and migrations 2 to 3"),
        ({1: seconds_for_ms}, "schema 2 to 3", "schema 1 and migrations 1 to 2"),
    ],
)
def test_a_missing_step_is_named_and_the_node_kept_on_request(steps: Any, message: str, found: str, path: Path) -> None:
    with installed(steps=steps):
        error = refusal(path)
        assert isinstance(ir.read(path, unknown="keep").nodes["odd"], ir.Opaque)
    assert (error.code, error.diagnostic.node, error.diagnostic.file) == ("T313", "sub/odd", str(path))
    assert message in str(error)
    assert error.found == found
    assert error.expected == "schema 3, or migrations from 1 to it"


def returns(attrs: dict[str, Any], arrays: Arrays) -> Any:
    return attrs, arrays


def no_array(attrs: dict[str, Any], arrays: Arrays) -> None:
    arrays["weight"] = [[1.0]]  # type: ignore[assignment]


def breaks_later(attrs: dict[str, Any], arrays: Arrays) -> None:
    seconds_for_ms(attrs, arrays)
    arrays["kernel"] = arrays["kernel"].then(lambda values: values["no"])


def gives_another_shape(attrs: dict[str, Any], arrays: Arrays) -> None:
    seconds_for_ms(attrs, arrays)
    arrays["kernel"] = arrays["kernel"].then(lambda values: values[1:])


def complains(attrs: dict[str, Any], arrays: Arrays) -> None:
    raise ir.TalonValueError("T202", "out of range")


FAULTS = [
    (returns, "returned a tuple"),
    (no_array, "a list in place of the array 'weight'"),
    (breaks_later, "IndexError"),
    (gives_another_shape, "(63, 400)"),
    (complains, "T202"),
]


@pytest.mark.parametrize(("step", "words"), FAULTS, ids=[fault[0].__name__ for fault in FAULTS])
def test_a_migration_that_fails_is_named(step: Callable[..., Any], words: str, path: Path) -> None:
    with installed(steps={1: step, 2: turn}):
        error = refusal(path)
        assert refusal(path, unknown="keep").code == "T314"
    assert isinstance(error, ir.TalonFormatError)
    assert error.code == "T314"
    assert f"{__name__}.{step.__name__}" in str(error)
    assert "from schema 1 to 2" in str(error)
    assert error.diagnostic.node in ("odd", "sub/odd")
    assert words in str(error.found)


def test_plain_arrays_are_taken(path: Path) -> None:
    def ones(attrs: dict[str, Any], arrays: Arrays) -> None:
        arrays["kernel"] = np.ones((2, 3))  # type: ignore[assignment]

    with installed(steps={1: ones, 2: turn}), pytest.raises(ir.TalonError, match="no field 'ms'"):
        ir.read(path)  # what a step leaves behind is not dropped
    with installed(steps={1: lambda *both: (seconds_for_ms(*both), ones(*both))[0], 2: turn}):
        assert ir.read(path).nodes["odd"].weight.tolist() == [[1, 1]] * 3  # type: ignore[attr-defined]


def looks(attrs: dict[str, Any], arrays: Arrays) -> None:
    seconds_for_ms(attrs, arrays)
    attrs["seconds"] = float(arrays["kernel"].load().mean())


def test_a_damaged_file_is_no_failure_of_the_migration(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[content.index(WEIGHT.tobytes()) + 8] ^= 1
    path.write_bytes(content)
    with installed():
        assert refusal(path).code == "T305"
    with installed(steps={1: looks, 2: turn}):
        assert refusal(path).code == "T305"


def test_tables_that_cannot_be_used(path: Path) -> None:
    for table in ([seconds_for_ms], {"1": seconds_for_ms}, {1: "module:function"}):
        with installed(steps=table):
            error = refusal(path)
            assert error.code == "T003"
            assert "no migration table" in str(error)
            assert isinstance(ir.read(path, unknown="keep").nodes["odd"], ir.Opaque)
    twice = temporary(migrations={"Odd": STEPS})
    with installed(), pytest.raises(ir.TalonPluginError, match="provided already"), twice:
        pass


def test_import_strings_are_loaded_when_an_old_file_is_read(path: Path) -> None:
    with installed(steps=f"{__name__}:STEPS"):
        assert ir.read(path).same_as(graph(MIGRATED))
        assert plugin_rows()[-1]["provides"] == "1 primitive, 1 migration table"


def test_nodes_of_several_schemas_in_one_file(path: Path, tmp_path: Path) -> None:
    """As when parts of files of different age, whose plugin is not there, are put together."""
    with temporary(primitives={"Odd": Second}):
        ir.write(tmp_path / "b.t1c", graph(Second(WEIGHT, 7.0)))  # type: ignore[call-arg]
    old, young = (ir.read(p, unknown="keep") for p in (path, tmp_path / "b.t1c"))
    both = old.replace("sub", young.nodes["sub"])
    ir.write(tmp_path / "both.t1c", both)
    assert compared(tmp_path / "both.t1c").diagnostics == ()
    for by_tree in (False, True):
        if by_tree:
            with h5py.File(tmp_path / "both.t1c", "r+"):
                pass
        with installed():
            found = ir.read(tmp_path / "both.t1c")
            assert found.nodes["odd"].same_as(MIGRATED)
            assert found.node("sub/odd").same_as(Third(WEIGHT.T, 7.0, 64))  # type: ignore[call-arg]


@pytest.mark.parametrize("said", ['["a", "1"]', '["a", "1", "2"]', '"x"', '["a", "1", -1]', '["a", "1", true]', "null"])
def test_a_tree_that_says_nothing_sensible_of_a_provider(said: str, path: Path) -> None:
    with h5py.File(path, "r+") as file:
        del file["talon/providers"]
        file["talon/providers"] = f'{{"Odd": {said}}}'
    error = refusal(path)
    assert error.code == "T303"
    assert "who provides 'Odd'" in str(error)
