"""The table of codes: exactly what the code raises, and for every code an example that fails and one that does not."""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from talon.ir.codes import CODES, FAMILIES
from talon.ir.explained import Example, example
from talon.ir.explained.graph import EXAMPLES as GRAPH

ROOT = Path(__file__).parents[2]

# Modules that speak of codes and raise none: the table, its examples, and what exit status a code gives.
TABLES = ("ir/codes.py", "ir/explained/", "cli/exits.py")


def mentioned(tables: bool) -> set[str]:
    """The codes that stand as strings in the modules of all distributions: the tables, or all others."""
    found: set[str] = set()
    for file in ROOT.glob("packages/*/src/talon/**/*.py"):
        if any(part in file.as_posix() for part in TABLES) is tables:
            strings = (n.value for n in ast.walk(ast.parse(file.read_text())) if isinstance(n, ast.Constant))
            found |= {s for s in strings if isinstance(s, str) and re.fullmatch(r"T\d{3}", s)}
    return found


def test_every_code_that_is_raised_is_in_the_table_and_the_other_way_round() -> None:
    assert mentioned(tables=False) == CODES.keys()
    assert mentioned(tables=True) == CODES.keys()


def test_the_table_is_in_order_and_in_sentences() -> None:
    assert list(CODES) == sorted(CODES)
    assert {code[:2] for code in CODES} == FAMILIES.keys()
    assert len({code.title for code in CODES.values()}) == len(CODES)
    for title, meaning, mend in CODES.values():
        assert not title.endswith(".")
        assert meaning.endswith(".")
        assert mend.endswith((".", "'"))


# Runs programs one after the other in this folder and prints, as JSON, the codes that each ended with: of the error
# that it raised, or of the findings in `report`.
RUNNER = """
import json, os, sys, tempfile, warnings
warnings.simplefilter("ignore")
sys.dont_write_bytecode = True
ended = []
for program in json.loads(sys.stdin.read()):
    with tempfile.TemporaryDirectory(dir=os.getcwd()) as folder:
        back = os.getcwd()
        os.chdir(folder)
        names = {"__name__": "__main__"}
        codes = []
        try:
            exec(compile(program, "example", "exec"), names)
        except Exception as error:
            codes = [getattr(error, "code", repr(error)), "raised"]
        report = names.get("report", ())
        codes += [finding.code for finding in getattr(report, "diagnostics", report)]
        ended.append(codes)
        os.chdir(back)
print(json.dumps(ended))
"""


def endings(programs: list[str], folder: Path) -> list[list[str]]:
    done = subprocess.run(
        [sys.executable, "-c", RUNNER],
        input=json.dumps(programs),
        cwd=folder,
        env=os.environ | {"TMPDIR": str(folder)},
        capture_output=True,
        text=True,
        check=True,
    )
    found: list[list[str]] = json.loads(done.stdout)
    return found


def judge(code: str, shown: Example, wrong: list[str], right: list[str]) -> None:
    if shown.ends == "raises":
        assert wrong[:2] == [code, "raised"]
    else:
        assert "raised" not in wrong
        assert code in wrong
    assert "raised" not in right
    assert code not in right


# What plugins are installed is found out once in a process, so each of these programs has one of its own.
ALONE = [code for code in CODES if code.startswith("T0")]


@pytest.mark.parametrize("code", ALONE)
def test_examples_of_the_environment(code: str, tmp_path: Path) -> None:
    shown = example(code)
    (wrong,), (right,) = (endings([program], tmp_path) for program in (shown.wrong, shown.right))
    judge(code, shown, wrong, right)


@pytest.mark.parametrize("family", [digit for digit in FAMILIES if digit != "T0"])
def test_examples(family: str, tmp_path: Path) -> None:
    codes = [code for code in CODES if code.startswith(family)]
    found = endings([program for code in codes for program in example(code)[:2]], tmp_path)
    for code, wrong, right in zip(codes, found[::2], found[1::2], strict=True):
        judge(code, example(code), wrong, right)


def test_examples_stand_in_the_module_of_their_family() -> None:
    assert GRAPH.keys() == {code for code in CODES if code.startswith("T1")}
    assert all(example(code).wrong != example(code).right for code in CODES)


def test_the_program_does_not_load_the_examples() -> None:
    loaded = "import sys, talon.ir.check, talon.cli.check; print([m for m in sys.modules if 'explained' in m])"
    done = subprocess.run([sys.executable, "-c", loaded], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_page_of_errors_is_what_the_generator_writes() -> None:
    done = subprocess.run(
        [sys.executable, "docs/generate.py", "--check"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    page = (ROOT / "docs" / "errors.md").read_text()
    assert re.findall(r"^### (T\d{3}) ", page, re.MULTILINE) == list(CODES)
    assert page.count("```py\n") == 2 * len(CODES)
