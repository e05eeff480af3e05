"""When HDF5 cannot write. It keeps what it could not write, and crashes when the process ends and it still has it: so
it is never let into a lack of room, its file is closed all the same, and the reason is told in the system's words."""

from __future__ import annotations

import errno
import os
import re
from pathlib import Path
from typing import Any

from talon.storage.hdf5.superblock import END_AT

UNSUPPORTED = (errno.EINVAL, errno.ENOTSUP, errno.ENOSYS, errno.ENODEV)
"""How a file system says that it reserves nothing; then HDF5 finds out for itself."""
AHEAD = 1 << 20
"""So much more is reserved where there is room for it: asking for a few bytes for each node takes longer than HDF5."""
SUPERBLOCK = 2
"""The version that is written."""


class Room:
    """The room on the disk for what an open h5py file holds, most of which it has not yet written."""

    def __init__(self, file: Any) -> None:
        self.id = file.id
        self.reserved = 0
        self.possible = hasattr(os, "posix_fallocate")

    def reserve(self) -> None:
        """Reserve as much as the file takes by now. Raises OSError where there is not so much."""
        size = self.id.get_filesize() if self.possible else 0
        if size > self.reserved and not self.reserved_to(size + AHEAD):
            self.reserved_to(size, must=True)

    def reserved_to(self, size: int, must: bool = False) -> bool:
        """Whether so much could be reserved, or need not be where nothing can."""
        try:
            os.posix_fallocate(self.id.get_vfd_handle(), self.reserved, size - self.reserved)
        except OSError as error:
            if error.errno not in UNSUPPORTED:
                if must:
                    raise
                return False
            self.possible = False
        self.reserved = size
        return True


def give_back(path: Path) -> None:
    """Cut off what was reserved behind the end of a closed file of HDF5's."""
    with path.open("r+b") as file:
        file.seek(END_AT[SUPERBLOCK])
        file.truncate(int.from_bytes(file.read(8), "little"))


def let_close(file: Any) -> None:
    """Put a file in memory in the place of an open h5py file that cannot be written, so that HDF5 can close it."""
    if hasattr(os, "memfd_create"):
        memory = os.memfd_create("talon")
        try:
            os.dup2(memory, file.id.get_vfd_handle(), inheritable=False)
        finally:
            os.close(memory)


def reason(error: Exception) -> str:
    """Why HDF5 failed: what the system said, which stands somewhere in the text that h5py gives, else its first words.

    The rest of that text is of temporary files and of HDF5's inside.
    """
    text = str(error)
    said = re.search(r"\berrno = (\d{1,5})\b", text)
    number = error.errno if isinstance(error, OSError) and error.errno else int(said[1]) if said is not None else 0
    return os.strerror(number) if number else f"{type(error).__name__}: {text.partition(' (')[0]:.200}"
