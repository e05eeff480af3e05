"""Who takes an artifact for a graph, or a graph for an artifact, is told what to do."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from talon import hw, ir
from tests.hw.artifact import builds


@pytest.mark.parametrize("which", ["everything", "small"])
def test_an_artifact_is_no_graph(tmp_path: Path, which: str) -> None:
    path = tmp_path / "net.t1c"
    getattr(builds, which)().save(path)
    for ask in (ir.read, ir.info, ir.read_version):
        with pytest.raises(ir.TalonFormatError, match=r"hw\.load.*talon hw run") as caught:
            ask(path)
        assert caught.value.code == "T302"


def test_a_graph_is_no_artifact(tmp_path: Path) -> None:
    path = tmp_path / "net.talonhw"
    ir.write(path, ir.Graph.chain(a=ir.Input([2]), b=ir.Affine(np.ones((1, 2))), c=ir.Output([1])), backend="hdf5")
    with pytest.raises(ir.TalonFormatError, match=r"hw\.deploy\(graph\)\.save") as caught:
        hw.load(path)
    assert caught.value.code == "T302"
    assert "a graph, not an artifact" in str(caught.value)
