"""What every storage backend promises: `check_backend("name", ".suffix")` runs all checks on files of its own.

from talon.testing.storage import check_backend

def test_npz():
    check_backend("npz", ".npz", deterministic=True, lazy=True, checksums=True)
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import numpy as np

from talon.ir.arrays import ArrayRef
from talon.ir.document import FORMAT, Document, EdgeRecord, NodeRecord, from_document, to_document
from talon.ir.errors import TalonFormatError, TalonMissingPluginError
from talon.ir.graph import Graph
from talon.ir.node import Node
from talon.ir.primitives.boundary import Input, Output
from talon.ir.primitives.linear import Affine
from talon.ir.values import same_value
from talon.storage.backend import Backend, backends, for_reading, for_writing, head_of, in_place_of
from talon.storage.files import class_of
from talon.testing import damage, laziness, telling
from talon.testing.everything import bit_patterns, everything

WRITER = "talon.testing 1.0"
FOREIGN = (
    b"",
    b"\n",
    b"a text file\n",
    b'{"format": "1.0"}',
    b"\x89PNG\r\n\x1a\n" + bytes(64),
    b"\x93NUMPY\x01\x00" + bytes(64),
    b"PK\x03\x04" + bytes(64),
    bytes(4096),
)
"""Content of files that are no graph of anybody's."""
FOREIGN_FOLDERS: tuple[dict[str, bytes], ...] = (
    {},
    {"notes.txt": b"a text file\n"},
    {"zarr.json": b'{"zarr_format": 3, "node_type": "group", "attributes": {}}'},
    {".zgroup": b'{"zarr_format": 2}'},
)
"""Content of folders that are no graph of anybody's: files by their paths."""
NAMES = ("b", "a", "é", "漢", "a.b", "..", ".hidden", " ", "a b", "CON", "-x", "~", "%2F", "\\", "'\"`$(x)", "x" * 255)
"""Names that nodes may have."""


@dataclass
class Case:
    """A backend under test, what it claims, and a folder for its files."""

    backend: Backend
    suffix: str
    folder: Path
    deterministic: bool
    lazy: bool
    checksums: bool
    name: str | None
    numbers: Iterator[int]

    def path(self) -> Path:
        """A path where nothing is yet."""
        return self.folder / f"{next(self.numbers)}{self.suffix}"

    def file(self, graph: Graph) -> Path:
        """A new file with the graph."""
        path = self.path()
        self.backend.write(document(graph), path, None)
        return path

    def graph(self, path: Path, lazy: bool) -> Graph:
        """The graph of a file."""
        return from_document(self.backend.read(path, lazy, None), class_of)

    def recognises(self, path: Path) -> bool:
        return recognises(self.backend, path)


def document(graph: Graph) -> Document:
    return to_document(graph, lambda cls: ("talon-core", "0.1.0"), WRITER)


def recognises(backend: Backend, path: Path) -> bool:
    return backend.recognises(path, head_of(path))


def content(path: Path) -> dict[str, bytes]:
    """Everything at a path, be it a file or a folder: the bytes of each file by its path inside."""
    if path.is_dir():
        return {file.relative_to(path).as_posix(): file.read_bytes() for file in path.rglob("*") if file.is_file()}
    return {"": path.read_bytes()}


def change(path: Path, before: Mapping[str, bytes], after: Mapping[str, bytes]) -> None:
    """Make what is at a path, which has one content or is not there yet, have another one."""
    if "" not in after:
        path.mkdir(exist_ok=True)
    for name in before.keys() - after.keys():
        (path / name).unlink()
    for name, data in after.items():
        if before.get(name) != data:
            file = path / name if name else path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(data)


def small() -> Graph:
    """A graph whose weight is large enough to be worth a lazy reference."""
    weight = np.arange(4096, dtype=np.float64).reshape(64, 64)
    return Graph.chain(input=Input([64]), fc=Affine(weight), output=Output([64]))


