"""The memory map: a row for every array of an artifact, in a fixed order, and pools that hold the numbers.

A row has a role (what the array is), a form (stored, one value, or a range), a pool with the width of its numbers,
where in the pool it begins (or the value, or the first of the range), and its shape.
"""

from __future__ import annotations

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
)
"""What an array is; a row holds its place here."""
STORED, CONSTANT, RANGE = range(3)
POOLS = ("packed", "int8", "int16", "int32", "int64", "float32")
TRUE = ("weight", "bias", "threshold", "reset", "start", "factor")
"""What stands in whole bytes, as a core would load it, unless it is narrower than half a byte."""
COLUMNS = {"role": 1, "form": 1, "pool": 1, "bits": 1, "rank": 1, "at": 8, "dims": 4}
SIGN = 128
"""In a row's bits: the numbers have a sign."""
WHOLE = {"int8": 8 | SIGN, "int16": 16 | SIGN, "int32": 32 | SIGN, "int64": 64 | SIGN, "float32": 32}
"""The bits of rows whose numbers stand in whole bytes."""
MOST_NUMBERS = 1 << 22
"""Of arrays that take no place in the file, beside 16 for each byte of it: what a small file may make of itself."""


@dataclass
class Writer:
    """Rows and pools that grow."""

    rows: dict[str, list[int]] = field(default_factory=lambda: {name: [] for name in COLUMNS})
    pools: dict[str, list[np.ndarray]] = field(default_factory=lambda: {name: [] for name in POOLS})
    sizes: dict[str, int] = field(default_factory=lambda: dict.fromkeys(POOLS, 0))

    def put(self, role: str, values: np.ndarray) -> None:
        """The next array."""
        values = np.asarray(values)
        form, pool, bits, at = self.placed(role, values)
        numbers = (ROLES.index(role), form, POOLS.index(pool), bits, values.ndim, at)
        for name, number in zip(COLUMNS, numbers, strict=False):
            self.rows[name].append(number)
        self.rows["dims"] += values.shape

    def placed(self, role: str, values: np.ndarray) -> tuple[int, str, int, int]:
        """Form, pool, bits and place of an array."""
        flat = values.reshape(-1)
        if values.dtype.kind == "f":
            return STORED, "float32", WHOLE["float32"], self.into("float32", flat.astype("<f4"))
        if len(flat) and (flat == flat[0]).all():
            return CONSTANT, "packed", 0, int(flat[0])
        if len(flat) > 2 and (np.diff(flat.astype(np.int64)) == 1).all():
            return RANGE, "packed", 0, int(flat[0])
        bits, signed = width(flat)
        if role in TRUE and bits > 4:
            kind = smallest(bits, signed)
            at = self.into(kind.name, flat.astype(kind.newbyteorder("<")))
            return STORED, kind.name, WHOLE[kind.name], at
        return STORED, "packed", bits | (SIGN if signed else 0), self.into("packed", pack(flat, bits))

    def into(self, pool: str, values: np.ndarray) -> int:
        at = self.sizes[pool]
        self.pools[pool].append(values)
        self.sizes[pool] += values.size
        return at

    def members(self) -> dict[str, bytes]:
        """The files of the archive that hold all that."""
        found = {f"map/{name}.npy": npy(narrowest(np.array(column, np.int64))) for name, column in self.rows.items()}
        for name, parts in self.pools.items():
            if parts:
                found[f"tensors/{name}.npy"] = npy(np.concatenate(parts))
        return found


class Reader:
    """Rows taken one after the other; nothing they say is believed."""

    def __init__(self, members: Mapping[str, bytes], size: int) -> None:
        self.columns = {name: loaded(members, f"map/{name}.npy", "iu") for name in COLUMNS}
        self.columns = {name: column.astype(np.int64) for name, column in self.columns.items()}
        self.pools = {name: loaded(members, key, "fiu") for name in POOLS if (key := f"tensors/{name}.npy") in members}
        for name, pool in self.pools.items():
            if pool.dtype != np.dtype("uint8" if name == "packed" else name):
                raise damaged(f"tensors/{name}.npy holds other numbers", name, pool.dtype)
        counts = {len(column) for name, column in self.columns.items() if name != "dims"}
        if len(counts) > 1 or int(self.columns["rank"].clip(0).sum()) != len(self.columns["dims"]):
            raise damaged("the columns of the memory map are of different lengths")
        self.count = counts.pop()
        self.row = self.dim = 0
        self.budget = MOST_NUMBERS + 16 * size

    def role(self) -> str | None:
        """Of the next row."""
        if self.row == self.count:
            return None
        number = int(self.columns["role"][self.row])
        return ROLES[number] if 0 <= number < len(ROLES) else "unknown"

    def take(self, role: str, rank: int | None = None) -> np.ndarray:
        """The next array, which must have this role."""
        if self.role() != role:
            raise damaged("an array of the memory map is out of its order", role, self.role() or "the end")
        each = {name: int(column[self.row]) for name, column in self.columns.items() if name != "dims"}
        if not 0 <= each["rank"] <= 8 or (rank is not None and each["rank"] != rank):
            raise damaged(f"an array of role {role!r} has the wrong rank", rank, each["rank"])
        shape = tuple(self.columns["dims"][self.dim : self.dim + each["rank"]].tolist())
        if min(shape, default=0) < 0:
            raise damaged(f"an array of role {role!r} has a negative length", found=shape)
        self.row, self.dim = self.row + 1, self.dim + each["rank"]
        return self.made(role, each, shape)

    def optional(self, role: str, default: int) -> np.ndarray:
        """The next array if it has this role, else a single number."""
        return self.take(role) if self.role() == role else np.array(default, np.int8)

    def spend(self, count: int, what: str) -> None:
        """Take numbers from what a file of this size may make of itself. Raise where nothing is left."""
        self.budget -= count
        if self.budget < 0:
            raise damaged("it makes more of itself than a file of this size may", found=what)

    def made(self, role: str, each: Mapping[str, int], shape: Shape) -> np.ndarray:
        count = math.prod(shape)
        self.spend(count, f"{role} of shape {shape}")
        form, at = each["form"], each["at"]
        if form in (CONSTANT, RANGE) and role != "unit":
            if not -(2**62) < at < 2**62:
                raise damaged(f"a number of role {role!r} is too large")
            last = at + (count - 1 if form == RANGE else 0)
            kind = smallest(*width(np.array([at, last], np.int64)))
            if form == CONSTANT:
                return np.full(shape, at, kind)
            return np.arange(at, at + count, dtype=kind).reshape(shape)
        pool, bits = each["pool"], each["bits"] & ~SIGN
        name = POOLS[pool] if 0 <= pool < len(POOLS) else ""
        sound = form == STORED and name in self.pools and 0 <= each["bits"] < 2 * SIGN
        if not sound or not (1 <= bits <= 63 if name == "packed" else each["bits"] == WHOLE[name]):
            raise damaged(f"a row of role {role!r} makes no sense", found=dict(each))
        if (name == "float32") != (role == "unit"):
            raise damaged(f"an array of role {role!r} holds numbers of the wrong kind", found=name)
        length = packed_bytes(count, bits) if name == "packed" else count
        if not 0 <= at <= len(self.pools[name]) - length:
            raise damaged(f"an array of role {role!r} is not inside its pool")
        data = self.pools[name][at : at + length]
        if name == "packed":
            return unpack(data, count, bits, bool(each["bits"] & SIGN)).reshape(shape)
        return data.reshape(shape)

    def finish(self) -> None:
        if self.row != self.count:
            raise damaged("the memory map holds more arrays than belong to it", self.row, self.count)


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
