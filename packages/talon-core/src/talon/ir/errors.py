"""The one family of errors: every failure says what, where, expected and found, and what to do.

Each class also inherits the builtin a Python user would expect to catch. Codes are stable; their meaning and mend
stand in `talon.ir.codes`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal

Severity = Literal["error", "warning", "note"]


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One finding: a stable code, where it is, what was expected, what was found, and what to do."""

    code: str
    message: str
    severity: Severity = "error"
    node: str | None = None
    port: str | None = None
    file: str | None = None
    expected: str | None = None
    found: str | None = None
    help: str | None = None

    def __str__(self) -> str:
        return f"{self.severity}[{self.code}]: {self.body()}"

    def body(self) -> str:
        """The text without its code: the message, then where with expected and found, then the help."""
        lines = [self.message]
        where = self.where()
        facts = [f"expected {self.expected}"] if self.expected else []
        facts += [f"found {self.found}"] if self.found else []
        detail = "; ".join(facts)
        if where or detail:
            lines.append("  " + (f"{where}: {detail}" if where and detail else where or detail))
        if self.help:
            lines.append(f"  help: {self.help}")
        return "\n".join(lines)

    def where(self) -> str:
        """File, node and port, as far as they are known."""
        # Who made the file may have named it, too.
        parts = [self.file if self.file.isprintable() else ascii(self.file)] if self.file else []
        if self.node is not None:
            parts.append(f"node {self.node!r}")
        if self.port is not None:
            parts.append(f"port {self.port!r}")
        return ", ".join(parts)

    def as_dict(self) -> dict[str, Any]:
        """The finding as plain values, as the commands' `--json` prints it."""
        keys = ("code", "severity", "node", "port", "file", "message", "expected", "found", "help")
        return {key: getattr(self, key) for key in keys}


class TalonError(Exception):
    """Base of everything talon raises on purpose; `diagnostic` and the attributes below say the details."""

    def __init__(
        self,
        code: str,
        message: str,
        *,
        node: str | None = None,
        port: str | None = None,
        file: str | None = None,
        expected: object = None,
        found: object = None,
        help: str | None = None,
    ) -> None:
        self.diagnostic = Diagnostic(
            code,
            message,
            node=node,
            port=port,
            file=file,
            expected=None if expected is None else str(expected),
            found=None if found is None else str(found),
            help=help,
        )
        super().__init__(message)

    @property
    def code(self) -> str:
        return self.diagnostic.code

    @property
    def help(self) -> str | None:
        return self.diagnostic.help

    @property
    def expected(self) -> str | None:
        return self.diagnostic.expected

    @property
    def found(self) -> str | None:
        return self.diagnostic.found

    def at(self, *, node: str | None = None, file: str | None = None, port: str | None = None) -> TalonError:
        """The same error with the place filled in where it was still open; returns itself, to be raised."""
        d = self.diagnostic
        self.diagnostic = replace(d, node=d.node or node, file=d.file or file, port=d.port or port)
        return self

    def __str__(self) -> str:
        return f"[{self.code}] {self.diagnostic.body()}"

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (type(self), self.diagnostic)


def _rebuild(cls: type[TalonError], diagnostic: Diagnostic) -> TalonError:
    error = cls(diagnostic.code, diagnostic.message)
    error.diagnostic = diagnostic
    return error


class Findings:
    """What a report of diagnostics offers: its errors and warnings, and raising the first error."""

    diagnostics: tuple[Diagnostic, ...]
    raises: ClassVar[type[TalonError]] = TalonError

    @property
    def errors(self) -> tuple[Diagnostic, ...]:
        return tuple(d for d in self.diagnostics if d.severity == "error")

    @property
    def warnings(self) -> tuple[Diagnostic, ...]:
        return tuple(d for d in self.diagnostics if d.severity == "warning")

    @property
    def ok(self) -> bool:
        """Whether there are no errors; warnings and notes may remain."""
        return not self.errors

    def raise_errors(self) -> None:
        """Raise the first error, if there is one; the message says how many more there are."""
        if self.ok:
            return
        first, more = self.errors[0], len(self.errors) - 1
        suffix = f" (and {more} more error{'s' * (more != 1)}: the report lists them)" if more else ""
        error = self.raises(first.code, first.message)
        error.diagnostic = replace(first, message=first.message + suffix)
        raise error


class TalonGraphError(TalonError, ValueError):
    """A graph that does not hold together: names, ports, edges, cycles (T1xx)."""


class TalonShapeError(TalonGraphError):
    """A node that refuses the shape of its input (T104)."""


class TalonNameError(TalonGraphError, KeyError):
    """A name that is not in the graph (T101)."""


class TalonValueError(TalonError, ValueError):
    """A field whose value or shape is not allowed (T2xx)."""


class TalonTypeError(TalonError, TypeError):
    """A constructor or function called with the wrong arguments or types (T2xx)."""


class TalonFrozenError(TalonError, AttributeError):
    """An attempt to change an immutable node, edge or graph (T203)."""


class TalonFormatError(TalonError, ValueError):
    """A file whose content cannot be accepted (T3xx)."""


class TalonFileError(TalonError, OSError):
    """A file that cannot be opened or written (T3xx)."""


class TalonRunError(TalonError, ValueError):
    """Inputs, state or options that do not fit the graph that is to be run (T4xx)."""


class TalonTargetError(TalonError, ValueError):
    """A hardware target that is unknown, badly described or too small (T5xx)."""


class TalonPluginError(TalonError, RuntimeError):
    """A plugin that is broken, clashes with another, or was written for another API (T0xx)."""


class TalonMissingPluginError(TalonPluginError, ImportError):
    """A known name whose distribution is not installed; the help line installs it (T001)."""


class TalonUnknownNameError(TalonPluginError, AttributeError):
    """A name nobody provides; the help line has the nearest one (T002)."""


def nearest(name: str, names: Iterable[object]) -> str | None:
    """The closest of `names` to `name`, or None; difflib is loaded only here, on the way to an error."""
    import difflib

    known = {str(n).lower(): str(n) for n in names}  # of names that differ in case alone the last one
    found = difflib.get_close_matches(name.lower(), known, n=1, cutoff=0.6)
    return known[found[0]] if found else None


def suggest(name: str, names: Iterable[object], otherwise: str) -> str:
    """A help line: the nearest match where there is one, `otherwise` where there is none."""
    match = nearest(name, names)
    return f"did you mean {match!r}?" if match else otherwise


def pip_line(distribution: str, *, upgrade: bool = False) -> str:
    """A help line: the command that installs or upgrades a distribution.

    It is there to be copied, and the name may come from a file: what is no name of a distribution is not repeated.
    """
    if re.fullmatch(r"[A-Za-z0-9]([\w.-]*[A-Za-z0-9])?", distribution, re.ASCII):
        return f"pip install {'--upgrade ' if upgrade else ''}{distribution}"
    return f"{'upgrade' if upgrade else 'install'} the distribution that provides it"
