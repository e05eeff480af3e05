"""Artifacts that lie: as files, in the memory map, in the manifest, and in what they make of themselves."""

from __future__ import annotations

import json
import os
import random
import zipfile
import zlib
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from talon import hw, ir
from talon.engine.memory import Memory
from talon.hw.artifact.rows import COLUMNS, ROLES, loaded, npy
from talon.hw.deploying import needs
from tests.hostile import artifacts, forged
from tests.hostile.artifacts import (
    ODD,
    Change,
    Files,
    column,
    files,
    manifest,
    put_column,
    put_row,
    refused,
    rows_of,
    target,
    unfolded,
    used,
)
from tests.hostile.stores import zipped


def written(folder: Path, data: bytes) -> Path:
    path = folder / "forged.talonhw"
    path.write_bytes(data)
    return path


def archive(*entries: tuple[str, bytes], method: int = zipfile.ZIP_STORED, drop: str = "") -> bytes:
    """The honest archive with more entries behind."""
    store = files()
    if drop:
        del store[drop]
    file = BytesIO(zipped(store))
    with zipfile.ZipFile(file, "a") as into:
        for name, data in entries:
            info = zipfile.ZipInfo(name)
            info.compress_type = method
            into.writestr(info, data, method)
    return file.getvalue()


def linked() -> bytes:
    file = BytesIO(zipped(files()))
    with zipfile.ZipFile(file, "a") as into:
        info = zipfile.ZipInfo("tensors/int64.npy")
        info.external_attr = 0o120777 << 16
        into.writestr(info, b"/etc/passwd")
    return file.getvalue()


def doubled() -> bytes:
    with pytest.warns(UserWarning, match="Duplicate"):
        return archive(("manifest.json", b"{}"))


FILES: dict[str, tuple[Callable[[], bytes], str, str]] = {
    "nothing": (lambda: b"", "T302", "no artifact"),
    "text": (lambda: b"PK\3\4 is how it begins", "T303", "zip archive"),
    "another zip": (lambda: zipped({"a.txt": b"hello"}), "T302", "no artifact"),
    "a graph": (lambda: forged.with_footer(forged.original()[1]), "T302", "hw.deploy(graph).save"),
    "an appended byte": (lambda: zipped(files()) + b"\0", "T303", "cut short, or something stands behind"),
    "a file too many": (lambda: archive(("tensors/extra.npy", b"x")), "T303", "does not belong there"),
    "a file too few": (lambda: archive(drop="ledger.z"), "T303", "lacks 'ledger.z'"),
    "a name that leads out": (lambda: archive(("../../evil", b"x")), "T303", "a name that none of ours has"),
    "a name from the root": (lambda: archive(("/etc/passwd", b"x")), "T303", "a name that none of ours has"),
    "a name twice": (doubled, "T303", "twice"),
    "a link": (linked, "T303", "link"),
    "compressed": (
        lambda: archive(("ledger.z", b"x" * 99), method=zipfile.ZIP_DEFLATED, drop="ledger.z"), "T303", "compressed"),
}  # fmt: skip


@pytest.mark.parametrize("what", list(FILES))
def test_files(tmp_path: Path, what: str) -> None:
    make, code, word = FILES[what]
    refused(written(tmp_path, make()), code, word)


def test_every_length_is_refused(tmp_path: Path) -> None:
    whole = zipped(files("small"))
    for length in (*range(64), *range(64, len(whole), 97), len(whole) - 1):
        path = written(tmp_path, whole[:length])
        with pytest.raises(ir.TalonError) as caught:
            hw.load(path)
        assert caught.value.code in ("T302", "T303"), length


def test_no_flipped_bit_changes_what_is_read(tmp_path: Path) -> None:
    """What the archive says of times and systems is nothing to us; any other byte has a sum, or must be as it is."""
    whole = zipped(files("small"))
    honest = zipped(artifacts.members_of(hw.load(written(tmp_path, whole))))
    rng, refusals = random.Random(1), 0
    for at in range(len(whole)):
        data = bytearray(whole)
        data[at] ^= 1 << rng.randrange(8)
        try:
            build = hw.load(written(tmp_path, bytes(data)))
        except ir.TalonError as error:
            assert error.code in ("T302", "T303"), (at, error)  # noqa: PT017 - which bytes are refused is counted
            refusals += 1
        else:
            assert zipped(artifacts.members_of(build)) == honest, at
    assert refusals > 0.8 * len(whole)


