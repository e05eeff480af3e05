"""The garbage collector, held off where many objects are made that stay."""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Iterator


@contextlib.contextmanager
def uncollected() -> Iterator[None]:
    """Make many objects without the collector, which would go through all of them again and again: that takes as long
    as making them, and none is garbage. Other threads' garbage waits for so long."""
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        if not gc.get_freeze_count():
            # What was made is as if it had been looked at often: the next look at young objects leaves it out.
            gc.freeze()
            gc.unfreeze()
        gc.enable()
