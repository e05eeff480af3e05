"""`talon hash F`"""

from __future__ import annotations

import click

from talon.cli.command import PATH, TRUSTED, command
from talon.cli.output import Output


@command("hash")
@click.argument("files", nargs=-1, required=True, type=PATH, metavar="FILE...")
@TRUSTED
def hash_files(out: Output, files: tuple[str, ...], trusted: bool) -> None:
    """Print the fingerprint of each FILE: equal for equal networks, whatever the storage format or the order of nodes.

    Example: talon hash net.t1c
    """
    from talon.storage import read

    out.data = []
    for file in files:
        fingerprint = read(file, unknown="keep", trusted=trusted).fingerprint()
        out.data.append({"file": file, "fingerprint": fingerprint})
        out.line(f"{fingerprint}  {file}")
