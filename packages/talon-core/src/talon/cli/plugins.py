"""`talon plugins`"""

from __future__ import annotations

import time
from collections import Counter
from typing import Any

import click

from talon.cli.command import command
from talon.cli.exits import Exit
from talon.cli.output import Output


@command("plugins")
@click.option("--trace", is_flag=True, help="Load all they provide; say what was called and how long it took.")
def plugins(out: Output, trace: bool) -> Exit:
    """List the plugins: where each comes from, what it provides, and why one is not used.

    Example: talon plugins --trace
    """
    rows = plugin_rows(trace)
    out.data = rows
    head = ("plugin", "distribution", "state", "provides")
    out.table(head, [(r["plugin"], r["distribution"], "ok" if r["ok"] else "not used", r["provides"]) for r in rows])
    for row in rows:
        for complaint in [row["error"]] if row["error"] else row["complaints"]:
            out.line(f"  {row['plugin']} of {row['distribution']}: {complaint}")
    if trace:
        for row in rows:
            out.line(f"\n{row['plugin']} of {row['distribution']}")
            for line in row["trace"]:
                out.line(f"  {line}")
    return Exit.OK if all(row["ok"] for row in rows) else Exit.FINDINGS


def plugin_rows(trace: bool = False) -> list[dict[str, Any]]:
    """One dict a plugin, built-in ones first; with `trace` everything provided is loaded, and timed."""
    from talon.ir.errors import TalonError
    from talon.plugins import registry
    from talon.plugins.manager import manager

    provided: dict[str, list[str]] = {}
    loads: dict[str, list[str]] = {}
    for hook, what in registry.KIND_NAMES.items():
        for entry in registry.collected(hook).values():
            provided.setdefault(entry.plugin, []).append(what)
            if trace:
                start = time.perf_counter()
                try:
                    entry.load()
                    said = f"{(time.perf_counter() - start) * 1e3:.1f} ms"
                except TalonError as error:
                    said = f"failed: {error.found or error}"
                loads.setdefault(entry.plugin, []).append(f"load {entry.name}: {said}")
    return [
        {
            "plugin": plugin.name,
            "distribution": plugin.origin,
            "ok": plugin.error is None,
            "error": plugin.error,
            "complaints": plugin.complaints,
            "provides": counted(provided.get(plugin.name, [])),
            "trace": [*plugin.trace, *loads.get(plugin.name, [])] if trace else [],
        }
        for plugin in manager().plugins
    ]


def counted(kinds: list[str]) -> str:
    """`2 primitives, 1 engine`"""
    return ", ".join(f"{n} {what}{'s' * (n != 1)}" for what, n in Counter(kinds).items())