def test_a_flipped_weight_is_named(tmp_path: Path) -> None:
    store = files()
    weights = loaded(store, "tensors/int8.npy", "i")[:64].tobytes()
    data = bytearray(zipped(store))
    data[data.index(weights) + 5] ^= 4
    refused(written(tmp_path, bytes(data)), "T303", "'tensors/int8.npy' is not what was written")


@pytest.mark.parametrize("kind", ["folder", "pipe", "missing", "dangling"])
def test_what_is_no_file(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "net.talonhw"
    if kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "dangling":
        path.symlink_to(tmp_path / "nowhere")
    refused(path, *{"pipe": ("T302", "regular files")}.get(
        kind, ("T301", "cannot be opened")))  # fmt: skip


# The memory map


@pytest.mark.parametrize("name", list(COLUMNS))
@pytest.mark.parametrize("number", [-1, 1 << 7, 1 << 31, 1 << 62, -(1 << 63)])
def test_no_row_is_believed(tmp_path: Path, name: str, number: int) -> None:
    """The same lie in each row in turn: refused, or so small a lie that nothing is another number."""
    honest = column(unfolded("small"), name)
    for row in range(len(honest)):
        store = unfolded("small")
        lie = honest.copy()
        lie[row] = number
        put_column(store, name, lie)
        error = artifacts.refusal(written(tmp_path, zipped(store)))
        unread = name in ("pool", "bits", "at") and column(store, "form")[row] != 0
        assert error is not None or unread or is_seed_like(store, row), (name, row)
        assert error is None or error.code in ("T303", "T409", "T507"), error


SAID = ("uses", "threshold", "reset", "start", "golden", "weight", "bias", "checksums")


def is_seed_like(store: Files, row: int) -> bool:
    """Numbers that a file may say as it likes: what cores need and have, and thresholds."""
    return ROLES[int(column(store, "role")[row])] in SAID


@pytest.mark.parametrize("name", list(COLUMNS))
def test_a_column_of_another_length(tmp_path: Path, name: str) -> None:
    for change in (lambda c: c[:-1], lambda c: np.append(c, c[-1])):
        store = files()
        put_column(store, name, change(column(store, name)))
        refused(written(tmp_path, zipped(store)), "T303", "artifact is damaged")


def row(role: str, change: Callable[[np.ndarray], Any], number: int = 0) -> Change:
    """An artifact in which the array of a role is another one."""

    def forge(store: Files) -> None:
        where = rows_of(store, role)[number]
        put_row(store, where, np.asarray(change(array_of(store, where))))

    return forge


def array_of(store: Files, where: int) -> np.ndarray:
    """The array of a row, by the reader's own hand."""
    from talon.hw.artifact.rows import Reader

    reader = Reader(store, 1 << 20)
    for _ in range(where):
        reader.take(reader.role() or "")
    return reader.take(reader.role() or "")


def at(place: Any, number: Any) -> Callable[[np.ndarray], np.ndarray]:
    def change(array: np.ndarray) -> np.ndarray:
        found = array.astype(np.float32 if array.dtype.kind == "f" else np.int64)
        found.reshape(-1)[place] = number
        return found

    return change


def constant(shape: tuple[int, ...], role: str, form: int = 1) -> Change:
    """A row that makes many numbers of nothing."""

    def forge(store: Files) -> None:
        where = rows_of(store, role)[0]
        put_row(store, where, np.zeros(1, np.int64))
        ranks, dims, forms = (column(store, name) for name in ("rank", "dims", "form"))
        start = int(ranks[:where].sum())
        put_column(store, "dims", np.concatenate([dims[:start], shape, dims[start + 1 :]]))
        ranks[where], forms[where] = len(shape), form
        put_column(store, "rank", ranks)
        put_column(store, "form", forms)

    return forge


ARRAYS: dict[str, tuple[Change, str]] = {
    "a core in no place": (row("positions", at(0, 77777)), "not on the network"),
    "two cores in one place": (row("positions", lambda a: np.repeat(a[:1], len(a), 0)), "two cores are in one place"),
    "a core of no kind": (row("kinds", at(0, 9)), "of no kind"),
    "a neuron too many": (row("neurons", at(0, 47)), "another number of neurons"),
    "a tile of no layer": (row("tiles", at(0, 99)), "of no layer"),
    "a tile on no core": (row("tiles", at(1, 99)), "on no core"),
    "a box outside its layer": (row("tiles", at(3, 999)), "not inside its layer"),
    "a box that is none": (row("tiles", at(2, 999)), "not inside its layer"),
    "an axon that is not there": (row("numbers", at(0, 30000)), "reads an axon or line that is not there"),
    "late beyond all bounds": (row("delays", at(0, 16383)), "read too late"),
    "early": (row("delays", at(0, -1)), "read too late"),
    "a weight too many": (row("weight", lambda a: np.concatenate([a, a])), "another shape"),
    "a weight of 2^61": (row("weight", at(0, 1 << 61)), "larger than it says"),
    "a bias of 2^61": (row("bias", at(0, 1 << 61)), "larger than it says"),
    "a threshold of another tile": (
        row("threshold", lambda a: np.arange(63).reshape(7, 9) % 5),
        "does not fit its tile",
    ),
    "a reset beyond the membrane": (row("reset", at(0, 1 << 60)), "does not fit its membranes"),
    "a decay beyond all bounds": (row("factor", at(0, 1 << 40)), "decay is out of range"),
    "a seat twice": (row("seats", at(0, 1)), "missing, or twice"),
    "a seat that is not there": (row("seats", at(0, 1 << 40)), "none of their node's"),
    "a route too many": (row("counts", at(0, 1 << 40)), "where it goes"),
    "a route less than none": (row("counts", at(0, -1)), "where it goes"),
    "a route to no core": (row("cores", at(0, 99)), "leads to no core"),
    "a route to no axon": (row("axons", at(0, 30000)), "hears no line"),
    "a unit that is no number": (row("unit", at(0, np.nan)), "no positive number"),
    "an endless unit": (row("unit", at(0, np.inf), -1), "no positive number"),
    "a checksum of no core": (row("checksums", lambda a: np.append(a, 0)), "not those of its cores and steps"),
    "a checksum of 33 bits": (row("checksums", at(0, 1 << 32), 1), "not those of its cores and steps"),
    "a golden input that no Input has": (row("golden", at(0, 1 << 40)), "does not have"),
    "a bomb of zeros": (constant((1 << 30, 1 << 30), "numbers"), "makes more of itself"),
    "a bomb of a range": (constant((1 << 28,), "seats", 2), "makes more of itself"),
    "many turns": (constant((1 << 20, 1, 1, 1), "numbers"), ""),
    "beyond 2^62": (lambda store: lie_at(store, 1 << 62), "too large"),
}


def lie_at(store: Files, number: int) -> None:
    places = column(store, "at")
    places[np.flatnonzero(column(store, "form") == 1)[0]] = number
    put_column(store, "at", places)


@pytest.mark.parametrize("what", list(ARRAYS))
def test_arrays(tmp_path: Path, what: str) -> None:
    change, word = ARRAYS[what]
    store = unfolded()
    change(store)
    refused(written(tmp_path, zipped(store)), "T303", word)


HEADERS = [b"\x93NUMPY\1\0", b"\x93NUMPY\3\0", b"\x80\4\x95", b"", b"\x93NUMPY\1\0\x06\0(((((("]


@pytest.mark.parametrize("head", HEADERS, ids=repr)
def test_headers_of_arrays(tmp_path: Path, head: bytes) -> None:
    store = files()
    store["tensors/packed.npy"] = head
    refused(written(tmp_path, zipped(store)), "T303", "tensors/packed.npy")


def test_pickled_arrays(tmp_path: Path) -> None:
    file = BytesIO()
    np.save(file, np.array([{"a": 1}], object), allow_pickle=True)
    store = files()
    store["tensors/packed.npy"] = file.getvalue()
    refused(written(tmp_path, zipped(store)), "T303", "no npy file as talon writes it")


def test_an_array_of_another_type(tmp_path: Path) -> None:
    store = files()
    store["tensors/int8.npy"] = npy(loaded(store, "tensors/int8.npy", "i").astype(np.float32))
    refused(written(tmp_path, zipped(store)), "T303", "other numbers")


# Words


def places(said: Any, where: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The way to every value of the manifest."""
    if not isinstance(said, (dict, list)) or not said:
        return [where]
    keys = list(said) if isinstance(said, dict) else range(len(said))
    return [where, *(place for key in keys for place in places(said[key], (*where, key)))][not where :]


MANIFEST = json.loads(files("small")["manifest.json"])
FIRM = {
    "format",
    "version",
    "target",
    "cores",
    "tiles",
    "layers",
    "inputs",
    "readouts",
    "first",
    "windows",
    "operation",
}
"""Of which there is one right value, as far as odd ones go."""


@pytest.mark.parametrize("place", places(MANIFEST), ids=lambda place: ".".join(map(str, place)))
def test_no_word_is_believed(tmp_path: Path, place: tuple[Any, ...]) -> None:
    """Odd values in the place of every one: one error; or, for what a file is free to say, a build that runs."""
    path = tmp_path / "forged.talonhw"
    honest: Any = MANIFEST
    for key in place:
        honest = honest[key]
    for odd in (*ODD, ...):

        def change(said: dict[str, Any], odd: Any = odd) -> None:
            for key in place[:-1]:
                said = said[key]
            if odd is ...:
                del said[place[-1]]
            else:
                said[place[-1]] = odd

        store = files("small")
        manifest(change)(store)
        path.write_bytes(zipped(store))
        error = artifacts.refusal(path)
        if error is None:
            assert place[-1] not in FIRM or odd == honest, (place, odd)
        else:
            assert error.code in ("T302", "T303", "T307", "T409", "T507"), (place, odd, error)
            assert len(str(error)) < 2000


def sources(said: Any) -> Iterator[dict[str, Any]]:
    return (source for layer in said["layers"] for source in layer["sources"])


WORDS: dict[str, tuple[Change, str, str]] = {
    "no JSON": (lambda s: s.update({"manifest.json": b"{"}), "T303", "no strict JSON"),
    "JSON that is deep": (lambda s: s.update({"manifest.json": b"[" * 10**6}), "T303", "no strict JSON"),
    "JSON that is a little deep": (
        lambda s: s.update({"manifest.json": b'{"a":' * 500 + b"1" + b"}" * 500}), "T303", "deeper than"),
    "a key twice": (lambda s: s.update({"manifest.json": b'{"format":1,"format":2}'}), "T303", "twice"),
    "not a number": (manifest(lambda m: m["inputs"][0].update(scale=float("nan"))), "T303", "NaN"),
    "an unknown key": (manifest(lambda m: m.update(more=1)), "T303", "'more', which does not belong there"),
    "another format": (manifest(lambda m: m.update(format="other")), "T302", "no artifact"),
    "a newer version": (manifest(lambda m: m.update(version=2, more=1)), "T307", "upgrade talon-hw"),
    "a target of another hash": (lambda s: s.update({"target.json": b"{}"}), "T303", "not the target"),
    "a target that is none": (target(lambda t: t.clear()), "T303", "describes no target"),
    "a target with an odd name": (target(lambda t: t["target"].update(id="x\x1b[2J")), "T303", ""),
    "a target that inherits": (target(lambda t: t.update(inherits="/etc/passwd")), "T303", "describes no target"),
    "too many cores": (manifest(lambda m: m.update(cores=1 << 30)), "T303", "not those of the manifest's cores"),
    "too many tiles": (manifest(lambda m: m.update(tiles=1 << 30)), "T303", "of no layer"),
    "a window of 2^30": (
        manifest(lambda m: window(m, 2, 1 << 30)), "T303", "makes more of itself"),
    "a window that is longer": (manifest(lambda m: window(m, 0, 3)), "T303", "do not fit its layer"),
    "a window that reads less": (
        manifest(lambda m: window(m, 2, 1, 1, 1)), "T303", "another part of the map"),
    "sparse weights of a convolution": (
        manifest(lambda m: m["layers"][0]["sources"][0].update(sparse=True)), "T303", "no dense layer of one weight"),
    "sparse weights by steps": (
        manifest(lambda m: next(s for s in sources(m) if s["stepped"][0]).update(sparse=True)), "T303", "dense layer"),
    "sparse weights perhaps": (manifest(lambda m: m["layers"][0]["sources"][0].update(sparse=1)), "T303", "sparse"),
    "a bound that is too small": (manifest(lambda m: m["layers"][0]["sources"][0].update(bound=1)), "T303", "larger"),
    "an encoding that is wider": (manifest(lambda m: m["inputs"][0].update(high=2**52)), "T303", "larger"),
    "a turn that comes too late": (manifest(lambda m: m["layers"][0].update(level=99)), "T303", "after it"),
    "a shift beyond the register": (
        manifest(lambda m: m["layers"][0]["neuron"].update(shift=47, input_bits=48)), "T303", "63 bits"),
    "a word that moves the cursor": (manifest(lambda m: m["readouts"][0].update(name="\x1b[2J")), "T303", "a word"),
    "no Input": (manifest(lambda m: m.update(inputs=[])), "T303", "no Input"),
    "other nodes on the host": (manifest(lambda m: m.update(host=[])), "T303", "other nodes than"),
    "a host that is no graph": (lambda s: s.update({"host.t1c": b"\x89HDF\r\n\x1a\n" + bytes(4096)}), "T303", "index"),
    "a host that is cut": (lambda s: s.update({"host.t1c": s["host.t1c"][:-1]}), "T303", "index"),
    "no host": (lambda s: s.pop("host.t1c"), "T303", "lacks 'host.t1c'"),
    "another host": (
        lambda s: s.update({"host.t1c": forged.with_footer(forged.original()[1])}), "T303", "something else"),
    "a hostile host": (
        lambda s: s.update({"host.t1c": forged.with_columns(lambda c: c["edge.src"].__setitem__(0, 1 << 30))}),
        "T303", ""),
    "a ledger that is none": (lambda s: s.update({"ledger.z": b"none"}), "T303", "ledger"),
    "a bomb of a ledger": (lambda s: s.update({"ledger.z": zlib.compress(bytes(1 << 29), 9)}), "T303", "ledger"),
    "a ledger of nothing": (
        lambda s: s.update({"ledger.z": zlib.compress(b"[" + b"{}," * (1 << 22) + b"{}]", 9)}), "T303", "ledger"),
    "a deep ledger": (lambda s: s.update({"ledger.z": zlib.compress(b"[" * (1 << 15), 9)}), "T303", "ledger"),
}  # fmt: skip


def renamed(said: dict[str, Any]) -> None:
    said["resources"][0][0] = "x"


def lie_in_uses(column: int, number: int) -> Change:
    return row("uses", lambda a: np.where(np.arange(a.shape[1]) == column, number, a))


def spare(store: Files) -> None:
    key = "tensors/packed.npy"
    store[key] = npy(np.append(loaded(store, key, "u"), np.zeros(9, np.uint8)))


def unused(store: Files) -> None:
    for name in ("role", "form", "pool", "bits"):
        put_column(store, name, np.append(column(store, name), 0))
    put_column(store, "rank", np.append(column(store, "rank"), 0))


SELVES: dict[str, tuple[Change, str]] = {
    "resources of another name": (manifest(renamed), "something else than the target says"),
    "more than there is": (lie_in_uses(1, 10**6), "something else than the target says"),
    "fewer neurons": (lie_in_uses(0, 1), "uses other neurons"),
    "another arithmetic": (manifest(lambda m: m["arithmetic"]["membranes"].update(bits=30)), "not that of its target"),
    "an assumption": (manifest(lambda m: m.update(assumed=["nosuch"])), "assumes something else"),
    "bytes that nobody reads": (spare, "numbers that no array has"),
    "kinds that no row is of": (unused, "kinds that no row is of"),
}


@pytest.mark.parametrize("what", list(SELVES))
def test_what_it_says_of_itself(tmp_path: Path, what: str) -> None:
    change, word = SELVES[what]
    store = unfolded()
    change(store)
    refused(written(tmp_path, zipped(store)), "T303", word)


def test_another_comparator_than_its_cores(tmp_path: Path) -> None:
    store = files()

    def other(said: dict[str, Any]) -> None:
        neuron = next(layer["neuron"] for layer in said["layers"] if "neuron" in layer)
        neuron["comparator"] = "gt" if neuron["comparator"] == "ge" else "ge"

    manifest(other)(store)
    refused(written(tmp_path, zipped(store)), "T303", "compares otherwise")


def window(said: dict[str, Any], where: int, value: int, layer: int = 0, axis: int = 0) -> None:
    said["layers"][layer]["sources"][0]["windows"][axis][where] = value


@pytest.mark.parametrize("what", list(WORDS))
def test_words(tmp_path: Path, what: str) -> None:
    change, code, word = WORDS[what]
    store = files()
    change(store)
    refused(written(tmp_path, zipped(store)), code, word)


# What loads, and would take too much


@pytest.mark.parametrize("what", ["delays", "later"])
def test_memory_that_is_not_there(tmp_path: Path, what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rings as deep as the latest value: refused before one is made."""
    monkeypatch.setattr(needs, "SMALL", 1 << 20)
    monkeypatch.setattr(needs, "available", lambda: Memory(1 << 24, "as much as the test allows"))
    store = unfolded()
    if what == "delays":
        row("delays", at(0, 16382))(store)
    else:
        manifest(lambda m: m["layers"][0]["sources"][0].update(delay=16383))(store)
    refused(written(tmp_path, zipped(store)), "T409", "kept from step to step")


def test_mutated(tmp_path: Path) -> None:
    """A little of what `make fuzz` does at length."""
    rng = random.Random(11)
    for _ in range(150):
        path = written(tmp_path, artifacts.mutated(rng))
        artifacts.refusal(path)


def test_the_honest_ones_are_read(tmp_path: Path) -> None:
    for which in ("everything", "small"):
        used(written(tmp_path, zipped(files(which))))
        used(written(tmp_path, zipped(unfolded(which))))
        one, other = (zipped(artifacts.members_of(hw.load(tmp_path / "forged.talonhw"))), zipped(files(which)))
        assert one == other
