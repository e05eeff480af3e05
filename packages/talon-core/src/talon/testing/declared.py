"""Checks of what a primitive declares: construction, refusal, equality, documents, files, documentation."""

from __future__ import annotations

import copy
import itertools
import pickle
import tempfile
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import numpy as np

from talon.engine import run
from talon.ir.document import from_document, to_document, walk
from talon.ir.errors import TalonError, TalonFrozenError
from talon.ir.graph import Graph
from talon.ir.grouped import Grouped
from talon.ir.node import Node
from talon.ir.primitives.boundary import Input
from talon.plugins import registry, temporary
from talon.storage import read, write
from talon.testing.strategies import Sample
from talon.testing.trial import around, arrays, fed, same
from talon.testing.wrong import wrong

ODD_SHAPES = ((), (1,), (2, 3), (1, 1, 1), (2, 3, 5, 7, 11))


def construct(case: Sample) -> None:
    """Its own values make it again, and it cannot be changed."""
    node = case.node
    assert node.changed().same_as(node), "made again from its own values it differs"
    for name in node.fields:
        try:
            setattr(node, name, None)
        except TalonFrozenError:
            continue
        raise AssertionError(f"{name} can be changed")
    for name, field in node.fields.items():
        for array in arrays_of(getattr(node, name)) if field.is_array else ():
            assert not array.flags.writeable, f"{name} is writable"


def refuses(case: Sample) -> None:
    """What the declaration excludes is refused, at construction or by `check()`, with a `TalonError`."""
    cls, given = type(case.node), dict(case.node.given())
    assert refused(cls, {**given, "no_such_field": 1}), "it takes a field that it does not have"
    for name, field in cls.fields.items():
        if field.required:
            assert refused(cls, {n: v for n, v in given.items() if n != name}), f"it can be made without {name}"
        for value in (object(), *wrong(field, given.get(name))):
            assert refused(cls, {**given, name: value}), f"it takes {name} = {value!r:.60}"


def refused(cls: type[Node], values: dict[str, Any]) -> bool:
    try:
        return bool(list(cls(**values).problems()))
    except TalonError:
        return True


def refuses_shapes(case: Sample) -> None:
    """Inputs of whatever shape are either taken or refused with a `TalonError`; nothing else is raised."""
    for odd in ODD_SHAPES:
        try:
            case.node.infer(*(odd for _ in case.inputs))
        except TalonError:
            continue
        except Exception as error:
            error.add_note(f"infer fails on inputs of shape {odd}, where a TalonShapeError was due")
            raise


def short_repr(case: Sample) -> None:
    """It prints on a few lines and names its class."""
    text = repr(case.node)
    assert text.startswith(type(case.node).__name__), "the repr does not begin with the class name"
    assert len(text.splitlines()) < 20, "the repr has 20 lines or more"
    assert len(text) < 4000, "the repr is longer than 4000 characters"


def pickles(case: Sample) -> None:
    assert pickle.loads(pickle.dumps(case.node)).same_as(case.node), "it differs after a pickle"


def copies(case: Sample) -> None:
    """A deep copy is equal and shares no array."""
    twin = copy.deepcopy(case.node)
    assert twin.same_as(case.node), "it differs after a deepcopy"
    for name in case.node.given():
        pairs = zip(arrays_of(getattr(case.node, name)), arrays_of(getattr(twin, name)), strict=True)
        assert not any(itertools.starmap(np.shares_memory, pairs)), f"{name} is shared with the deep copy"


def arrays_of(value: Any) -> tuple[np.ndarray, ...]:
    """The arrays that a field holds."""
    if isinstance(value, Grouped):
        return tuple(value.parts().values())
    return (value,) if isinstance(value, np.ndarray) else ()


def compares(case: Sample) -> None:
    """Equal to itself by value, and to nothing else; `==` is identity."""
    node, twin = case.node, case.node.changed()
    assert node.same_as(twin)
    assert node != twin, "== compares by value"
    assert not node.same_as(Input([7, 7, 7, 7])), "same_as takes another primitive for it"
    assert not node.changed(metadata={"changed": True}).same_as(node), "same_as overlooks metadata"


def records(case: Sample) -> None:
    """A graph goes to a Document and comes back the same."""
    graph = around(case)
    types = {type(node).__name__: type(node) for _, node, _ in walk(graph)}
    document = to_document(graph, lambda cls: ("", ""), "talon.testing")
    assert from_document(document, lambda record: types[record.type]).same_as(graph), "it differs after a Document"


def fingerprints(case: Sample) -> None:
    """The fingerprint survives copying and another order of nodes, and sees a change."""
    graph = around(case)
    first = graph.fingerprint()
    assert pickle.loads(pickle.dumps(graph)).fingerprint() == first, "a pickle changes the fingerprint"
    backwards = Graph(dict(reversed(list(graph.nodes.items()))), graph.edges)
    assert backwards.fingerprint() == first, "the order of nodes changes the fingerprint"
    other = graph.replace("node", case.node.changed(metadata={"changed": True}))
    assert other.fingerprint() != first, "the fingerprint overlooks metadata"


def files(case: Sample) -> None:
    """A file gives the same graph and fingerprint, and it computes the same, with arrays loaded late or at once."""
    graph, inputs = around(case), fed(case)
    expected = dict(arrays(run(graph, inputs, engine="reference")))
    with known(type(case.node)), tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "net.t1c")
        write(path, graph)
        for lazy in (True, False):
            again: Graph = read(path, lazy=lazy)
            assert again.shapes == graph.shapes, "read from a file it infers other shapes, with its arrays not loaded"
            found = dict(arrays(run(again, inputs, engine="reference")))
            assert found.keys() == expected.keys(), "read from a file it has another state"
            for name, array in expected.items():
                assert same(found[name], array), f"read from a file it computes something else: {name}"
            assert again.same_as(graph), "it differs after a file"
            assert again.fingerprint() == graph.fingerprint(), "a file changes the fingerprint"


def known(cls: type[Node]) -> AbstractContextManager[None]:
    """Make a class known by its name, if it is not yet, so that a file with it can be read."""
    if cls.__name__ in registry.primitives() and registry.primitive(cls.__name__) is cls:
        return nullcontext()
    return temporary(primitives={cls.__name__: cls})


def documents(case: Sample) -> None:
    """The class says what it is, and every field what it means."""
    cls = type(case.node)
    assert (vars(cls).get("__doc__") or "").strip(), "it has no docstring of its own"
    for name, field in cls.fields.items():
        words = field.doc.strip()
        assert words, f"{name} is not documented"
        assert words.casefold() != name.casefold(), f"the documentation of {name} is its name again"
        assert "\n" not in words, f"the documentation of {name} is longer than a line"
