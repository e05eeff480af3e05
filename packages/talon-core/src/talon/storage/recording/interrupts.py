"""Ctrl-C while a library is at work that may lose it."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def interrupts_later() -> Iterator[None]:
    """Raise `KeyboardInterrupt` for a Ctrl-C inside at the end, when all is as it should be, or in place of what went
    wrong, which is its context. h5py lets objects go whose weak references have callbacks, and what is raised in one of
    those Python prints and ignores.

    Signals that somebody else handles, and other threads, which get none, stay as they are."""
    usual = signal.default_int_handler
    if threading.current_thread() is not threading.main_thread() or signal.getsignal(signal.SIGINT) is not usual:
        yield
        return
    came: list[int] = []
    signal.signal(signal.SIGINT, lambda number, frame: came.append(number))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, usual)
        if came:
            raise KeyboardInterrupt
