"""A storage backend that a plugin brings writes and reads graphs like the built-in one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from talon import ir
from talon.plugins import registry

PLUGIN = """
from talon.plugins import hookimpl
TALON_API = 1


class Pickles:
    suffixes = (".pickled",)

    def recognises(self, path, head):
        return head.startswith(b"PICKLED")

    def write(self, document, path, progress):
        import pickle
        path.write_bytes(b"PICKLED" + pickle.dumps([document.format, document.writer, document.nodes, document.edges]))

    def read(self, path, lazy, progress):
        import pickle
        from talon.ir.document import Document
        return Document(*pickle.loads(path.read_bytes()[7:]))

    def version(self, path):
        return "pickled"


@hookimpl
def talon_storage_backends():
    return {"pickles": Pickles}
"""


def test_a_plugins_backend_is_chosen_by_suffix_and_by_content(install: Any, tmp_path: Path) -> None:
    install("acme", PLUGIN)
    assert set(registry.collected("talon_storage_backends")) == {"hdf5", "zarr", "pickles"}
    graph = ir.Graph.chain(ir.Input([3]), ir.LIF(2, 1, 0, 1), ir.Output([3]))
    path = tmp_path / "graph.pickled"
    ir.write(path, graph)
    assert path.read_bytes().startswith(b"PICKLED")
    assert ir.read(path).same_as(graph)
    assert ir.read_version(path) == "pickled"
    ir.write(tmp_path / "graph.t1c", graph)
    assert (tmp_path / "graph.t1c").read_bytes().startswith(b"\x89HDF")


def test_without_the_plugin_its_files_are_not_recognised(install: Any, tmp_path: Path) -> None:
    path = tmp_path / "graph.pickled"
    path.write_bytes(b"PICKLED")
    with pytest.raises(ir.TalonFormatError) as caught:
        ir.read(path)
    assert caught.value.code == "T302"
