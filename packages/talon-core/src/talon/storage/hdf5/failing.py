"""When HDF5 cannot write: the file is closed all the same, and the reason is told in the system's words."""

from __future__ import annotations

import os
import re
from typing import Any


def let_close(file: Any) -> None:
    """Put a file in memory in the place of an open h5py file that cannot be written, so that HDF5 can close it.

    HDF5 keeps what it could not write, tries again whenever an object is closed, and crashes when the process ends and
    it has still not got rid of it. Where there are no files in memory that cannot be helped.
    """
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
