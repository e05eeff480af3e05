"""`load`: the file opened, its members checked by their sums, and every refusal with its name."""

from __future__ import annotations

import os
from dataclasses import replace

from talon.hw.artifact.refusal import damaged, not_ours
from talon.hw.artifact.rows import COLUMNS, POOLS
from talon.hw.deploying.build import Build
from talon.ir.errors import TalonError
from talon.storage.files import existing
from talon.storage.source import OpenFile
from talon.storage.zarr.archive import Archive
from talon.storage.zarr.container import content

NEEDED = {"manifest.json", "target.json", "ledger.z", *(f"map/{name}.npy" for name in COLUMNS)}
KNOWN = NEEDED | {f"tensors/{name}.npy" for name in POOLS} | {"host.t1c"}
FIRST, NAME = 64, 30
"""So much of a zip archive's head is looked at, and where the name of its first file stands."""
ZIP = b"PK\3\4"
"""How a zip archive begins that is not empty."""


def is_artifact(path: str | os.PathLike[str]) -> bool:
    """Whether a file begins as artifacts do, by its first member; what is no file, or cannot be read, does not."""
    if not os.path.isfile(path):
        return False
    head = OpenFile(existing(path)).bytes(0, FIRST)
    return head.startswith(ZIP) and head[NAME:].startswith((b"host.t1c", b"ledger.z"))


def load(path: str | os.PathLike[str]) -> Build:
    """Read an artifact, a `.talonhw` file that `Build.save` wrote. It runs alone: `hw.load(path).run(x)`.

    Raises `TalonFileError` (T301, T308), `TalonFormatError` (T302 for what is no artifact, T303, T305, T307), and what
    reading the host's graph raises where it has nodes that are not installed here (T001, T304).
    """
    from talon.hw.artifact.reading import Loading

    where = existing(path)
    try:
        return Loading(members_at(where)).build()
    except TalonError as error:
        said = error.diagnostic.message.replace("the zarr store is damaged", "the artifact is damaged")
        error.diagnostic = replace(error.diagnostic, message=said)
        raise error.at(file=str(where)) from error.__cause__


def members_at(path: os.PathLike[str]) -> dict[str, bytes]:
    """The files of the archive, each checked by its sum."""
    head = OpenFile(existing(path)).bytes(0, 8)
    if not head.startswith(ZIP):
        raise not_ours(head)
    archive = Archive(existing(path))
    names = set(archive.members)
    if not {"manifest.json", "map/kind.npy"} <= names:
        raise not_ours(head)
    if foreign := names - KNOWN:
        raise damaged(f"it holds {min(foreign)[:100]!r}, which does not belong there")
    if missing := NEEDED - names:
        raise damaged(f"it lacks {min(missing)!r}")
    return {name: content(archive, name, archive.size()) for name in sorted(names)}
