"""The measuring of files: every goal is measured, and a small contest runs from the processes to the page."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

FILES = Path(__file__).parents[2] / "benchmarks" / "files"


@pytest.fixture
def module(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], Any]]:
    """Imports one of the modules there, which find each other as scripts do."""
    monkeypatch.syspath_prepend(str(FILES))
    yield importlib.import_module
    for path in FILES.glob("*.py"):
        sys.modules.pop(path.stem, None)


def test_every_goal_is_measured(module: Any) -> None:
    contests = module("contests")
    held = {
        contest.name: {candidate.label for candidate in contest.candidates}
        for contest in contests.contests((contests.T1C, contests.ZARR))
    }
    for goal in contests.goals():
        assert {goal.label, goal.against or goal.label} <= held[goal.contest], goal


def test_a_small_contest(module: Any, tmp_path: Path) -> None:
    contests, run, report = map(module, ("contests", "run", "report"))
    (big,) = [c for c in contests.contests((contests.T1C,)) if c.name.endswith("read and verify")]
    here = tuple(c for c in big.candidates if contests.ENVIRONMENTS[c.module] == contests.OURS)
    assert len(here) == 2
    gone = here[0]._replace(label="gone", action="no such action")
    contest = contests.Contest(big.name, "weights 8", 3, (*here, gone), "somebody")
    *results, failed = run.held(contest, tmp_path / "files")
    assert failed.failure == "ended with status 1"
    assert [len(result.seconds) for result in results] == [3, 3]
    assert all(min(result.seconds) > 0 for result in results)
    assert all(result.grown > 4_000_000 for result in results)
    page = report.page({contest: [*results, failed]}, tmp_path)
    assert "| gone | ended with status 1 |" in page
    assert "Left out: somebody." in page
    assert f"numpy {results[0].versions['numpy']}" in page
    ratio = report.shown(results[1].median / results[0].median, "x")
    assert f"| 3: {report.shown(min(results[1].seconds), 's')} to " in page
    assert f"| {ratio} |" in page
    assert page.count("not measured") == len(contests.goals())
    assert list(tmp_path.iterdir()) == [tmp_path / "log"]


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [(0.8, "x", "0.8x"), (14.2, "x", "14x"), (0.0023, "s", "2.3 ms"), (0.1, "s", "0.1 s"), (28.4, "s", "28 s")],
)
def test_figures_have_two_digits(module: Any, value: float, unit: str, text: str) -> None:
    assert module("report").shown(value, unit) == text
