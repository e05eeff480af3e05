"""`python -m talon.storage.child`: parses the files that its parent names, one after the other.

Requests come on standard input, answers go to standard output; both as `talon.storage.child.message` says. What is
found in a file is answered as an index of it, which the parent checks as it checks that of any file. The end of the
input ends the process, so none is left when the parent has died.
"""

from __future__ import annotations

import os

# Before h5py is imported: a file must not be able to name a plugin that HDF5 then loads.
os.environ["HDF5_PLUGIN_PRELOAD"] = "::"
os.environ.pop("HDF5_PLUGIN_PATH", None)

import sys
import zlib
from pathlib import Path
from typing import Any, BinaryIO

from talon.ir.document import FORMAT, Document
from talon.ir.errors import TalonFileError, TalonFormatError
from talon.storage.child import confine, message
from talon.storage.child.limits import MIB, OWN, Allowance
from talon.storage.hdf5 import reading
from talon.storage.index.building import Placed, columns_of
from talon.storage.index.packing import pack
from talon.storage.source import OpenFile

PIECE = 1 << 20
UNWRITTEN = "the tree holds something that talon writes into no file"


def main() -> None:
    answers = private(sys.stdout.fileno())
    requests = sys.stdin.buffer
    confine.for_good()
    message.send(answers, {"ready": True})
    while True:
        try:
            request, _ = message.receive(requests, MIB, 0)
        except EOFError:
            return
        allowed = Allowance(*request["allowed"])
        confine.for_one(allowed)
        try:
            header, index = answer(Path(os.fsdecode(bytes.fromhex(request["path"]))), request["what"])
        except MemoryError:
            header, index = {"error": message.error_form(too_much("more memory than that"))}, b""
        if len(index) > allowed.answer:
            header, index = {"error": message.error_form(too_much(f"an index of {len(index):,} bytes"))}, b""
        message.send(answers, header, index)


def answer(path: Path, what: str) -> tuple[dict[str, Any], bytes]:
    """What is asked of a file, or the complaint about it."""
    try:
        with reading.opened(path) as reader:
            form, _, legacy = reader.header()
            header = {"stamp": reader.source.stamp, "format": form, "legacy": legacy}
            return header, index_of(reader.document(True, None), reader.source) if what == "document" else b""
    except TalonFormatError as error:
        return {"error": message.error_form(error)}, b""
    except TalonFileError as error:
        said = error.diagnostic
        facts = {"node": said.node, "expected": said.expected, "found": said.found, "help": "get an undamaged copy"}
        return {"error": message.error_form(TalonFormatError("T303", UNWRITTEN, **facts))}, b""


def index_of(document: Document, source: OpenFile) -> bytes:
    """An index, as a writer would have put it behind the tree."""
    placed = {
        (number, name): Placed(ref.offset, crc32_of(source, ref.offset, ref.nbytes))
        for number, record in enumerate(document.nodes)
        for name, ref in record.arrays.items()
        if isinstance(ref, reading.FileArray)
    }
    return pack(FORMAT, document.writer, columns_of(document, placed))


def crc32_of(source: OpenFile, offset: int, count: int) -> int:
    """Of bytes of the file, piece by piece."""
    found = 0
    for start in range(offset, offset + count, PIECE):
        found = zlib.crc32(source.bytes(start, min(PIECE, offset + count - start)), found)
    return found


def too_much(found: str) -> TalonFormatError:
    return TalonFormatError("T311", "the file takes too much to parse", found=found, help=OWN)


def private(number: int) -> BinaryIO:
    """The stream for answers; what else would write to standard output goes nowhere."""
    stream = os.fdopen(os.dup(number), "wb")
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, number)
    os.close(nowhere)
    return stream


if __name__ == "__main__":
    main()
