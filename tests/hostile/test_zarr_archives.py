"""Zip archives of zarr stores that lie: about names, sizes, places and compression; cut short; with flipped bits."""

from __future__ import annotations

import struct
import time
import zipfile
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from talon import ir
from tests.hostile import forged
from tests.hostile.forged import SECONDS, refusal
from tests.hostile.stores import COLUMN, files, original, refused, zipped

SECRET = b"what no reader unpacks"


def archive(*entries: tuple[str, bytes], **how: Any) -> bytes:
    """The honest archive with more entries behind, or changed by Python's writer."""
    file = BytesIO(zipped(files()))
    with zipfile.ZipFile(file, "a") as into:
        for name, data in entries:
            into.writestr(zipfile.ZipInfo(name), data, how.get("method", zipfile.ZIP_STORED))
    return file.getvalue()


def patched(signature: bytes, at: int, new: bytes, number: int = 0) -> bytes:
    """The honest archive with bytes changed in the record of this signature and number, counted from its start."""
    data = bytearray(zipped(files()))
    place = -1
    for _ in range(number + 1):
        place = data.index(signature, place + 1)
    data[place + at : place + at + len(new)] = new
    return bytes(data)


def central(at: int, new: bytes, number: int = 3) -> Callable[[], bytes]:
    return lambda: patched(b"PK\1\2", at, new, number)


def local(at: int, new: bytes, number: int = 3) -> Callable[[], bytes]:
    return lambda: patched(b"PK\3\4", at, new, number)


def end(at: int, new: bytes) -> Callable[[], bytes]:
    return lambda: patched(b"PK\5\6", at, new)


def doubled() -> bytes:
    with pytest.warns(UserWarning, match="Duplicate"):
        return archive(("zarr.json", b"{}"))


def bomb() -> bytes:
    """A column of 90 MB of nothing, compressed into 90 KB."""
    store = files()
    del store[f"{COLUMN}/c/0"]
    file = BytesIO(zipped(store))
    with zipfile.ZipFile(file, "a") as into, into.open(deflated(f"{COLUMN}/c/0"), "w") as member:
        for _ in range(90):
            member.write(bytes(1 << 20))
    return file.getvalue()


def deflated(name: str) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)
    info.compress_type = zipfile.ZIP_DEFLATED
    return info


def quoted(content: bytes, times: int) -> Callable[[], bytes]:
    """Many names for the same bytes: together they say more than is there."""

    def make() -> bytes:
        data = bytearray(zipped({"zarr.json": content}))
        start = data.index(b"PK\1\2")
        record, tail = bytes(data[start:-22]), data[-22:]
        records = b"".join(record.replace(b"zarr.json", b"zarr.%04d" % n) for n in range(times))
        tail[8:20] = struct.pack("<HHLL", times, times, len(records), start)
        return bytes(data[:start]) + records + bytes(tail)

    return make


def slip(name: str) -> Callable[[], bytes]:
    return lambda: archive((name, SECRET))


