"""One child process as its parent sees it: started, asked, and killed when it does not answer as it should."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import astuple
from typing import Any

from talon.ir.errors import TalonFormatError, TalonPluginError
from talon.storage.child import message
from talon.storage.child.limits import LIMITS, MIB, OWN, Allowance

BOOT = """\
import json, sys
sys.path[:] = json.loads(sys.argv[1])
from talon.storage.child.__main__ import main
main()
"""
"""As `-m talon.storage.child`, but it finds talon where the parent found it: -I alone looks neither in the user's own
site-packages nor in PYTHONPATH."""


class Child:
    """A running process. One thread at a time may ask it. `spent`: whether it was stopped for the time it took."""

    def __init__(self) -> None:
        paths = [path for path in sys.path if os.path.isabs(path)]
        environment = {name: value for name, value in os.environ.items() if not name.startswith("HDF5_")}
        try:
            self.process = subprocess.Popen(
                [sys.executable, "-I", "-c", BOOT, json.dumps(paths)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env={**environment, "HDF5_PLUGIN_PRELOAD": "::", "OPENBLAS_NUM_THREADS": "1"},
                cwd=os.path.abspath(os.sep),
                # Ctrl-C is the parent's to handle.
                start_new_session=True,
                creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
            )
        except OSError as error:
            raise not_started(error) from error
        self.files = 0
        self.spent = False
        try:
            with self.killed_after(LIMITS.start_seconds):
                message.receive(self.output, MIB, 0)
        except (EOFError, OSError, ValueError) as error:
            raise not_started(f"it ended with status {self.kill()}") from error

    @property
    def input(self) -> Any:
        return self.process.stdin

    @property
    def output(self) -> Any:
        return self.process.stdout

    def ask(self, path: str, what: str, allowed: Allowance) -> tuple[dict[str, Any], bytes]:
        """What it says of a file. Raises `TalonFormatError` (T311) where it died or was stopped."""
        self.files += 1
        late = threading.Event()
        try:
            with self.killed_after(allowed.wall, late):
                request = {"path": os.fsencode(path).hex(), "what": what, "allowed": astuple(allowed)}
                message.send(self.input, request)
                return message.receive(self.output, MIB, allowed.answer)
        except (EOFError, BrokenPipeError):
            status = self.kill()
            self.spent = late.is_set() or status == OUT_OF_TIME
            raise failed(status, late.is_set(), allowed) from None
        except (ValueError, MemoryError, TalonFormatError) as error:
            self.kill()
            raise senseless(error) from error
        except BaseException:
            # Its answer would be taken for that to the next question.
            self.kill()
            raise

    @contextlib.contextmanager
    def killed_after(self, seconds: float, late: threading.Event | None = None) -> Iterator[None]:
        def stop() -> None:
            if late is not None:
                late.set()
            self.process.kill()

        timer = threading.Timer(seconds, stop)
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()

    @property
    def alive(self) -> bool:
        return self.process.poll() is None

    def kill(self) -> int:
        """Stop it; returns the status with which it ended, if it had ended by itself."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(0.1 if self.process.poll() is None else 0)
        self.process.kill()
        self.forget()
        return self.process.wait()

    def forget(self) -> None:
        """Close our ends of the pipes."""
        for stream in (self.process.stdin, self.process.stdout):
            if stream is not None:
                with contextlib.suppress(OSError):
                    stream.close()


OUT_OF_TIME = -int(getattr(signal, "SIGXCPU", -1))
"""The status of a process that used up its processor time, where systems have such a limit."""


def failed(status: int, late: bool, allowed: Allowance) -> TalonFormatError:
    if late:
        what, found = "it took too long", f"no answer after {allowed.wall:.0f} seconds"
    elif status == OUT_OF_TIME:
        what, found = "it took too much processor time", f"{allowed.cpu:.0f} seconds"
    else:
        what, found = "it crashed", f"{signal_name(status)} in the process that parses the file"
    limits = f"an answer within {allowed.wall:.0f} seconds and {allowed.memory // MIB:,} MiB"
    return TalonFormatError("T311", f"the file cannot be parsed: {what}", expected=limits, found=found, help=OWN)


def signal_name(status: int) -> str:
    try:
        return f"signal {signal.Signals(-status).name}" if status < 0 else f"exit status {status}"
    except ValueError:
        return f"signal {-status}"


def senseless(error: BaseException) -> TalonFormatError:
    return TalonFormatError(
        "T311",
        "the file cannot be parsed: the process that does it answered with nonsense",
        found=f"{type(error).__name__}: {error!s:.200}",
        help=OWN,
    )


def not_started(found: object) -> TalonPluginError:
    return TalonPluginError(
        "T312",
        "the process that parses files could not be started",
        expected=f"{sys.executable or 'a Python interpreter'} to import talon.storage.child",
        found=found,
        help="files that you made yourself can be read with trusted=True (--trusted)",
    )
