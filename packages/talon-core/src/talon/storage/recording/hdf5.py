"""Recordings in HDF5."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from talon.ir.errors import TalonFileError
from talon.storage.recording.columns import Column
from talon.storage.recording.interrupts import interrupts_later
from talon.storage.zarr.folder import write_all

AXES = ("step", "sample")


class Disk:
    """The file that HDF5 writes to. HDF5 keeps what it could not write, and crashes the process when it closes; so it
    is told that everything was written, and what was not is raised afterwards."""

    def __init__(self, path: Path) -> None:
        self.file: io.FileIO = path.open("x+b", buffering=0)
        self.failed: BaseException | None = None
        self.read, self.readinto = self.file.read, self.file.readinto
        self.seek, self.tell = self.file.seek, self.file.tell

    def write(self, data: memoryview) -> int:
        try:
            if self.failed is None:
                write_all(self.file.fileno(), data)
        except BaseException as error:  # noqa: BLE001 - ctrl-C too, which would leave HDF5 with half a chunk
            self.failed = error
        return len(data)

    def truncate(self, size: int) -> int:
        try:
            if self.failed is None:
                self.file.truncate(size)
        except BaseException as error:  # noqa: BLE001 - as above
            self.failed = error
        return size

    def flush(self) -> None:
        """Nothing waits: `replacing` makes the file durable."""


class Hdf5Container:
    """A new file. Chunks are filled before they are written, so each is compressed once."""

    def __init__(self, path: Path) -> None:
        self.path = path
        with self.refused():
            self.disk = Disk(path)
            self.file = h5py.File(self.disk, "w", libver=("earliest", "v110"))

    def put(self, place: str, column: Column, values: np.ndarray) -> None:
        # What is made on the way goes with a function of its own, before Ctrl-C may come again.
        with interrupts_later(), self.refused():
            self.append(place, column, values)

    def append(self, place: str, column: Column, values: np.ndarray) -> None:
        found = self.file.get(place)
        dataset = found if isinstance(found, h5py.Dataset) else self.create(place, column)
        dataset.resize(column.written + len(values), axis=0)
        dataset[column.written :] = values

    def create(self, place: str, column: Column) -> h5py.Dataset:
        packing: dict[str, Any] = {"compression": "gzip", "compression_opts": 1} if column.packed else {}
        dataset = self.file.create_dataset(
            place,
            (0, *column.shape),
            column.dtype.newbyteorder("<"),
            maxshape=(None, *column.shape),
            chunks=column.chunk,
            **packing,
        )
        dataset.attrs.update(column.said)
        for axis, label in enumerate(AXES):
            dataset.dims[axis].label = label
        return dataset

    def finish(self, columns: Mapping[str, Column], said: Mapping[str, Any]) -> None:
        with self.refused():
            self.file.attrs.update(said)
            self.file.close()

    def close(self) -> None:
        """Give up what is not finished."""
        try:
            self.file.close()
        finally:
            self.disk.file.close()

    @contextmanager
    def refused(self) -> Iterator[None]:
        """What goes wrong with the file, be it told by HDF5 or by the disk, is one error (T301)."""
        try:
            yield
            if self.disk.failed is not None:
                raise self.disk.failed
        except (OSError, RuntimeError, ValueError) as error:
            raise TalonFileError(
                "T301",
                "HDF5 could not write the file",
                found=f"{type(error).__name__}: {error}",
                help="check the space on the disk and the folder's permissions; a file that was there is unchanged",
            ) from error
