"""`talon explain [CODE]`"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import click

from talon.cli.command import beginning, command
from talon.cli.output import Output


def codes(ctx: click.Context) -> Iterable[str]:
    from talon.ir.codes import CODES

    return CODES


@command("explain")
@click.argument("code", required=False, shell_complete=beginning(codes))
def explain(out: Output, code: str | None) -> None:
    """Explain an error CODE: what it means, how it is mended, and an example of both. Without CODE, list them all.

    Example: talon explain T104
    """
    from talon.ir.codes import CODES, FAMILIES

    if code is None:
        out.data = [{"code": c, "family": FAMILIES[c[:2]], **entry._asdict()} for c, entry in CODES.items()]
        for digit, family in FAMILIES.items():
            out.line(f"{digit}xx {family}")
            for c, entry in CODES.items():
                if c.startswith(digit):
                    out.line(f"  {c}  {entry.title}")
        out.note(f"{len(CODES)} codes; 'talon explain CODE' explains one")
        return
    found = explained(known(code))
    out.data = found
    out.line(f"{found['code']}: {found['title']}")
    out.line(f"\n{found['meaning']}\n{found['mend']}")
    how = f"raises {found['code']}" if found["ends"] == "raises" else f"report holds {found['code']}"
    for title, text in ((f"fails ({how})", found["wrong"]), ("mended", found["right"])):
        out.line(f"\n{title}:\n")
        for line in text.splitlines():
            out.line(f"  {line}".rstrip())


def known(text: str) -> str:
    """The code in `text`: `T104`, `t104`, `104` or `error[T104]`. Raises T002 with the nearest one."""
    import re

    from talon.ir.codes import CODES
    from talon.ir.errors import TalonUnknownNameError, nearest

    found = re.search(r"(?<!\w)T?(\d{3})(?!\w)", text, re.IGNORECASE)
    code = f"T{found[1]}" if found else text
    if code in CODES:
        return code
    family = [c for c in CODES if found and c[:2] == code[:2]]
    near = nearest(code.upper(), family or CODES) or min(
        family, key=lambda c: abs(int(c[1:]) - int(code[1:])), default=""
    )
    raise TalonUnknownNameError(
        "T002",
        f"there is no error code {code!r}",
        expected="T and three digits, such as T104",
        found=repr(text),
        help=f"did you mean {near!r}?" if near else "'talon explain' lists them",
    )


def explained(code: str) -> dict[str, Any]:
    """Everything about a code, as plain values."""
    from talon.ir.codes import CODES, FAMILIES
    from talon.ir.explained import example

    return {"code": code, "family": FAMILIES[code[:2]], **CODES[code]._asdict(), **example(code)._asdict()}
