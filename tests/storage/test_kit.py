"""The conformance kit for backends finds faults: each of these backends has one, and the kit names the check."""

from __future__ import annotations

import time
from dataclasses import replace
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from talon.ir.arrays import ArrayRef
from talon.ir.document import FORMAT, Document
from talon.ir.errors import TalonFormatError
from talon.storage.hdf5.backend import Hdf5Backend
from talon.storage.summary import FileInfo
from talon.testing.storage import CHECKS, check_backend

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

    def info(self, path: Path) -> FileInfo | None:
        return None


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


class Wrapped(Hdf5Backend):
    """HDF5 whose lazy arrays are loaded by `load`."""

    def read(self, path: Path, lazy: bool, progress: Any) -> Document:
        document = super().read(path, lazy, progress)
        for record in document.nodes if lazy else ():
            for name, ref in record.arrays.items():
                record.arrays[name] = ArrayRef(ref.dtype, ref.shape, partial(self.load, ref, path, record.path))
        return document

    def load(self, ref: ArrayRef, path: Path, node: str) -> np.ndarray:
        raise NotImplementedError


class ReadsLateByName(Wrapped):
    def load(self, ref: ArrayRef, path: Path, node: str) -> np.ndarray:
        if node != "fc40":
            return ref.detached()
        nodes = {record.path: record for record in Hdf5Backend().read(path, False, None).nodes}
        return nodes[node].arrays["weight"].load()


class MixesThreadsUp(Wrapped):
    last: ArrayRef

    def load(self, ref: ArrayRef, path: Path, node: str) -> np.ndarray:
        self.last = ref
        time.sleep(0.001)
        return self.last.detached()


class IgnoresChecksums(Wrapped):
    def load(self, ref: ArrayRef, path: Path, node: str) -> np.ndarray:
        try:
            return ref.detached()
        except TalonFormatError:
            return np.zeros(ref.shape, ref.dtype)


class FailsAtChecksums(Wrapped):
    def load(self, ref: ArrayRef, path: Path, node: str) -> np.ndarray:
        try:
            return ref.detached()
        except TalonFormatError as error:
            raise KeyError("crc") if "not what was written" in str(error) else error from None


class ReadsAll(Hdf5Backend):
    def read(self, path: Path, lazy: bool, progress: Any) -> Document:
        return super().read(path, False, progress)


class ReadsNothing(Hdf5Backend):
    def read(self, path: Path, lazy: bool, progress: Any) -> Document:
        return super().read(path, True, progress)


class ListsWhatItKnows(Changed):
    def change(self, document: Document) -> None:
        for record in document.nodes:
            if record.type == "NobodysNeuron":
                record.attrs.pop("wide", None)


class FoldsNames(Changed):
    def change(self, document: Document) -> None:
        document.nodes[:] = [replace(record, path=record.path.replace("~", "_")) for record in document.nodes]


class TakesMemoryAsItLies(Hdf5Backend):
    def write(self, document: Document, path: Path, progress: Any) -> None:
        for record in document.nodes:
            for name, ref in record.arrays.items():
                record.arrays[name] = ArrayRef.of(ref.load().ravel("K").reshape(ref.shape))
        super().write(document, path, progress)


class TellsTales(Hdf5Backend):
    def info(self, path: Path) -> FileInfo | None:
        found = super().info(path)
        return found and replace(found, parameters=0)


class SaysTwoThings(Hdf5Backend):
    def both(self, path: Path) -> tuple[Document, Document] | None:
        found = super().both(path)
        if found:
            found[0].edges.pop()
        return found


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
    (FoldsNames, "keeps_names"),
    (ListsWhatItKnows, "keeps_unknown_types"),
    (TakesMemoryAsItLies, "keeps_values_in_any_layout"),
    (ReadsAll, "reads_no_more_than_it_must"),
    (ReadsNothing, "needs_its_file_no_more"),
    (ReadsLateByName, "takes_the_place_of_its_own_file"),
    (MixesThreadsUp, "is_read_by_threads"),
    (IgnoresChecksums, "survives_changed_bits"),
    (FailsAtChecksums, "survives_changed_bits"),
    (TellsTales, "tells_what_is_there"),
    (SaysTwoThings, "says_the_same_twice"),
]


@pytest.mark.parametrize(("backend", "check"), FAULTS, ids=[fault[0].__name__ for fault in FAULTS])
def test_a_fault_is_found(backend: type[Hdf5Backend], check: str) -> None:
    with pytest.raises(Exception) as caught:  # which one depends on the fault; the note is what counts
        check_backend(backend(), ".t1c", deterministic=True, lazy=True, checksums=True)
    assert any(repr(check) in note for note in getattr(caught.value, "__notes__", [])), caught.value


def test_a_suffix_of_another_backend_is_refused() -> None:
    with pytest.raises(AssertionError, match=r"'\.npz' is none of"):
        check_backend(Hdf5Backend(), ".npz")


@pytest.mark.parametrize("backend", [Undetermined, ReadsAll, IgnoresChecksums])
def test_only_what_is_claimed_is_asked(backend: type[Hdf5Backend]) -> None:
    check_backend(backend(), ".t1c")


def test_every_check_has_a_fault() -> None:
    without = {"keeps_nothing", "keeps_deep_nesting", "keeps_values_in_any_byte_order", "is_chosen"}
    assert {check.__name__ for check in CHECKS} == {name for _, name in FAULTS} | without
