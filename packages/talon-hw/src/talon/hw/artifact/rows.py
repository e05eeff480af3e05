"""The memory map: a row for every array of an artifact, in a fixed order, and pools that hold the numbers.

A row is of a kind: what the array is (its role), how its numbers are told (its form), the pool that holds them with
their width, and its shape. Most rows are of a few kinds, so that a row is a number; and where its form says so one
more: the place in the pool, the value, or the first of the range.
"""

from __future__ import annotations

import hashlib
import io
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from talon.hw.artifact.numbers import pack, packed_bytes, unpack
from talon.hw.artifact.refusal import damaged
from talon.hw.integers.narrow import smallest, width
from talon.ir.fields import Shape

ROLES = (
    "positions",
    "kinds",
    "neurons",
    "uses",
    "unit",
    "tiles",
    "numbers",
    "delays",
    "times",
    "weight",
    "bias",
    "threshold",
    "reset",
    "start",
    "factor",
    "seats",
    "counts",
    "cores",
    "axons",
    "golden",
    "checksums",
)
"""What an array is; a row holds its place here."""
STORED, CONSTANT, RANGE, NEXT = range(4)
"""`NEXT`: stored behind the array of this form before it, in the same pool."""
POOLS = ("packed", "int8", "int16", "int32", "int64", "float32")
TRUE = ("weight", "bias", "threshold", "reset", "start", "factor")
"""What stands in whole bytes, as a core would load it, unless that takes over a tenth more than its bits."""
KINDS = {"role": 1, "form": 1, "pool": 1, "bits": 1, "rank": 1, "dims": 4}
"""Columns of the table of kinds; `dims` has all lengths of one kind after the other."""
COLUMNS = (*KINDS, "kind", "at")
"""And those of the rows: `at` only of rows whose form is another than `NEXT`."""
SHARED = 16
"""Bytes from which equal arrays are stored once."""
SIGN = 128
"""In a row's bits: the numbers have a sign."""
WHOLE = {"int8": 8 | SIGN, "int16": 16 | SIGN, "int32": 32 | SIGN, "int64": 64 | SIGN, "float32": 32}
"""The bits of rows whose numbers stand in whole bytes."""
MOST_NUMBERS = 1 << 22
"""Of arrays that take no place in the file, beside 16 for each byte of it: what a small file may make of itself."""
MOST_RANK = 8
MOST_SHARED = MOST_NUMBERS // 2
"""Of numbers that a writer does not store again."""


@dataclass
class Writer:
    """Rows and pools that grow."""

    kinds: dict[tuple[int, ...], int] = field(default_factory=dict)
    rows: list[int] = field(default_factory=list)
    told: list[int] = field(default_factory=list)
    pools: dict[str, list[np.ndarray]] = field(default_factory=lambda: {name: [] for name in POOLS})
    sizes: dict[str, int] = field(default_factory=lambda: dict.fromkeys(POOLS, 0))
    stored: dict[tuple[str, bytes], int] = field(default_factory=dict)
    shared: int = 0

    def put(self, role: str, values: np.ndarray) -> None:
        """The next array."""
        values = np.asarray(values)
        form, pool, bits, at = self.placed(role, values)
        kind = (ROLES.index(role), form, POOLS.index(pool), bits, *values.shape)
        self.rows.append(self.kinds.setdefault(kind, len(self.kinds)))
        if form != NEXT:
            self.told.append(at)

    def placed(self, role: str, values: np.ndarray) -> tuple[int, str, int, int]:
        """Form, pool, bits and place of an array."""
        flat = values.reshape(-1)
        if values.dtype.kind == "f":
            return self.into("float32", flat.astype("<f4"), WHOLE["float32"], len(flat))
        if len(flat) and (flat == flat[0]).all():
            return CONSTANT, "packed", 0, int(flat[0])
        if len(flat) > 2 and (np.diff(flat.astype(np.int64)) == 1).all():
            return RANGE, "packed", 0, int(flat[0])
        bits, signed = width(flat)
        kind = smallest(bits, signed)
        if role in TRUE and 10 * kind.itemsize * 8 <= 11 * bits:
            return self.into(kind.name, flat.astype(kind.newbyteorder("<")), WHOLE[kind.name], len(flat))
        return self.into("packed", pack(flat, bits), bits | (SIGN if signed else 0), len(flat))

    def into(self, pool: str, data: np.ndarray, bits: int, count: int) -> tuple[int, str, int, int]:
        """Store numbers, or find that they are there already."""
        at = self.sizes[pool]
        if data.nbytes >= SHARED:
            key = pool, hashlib.sha256(data.tobytes()).digest()
            if key in self.stored and self.shared + count <= MOST_SHARED:
                self.shared += count
                return STORED, pool, bits, self.stored[key]
            self.stored[key] = at
        self.pools[pool].append(data)
        self.sizes[pool] += data.size
        return NEXT, pool, bits, at

    def members(self) -> dict[str, bytes]:
        """The files of the archive that hold all that."""
        kinds = list(self.kinds)
        columns = dict(
            zip(KINDS, (list(column) for column in zip(*(kind[:4] for kind in kinds), strict=True)), strict=False)
        )
        columns["rank"] = [len(kind) - 4 for kind in kinds]
        columns["dims"] = [length for kind in kinds for length in kind[4:]]
        columns |= {"kind": self.rows, "at": self.told}
        found = {f"map/{name}.npy": npy(narrowest(np.array(column, np.int64))) for name, column in columns.items()}
        for name, parts in self.pools.items():
            if parts:
                found[f"tensors/{name}.npy"] = npy(np.concatenate(parts))
        return found


