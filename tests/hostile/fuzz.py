"""Mutated files through the reader: `python -m tests.hostile.fuzz --count 1000000 --minutes 10 --seed 1`.

`--kind index`: files with an index, read in this process. Half of the inputs get a right hash and footer, so that what
is behind them is reached. `--kind tree`: HDF5 without one, read in child processes that are used again. `--kind
artifact`: artifacts of builds, loaded and run; most have right sums and hashes.
Prints how often each code was the answer, the slowest input and how much memory grew; what raised anything else is kept
in `--keep`, and the end is 1.
"""

from __future__ import annotations

import argparse
import random
import resource
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np

from talon import ir
from talon.storage.index import packing
from talon.storage.index.layout import COLUMNS
from tests.hostile import artifacts, forged, stores, trees

SLOW = {"index": 2.0, "tree": 10.0, "artifact": 2.0}
INTERESTING = (0, 1, 2, 7, 63, 64, 127, 128, 255, 1 << 15, 1 << 16, 1 << 31, 1 << 32, 1 << 40, 1 << 62, (1 << 64) - 1)
WORDS = (b"NaN", b"1e999", b"[[[[", b'{"list":[', b"\xff", b"\0", b"e\xcc\x81", b"/", b":", b"null", b"Graph", b"-1")


def mutated(rng: random.Random, index: bytes, columns: list[tuple[int, int, int]]) -> bytes:
    """Another index. `columns`: offset, item size and length of each."""
    data = bytearray(index)
    for _ in range(rng.choice((1, 1, 1, 2, 3, 8))):
        kind = rng.randrange(8)
        at = rng.randrange(len(data)) if data else 0
        if kind == 0:
            data[at] ^= 1 << rng.randrange(8)
        elif kind == 1:
            data[at] = rng.randrange(256)
        elif kind in (2, 3, 4):
            # An item of a column: the mutation that reaches the most checks.
            offset, size, count = columns[rng.randrange(len(columns))]
            if count:
                place = offset + size * rng.randrange(count)
                number = rng.choice((*INTERESTING, rng.randrange(64), rng.randrange(1 << 16)))
                data[place : place + size] = (number % (1 << 8 * size)).to_bytes(size, "little")
        elif kind == 5:
            word = rng.choice(WORDS)
            data[at : at + len(word)] = word
        elif kind == 6:
            end = min(len(data), at + rng.randrange(1, 64))
            del data[at:end]
        else:
            end = min(len(data), at + rng.randrange(1, 64))
            data[at:at] = data[at:end]
        if not data:
            break
    return bytes(data)


def mutated_columns(rng: random.Random) -> bytes:
    """An index packed as it should be, of columns that are not: rows removed, doubled, exchanged, or changed."""
    columns = forged.columns()
    tables = sorted({column.table for column in COLUMNS})
    table = rng.choice(tables)
    count = len(next(columns[c.name] for c in COLUMNS if c.table == table))
    rows = list(range(count))
    kind = rng.randrange(4)
    if rows and kind == 0:
        del rows[rng.randrange(count)]
    elif rows and kind == 1:
        rows.insert(rng.randrange(count), rng.randrange(count))
    elif rows and kind == 2:
        a, b = rng.randrange(count), rng.randrange(count)
        rows[a], rows[b] = rows[b], rows[a]
    for column in COLUMNS:
        if column.table == table:
            columns[column.name] = columns[column.name][np.array(rows, int)]
            if rows and kind == 3 and rng.random() < 0.5:
                low, high = np.iinfo(column.dtype).min, np.iinfo(column.dtype).max
                number = max(int(low), min(int(high), rng.choice((*INTERESTING, rng.randrange(40)))))
                columns[column.name][rng.randrange(count)] = number
    return forged.packed(columns)


def forge(rng: random.Random, index: bytes, columns: list[tuple[int, int, int]]) -> bytes:
    """The bytes of one file."""
    if rng.random() < 0.25:
        return forged.with_footer(mutated_columns(rng))
    changed = mutated(rng, index, columns)
    if rng.random() < 2 / 3:
        return forged.with_footer(changed)
    content = bytearray(forged.with_footer(changed, sha256=bytes(32)))
    if rng.random() < 0.5:
        content[len(content) - 64 + rng.randrange(8, 64)] = rng.randrange(256)
    return bytes(content)


