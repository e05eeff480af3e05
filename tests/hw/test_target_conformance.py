"""Every target that ships keeps what the conformance suite asks, as far as its arithmetic and its cores go."""

from __future__ import annotations

from pathlib import Path

import pytest

from talon import hw
from talon.hw.catalogue import shipped
from talon.testing.targets import TargetReport, check_target

PAGE = Path(__file__).parents[2] / "docs" / "targets.md"
MESH_LEAVES_OUT = ["a layer over cores by its inputs"]
EVERYWHERE = {"all spikes at once", "silence", "a skip over a layer", "a layer that feeds itself, 1 late"}


def row(report: TargetReport) -> str:
    """The line of the page for a target."""
    keys = ", ".join(f"`{key.removeprefix('numeric.')}`" for key in report.assumed)
    if hw.target(report.target).data["numeric"] == "unknown":
        keys = "everything"
    return f"| `{report.target}` | {len(report.ran)} | {len(report.omitted)} | {keys or 'nothing'} |"


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(shipped()))
def test_targets_that_ship(name: str) -> None:
    report = check_target(name)
    assert report.target == name
    assert set(report.ran) >= EVERYWHERE
    assert not set(report.ran) & set(report.omitted)
    assert all(report.omitted.values())
    if name == "generic-mesh":
        assert report.assumed == ()
        assert list(report.omitted) == MESH_LEAVES_OUT
    lines = [line for line in PAGE.read_text().splitlines() if line.startswith(f"| `{name}` | ")]
    assert row(report) in lines
