"""Files of older versions are read with what they meant."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from talon import ir
from talon.ir.document import FORMAT, Document, NodeRecord

from talon_acme.neurons import Izhikevich
from talon_acme.npz import NpzBackend


@pytest.mark.parametrize(("dt", "today"), [({"dt": 0.0005}, 0.5), ({}, 1.0)])
def test_dt_was_in_seconds(dt: dict[str, float], today: float, tmp_path: Path) -> None:
    arrays = {"d": ir.ArrayRef.of(np.array(2.0))}
    cell = NodeRecord("cell", "Izhikevich", "talon-acme", "1.0.0", 1, {**dt}, arrays)
    old = Document(FORMAT, "talon-core 0.1.0", [NodeRecord("", "Graph"), cell], [])
    NpzBackend().write(old, tmp_path / "old.npz", None)
    assert ir.read(tmp_path / "old.npz").nodes["cell"].same_as(Izhikevich(d=2.0, dt=today))
