"""What a command prints: the result on stdout, progress and problems on stderr, or one JSON object."""

from __future__ import annotations

import json
import math
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import click

from talon.cli.exits import Exit, exit_of
from talon.ir.errors import Diagnostic

SCHEMA = 1
COLOURS = {"error": "red", "warning": "yellow", "note": "cyan"}


class Output:
    """Collects `data` and `problems` for `--json`, prints lines otherwise. Nothing is printed in both ways."""

    def __init__(self, as_json: bool = False, quiet: bool = False) -> None:
        self.as_json = as_json
        self.quiet = quiet
        self.data: Any = None
        self.problems: list[Diagnostic] = []

    def line(self, text: str = "") -> None:
        """A line of the result."""
        if not self.as_json:
            echo(text)

    def note(self, text: str) -> None:
        """A remark on stderr, which `--quiet` silences."""
        if not self.quiet and not self.as_json:
            click.echo(text, err=True)

    def problem(self, diagnostic: Diagnostic, err: bool = True) -> None:
        """A finding: on stderr, or on stdout where findings are the result."""
        self.problems.append(diagnostic)
        if not self.as_json and not (self.quiet and diagnostic.severity != "error"):
            label, _, rest = str(diagnostic).partition(":")
            text = paint(label, COLOURS[diagnostic.severity], err) + ":" + rest
            click.echo(text, err=True) if err else echo(text)

    def table(self, head: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
        """Columns aligned by their longest cell; numbers to the right."""
        cells = [[str(cell) for cell in row] for row in rows]
        if self.as_json:
            return
        widths = [max(map(len, column)) for column in zip(head, *cells, strict=True)]
        right = [bool(cells) and all(is_number(row[i]) for row in cells) for i in range(len(head))]

        def row_text(row: Sequence[str]) -> str:
            padded = [c.rjust(w) if r else c.ljust(w) for c, w, r in zip(row, widths, right, strict=True)]
            return "  ".join(padded).rstrip()

        self.line(paint(row_text(head), "bold", False))
        for row in cells:
            self.line(row_text(row))

    @contextmanager
    def progress(self, label: str) -> Iterator[Callable[[int, int], None] | None]:
        """A callback `(done, total)` that draws a bar on a terminal's stderr; None elsewhere."""
        if self.quiet or self.as_json or not terminal(sys.stderr):
            yield None
            return
        with click.progressbar(length=1, label=label, file=sys.stderr) as bar:

            def show(done: int, total: int) -> None:
                bar.length = total
                bar.update(done - bar.pos)

            yield show

    def finish(self, ok: bool) -> None:
        """Print the JSON envelope, where it was asked for."""
        if self.as_json:
            problems = [problem.as_dict() for problem in self.problems]
            envelope = {"schema": SCHEMA, "ok": ok, "data": plain(self.data), "problems": problems}
            echo(json.dumps(envelope, indent=2, allow_nan=False))


class OutputGone(Exception):
    """The result cannot be written. With `status` 0 its reader had enough, as `head` has; nothing is wrong then."""

    def __init__(self, status: Exit) -> None:
        self.status = status


def echo(text: str) -> None:
    """Write to stdout. Raises `OutputGone`, after saying why on stderr, where that fails."""
    # Names of files need not be text; stderr writes such characters in this way of itself.
    text = text.encode(errors="backslashreplace").decode()
    try:
        click.echo(text)
    except OSError as error:
        # Nothing may be left for the interpreter to write when it ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if isinstance(error, BrokenPipeError):
            raise OutputGone(Exit.OK) from None
        problem = Diagnostic("T301", "the result cannot be written", found=error.strerror, help="check where it goes")
        click.echo(str(problem), err=True)
        raise OutputGone(exit_of("T301")) from None


MOST_BITS = 4096
"""Python writes no decimal numbers of more than 4,300 digits."""


def paint(text: str, style: str, err: bool) -> str:
    """Coloured text on a terminal, unless NO_COLOR is set."""
    stream = sys.stderr if err else sys.stdout
    if os.environ.get("NO_COLOR") or not terminal(stream):
        return text
    return click.style(text, bold=True) if style == "bold" else click.style(text, fg=style, bold=True)


def terminal(stream: Any) -> bool:
    """Whether somebody watches the stream; a closed one is None."""
    return stream is not None and bool(stream.isatty())


def is_number(text: str) -> bool:
    return text.replace(",", "").replace(".", "").replace("%", "").replace(" ", "").strip("-").isdigit()


def plain(value: Any) -> Any:
    """A value as JSON can say it: arrays and tuples as lists, numbers that are not finite or very long as words."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return repr(value)
    if isinstance(value, int) and value.bit_length() > MOST_BITS:
        return hex(value)
    return value if value is None or isinstance(value, (bool, int, float, str)) else str(value)
