"""How large this process is, and was at most."""

from __future__ import annotations

import contextlib
import ctypes
import gc
import resource
import sys
from pathlib import Path

STATUS = Path("/proc/self/status")


def resident(line: str) -> int:
    """Bytes of memory that the process has (`VmRSS`) or had at most since `restart` (`VmHWM`)."""
    if not STATUS.exists():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    return next(int(said.split()[1]) * 1024 for said in STATUS.read_text().splitlines() if said.startswith(line))


def restart() -> None:
    """Begin anew: free memory is given back, or the next turn would have it for nothing, and it is forgotten how large
    the process was. Where the system cannot do that, memory is told only when a new peak is reached."""
    gc.collect()
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")
