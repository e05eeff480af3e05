"""Recordings in HDF5."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from talon.ir.errors import TalonFileError
from talon.storage.recording.columns import Column

AXES = ("step", "sample")


class Hdf5Container:
    """A new file. Chunks are filled before they are written, so each is compressed once."""

    def __init__(self, path: Path) -> None:
        self.path = path
        with self.refused():
            self.file = h5py.File(path, "x", libver=("earliest", "v110"))

    def put(self, place: str, column: Column, values: np.ndarray) -> None:
        with self.refused():
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
        with self.refused():
            self.file.close()

    @contextmanager
    def refused(self) -> Iterator[None]:
        try:
            yield
        except (OSError, RuntimeError, ValueError) as error:
            raise TalonFileError(
                "T301",
                "HDF5 could not write the file",
                found=f"{type(error).__name__}: {error}",
                help="check the space on the disk and the folder's permissions; a file that was there is unchanged",
            ) from error
