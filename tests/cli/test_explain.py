"""`talon explain`."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner, Result

from talon.cli.main import cli
from talon.ir.codes import CODES, FAMILIES
from talon.ir.explained import example


def explain(*words: str) -> Result:
    return CliRunner().invoke(cli, ["explain", *words])


@pytest.mark.parametrize("spelling", ["T104", "t104", "104", "error[T104]", "error[T104]: shapes do not meet"])
def test_a_code_is_explained_with_both_examples(spelling: str) -> None:
    result = explain(spelling)
    assert result.exit_code == 0
    lines = [line.strip() for line in result.output.splitlines()]
    assert lines[0] == "T104: shapes do not meet"
    assert CODES["T104"].meaning in lines
    assert CODES["T104"].mend in lines
    assert "fails (report holds T104):" in lines
    for program in example("T104")[:2]:
        assert program.splitlines()[-1] in lines


def test_how_an_example_ends_is_said() -> None:
    assert "fails (raises T203):" in explain("T203").output


@pytest.mark.parametrize("code", CODES)
def test_every_code_can_be_explained(code: str) -> None:
    found = json.loads(explain(code, "--json").stdout)
    assert found["ok"] is True
    assert found["data"]["code"] == code
    assert found["data"]["family"] == FAMILIES[code[:2]]
    assert found["data"]["wrong"] == example(code).wrong
    assert found["data"]["right"] == example(code).right


def test_without_a_code_all_are_listed_by_family() -> None:
    output = explain().output
    assert output.index("T1xx graph and shapes") < output.index("T101") < output.index("T2xx values")
    rows = json.loads(explain("--json").stdout)["data"]
    assert [row["code"] for row in rows] == list(CODES)
    assert all(row["title"] and row["meaning"] and row["mend"] for row in rows)


@pytest.mark.parametrize(("word", "nearest"), [("T140", "T1"), ("T999", "T900"), ("X104", "T104")])
def test_an_unknown_code_names_the_nearest(word: str, nearest: str) -> None:
    result = explain(word)
    assert result.exit_code == 2
    assert f"there is no error code {word!r}" in result.output
    assert f"did you mean '{nearest}" in result.output


def test_words_that_are_no_code_lead_to_the_list() -> None:
    result = explain("shapes", "--json")
    assert result.exit_code == 2
    (problem,) = json.loads(result.stdout)["problems"]
    assert problem["code"] == "T002"
    assert "'talon explain' lists them" in problem["help"]