def forge_tree(rng: random.Random, content: bytes) -> bytes:
    """HDF5 with changed bits, bytes, numbers and pieces, mostly where its structure stands."""
    data = bytearray(content)
    for _ in range(rng.choice((1, 1, 1, 2, 3, 8, 32))):
        at = rng.randrange(len(data))
        kind = rng.randrange(8)
        if kind < 3:
            data[at] ^= 1 << rng.randrange(8)
        elif kind == 3:
            data[at] = rng.choice((0, 1, 255, rng.randrange(256)))
        elif kind == 4:
            size = rng.choice((2, 4, 8))
            number = rng.choice((*INTERESTING, rng.randrange(len(data)))) % (1 << 8 * size)
            data[at : at + size] = number.to_bytes(size, "little")
        elif kind == 5:
            other, size = rng.randrange(len(data)), rng.randrange(1, 128)
            data[at : at + size] = data[other : other + size]
        elif kind == 6 and rng.random() < 0.3:
            del data[at + 1 :]
        elif kind == 7:
            del data[at : at + rng.randrange(1, 16)]
        if not data:
            return b""
    return bytes(data)


def honest_trees() -> list[bytes]:
    """One as the published package writes it, one of ours that lost its index, one with old object headers of ours."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "tree.h5"
        trees.honest(path)
        found = [path.read_bytes()]
        ir.write(path, forged.honest())
        with h5py.File(path, "r+"):
            pass
        found.append(path.read_bytes())
        with h5py.File(path, "r") as file, h5py.File(Path(folder) / "old.h5", "w", libver="earliest") as old:
            for name in file:
                file.copy(name, old)
        return [*found, (Path(folder) / "old.h5").read_bytes()]


def asked(path: Path) -> None:
    """All that is in a file."""
    ir.info(path)
    ir.read(path).load()


def answer(path: Path, use: Callable[[Path], None] = asked) -> str:
    """The code of the error, `ok`, or what else was raised."""
    try:
        use(path)
    except ir.TalonError as error:
        return error.code
    except Exception as error:  # noqa: BLE001 - that is what is looked for
        return f"{type(error).__name__}: {error}"
    return "ok"


def memory() -> float:
    """The most memory that the process had so far, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kind", choices=list(SLOW), default="index")
    parser.add_argument("--count", type=int, default=20_000)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", type=Path, default=Path("fuzz-failures"))
    options = parser.parse_args()
    rng = random.Random(options.seed)
    honest, forge_next = source(options.kind, rng)
    use = artifacts.used if options.kind == "artifact" else asked
    answers: Counter[str] = Counter()
    slowest, bad = (0.0, -1), 0
    with forged.file_of(honest) as path:
        assert answer(path, use) == "ok"
        before, start = memory(), time.monotonic()
        done = 0
        while done < options.count and time.monotonic() - start < 60 * options.minutes:
            content = forge_next()
            path.write_bytes(content)
            began = time.perf_counter()
            found = answer(path, use)
            seconds = time.perf_counter() - began
            slowest = max(slowest, (seconds, done))
            answers[found] += 1
            foreign = found != "ok" and not (len(found) == 4 and found.startswith("T") and found != "T900")
            if foreign or seconds > SLOW[options.kind]:
                bad += 1
                options.keep.mkdir(exist_ok=True)
                (options.keep / f"{options.kind}-seed{options.seed}-{done}.t1c").write_bytes(content)
            done += 1
        took, grown = time.monotonic() - start, memory() - before
    print(f"{done:,} inputs of seed {options.seed} in {took:.0f} s, {done / took:.0f} a second")
    for found, count in answers.most_common():
        print(f"  {count:>9,} {found}")
    print(f"slowest {slowest[0]:.3f} s (input {slowest[1]}); memory grew by {grown:.1f} MB")
    limit = SLOW[options.kind]
    print(f"{bad} outside TalonError or over {limit:g} s{f': kept in {options.keep}' if bad else ''}")
    return 1 if bad else 0


def source(kind: str, rng: random.Random) -> tuple[bytes, Callable[[], bytes]]:
    """An honest file, and what gives the next mutated one."""
    if kind == "tree":
        bases = honest_trees()
        return bases[0], lambda: forge_tree(rng, rng.choice(bases))
    if kind == "artifact":
        return stores.zipped(artifacts.files()), lambda: artifacts.mutated(rng)
    _, index = forged.original()
    columns = [
        (offset, np.dtype(dtype).itemsize, count) for _, dtype, offset, count in packing.header_of(index).columns
    ]
    return forged.with_footer(index), lambda: forge(rng, index, columns)


if __name__ == "__main__":
    sys.exit(main())