ZIPS: list[tuple[str, Callable[[], bytes], str, str]] = [
    ("nothing", lambda: b"", "T302", "empty"),
    ("an empty archive", lambda: zipped({}), "T302", "recognises"),
    ("another archive", lambda: zipped({"a.txt": b"x"}), "T302", "recognises"),
    ("cut in half", lambda: zipped(files())[: len(zipped(files())) // 2], "T303", "cut short"),
    ("without its last byte", lambda: zipped(files())[:-1], "T303", "cut short"),
    ("without its directory", lambda: zipped(files()).split(b"PK\1\2")[0], "T303", "cut short"),
    ("bytes behind", lambda: zipped(files()) + b"x", "T303", "cut short"),
    ("a comment behind", lambda: zipped(files())[:-2] + b"\1\0x", "T303", "cut short"),
    ("bytes before", lambda: b"MZ" + zipped(files()), "T302", "recognises"),
    ("an archive before", lambda: zipped({"zarr.json": b"{}"}) + zipped(files()), "T303", "not at the end"),
    ("HDF5 before", lambda: b"\x89HDF\r\n\x1a\n" + zipped(files()), "T303", ""),
    ("a name twice", doubled, "T303", "twice"),
    ("up", slip("../secret"), "T303", "name"),
    ("up inside", slip("columns/../../secret"), "T303", "name"),
    ("here", slip("columns/./x"), "T303", "name"),
    ("absolute", slip("/etc/passwd"), "T303", "name"),
    ("absolute on Windows", slip("C:/windows/x"), "T303", "name"),
    ("backslashes", slip("..\\secret"), "T303", "name"),
    ("an empty folder name", slip("columns//x"), "T303", "name"),
    ("a name not ASCII", slip("columns/\u00e9"), "T303", "name"),
    ("a name of a null", central(46, b"\0"), "T303", "name"),
    ("a name of 40,000 bytes", slip("columns/" + "a/" * 20_000), "T303", "name"),
    ("another file", slip("more"), "T303", "more"),
    ("a folder with content", slip("more/"), "T303", "folder with content"),
    ("a file and a folder", slip("columns"), "T303", "columns"),
    ("deflated", lambda: zipped(files(), method=zipfile.ZIP_DEFLATED), "T303", "compressed"),
    ("bzip2", lambda: zipped(files(), method=zipfile.ZIP_BZIP2), "T303", "compressed"),
    ("lzma", lambda: zipped(files(), method=zipfile.ZIP_LZMA), "T303", "compressed"),
    ("a bomb", bomb, "T303", "compressed"),
    ("names for the same bytes", quoted(bytes(100_000), 1500), "T303", "lies over"),
    ("names for nothing", quoted(b"", 3000), "T303", "lies over"),
    ("encrypted", central(8, b"\1\0"), "T303", "encrypted"),
    ("streamed", central(8, b"\x08\0"), "T303", "streamed"),
    ("a link", central(38, struct.pack("<L", 0o120777 << 16)), "T303", "link"),
    ("on another disk", central(34, b"\1\0"), "T303", "link"),
    ("a size of 4 GB", central(20, b"\xff\xff\xff\x7f" * 2), "T303", "not inside"),
    ("a wide size that is not there", central(20, b"\xff" * 8), "T303", "no size"),
    ("two sizes", central(24, b"\1\0\0\0"), "T303", "not inside"),
    ("a file over the next one", central(20, struct.pack("<LL", 9000, 9000)), "T303", "lies over"),
    ("a file in another", central(42, struct.pack("<L", 8)), "T303", ""),
    ("a file in the directory", central(42, struct.pack("<L", 80_000)), "T303", ""),
    ("a file behind the end", central(42, b"\xfe\xff\xff\xff"), "T303", "not inside"),
    ("another crc32 in the directory", central(16, b"abcd"), "T303", "two things"),
    ("another crc32 in front", local(14, b"abcd"), "T303", "two things"),
    ("another size in front", local(22, b"\1\0\0\0"), "T303", "two things"),
    ("another method in front", local(8, b"\x08\0"), "T303", "two things"),
    ("another name in front", local(30, b"b"), "T303", "two things"),
    ("no signature in front", local(0, b"PK\3\5"), "T303", "two things"),
    ("a longer name in front", local(26, b"\xff\xff"), "T303", "two things"),
    ("much more in front", local(28, b"\xff\xff"), "T303", "does not end"),
    ("no signature in the directory", central(0, b"PK\1\3"), "T303", "cut short"),
    ("a name beyond the directory", central(28, b"\xff\xff", number=60), "T303", ""),
    ("another count", end(8, b"\1\0\1\0"), "T303", "another length"),
    ("a count too large", end(8, b"\xfe\xff\xfe\xff"), "T303", "cut short"),
    ("two counts", end(8, b"\1\0"), "T303", "several"),
    ("a directory elsewhere", end(16, b"\0\0\0\0"), "T303", "not at the end"),
    ("a directory beyond", end(12, b"\xfe\xff\xff\xff"), "T303", "too many"),
    ("on several disks", end(4, b"\1\0"), "T303", "several"),
    ("a wide directory that is not there", end(8, b"\xff" * 12), "T303", "several parts"),
]  # fmt: skip


@pytest.mark.parametrize(("make", "code", "word"), [a[1:] for a in ZIPS], ids=[a[0] for a in ZIPS])
def test_an_archive_that_lies_is_one_error(make: Callable[[], bytes], code: str, word: str, tmp_path: Path) -> None:
    path = tmp_path / "in" / "forged.zarr.zip"
    path.parent.mkdir()
    content = make()
    assert len(content) <= 200_000
    path.write_bytes(content)
    refused(path, code, word)
    assert [*tmp_path.iterdir()] == [path.parent]
    assert [*path.parent.iterdir()] == [path]


def test_archives_that_other_tools_write_are_read(tmp_path: Path) -> None:
    """Folders of their own, any order, times, and zip64 fields where none are needed."""
    path = tmp_path / "x.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for folder in ("arrays/", "columns/"):
            archive.writestr(folder, b"")
        for name, data in reversed(original()):
            with archive.open(name, "w", force_zip64=True) as member:
                member.write(data)
    assert forged.everything_of(path).same_as(forged.honest())


@settings(max_examples=150, deadline=None)
@given(st.lists(st.integers(0, 8 * len(zipped(files())) - 1), min_size=1, max_size=4))
def test_flipped_bits_of_an_archive(bits: list[int]) -> None:
    changed = bytearray(zipped(files()))
    for bit in bits:
        changed[bit // 8] ^= 1 << bit % 8
    with forged.file_of(bytes(changed)) as path:
        start = time.perf_counter()
        error = refusal(path)
        assert time.perf_counter() - start < SECONDS
        if error is None:
            assert ir.read(path).same_as(forged.honest())


def test_truncation_of_an_archive_is_refused() -> None:
    whole = zipped(files())
    for length in {*range(0, len(whole), 997), *range(len(whole) - 30, len(whole))}:
        with forged.file_of(whole[:length]) as path:
            error = refusal(path)
            assert error is not None
            assert error.code in ("T302", "T303")
