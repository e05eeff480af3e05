"""The error for an object of a tree that is not plain, naming its node where it belongs to one."""

from __future__ import annotations

from talon.ir.errors import TalonFormatError

HELP = "get the file from where it was made; if other tools rewrote it, write it again with talon"


def refused(
    what: str, path: tuple[str, ...] = (), expected: object = None, found: object = None, help: str = HELP
) -> TalonFormatError:
    """`path`: the names from the root to the object."""
    node = node_of(path)
    at = f" at {'/'.join(path)[:200]!r}" if path and not node else ""
    return TalonFormatError(
        "T303",
        f"the tree is not one that talon reads: {what}{at}",
        node=node or None,
        expected=expected,
        found=found,
        help=help,
    )


def node_of(path: tuple[str, ...]) -> str:
    """`("graph", "nodes", "sub", "nodes", "fc", "weight")` -> `"sub/fc.weight"`."""
    if path[:1] != ("graph",):
        return ""
    rest, nodes = list(path[1:]), []
    while len(rest) >= 2 and rest[0] == "nodes":
        nodes.append(rest[1])
        del rest[:2]
    return ".".join(["/".join(nodes), *rest] if nodes else rest)
