"""A graph with one of everything that a file must keep."""

from __future__ import annotations

import pytest

from talon import ir
from talon.testing import everything as kit


@pytest.fixture
def everything() -> ir.Graph:
    return kit.everything()
