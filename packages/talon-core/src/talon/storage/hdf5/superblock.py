"""Where HDF5's own part of a file ends, as its first block says, and what may stand behind it in a file of ours."""

from __future__ import annotations

from talon.ir.errors import TalonFormatError
from talon.storage.hdf5.refusal import refused
from talon.storage.index import footer
from talon.storage.source import OpenFile

VERSION_AT = 8
"""Of the version of the superblock, behind the signature."""
END_AT = {0: 40, 1: 44, 2: 28, 3: 28}
"""Version of the superblock -> where the address of the end of the file stands in it, 8 bytes as the guard demands."""
RESCUE = (
    "get it again from where it came from; if that is not possible: h5py.File(path, 'r+').close() removes the rest of "
    "a copy, and then its tree is read, in which HDF5 keeps no checksums of values"
)


def refuse_lost_index(source: OpenFile) -> None:
    """Refuse a file of ours that has something behind HDF5's end but no footer as its last bytes (T303).

    A tool that edits the file cuts it off at its own end. Where more is left, the index was damaged, and the tree alone
    cannot prove the values that stand in it.
    """
    end, size = end_of_tree(source), source.stamp.size
    if size > end and footer.find(source.file) is None:
        raise TalonFormatError(
            "T303",
            "the file was cut short, or bytes were appended to it: the end of its index is not where the file ends",
            expected=f"an index with its footer behind the {end:,} bytes of HDF5",
            found=f"{size - end:,} bytes that do not end in a footer",
            help=RESCUE,
        )


def end_of_tree(source: OpenFile) -> int:
    """The end of the file as HDF5 wrote it into the superblock, which begins at byte 0."""
    version = source.bytes(VERSION_AT, 1)[0]
    if version not in END_AT:
        raise refused("a superblock of another version", expected=f"one of {[*END_AT]}", found=version)
    return int.from_bytes(source.bytes(END_AT[version], 8), "little")
