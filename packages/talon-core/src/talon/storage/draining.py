"""What is written begins to go to the disk while more is being written: at the end there is less to wait for."""

from __future__ import annotations

import os
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType

from talon.storage.atomic import NO_SYNC

AT_ONCE = 1 << 25
"""So many bytes are let gather before they are forced to the disk."""
LARGE = 1 << 20
"""Files of so many bytes are worth a start of their own."""
MOST_WAITING = 8
"""Files at most that are held open for the disk."""


class DrainingFiles:
    """Forces large files to the disk one after the other, in another thread, while a block writes the next ones. What
    is told of a disk that failed is raised at the end of the block."""

    def __init__(self) -> None:
        self.pool = ThreadPoolExecutor(1) if hasattr(os, "fdatasync") else None
        self.running: list[Future[None]] = []
        self.given_up = False

    def __enter__(self) -> DrainingFiles:
        return self

    def wrote(self, descriptor: int, count: int) -> None:
        """An open file has so many bytes. Where the disk is slower than the writer, the file is left to the end. Raises
        OSError where the disk failed before."""
        if self.pool is None or count < LARGE:
            return
        waiting = []
        for running in self.running:
            if running.done():
                running.result()
            else:
                waiting.append(running)
        self.running = waiting
        if len(waiting) < MOST_WAITING:
            self.running.append(self.pool.submit(self.forced, os.dup(descriptor)))

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.given_up = error is not None
        if self.pool is not None:
            self.pool.shutdown()
        for running in self.running:
            if error is None:
                running.result()

    def forced(self, descriptor: int) -> None:
        """Force a file to the disk and close it."""
        try:
            if not self.given_up:
                force(descriptor)
        finally:
            os.close(descriptor)


def force(descriptor: int) -> None:
    """Force a file to the disk, where the file system does that."""
    try:
        os.fdatasync(descriptor)
    except OSError as error:
        if error.errno not in NO_SYNC:
            raise


class Draining:
    """Forces an open file to the disk now and then, in another thread, while a block writes it.

    The system tells only once that a disk failed, so what is told here is raised here.
    """

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        self.gathered = 0
        self.running: Future[None] | None = None
        self.pool = ThreadPoolExecutor(1) if hasattr(os, "fdatasync") else None

    def __enter__(self) -> Draining:
        return self

    def wrote(self, count: int) -> None:
        """So many bytes more are in the file."""
        self.gathered += count
        if self.pool is not None and self.gathered >= AT_ONCE and (self.running is None or self.running.done()):
            self.settle()
            self.gathered = 0
            self.running = self.pool.submit(force, self.descriptor)

    def settle(self) -> None:
        """Wait for what is under way. Raises OSError where the disk failed."""
        if self.running is not None:
            self.running.result()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self.pool is not None:
            self.pool.shutdown()
        if error is None:
            self.settle()
