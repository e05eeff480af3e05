"""What was computed before, in a folder: each sample by a hash of its values, below a hash of what ran."""

from __future__ import annotations

import os
import re
import warnings
from collections.abc import Mapping
from contextlib import suppress
from functools import lru_cache
from pathlib import Path

from talon.hw.evaluating.blocks import Block
from talon.hw.evaluating.packs import SUFFIX, name_of, packed, unpacked
from talon.ir.errors import TalonFileError
from talon.storage.atomic import replacing

NAME = re.compile(rf"[0-9a-f]{{64}}{re.escape(SUFFIX)}")


class CacheWarning(UserWarning):
    """A file of a cache is not what was written, and is not used."""


class Cache:
    """The folder `folder/key`, with a file for every block that was computed.

    A file is checked whenever it is read: by its name, which is the hash of its bytes, and by what it says of itself.
    One that fails is removed, and its samples are computed anew. Several processes may share a folder.
    """

    def __init__(self, folder: str | os.PathLike[str], key: str) -> None:
        self.folder, self.key = Path(folder) / key, key
        self.places: dict[bytes, tuple[str, int]] = {}
        """Which file holds a sample, and where in it."""
        # Samples that come in the order in which they were computed read every file once.
        self.read = lru_cache(maxsize=2)(self.read_pack)
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            names = sorted(entry.name for entry in os.scandir(self.folder) if NAME.fullmatch(entry.name))
        except OSError as error:
            raise TalonFileError(
                "T301",
                "the folder of the cache cannot be used",
                file=str(folder),
                found=f"{type(error).__name__}: {error.strerror or error}",
                help="name a folder that may be written to, or one that is not there yet",
            ) from error
        for name in names:
            if (pack := self.read(name)) is not None:
                self.places |= {digest: (name, row) for row, digest in enumerate(pack[0])}

    def get(self, digest: bytes, index: int) -> Block | None:
        """What a sample gave, as a block of one under its number here; None where it is to be computed."""
        while (place := self.places.get(digest)) is not None:
            name, row = place
            if (pack := self.read(name)) is not None:
                found = pack[1].rows([row])
                return Block((index,), found.outputs, found.names, found.counts)
            self.places = {other: at for other, at in self.places.items() if at[0] != name}
        return None

    def put(self, block: Block, digests: Mapping[int, bytes]) -> None:
        """Keep a block. `digests`: of samples by their number."""
        mine = [digests[index] for index in block.indexes]
        content = packed(self.key, mine, block)
        with replacing(self.folder / name_of(content)) as temporary:
            temporary.write_bytes(content)

    def read_pack(self, name: str) -> tuple[list[bytes], Block] | None:
        path = self.folder / name
        try:
            return unpacked(name, self.key, path.read_bytes())
        except (OSError, ValueError) as error:
            warnings.warn(f"{path} is damaged ({error}); its samples are computed anew", CacheWarning, stacklevel=2)
            with suppress(OSError):
                path.unlink()
            return None
