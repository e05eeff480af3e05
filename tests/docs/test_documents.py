"""Every document runs: python blocks print what stands under them, console blocks do what they show."""

from __future__ import annotations

import contextlib
import io
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
PAGES = [
    ROOT / "README.md",
    *sorted((ROOT / "docs").glob("*.md")),
    *sorted((ROOT / "docs" / "primitives").glob("*.md")),
    *sorted(ROOT.glob("packages/*/README.md")),
]
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
Block = tuple[str, str]


def blocks(page: Path) -> list[Block]:
    """Language and text of every fenced block, in order."""
    return [(match[1], match[2]) for match in FENCE.finditer(page.read_text())]


def having(language: str) -> list[Any]:
    """The pages that have blocks in a language."""
    pages = [page for page in PAGES if any(kind == language for kind, _ in blocks(page))]
    return [pytest.param(page, id=str(page.relative_to(ROOT))) for page in pages]


def matches(expected: str, found: str) -> bool:
    """Line by line; a line `...` stands for any number of lines, `...` inside a line for any text."""
    pattern = ""
    for line in expected.strip().splitlines():
        if line.strip() == "...":
            pattern += r"(.*\n)*?"
        else:
            pattern += ".*".join(re.escape(part.rstrip()) for part in line.rstrip().split("...")) + r"\s*\n"
    return re.fullmatch(pattern, "\n".join(line.rstrip() for line in found.strip().splitlines()) + "\n") is not None


@pytest.mark.parametrize("page", having("python"))
def test_python_blocks_print_what_stands_under_them(page: Path, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    found = blocks(page)
    for number, (language, text) in enumerate(found):
        if language != "python":
            continue
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(compile(text, f"{page.name}, block {number + 1}", "exec"), names)
        following = found[number + 1] if number + 1 < len(found) else ("", "")
        expected = following[1] if following[0] == "text" else ""
        assert matches(expected, printed.getvalue()), (
            f"{page.name}: expected\n{expected}\nbut got\n{printed.getvalue()}"
        )


@pytest.mark.parametrize("page", having("console"))
def test_console_blocks_do_what_they_show(page: Path, tmp_path: Path) -> None:
    environment = os.environ | {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "COLUMNS": "120",
    }
    for language, text in blocks(page):
        if language != "console":
            continue
        for command, expected in re.findall(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", text, re.MULTILINE):
            done = subprocess.run(
                ["bash", "-c", command], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
            )
            shown = done.stdout + done.stderr
            assert matches(expected, shown), f"{page.name}: $ {command}\nexpected\n{expected}\nbut got\n{shown}"


def test_links_lead_somewhere() -> None:
    for page in [*PAGES, *(ROOT / "docs").rglob("*.md"), ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md"]:
        prose = re.sub(r"`[^`]+`", "", page.read_text())
        for target in re.findall(r"\]\(([^)#]+)[^)]*\)", prose):
            if "://" not in target:
                assert (page.parent / target).exists(), f"{page.name} links to {target}"
