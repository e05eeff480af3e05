"""The conformance kit for backends finds faults: each of these backends has one, and the kit names the check."""

from __future__ import annotations

from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from talon.ir.arrays import ArrayRef
from talon.ir.document import FORMAT, Document
from talon.ir.errors import TalonFormatError
from talon.storage.hdf5.backend import Hdf5Backend
from talon.testing.storage import check_backend

NUMBERS = count()


class Changed(Hdf5Backend):
    """HDF5, with the document changed on its way out."""

    def read(self, path: Path, lazy: bool, progress: Any) -> Document:
        document = super().read(path, lazy, progress)
        self.change(document)
        return document

    def change(self, document: Document) -> None:
        raise NotImplementedError


class SortsNodes(Changed):
    def change(self, document: Document) -> None:
        document.nodes[1:] = sorted(document.nodes[1:], key=lambda r: (r.path.count("/"), r.path))


class DropsDelays(Changed):
    def change(self, document: Document) -> None:
        document.edges = [e._replace(delay=None) for e in document.edges]


class DropsPorts(Changed):
    def change(self, document: Document) -> None:
        document.edges = [e._replace(src=e.src.partition(":")[0]) for e in document.edges]


class DropsHints(Changed):
    def change(self, document: Document) -> None:
        for record in document.nodes:
            record.attrs.pop("hardware_hints", None)


class ListsForTuples(Changed):
    def change(self, document: Document) -> None:
        for record in document.nodes:
            if isinstance(metadata := record.attrs.get("metadata"), dict):
                metadata.update((k, list(v)) for k, v in metadata.items() if isinstance(v, tuple))


class QuietNaN(Changed):
    def change(self, document: Document) -> None:
        for record in document.nodes:
            for name, ref in record.arrays.items():
                array = ref.load()
                if array.dtype.kind == "f":
                    record.arrays[name] = ArrayRef.of(np.where(np.isnan(array), array.dtype.type(np.nan), array))


class ForgetsProviders(Changed):
    def change(self, document: Document) -> None:
        document.nodes[:] = [replace(record, version="") for record in document.nodes]


class RecognisesAll(Hdf5Backend):
    def recognises(self, path: Path, head: bytes) -> bool:
        return True


class GoesBySuffix(Hdf5Backend):
    def recognises(self, path: Path, head: bytes) -> bool:
        return path.suffix == ".t1c"


class AnyFormat(Hdf5Backend):
    def write(self, document: Document, path: Path, progress: Any) -> None:
        super().write(replace(document, format="1.0"), path, progress)


class ThisFormatOnly(Hdf5Backend):
    def read(self, path: Path, lazy: bool, progress: Any) -> Document:
        document = super().read(path, lazy, progress)
        if document.format != FORMAT:
            raise TalonFormatError("T307", "another format", help="upgrade")
        return document


class NoVersion(Hdf5Backend):
    def version(self, path: Path) -> str:
        return ""


class Crashes(Hdf5Backend):
    def read(self, path: Path, lazy: bool, progress: Any) -> Document:
        try:
            return super().read(path, lazy, progress)
        except TalonFormatError as error:
            raise KeyError("graph") if error.code in ("T302", "T303") else error from None


class Undetermined(Hdf5Backend):
    def write(self, document: Document, path: Path, progress: Any) -> None:
        super().write(replace(document, writer=f"writer {next(NUMBERS)}"), path, progress)

    def read(self, path: Path, lazy: bool, progress: Any) -> Document:
        return replace(super().read(path, lazy, progress), writer="talon.testing 1.0")


class Backwards(Hdf5Backend):
    def write(self, document: Document, path: Path, progress: Any) -> None:
        super().write(document, path, progress and (lambda done, total: progress(total - done, total)))


class ReadsLate(Hdf5Backend):
    """Lazy arrays that open whatever file has the name by then."""

    def read(self, path: Path, lazy: bool, progress: Any) -> Document:
        document = super().read(path, False, progress)
        if lazy and len(document.nodes) == 4:
            ref = document.nodes[2].arrays["weight"]
            inner = super().read
            late = lambda: inner(path, False, None).nodes[2].arrays["weight"].load()  # noqa: E731
            document.nodes[2].arrays["weight"] = ArrayRef(ref.dtype, ref.shape, late)
        return document


FAULTS = [
    (SortsNodes, "keeps_everything"),
    (DropsDelays, "keeps_everything"),
    (DropsPorts, "keeps_everything"),
    (DropsHints, "keeps_everything"),
    (ListsForTuples, "keeps_everything"),
    (QuietNaN, "keeps_bits"),
    (ForgetsProviders, "keeps_the_header"),
    (NoVersion, "keeps_the_header"),
    (ReadsLate, "reads_the_file_as_it_was"),
    (RecognisesAll, "recognises_content"),
    (GoesBySuffix, "recognises_content"),
    (Crashes, "refuses_damage"),
    (AnyFormat, "refuses_newer_formats"),
    (ThisFormatOnly, "reads_newer_minor_formats"),
    (Undetermined, "writes_the_same_bytes"),
    (Backwards, "reports_progress"),
]


@pytest.mark.parametrize(("backend", "check"), FAULTS, ids=[fault[0].__name__ for fault in FAULTS])
def test_a_fault_is_found(backend: type[Hdf5Backend], check: str) -> None:
    with pytest.raises(Exception) as caught:  # which one depends on the fault; the note is what counts
        check_backend(backend(), ".t1c", deterministic=True)
    assert any(repr(check) in note for note in getattr(caught.value, "__notes__", [])), caught.value


def test_a_suffix_of_another_backend_is_refused() -> None:
    with pytest.raises(AssertionError, match=r"'\.npz' is none of"):
        check_backend(Hdf5Backend(), ".npz")


def test_determinism_is_asked_only_where_it_is_claimed() -> None:
    check_backend(Undetermined(), ".t1c")
