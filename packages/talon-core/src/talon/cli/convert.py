"""`talon convert A B`"""

from __future__ import annotations

import os

import click

from talon.cli.command import PATH, TRUSTED, command
from talon.cli.output import Output


@command("convert")
@click.argument("source", type=PATH)
@click.argument("target", type=PATH)
@click.option("--backend", help="Storage backend of the new file; by default its suffix decides.")
@click.option("--force", is_flag=True, help="Replace the new file if it exists.")
@TRUSTED
def convert(out: Output, source: str, target: str, backend: str | None, force: bool, trusted: bool) -> None:
    """Read SOURCE in any format and write it to TARGET; nothing is lost, and the fingerprint stays.

    Example: talon convert old.t1c new.t1c
    """
    from talon.ir.errors import TalonFileError
    from talon.storage import info, read, write

    if os.path.exists(target) and os.path.exists(source) and os.path.samefile(source, target):
        raise TalonFileError("T308", "the new file is the old one", file=target, help="give the new file another name")
    if os.path.lexists(target) and not force:
        raise TalonFileError("T306", "the new file exists already", file=target, help="pass --force to replace it")
    with out.progress("reading") as progress:
        graph = read(source, unknown="keep", trusted=trusted, progress=progress)
    with out.progress("writing") as progress:
        write(target, graph, backend=backend, overwrite=force, progress=progress)
    old, new = info(source, trusted=trusted), info(target)
    out.data = {
        "source": {"path": source, "format": old.format, "size": old.size},
        "target": {"path": target, "format": new.format, "size": new.size},
        "fingerprint": graph.fingerprint(),
    }
    out.line(f"{target}: format {new.format}, {new.size:,} bytes (was format {old.format}, {old.size:,} bytes)")
    out.line(f"fingerprint {out.data['fingerprint']}")
