"""Artifacts that somebody forged: members, columns and manifest changed at will, with sums and hashes put right."""

from __future__ import annotations

import copy
import hashlib
import json
import random
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from talon import hw, ir
from talon.hw.artifact.rows import COLUMNS, KINDS, NEXT, POOLS, ROLES, STORED, Writer, loaded, narrowest, npy
from talon.hw.artifact.writing import members_of, text
from tests.hostile import forged
from tests.hostile.stores import zipped
from tests.hw.artifact import builds

Files = dict[str, bytes]
Change = Callable[[Files], object]
HUGE = (
    -1,
    0,
    1,
    2,
    7,
    63,
    64,
    127,
    128,
    255,
    1 << 14,
    1 << 16,
    1 << 24,
    1 << 31,
    (1 << 53) + 1,
    1 << 62,
    (1 << 63) - 1,
)
ODD: tuple[Any, ...] = (None, True, "", "x", "\x1b[2J", "é" * 300, 0, -1, 1, 3, 1 << 14, 1 << 31, 1 << 62, 10**400, 0.5,
                        1e308, 5e-324, [], [1], [[1, 1]], {}, {"x": 1}, "floor", "trap", "wrap", "none")  # fmt: skip


@cache
def honest(which: str = "everything") -> tuple[tuple[str, bytes], ...]:
    return tuple(sorted(members_of(getattr(builds, which)()).items()))


def files(which: str = "everything") -> Files:
    """The members of an honest artifact, to be changed."""
    return dict(honest(which))


