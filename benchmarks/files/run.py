"""Measures files: `python benchmarks/files/run.py`, or `make bench-files`. Writes docs/performance-files.md.

The candidates of a contest are processes, each in its product's environment, that take turns in one run: what the
machine does besides hits all of them alike, so ratios of medians can be compared and absolute times need not be.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import sys
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

sys.path.append(str(Path(__file__).parents[1]))
from contests import ENVIRONMENTS, OURS, T1C, ZARR, Candidate, Contest, contests
from report import page
from talking import EndedError, Talking

from talon.storage.backend import backends

HERE = Path(__file__).parent
ROOT = HERE.parents[1]


@dataclass
class Result:
    """What was measured of a candidate: seconds of each turn, and the most bytes that it grew by in any."""

    candidate: Candidate
    seconds: list[float] = field(default_factory=list)
    grown: int = 0
    versions: dict[str, str] = field(default_factory=dict)
    failure: str = ""
    """Why nothing was measured."""

    @property
    def median(self) -> float:
        return statistics.median(self.seconds)


class Worker(Talking):
    """The process of a candidate."""

    def __init__(self, candidate: Candidate, workload: str, folder: Path, log: Any) -> None:
        self.result = Result(candidate)
        environment = ENVIRONMENTS[candidate.module]
        python = sys.executable if environment == OURS else ROOT / environment / "bin" / "python"
        script = HERE / f"{candidate.module}.py"
        super().__init__([python, "-E", script, candidate.action, workload, candidate.suffix, folder], log)

    def __enter__(self) -> Worker:
        try:
            self.result.versions = self.answer()
        except EndedError as error:
            self.result.failure = str(error)
        return self

    def turn(self, counts: bool) -> None:
        try:
            self.say("")
            found = self.answer()
        except (EndedError, BrokenPipeError) as error:
            self.result.failure = self.result.failure or str(error)
            return
        self.result.grown = max(self.result.grown, found["grown"])
        if counts:
            self.result.seconds.append(found["seconds"])


def held(contest: Contest, folder: Path) -> list[Result]:
    """Hold a contest in an empty folder, which is removed afterwards."""
    folder.mkdir(parents=True)
    try:
        with ExitStack() as stack, (folder.parent / "log").open("a") as log:
            workers = [
                stack.enter_context(Worker(candidate, contest.workload, folder, log))
                for candidate in contest.candidates
            ]
            for number in range(contest.rounds + 1):
                for worker in workers if number % 2 else reversed(workers):
                    if not worker.result.failure:
                        worker.turn(counts=number > 0)
            return [worker.result for worker in workers]
    finally:
        shutil.rmtree(folder)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=ROOT / ".benchmarks" / "files", help="where files are written")
    parser.add_argument("--only", default="", help="contests whose name holds this; the page is then not written")
    arguments = parser.parse_args()
    known = {suffix for backend in backends().values() for suffix in backend.suffixes}
    shutil.rmtree(arguments.folder, ignore_errors=True)
    results: dict[Contest, list[Result]] = {}
    for contest in contests(tuple(suffix for suffix in (T1C, ZARR) if suffix in known)):
        if arguments.only in contest.name:
            results[contest] = held(contest, arguments.folder / "now")
            for one in results[contest]:
                found = one.failure or f"{one.median:9.4f} s {one.grown / 1e6:8.1f} MB"
                print(f"{contest.name:45} {one.candidate.label:40} {found}", flush=True)
    text = page(results, arguments.folder)
    print(text)
    if not arguments.only:
        (ROOT / "docs" / "performance-files.md").write_text(text)


if __name__ == "__main__":
    main()