class Reader:
    """Rows taken one after the other; nothing they say is believed."""

    def __init__(self, members: Mapping[str, bytes], size: int) -> None:
        columns = {name: loaded(members, f"map/{name}.npy", "iu").astype(np.int64) for name in COLUMNS}
        self.pools = {name: loaded(members, key, "fiu") for name in POOLS if (key := f"tensors/{name}.npy") in members}
        for name, pool in self.pools.items():
            if pool.dtype != np.dtype("uint8" if name == "packed" else name):
                raise damaged(f"tensors/{name}.npy holds other numbers", name, pool.dtype)
        dims, rank = columns.pop("dims"), columns["rank"]
        self.kind, self.at = columns.pop("kind"), columns.pop("at")
        count = len(rank)
        if any(len(column) != count for column in columns.values()) or int(rank.clip(0).sum()) != len(dims):
            raise damaged("the columns of the memory map are of different lengths")
        if count and (rank.min() < 0 or rank.max() > MOST_RANK):
            raise damaged("an array of the memory map has the wrong rank", MOST_RANK, int(rank.max()))
        if len(self.kind) and not 0 <= self.kind.min() <= self.kind.max() < count:
            raise damaged("a row of the memory map is of no kind")
        if len(self.at) != int((columns["form"] != NEXT)[self.kind].sum()):
            raise damaged("the memory map does not tell for every row where its array is")
        self.shapes = [tuple(dims[end - n : end].tolist()) for n, end in zip(rank, np.cumsum(rank), strict=True)]
        self.kinds = [
            dict(zip(columns, each, strict=True))
            for each in zip(*map(np.ndarray.tolist, columns.values()), strict=True)
        ]
        self.row = self.told = 0
        self.ends: dict[str, int] = dict.fromkeys(POOLS, 0)
        self.read: dict[str, set[tuple[int, int]]] = {name: set() for name in self.pools}
        self.budget = MOST_NUMBERS + 16 * size

    def role(self) -> str | None:
        """Of the next row."""
        if self.row == len(self.kind):
            return None
        number = self.kinds[self.kind[self.row]]["role"]
        return ROLES[number] if 0 <= number < len(ROLES) else "unknown"

    def take(self, role: str, rank: int | None = None) -> np.ndarray:
        """The next array, which must have this role."""
        if self.role() != role:
            raise damaged("an array of the memory map is out of its order", role, self.role() or "the end")
        kind = self.kind[self.row]
        each, shape = self.kinds[kind], self.shapes[kind]
        if rank is not None and len(shape) != rank:
            raise damaged(f"an array of role {role!r} has the wrong rank", rank, len(shape))
        if min(shape, default=0) < 0:
            raise damaged(f"an array of role {role!r} has a negative length", found=shape)
        at = None
        if each["form"] != NEXT:
            at = int(self.at[self.told])
            self.told += 1
        self.row += 1
        return self.made(role, each, shape, at)

    def optional(self, role: str, default: int) -> np.ndarray:
        """The next array if it has this role, else a single number."""
        return self.take(role) if self.role() == role else np.array(default, np.int8)

    def spend(self, count: int, what: str) -> None:
        """Take numbers from what a file of this size may make of itself. Raise where nothing is left."""
        self.budget -= count
        if self.budget < 0:
            raise damaged("it makes more of itself than a file of this size may", found=what)

    def made(self, role: str, each: Mapping[str, int], shape: Shape, at: int | None) -> np.ndarray:
        count = math.prod(shape)
        self.spend(count, f"{role} of shape {shape}")
        form = each["form"]
        if at is not None and form in (CONSTANT, RANGE) and role != "unit":
            if not -(2**62) < at < 2**62:
                raise damaged(f"a number of role {role!r} is too large")
            last = at + (count - 1 if form == RANGE else 0)
            kind = smallest(*width(np.array([at, last], np.int64)))
            if form == CONSTANT:
                return np.full(shape, at, kind)
            return np.arange(at, at + count, dtype=kind).reshape(shape)
        pool, bits = each["pool"], each["bits"] & ~SIGN
        name = POOLS[pool] if 0 <= pool < len(POOLS) else ""
        sound = form in (STORED, NEXT) and name in self.pools and 0 <= each["bits"] < 2 * SIGN
        if not sound or not (1 <= bits <= 63 if name == "packed" else each["bits"] == WHOLE[name]):
            raise damaged(f"a row of role {role!r} makes no sense", found=dict(each))
        if (name == "float32") != (role == "unit"):
            raise damaged(f"an array of role {role!r} holds numbers of the wrong kind", found=name)
        length = packed_bytes(count, bits) if name == "packed" else count
        begin = self.ends[name] if at is None else at
        if not 0 <= begin <= len(self.pools[name]) - length:
            raise damaged(f"an array of role {role!r} is not inside its pool")
        if at is None:
            self.ends[name] += length
        self.read[name].add((begin, begin + length))
        data = self.pools[name][begin : begin + length]
        if name == "packed":
            return unpack(data, count, bits, bool(each["bits"] & SIGN)).reshape(shape)
        return data.reshape(shape)

    def finish(self) -> None:
        if self.row != len(self.kind):
            raise damaged("the memory map holds more arrays than belong to it", self.row, len(self.kind))
        if len(np.unique(self.kind)) != len(self.kinds):
            raise damaged("the memory map has kinds that no row is of")
        for name, parts in self.read.items():
            reached = 0
            for begin, end in sorted(parts):
                if begin > reached:
                    break
                reached = max(reached, end)
            if reached != len(self.pools[name]):
                raise damaged(f"tensors/{name}.npy holds numbers that no array has", reached, len(self.pools[name]))


