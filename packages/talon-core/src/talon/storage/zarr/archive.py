"""A store as a zip archive without compression: read by rules of our own, which are narrower than zip's."""

from __future__ import annotations

import re
import stat
from pathlib import Path
from typing import NamedTuple

from talon.ir.errors import TalonFormatError
from talon.storage.source import OpenFile
from talon.storage.zarr import records
from talon.storage.zarr.container import BYTE, Names, Span, damaged, missing_key

SIGNATURE = records.LOCAL_SIGNATURE
MOST_MEMBERS = 1 << 18
MOST_DIRECTORY_BYTES = 1 << 25
LONGEST_NAME = 128
"""Bytes of a name; ours are shorter, whatever the rank of an array."""
_NAME = re.compile(rb"(?!\.{1,2}/)[A-Za-z0-9._-]+(/(?!\.{1,2}(/|$))[A-Za-z0-9._-]+)*/?")
_UTF8, _SIZES_LATER = 0x800, 0x8
_STORED = 0


class Member(NamedTuple):
    """A file in the archive: where its header stands, its size, where the next thing begins, and what its header must
    repeat."""

    offset: int
    size: int
    end: int
    crc32: int
    flags: int


class Archive:
    """The keys of a zip archive: stored files whose names are different and plain, and whose bytes do not overlap."""

    most_held = 0  # the open archive holds everything

    def __init__(self, path: Path) -> None:
        self.path = str(path)
        self.file = OpenFile(path)
        self.length = self.file.stamp.size
        self.members = self.listed()
        self.names = Names(self.members)

    def span(self, key: str) -> Span:
        member = self.members.get(key)
        if member is None:
            raise missing_key(key)
        name = key.encode()
        head = self.read(member.offset, records.LOCAL.size + len(name))
        local, again = records.Local._make(records.LOCAL.unpack(head[: records.LOCAL.size])), head[records.LOCAL.size :]
        start = member.offset + records.LOCAL.size + local.name + local.extra
        sizes = {member.size, records.WIDE}
        same = local.signature == records.LOCAL_SIGNATURE and again == name and local.name == len(name)
        same &= (local.flags, local.method, local.crc32) == (member.flags, _STORED, member.crc32)
        if not (same and {local.packed, local.size} <= sizes):
            raise damaged(f"the zip archive says two things of {key!r}")
        if start + member.size > member.end:
            raise damaged(f"{key!r} does not end where the next file of the zip archive begins")
        return Span(self.file, start, member.size, member.crc32)

    def replaced(self) -> bool:
        return False  # the open file stays what it was

    def size(self) -> int:
        return self.length

    def read(self, offset: int, size: int) -> bytes:
        if offset < 0 or offset + size > self.length:
            raise damaged("a part of the zip archive is not inside the file", f"{self.length} bytes", offset + size)
        return self.file.fetch(offset, BYTE, (size,), "").tobytes()

    # The directory at the end

    def listed(self) -> dict[str, Member]:
        """The files of the archive by name."""
        count, size, start, end = self.directory()
        if count > MOST_MEMBERS or size > MOST_DIRECTORY_BYTES:
            raise damaged("its zip archive lists too many files", f"at most {MOST_MEMBERS}", count)
        if start + size != end:
            raise damaged("the directory of its zip archive is not at the end", end, start + size)
        data = self.read(start, size)
        found: list[tuple[str, int, int, int, int]] = []
        names, at = set(), 0
        for _ in range(count):
            central, raw, extra, at = self.central(data, at)
            name = plain(raw)
            if name in names:
                raise damaged("its zip archive holds a name twice", "each once", repr(name)[:200])
            names.add(name)
            found.append((name, *self.place(central, extra, name), central.crc32, central.flags))
        if at != size:
            raise damaged("the directory of its zip archive has another length", size, at)
        # Each file ends before the next one begins, whatever its own header says.
        found.sort(key=lambda row: row[2])
        ends = [*(row[2] for row in found[1:]), start]
        members = {}
        for (name, length, offset, crc32, flags), limit in zip(found, ends, strict=False):
            if offset + records.LOCAL.size + len(name) + length > limit:
                raise damaged(f"{name!r:.200} lies over another file of the zip archive")
            if not name.endswith("/"):
                members[name] = Member(offset, length, limit, crc32, flags)
            elif length:
                raise damaged(f"{name!r:.200} in its zip archive is a folder with content")
        return members

    def directory(self) -> tuple[int, int, int, int]:
        """How many files are listed, in how many bytes, from where, and where they must end."""
        at = self.length - records.END.size
        end = records.End._make(records.END.unpack(self.read(at, records.END.size)))
        if end.signature != records.END_SIGNATURE or end.comment:
            raise damaged("its zip archive is cut short, or something stands behind it")
        if records.NARROW in (end.here, end.files) or records.WIDE in (end.size, end.start):
            return self.wide_directory(at)
        if end.disk or end.first_disk or end.here != end.files:
            raise damaged("its zip archive is one of several")
        return end.files, end.size, end.start, at

    def wide_directory(self, at: int) -> tuple[int, int, int, int]:
        at -= records.LOCATOR.size
        signature, disk, place, disks = records.LOCATOR.unpack(self.read(at, records.LOCATOR.size))
        if (signature, disk, disks, place) != (records.LOCATOR_SIGNATURE, 0, 1, at - records.WIDE_END.size):
            raise damaged("its zip archive is cut short, or in several parts")
        found = records.WideEnd._make(records.WIDE_END.unpack(self.read(place, records.WIDE_END.size)))
        if found.signature != records.WIDE_END_SIGNATURE or found.disk or found.first_disk or found.here != found.files:
            raise damaged("its zip archive is one of several")
        return found.files, found.size, found.start, place

    def central(self, data: bytes, at: int) -> tuple[records.Central, bytes, bytes, int]:
        """A record of the directory, the name, the extra fields, and where the next one begins."""
        begin = at + records.CENTRAL.size
        if begin > len(data):
            raise damaged("the directory of its zip archive is cut short")
        found = records.Central._make(records.CENTRAL.unpack(data[at:begin]))
        end = begin + found.name + found.extra + found.comment
        if found.signature != records.CENTRAL_SIGNATURE or end > len(data):
            raise damaged("the directory of its zip archive is cut short")
        name = data[begin : begin + found.name]
        return found, name, data[begin + found.name : begin + found.name + found.extra], end

    def place(self, central: records.Central, extra: bytes, name: str) -> tuple[int, int]:
        """Size and offset of a stored file."""
        if central.method != _STORED or central.flags & ~_UTF8:
            what = f"{name!r:.200} in its zip archive is compressed, encrypted or streamed"
            raise damaged(what, "stored files", f"method {central.method}, flags {central.flags:#x}")
        if stat.S_ISLNK(central.outside >> 16) or central.disk:
            raise damaged(f"{name!r:.200} in its zip archive is a link")
        wide = records.wide_values(extra)
        values = []
        for value in (central.size, central.packed, central.offset):
            if value == records.WIDE:
                if not wide:
                    raise damaged(f"{name!r:.200} in its zip archive has no size")
                value = wide.pop(0)
            values.append(value)
        size, packed, offset = values
        if size != packed or size > self.length or offset > self.length:
            raise damaged(f"{name!r:.200} in its zip archive is not inside the file", f"{self.length} bytes", size)
        return size, offset


def plain(raw: bytes) -> str:
    """A name that leads nowhere else."""
    if len(raw) > LONGEST_NAME or not _NAME.fullmatch(raw):
        what = "its zip archive holds a name that none of ours has"
        raise damaged(what, "such as 'columns/zarr.json'", f"{raw!r:.200}")
    return raw.decode("ascii")


def begins_like_ours(head: bytes) -> bool:
    """Whether the first file of an archive is one that ours begin with."""
    if len(head) < records.LOCAL.size or not head.startswith(records.LOCAL_SIGNATURE):
        return False
    name = head[records.LOCAL.size :][: records.Local._make(records.LOCAL.unpack(head[: records.LOCAL.size])).name]
    return name.startswith((b"arrays/", b"columns/", b"zarr.json"))


def root_of(path: Path, key: str) -> bytes:
    """What stands under a key, as far as the archive can be read, to tell whose it is."""
    try:
        archive = Archive(path)
        span = archive.span(key)
        return archive.read(span.start, min(span.size, 1 << 16))
    except TalonFormatError:
        return b""