def unfolded(which: str = "everything") -> Files:
    """The same artifact with a kind for every row, and every row told where its array is: to change one alone."""
    store = files(which)
    kinds = {name: column(store, name) for name in KINDS}
    kind, told = column(store, "kind"), iter(column(store, "at").tolist())
    starts = np.cumsum(kinds["rank"]) - kinds["rank"]
    dims, at, ends = [], [], dict.fromkeys(range(len(POOLS)), 0)
    for number in kind.tolist():
        shape = kinds["dims"][starts[number] : starts[number] + kinds["rank"][number]]
        pool, count = int(kinds["pool"][number]), int(shape.prod())
        dims.append(shape)
        if kinds["form"][number] != NEXT:
            at.append(next(told))
            continue
        at.append(ends[pool])
        ends[pool] += count if pool else -(-count * int(kinds["bits"][number] & 127) // 8)
    for name in KINDS:
        if name != "dims":
            put_column(store, name, kinds[name][kind])
    put_column(store, "form", np.where(kinds["form"] == NEXT, STORED, kinds["form"])[kind])
    put_column(store, "dims", np.concatenate(dims))
    put_column(store, "kind", np.arange(len(kind)))
    put_column(store, "at", np.array(at))
    return store


def column(store: Files, name: str) -> np.ndarray:
    return loaded(store, f"map/{name}.npy", "iu").astype(np.int64)


def put_column(store: Files, name: str, values: np.ndarray) -> None:
    store[f"map/{name}.npy"] = npy(narrowest(np.asarray(values, np.int64)))


def manifest(change: Callable[[dict[str, Any]], object]) -> Change:
    """An artifact whose manifest says something else."""

    def forge(store: Files) -> None:
        said = json.loads(store["manifest.json"])
        change(said)
        store["manifest.json"] = json.dumps(said).encode()

    return forge


def target(change: Callable[[dict[str, Any]], object]) -> Change:
    """An artifact of another target, with the hash that it has."""

    def forge(store: Files) -> None:
        said = json.loads(store["target.json"])
        change(said)
        store["target.json"] = text(said)
        digest = hashlib.sha256(store["target.json"]).hexdigest()
        manifest(lambda m: m["target"].update(hash=digest))(store)

    return forge


def rows_of(store: Files, role: str) -> list[int]:
    """The rows of an unfolded memory map with a role."""
    return np.flatnonzero(column(store, "role") == ROLES.index(role)).tolist()


def put_row(store: Files, row: int, values: np.ndarray) -> None:
    """Another array in a row of an unfolded memory map, behind what its pool holds."""
    writer = Writer()
    role = ROLES[int(column(store, "role")[row])]
    form, pool, bits, at = writer.placed(role, values)
    key = f"tensors/{pool}.npy"
    if form == NEXT:
        form = STORED
        old = loaded(store, key, "fiu") if key in store else np.zeros(0, writer.pools[pool][0].dtype)
        at = len(old)
        store[key] = npy(np.concatenate([old, *writer.pools[pool]]).astype(writer.pools[pool][0].dtype))
    ranks, dims = column(store, "rank"), column(store, "dims")
    start = int(ranks[:row].sum())
    put_column(store, "dims", np.concatenate([dims[:start], values.shape, dims[start + int(ranks[row]) :]]))
    for name, number in (
        ("form", form),
        ("pool", POOLS.index(pool)),
        ("bits", bits),
        ("rank", values.ndim),
        ("at", at),
    ):
        found = column(store, name)
        found[row] = number
        put_column(store, name, found)


def used(path: Path) -> None:
    """All that a user may ask of an artifact."""
    build = hw.load(path)
    repr(build)
    if build.golden is not None:
        build.verify()
    inputs = {name: np.ones((3, 1, *port.shape), np.float32) for name, port in build.chip.inputs.items()}
    result = build.run(inputs)
    repr(result)
    build.energy(result)
    result.counts.total()


def refusal(path: Path) -> ir.TalonError | None:
    try:
        used(path)
    except ir.TalonError as error:
        return error
    return None


def refused(path: Path, code: str, word: str) -> ir.TalonError:
    """One error of this code and with this word, in time and memory, that names the file and says what to do."""
    error = forged.refused(path, code, word, refusal)
    assert error.code == code, error
    assert error.help, error
    assert code == "T409" or error.diagnostic.file == str(path), error
    return error


# Mutations


def mutated(rng: random.Random) -> bytes:
    """Another artifact, with a few lies in it, or damaged as a file."""
    store = rng.choice((files, unfolded))(rng.choice(("everything", "small", "small")))
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        rng.choice((of_column, of_column, of_column, of_manifest, of_manifest, of_member, of_target))(rng, store)
    data = bytearray(zipped(store))
    if rng.random() < 0.15:
        for _ in range(rng.choice((1, 1, 2, 8))):
            data[rng.randrange(len(data))] = rng.randrange(256)
        if rng.random() < 0.2:
            del data[rng.randrange(len(data)) :]
    return bytes(data)


def of_column(rng: random.Random, store: Files) -> None:
    name = rng.choice(list(COLUMNS))
    try:
        values = column(store, name)
    except ir.TalonError:
        return  # it was damaged before
    if not len(values):
        return
    at, other = rng.randrange(len(values)), rng.randrange(len(values))
    kind = rng.randrange(5)
    if kind == 0:
        values[at] = rng.choice(HUGE)
    elif kind == 1:
        values[at] += rng.choice((-2, -1, 1, 2))
    elif kind == 2:
        values[[at, other]] = values[[other, at]]
    elif kind == 3:
        values[at] = values[other]
    else:
        values = np.delete(values, at) if rng.random() < 0.5 else np.insert(values, at, values[other])
    put_column(store, name, values)


def of_manifest(rng: random.Random, store: Files) -> None:
    change_json(rng, store, "manifest.json", manifest)


def of_target(rng: random.Random, store: Files) -> None:
    change_json(rng, store, "target.json", target)


def change_json(rng: random.Random, store: Files, name: str, how: Callable[[Callable[[Any], object]], Change]) -> None:
    try:
        how(lambda said: change_value(rng, said))(store)
    except (ValueError, KeyError, TypeError, AttributeError):
        data = store.get(name, b"{}")
        store[name] = data[: rng.randrange(len(data) + 1)]


def change_value(rng: random.Random, said: Any) -> None:
    """Change one value somewhere inside."""
    while True:
        keys = list(said) if isinstance(said, dict) else list(range(len(said)))
        if not keys:
            return
        key = rng.choice(keys)
        inner = said[key]
        if isinstance(inner, (dict, list)) and inner and rng.random() < 0.9:
            said = inner
            continue
        kind = rng.randrange(5)
        if kind == 0:
            del said[key]
        elif kind == 1 and type(inner) is int:
            said[key] = inner + rng.choice((-1, 1, 2))
        elif kind == 2 and isinstance(said, list):
            said.append(copy.deepcopy(inner))
        else:
            said[key] = copy.deepcopy(rng.choice((*ODD, *HUGE)))
        return


def of_member(rng: random.Random, store: Files) -> None:
    name = rng.choice(sorted(store))
    data = bytearray(store[name])
    if not data or rng.random() < 0.05:
        del store[name]
        return
    for _ in range(rng.choice((1, 1, 4))):
        data[rng.randrange(len(data))] = rng.choice((0, 1, 127, 128, 255, rng.randrange(256)))
    store[name] = bytes(data)
