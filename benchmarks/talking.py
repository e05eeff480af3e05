"""A process of a product, in whose environment it runs, that answers in lines of JSON."""

from __future__ import annotations

import contextlib
import json
import subprocess
from typing import Any


class EndedError(Exception):
    """A process is gone; what it said is in the log."""


class Talking:
    """A process that is asked by lines and answers by lines, each a JSON object. `name`: before what is told of it."""

    def __init__(self, words: list[Any], log: Any, name: str = "", environment: dict[str, str] | None = None) -> None:
        self.name = name
        pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": log}
        self.process = subprocess.Popen(words, text=True, env=environment, **pipes)

    def say(self, line: str) -> None:
        """Raises `BrokenPipeError` where nobody hears it."""
        assert self.process.stdin is not None
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def answer(self) -> dict[str, Any]:
        """The next line. Raises `EndedError` where there is none."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise EndedError(f"{self.name} ended with status {self.process.wait()}".lstrip())
        found: dict[str, Any] = json.loads(line)
        return found

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            with contextlib.suppress(BrokenPipeError):
                assert pipe is not None
                pipe.close()
