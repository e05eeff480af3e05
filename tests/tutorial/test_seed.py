"""The seed tutorial, word for word: its code blocks in order, in one fresh process, print what it says."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

BLOCKS = Path(__file__).parents[3] / "shared" / "tutorial-blocks.json"


def lines(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip()]


@pytest.mark.skipif(not BLOCKS.exists(), reason=f"the seed tutorial is not beside the repository ({BLOCKS.name})")
def test_every_printed_line(tmp_path: Path) -> None:
    blocks = json.loads(BLOCKS.read_text())
    assert len(blocks) == 18
    (tmp_path / "seed.py").write_text("\n".join(block["code"] for block in blocks))
    done = subprocess.run(
        [sys.executable, "-W", "error", "seed.py"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    expected = lines("\n".join(line for block in blocks for line in block["output"]))
    found = lines(done.stdout)
    title = "TALON IR version:"
    assert [line.partition(title)[1] or line for line in found] == [
        line.partition(title)[1] or line for line in expected
    ]
    assert done.stderr == ""
