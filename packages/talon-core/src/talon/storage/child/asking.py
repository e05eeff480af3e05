"""Files through a child process. One is kept idle for the next file: starting one takes longer than most files do."""

from __future__ import annotations

import atexit
import os
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

from talon.ir.document import Document
from talon.ir.errors import TalonFormatError
from talon.storage.backend import Progress
from talon.storage.child import message
from talon.storage.child.limits import LIMITS, Allowance
from talon.storage.child.process import Child, senseless
from talon.storage.index import footer, packing, records
from talon.storage.index.checking import check_places, checked
from talon.storage.source import ATTEMPTS, OpenFile, never_stays


class Idle:
    """The child that waits for the next file, if there is one."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.child: Child | None = None

    def take(self) -> Child | None:
        with self.lock:
            child, self.child = self.child, None
        if child is not None and not child.alive:
            child.kill()
            return None
        return child

    def give(self, child: Child) -> None:
        with self.lock:
            if self.child is None and child.files < LIMITS.requests:
                self.child = child
                return
        child.kill()

    def stop(self) -> None:
        """Kill the one that waits."""
        child = self.take()
        if child is not None:
            child.kill()

    def after_fork(self) -> None:
        """In a forked process: the child is the parent's, and two must not ask it."""
        self.lock = threading.Lock()
        if self.child is not None:
            self.child.forget()
            self.child = None


IDLE = Idle()
atexit.register(IDLE.stop)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=IDLE.after_fork)


def document(path: Path, lazy: bool, progress: Progress | None) -> Document:
    """The document of a file. Raises `TalonFormatError`: what the child complains of, or T311 where it failed."""
    header, index, source = ask(path, "document")
    try:
        listed = packing.header_of(index)
        tables = checked(packing.unpack(index, listed))
        # HDF5 may put an array anywhere behind its first block.
        check_places(tables, footer.FIRST, source.stamp.size, 1)
        form, legacy = said_of(header)
        found = records.document(listed, tables, source, lazy, progress)
    except (ValueError, TypeError, LookupError, ArithmeticError, TalonFormatError) as error:
        if isinstance(error, TalonFormatError) and error.code == "T305":
            raise
        raise distrusted(error) from error
    return replace(found, format=form, legacy=legacy)


def version(path: Path) -> str:
    """The version of a file's format."""
    header, _, _ = ask(path, "version")
    return said_of(header)[0]


def distrusted(error: Exception) -> TalonFormatError:
    """The error for an answer that no honest child gives; it is not asked again."""
    IDLE.stop()
    return senseless(error)


def said_of(header: dict[str, Any]) -> tuple[str, bool]:
    """Format, and whether the published package wrote it."""
    form, legacy = header.get("format"), header.get("legacy")
    if not isinstance(form, str) or not isinstance(legacy, bool):
        raise distrusted(ValueError(f"a header of another form: {header!r:.80}"))
    return form, legacy


def ask(path: Path, what: str) -> tuple[dict[str, Any], bytes, OpenFile]:
    """What the child says of a file, and the file that it speaks of, which is open here."""
    for _ in range(ATTEMPTS):
        source = OpenFile(path)
        header, index = answer(str(path.absolute()), what, source)
        try:
            error = message.error_of(header["error"]) if "error" in header else None
        except ValueError as nonsense:
            raise distrusted(nonsense) from nonsense
        if error is None and "stamp" not in header:
            raise distrusted(ValueError("it does not say of which file it speaks"))
        if error is None and header["stamp"] == list(source.stamp):
            return header, index, source
        # Another file may have been put there in between, and the complaint may be about either.
        if error is not None and OpenFile(path).stamp == source.stamp:
            raise error
    raise never_stays()


def answer(path: str, what: str, source: OpenFile) -> tuple[dict[str, Any], bytes]:
    allowed = LIMITS.allowance(source.stamp.size)
    child = IDLE.take()
    if child is not None:
        try:
            return asked(child, path, what, allowed)
        except TalonFormatError:
            if child.spent:
                raise
            # The fault may be an earlier file's: a new process tells.
    return asked(Child(), path, what, allowed)


def asked(child: Child, path: str, what: str, allowed: Allowance) -> tuple[dict[str, Any], bytes]:
    found = child.ask(path, what, allowed)
    IDLE.give(child)
    return found