def keeps(case: Case, graph: Graph) -> None:
    """The graph comes back the same, lazily and at once: nodes and edges in order, every value to the bit."""
    path = case.file(graph)
    for lazy in (True, False):
        found = case.graph(path, lazy)
        assert list(found.nodes) == list(graph.nodes), "the nodes are others, or in another order"
        for name, node in graph.nodes.items():
            assert found.nodes[name].same_as(node), f"node {name!r} differs: {difference(node, found.nodes[name])}"
        assert found.edges == graph.edges, "the edges differ, or their order, ports or delays"
        assert found.same_as(graph), f"the graph differs: {difference(graph, found)}"
        assert found.fingerprint() == graph.fingerprint(), "the fingerprint differs"


def difference(node: Node, other: Node) -> str:
    """The first field in which two nodes differ, and what was made of it."""
    if type(node) is not type(other):
        return f"{type(node).__name__} became {type(other).__name__}"
    for name, field in node.fields.items():
        before, after = node.stored(name), other.stored(name)
        if field.is_array:
            before, after = getattr(node, name), getattr(other, name)
        if not field.same(before, after):
            return f"{name} was {before!r:.200} and became {after!r:.200}"
    return "its inner nodes or edges"


def keeps_everything(case: Case) -> None:
    keeps(case, everything())


def keeps_bits(case: Case) -> None:
    """Every dtype and shape, drawn as bytes: NaN payloads, -0.0, subnormals."""
    keeps(case, bit_patterns())


def keeps_nothing(case: Case) -> None:
    """A graph without nodes or edges is one too."""
    keeps(case, Graph({}, []))


def keeps_deep_nesting(case: Case) -> None:
    graph = small()
    for _ in range(8):
        graph = Graph({"x": Input([64]), "inner": graph, "y": Output([64])}, [("x", "inner"), ("inner", "y")])
    keeps(case, graph)


def keeps_names(case: Case) -> None:
    """Names that mean something to a file system, a shell, or a format of keys."""
    nodes = {name: Input([1]) for name in NAMES}
    keeps(case, Graph({**nodes, "inner": Graph(nodes, [])}, []))


def keeps_values_in_any_layout(case: Case) -> None:
    """Arrays that are transposed, strided, backwards or repeated in memory."""
    rows = np.arange(60.0).reshape(6, 10)
    layouts = {"turned": rows.T, "strided": rows[::2, 1::3], "backwards": rows[::-1, ::-1]}
    layouts |= {"repeated": np.broadcast_to(rows[0], (4, 10)), "Fortran's": np.asfortranarray(rows)}
    keeps(case, Graph({name: Affine(array) for name, array in layouts.items()}, []))


def keeps_values_in_any_byte_order(case: Case) -> None:
    found = case.graph(case.file(Graph({"fc": Affine(np.array([[1, 2]], ">f4"))}, [])), False)
    assert found.nodes["fc"].same_as(Affine(np.array([[1, 2]], "<f4"))), "a big-endian array changed its values"


def keeps_the_header(case: Case) -> None:
    """Format, writer and who provides each type; `version` gives the format without the graph."""
    path = case.file(everything())
    found = case.backend.read(path, True, None)
    assert (found.format, found.writer, found.legacy) == (FORMAT, WRITER, False), "format, writer or legacy differ"
    said = {(record.provider, record.version, record.schema) for record in found.nodes}
    assert said == {("talon-core", "0.1.0", 1)}, f"provider, version or schema of a type differ: {said}"
    version = case.backend.version(path)
    assert isinstance(version, str), "version() gives no text"
    assert version, "version() gives an empty text"


def keeps_unknown_types(case: Case) -> None:
    """Records of a type nobody provides come back value for value: a backend knows no primitives."""
    attrs = {"number": 1.5, "words": ["a", "b"], "deep": {"k": (1, None)}, "zero": -0.0, "wide": 1 << 70}
    attrs |= {"text": "", "flag": False, "whole": 1, "array": np.arange(3, dtype=np.int16), "none": [None]}
    arrays = {"table": ArrayRef.of(np.arange(6, dtype=np.int16).reshape(2, 3))}
    records = [
        NodeRecord("", "Graph", "talon-core", "0.1.0"),
        NodeRecord("x", "NobodysNeuron", "nobody", "9.1", 3, dict(attrs), arrays, frozenset(attrs)),
        NodeRecord("y", "NobodysNeuron", "nobody", "9.1", 3, {}, {}),
    ]
    path = case.path()
    case.backend.write(Document(FORMAT, WRITER, records, [EdgeRecord("", "x:spikes", "y:2", 4)]), path, None)
    found = case.backend.read(path, False, None)
    node = next(record for record in found.nodes if record.path == "x")
    assert (node.type, node.provider, node.version, node.schema) == ("NobodysNeuron", "nobody", "9.1", 3)
    assert same_value(node.attrs, attrs), f"attributes of an unknown type became {node.attrs}"
    assert same_value(node.arrays["table"].load(), arrays["table"].load()), "an array of an unknown type differs"
    assert found.edges == [EdgeRecord("", "x:spikes", "y:2", 4)], f"ports or delay became {found.edges}"


