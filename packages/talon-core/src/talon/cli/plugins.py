"""`talon plugins`"""

from __future__ import annotations

from typing import Any

from talon.cli.command import command
from talon.cli.exits import Exit
from talon.cli.output import Output


@command("plugins")
def plugins(out: Output) -> Exit:
    """List the plugins: where each comes from, what it provides, and why one is not used.

    Example: talon plugins
    """
    rows = plugin_rows()
    out.data = rows
    head = ("plugin", "distribution", "state", "provides")
    out.table(head, [(r["plugin"], r["distribution"], "ok" if r["ok"] else "not used", r["provides"]) for r in rows])
    for row in rows:
        if not row["ok"]:
            out.line(f"  {row['plugin']} of {row['distribution']}: {row['error']}")
    return Exit.OK if all(row["ok"] for row in rows) else Exit.FINDINGS


def plugin_rows() -> list[dict[str, Any]]:
    """One dict a plugin, built-in ones first."""
    from talon.plugins import registry
    from talon.plugins.manager import manager

    provided: dict[str, list[str]] = {}
    for hook, what in HOOKS.items():
        for entry in registry.collected(hook).values():
            provided.setdefault(entry.plugin, []).append(what)
    return [
        {
            "plugin": plugin.name,
            "distribution": f"{plugin.distribution} {plugin.version}",
            "ok": plugin.error is None,
            "error": plugin.error,
            "provides": ", ".join(
                f"{found.count(what)} {what}{'s' * (found.count(what) != 1)}" for what in dict.fromkeys(found)
            ),
        }
        for plugin in manager().plugins
        for found in [provided.get(plugin.name, [])]
    ]


HOOKS = {
    "talon_primitives": "primitive",
    "talon_storage_backends": "storage backend",
    "talon_engines": "engine",
    "talon_commands": "command group",
}
