"""Whole numbers that Python refuses to write in decimal: what goes wrong with them is still one `TalonError`."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from talon import ir
from talon.cli.main import cli
from talon.ir.document import to_document
from talon.storage.hdf5.backend import Hdf5Backend

HUGE = 1 << 20_000


def forged(path: Path, node: str, field: str, value: object) -> Path:
    graph = ir.Graph.chain(input=ir.Input([4]), fc=ir.Affine(np.ones((3, 4), np.float32)), output=ir.Output([3]))
    document = to_document(graph, lambda cls: ("talon-core", "0.1.0"), "somebody")
    next(record for record in document.nodes if record.path == node).attrs[field] = value
    Hdf5Backend().write(document, path, None)
    return path


@pytest.mark.parametrize(
    ("node", "field", "value"),
    [
        ("fc", "reuse_factor", -HUGE),
        ("fc", "precision", HUGE),
        ("", "dt", HUGE),
        ("", "allow_cycles", HUGE),
        ("", "metadata", HUGE),
        ("input", "input_type", [HUGE]),
    ],
    ids=["number", "text", "float", "flag", "mapping", "shape"],
)
def test_a_field_that_cannot_be_it(tmp_path: Path, node: str, field: str, value: object) -> None:
    with pytest.raises(ir.TalonError):
        ir.read(forged(tmp_path / "net.t1c", node, field, value)).validate()


@pytest.mark.parametrize(("node", "field"), [("", "metadata"), ("fc", "hardware_hints")])
def test_metadata_may_be_it(tmp_path: Path, node: str, field: str) -> None:
    path = forged(tmp_path / "net.t1c", node, field, {"key": HUGE})
    found = ir.read(path)
    assert getattr(found.node(node) if node else found, field)["key"] == HUGE
    assert repr(found)
    for command in (["info"], ["info", "--json"], ["ls"], ["show", "--json"], ["show"]):
        arguments = [*command, str(path), *(["fc"] if command[0] == "show" else [])]
        done = CliRunner().invoke(cli, arguments)
        assert done.exit_code == 0, done.output