def reads_the_file_as_it_was(case: Case) -> None:
    """A lazy graph keeps its values when its file is replaced."""
    graph = small()
    path = case.file(graph)
    lazy = case.graph(path, True)
    other = graph.replace("fc", Affine(np.zeros((64, 64))))
    with in_place_of(path, case.backend) as temporary:
        case.backend.write(document(other), temporary, None)
    assert lazy.same_as(graph), "a lazy graph gives the values of the file that took the place of its own"
    assert case.graph(path, True).same_as(other)


def recognises_content(case: Case) -> None:
    """Its own files under any name, and nobody else's."""
    path = case.file(small())
    renamed = path.rename(case.folder / "renamed.dat")
    assert case.recognises(renamed), "its own file is not recognised under another name"
    assert case.graph(renamed, False).same_as(small())
    for number, files in enumerate([*({"": data} for data in FOREIGN), *FOREIGN_FOLDERS]):
        foreign = case.folder / f"foreign{number}{case.suffix}"
        change(foreign, {}, files)
        assert not case.recognises(foreign), f"{files!r:.80} is recognised"
    for name, other in backends().items():
        if not {*other.suffixes} & {*case.backend.suffixes}:  # of the same suffix it is a variant of the same format
            theirs = case.folder / f"theirs{other.suffixes[0]}"
            try:
                other.write(document(small()), theirs, None)
            except TalonMissingPluginError:  # its library is not installed
                continue
            assert not case.recognises(theirs), f"a file of the backend {name!r} is recognised"
            assert not recognises(other, renamed), f"the backend {name!r} recognises its file"


def is_chosen(case: Case) -> None:
    """The suffix is its own; by name, talon chooses it for writing by suffix and for reading by content."""
    assert case.suffix in case.backend.suffixes, f"{case.suffix!r} is none of {case.backend.suffixes}"
    if case.name is not None:
        path = case.file(small())
        kind = type(case.backend)
        assert type(for_writing(path, case.name)) is kind
        assert type(for_writing(path, None)) is kind, f"another backend writes {case.suffix}"
        assert type(for_reading(path)) is kind, "another backend reads its files"


def refuses_damage(case: Case) -> None:
    """What is cut short, or lacks a file, or is foreign gives one `TalonFormatError` with a help line, or the graph."""
    graph = small()
    path = case.file(graph)
    whole = content(path)
    for what, files in damages(whole):
        place = path if files.keys() & whole.keys() else case.path()
        change(place, whole if place is path else {}, files)
        for lazy in (True, False):
            found = refusal(case, place, lazy)
            if isinstance(found, Graph):
                assert found.same_as(graph), f"{what}: read without an error, as another graph"
            else:
                assert found.help, f"{what}: the error has no help line: {found}"
        if place is path:
            change(path, files, whole)


