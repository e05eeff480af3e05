"""A recording as a file that is replaced when the new one is complete and on the disk."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from talon.ir.errors import TalonFileError, TalonRunError
from talon.storage.atomic import replacing
from talon.storage.files import local_path
from talon.storage.recording.columns import Column, Container
from talon.storage.recording.naming import place_of

MARK = "talon_recording"
"""The attribute of the root that makes a file a recording; its value is the version of the layout."""
VERSION = "1.0"
HDF5, ZARR = (".h5", ".hdf5"), (".zarr",)
GROUPS = ("outputs", "records")
BYTE = np.dtype(np.uint8)
MOST_ROOT_BYTES = 1 << 16


class Closable(Container, Protocol):
    def close(self) -> None:
        """Give up what is not finished; after `finish` nothing is left to do."""
        ...


class Recording:
    """A recording that is being written. Its columns are those of the first steps that are added."""

    def __init__(self, container: Container) -> None:
        self.container = container
        self.columns: dict[str, Column] = {}
        self.places: dict[tuple[str, str], str] = {}
        self.steps = 0

    def add(self, steps: int, groups: Mapping[str, Mapping[str, np.ndarray]]) -> None:
        """Further steps: arrays `(steps, B, *shape)` by key, of `outputs` and `records`."""
        arrays = {(group, key): array for group, found in groups.items() for key, array in found.items()}
        if not self.places:
            for (group, key), array in arrays.items():
                self.begin(group, key, array)
        if arrays.keys() != self.places.keys() or any(
            array.shape[1:] != self.columns[self.places[name]].shape for name, array in arrays.items()
        ):
            raise TalonRunError(
                "T401",
                "the results do not belong together",
                expected=", ".join(f"{key} {self.columns[at].shape}" for (_, key), at in self.places.items()),
                found=", ".join(f"{key} {array.shape[1:]}" for (_, key), array in arrays.items()),
                help="give the chunks of one run, such as those of talon.engine.stream",
            )
        for (group, key), array in arrays.items():
            place = self.places[group, key]
            self.columns[place].append(binary(key, array) if is_spikes(group, key) else array, place, self.container)
        self.steps += steps

    def begin(self, group: str, key: str, array: np.ndarray) -> None:
        place = self.places[group, key] = place_of(group, key, self.columns)
        # Outputs are called by their node alone.
        node, _, quantity = key.rpartition(".") if group == "records" else (key, "", "output")
        spikes = is_spikes(group, key)
        said = {"node": node, "quantity": quantity}
        self.columns[place] = Column(BYTE if spikes else array.dtype, array.shape[1:], said, packed=spikes)

    def finish(self, said: Mapping[str, Any]) -> None:
        for place, column in self.columns.items():
            column.flush(place, self.container)
        self.container.finish(self.columns, {MARK: VERSION, **said})


@contextmanager
def recording(path: str | os.PathLike[str], overwrite: bool) -> Iterator[Recording]:
    """A recording to add to and to finish, in place of `path` when the block ends well. The suffix says which format.
    Raises `TalonFileError` (T301, T306, T308)."""
    target = local_path(path)
    if not is_recording(target):
        raise TalonFileError(
            "T308",
            "the suffix says no format that recordings are written in",
            file=str(target),
            expected=" or ".join([*HDF5, *ZARR]),
            found=repr(target.suffix),
        )
    if not overwrite and os.path.lexists(target):
        raise TalonFileError(
            "T306", "the file exists already", file=str(target), help="pass overwrite=True, or --force to a command"
        )
    folder = target.name.endswith(ZARR)
    try:
        with replacing(target, folder=folder, replaceable=is_ours if folder else None) as temporary:
            container = opened(temporary, folder)
            try:
                yield Recording(container)
            finally:
                container.close()
    except TalonFileError as error:
        raise error.at(file=str(target)) from error.__cause__


def is_recording(path: Path) -> bool:
    """Whether a recording can be written under this name."""
    return path.name.endswith((*HDF5, *ZARR))


def opened(path: Path, folder: bool) -> Closable:
    if folder:
        from talon.storage.recording.zarr import ZarrContainer

        return ZarrContainer(path)
    from talon.storage.recording.hdf5 import Hdf5Container

    return Hdf5Container(path)


def is_ours(folder: Path) -> bool:
    """Whether a folder is a recording and holds nothing else."""
    root = folder / "zarr.json"
    if {entry.name for entry in folder.iterdir()} - {root.name, *GROUPS} or root.is_symlink() or not root.is_file():
        return False
    with root.open("rb") as file:
        return f'"{MARK}"'.encode() in file.read(MOST_ROOT_BYTES)


def is_spikes(group: str, key: str) -> bool:
    return group == "records" and key.endswith(".spikes")


def binary(key: str, array: np.ndarray) -> np.ndarray:
    """Spikes as bytes. Raises (T407) where a primitive that says its output is spikes gives anything else."""
    packed: np.ndarray = array == 1
    if not (packed | (array == 0)).all():
        raise TalonRunError(
            "T407",
            "spikes are 0 or 1",
            node=key.removesuffix(".spikes"),
            expected="0 or 1 at every step, as the primitive says",
            found=f"values from {array.min():g} to {array.max():g}",
            help="record its output port instead, and report it to the distribution that provides it",
        )
    return packed.view(np.uint8)