def narrowest(values: np.ndarray) -> np.ndarray:
    """Whole numbers in the smallest type that holds them."""
    return values.astype(smallest(*width(values)).newbyteorder("<"))


def npy(values: np.ndarray) -> bytes:
    """An array as a `.npy` file."""
    buffer = io.BytesIO()
    np.lib.format.write_array(buffer, np.ascontiguousarray(values), version=(1, 0), allow_pickle=False)
    return buffer.getvalue()


HEADER = re.compile(
    rb"\x93NUMPY\x01\0(..)\{'descr': '([<|][iuf][1248])', 'fortran_order': False, 'shape': \((\d{1,18}),\), \} *\n",
    re.S,
)


def loaded(members: Mapping[str, bytes], key: str, kinds: str) -> np.ndarray:
    """The flat array of a `.npy` file, whose header must be as we write it and say exactly what is there."""
    if key not in members:
        raise damaged(f"it lacks {key!r}")
    data = members[key]
    head = HEADER.match(data[:128])
    if head is None or 10 + int.from_bytes(head[1], "little") != head.end():
        raise damaged(f"{key!r} is no npy file as talon writes it", found=data[:64])
    dtype, rest = np.dtype(head[2].decode()), data[head.end() :]
    if dtype.kind not in kinds or dtype.itemsize * int(head[3]) != len(rest):
        raise damaged(f"{key!r} is not a flat array that fills its file", found=f"{dtype} of {int(head[3])}")
    return np.frombuffer(rest, dtype)
