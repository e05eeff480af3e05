"""What the conformance kit for storage backends asks of what a backend may offer besides: `info` and `both`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from talon.ir.values import same_value
from talon.storage.agreement import differences
from talon.storage.backend import Compares, Tells
from talon.storage.files import class_or_none
from talon.storage.summary import summarise
from talon.testing.everything import everything

if TYPE_CHECKING:
    from talon.testing.storage import Case

TOLD = ("format", "writer", "legacy", "dt", "types", "providers", "parameters")


def tells_what_is_there(case: Case) -> None:
    """`info`, if it is offered, says what the document says."""
    path = case.file(everything())
    found = case.backend.info(path) if isinstance(case.backend, Tells) else None
    if found is None:
        return
    expected = summarise(path, case.backend.read(path, True, None), class_or_none)
    for name in TOLD:
        said, true = getattr(found, name), getattr(expected, name)
        assert said == true, f"info() says {name} is {said!r:.200}, the document {true!r:.200}"
    assert same_value(found.metadata, expected.metadata), "info() gives other metadata than the document"
    assert [tuple(edge) for edge in found.edges] == list(expected.edges), "info() gives other edges"
    assert [node.path for node in found.nodes] == [node.path for node in expected.nodes], "info() gives other nodes"
    for a, b in zip(found.nodes, expected.nodes, strict=True):
        same = (a.type, a.provider) == (b.type, b.provider) and a.arrays.keys() | a.attrs.keys() == (
            b.arrays.keys() | b.attrs.keys()
        )
        assert same, f"info() says of node {a.path!r} {a!r:.200}, the document {b!r:.200}"


def says_the_same_twice(case: Case) -> None:
    """`both`, if it is offered, gives two documents that agree."""
    found = case.backend.both(case.file(everything())) if isinstance(case.backend, Compares) else None
    for difference in differences(*found) if found else ():
        raise AssertionError(f"the file says two things: {difference}")


CHECKS = (tells_what_is_there, says_the_same_twice)
