"""Limits that a process sets itself, where the system has them: memory and processor time for each file, no writing."""

from __future__ import annotations

import contextlib
import math
import sys
from collections.abc import Iterator

from talon.storage.child.limits import Allowance

if sys.platform == "win32":

    def for_good() -> None:
        """Nothing: there the parent's clock is the only limit."""

    def for_one(allowed: Allowance) -> None:
        """As above."""

else:
    import resource
    import signal

    def for_good() -> None:
        """No file may be written and no memory image left."""
        # Python ignores the first, and then writing fails; the second it does not handle.
        signal.signal(signal.SIGXCPU, signal.SIG_DFL)
        for limit in (resource.RLIMIT_FSIZE, resource.RLIMIT_CORE):
            with refusals():
                resource.setrlimit(limit, (0, 0))

    def for_one(allowed: Allowance) -> None:
        """What the next file may cost. Processor time counts from the start of the process."""
        used = resource.getrusage(resource.RUSAGE_SELF)
        seconds = math.ceil(used.ru_utime + used.ru_stime + allowed.cpu)
        for limit, amount in ((resource.RLIMIT_CPU, seconds), (resource.RLIMIT_AS, allowed.memory)):
            with refusals():
                _, most = resource.getrlimit(limit)
                resource.setrlimit(limit, (amount if most == resource.RLIM_INFINITY else min(amount, most), most))

    @contextlib.contextmanager
    def refusals() -> Iterator[None]:
        """Some systems have a limit by name alone; the parent's clock remains."""
        with contextlib.suppress(OSError, ValueError):
            yield