def damages(whole: Mapping[str, bytes]) -> Iterator[tuple[str, Mapping[str, bytes]]]:
    """Other contents of a file or folder, and what was done to it."""
    if "" in whole:
        data = whole[""]
        for length in sorted({*range(0, len(data), max(1, len(data) // 40)), *range(1, 65, 7), len(data) - 1}):
            yield f"the first {length} of {len(data)} bytes", {"": data[:length]}
        yield from ((f"the content {data[:8]!r}...", {"": data}) for data in FOREIGN)
        return
    for name, data in whole.items():
        yield f"no {name}", {other: whole[other] for other in whole if other != name}
        yield f"half of {name}", {**whole, name: data[: len(data) // 2]}
    yield from ((f"a folder with {', '.join(files) or 'nothing'}", files) for files in FOREIGN_FOLDERS)


def refusal(case: Case, path: Path, lazy: bool) -> TalonFormatError | Graph:
    """How a file is refused, or its graph with all values where it is not."""
    try:
        return case.graph(path, lazy).load()
    except TalonFormatError as error:
        return error
    except Exception as error:
        error.add_note("where a TalonFormatError was due")
        raise


def refuses_newer_formats(case: Case) -> None:
    later = document(small())
    later.format = "999.0"
    path = case.path()
    case.backend.write(later, path, None)
    found = refusal(case, path, True)
    assert not isinstance(found, Graph), "a file of format 999.0 is read"
    assert found.code == "T307", f"a newer format is refused with {found.code}, not T307"
    assert found.help, "the refusal of a newer format does not say what to install"


def reads_newer_minor_formats(case: Case) -> None:
    """What a minor version adds can be passed over."""
    later = document(small())
    later.format = f"{FORMAT.partition('.')[0]}.999"
    path = case.path()
    case.backend.write(later, path, None)
    found = refusal(case, path, True)
    assert isinstance(found, Graph), f"a file of format {later.format} is refused: {found}"
    assert found.same_as(small()), f"a file of format {later.format} is read as another graph"
    assert case.backend.version(path) == later.format, "version() gives another format than the file's"


def writes_the_same_bytes(case: Case) -> None:
    """If that is claimed: the same graph gives the same bytes, and so does one that was read."""
    if not case.deterministic:
        return
    first = case.file(everything())
    assert content(case.file(everything())) == content(first), "the same graph gives other bytes"
    again = case.file(case.graph(first, True))
    assert content(again) == content(first), "a graph that was read gives other bytes"


def reports_progress(case: Case) -> None:
    """`progress(done, total)`, where it is called, counts up to the total."""
    calls: list[tuple[int, int]] = []
    path = case.path()
    case.backend.write(document(everything()), path, lambda done, total: calls.append((done, total)))
    for what, seen in (("writing", list(calls)), ("reading", calls)):
        if what == "reading":
            calls.clear()
            case.backend.read(path, False, lambda done, total: calls.append((done, total)))
        assert all(0 <= done <= total for done, total in seen), f"{what}: {seen}"
        assert seen == sorted(seen), f"{what} counts backwards: {seen}"
        assert not seen or seen[-1][0] == seen[-1][1], f"{what} ends at {seen[-1]}"


CHECKS: tuple[Callable[[Case], None], ...] = (
    keeps_everything,
    keeps_bits,
    keeps_nothing,
    keeps_deep_nesting,
    keeps_names,
    keeps_values_in_any_layout,
    keeps_values_in_any_byte_order,
    keeps_the_header,
    keeps_unknown_types,
    reads_the_file_as_it_was,
    recognises_content,
    is_chosen,
    refuses_damage,
    refuses_newer_formats,
    reads_newer_minor_formats,
    writes_the_same_bytes,
    reports_progress,
    *laziness.CHECKS,
    *damage.CHECKS,
    *telling.CHECKS,
)


def check_backend(
    backend: str | Backend, suffix: str, *, deterministic: bool = False, lazy: bool = False, checksums: bool = False
) -> None:
    """Run every check; raises AssertionError, or what the backend raised, with a note that names the check.

    `backend`: the name of an installed one, or an object. What it claims: `deterministic`, that the same graph gives
    the same bytes; `lazy`, that large arrays are left in the file until somebody asks for them; `checksums`, that no
    changed bit is read as another graph.
    """
    name = backend if isinstance(backend, str) else None
    chosen = for_writing(Path(f"x{suffix}"), backend) if isinstance(backend, str) else backend
    with tempfile.TemporaryDirectory() as folder:
        for number, check in enumerate(CHECKS):
            into = Path(folder, str(number))
            into.mkdir()
            try:
                check(Case(chosen, suffix, into, deterministic, lazy, checksums, name, count()))
            except Exception as error:
                error.add_note(f"in check {check.__name__!r} of the storage backend {backend!r}")
                raise
