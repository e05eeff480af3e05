"""Whatever is typed, a command ends with one of its exit codes and without a traceback."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from talon import ir
from talon.cli.exits import Exit
from talon.cli.main import COMMANDS, cli, load


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Files of every kind that a command may be given."""
    folder = tmp_path_factory.mktemp("fuzz")
    graph = ir.Graph.chain(input=ir.Input([3]), lif=ir.LIF(2.0, 1.0, 0.0, 1.0), output=ir.Output([3]))
    ir.write(folder / "good.t1c", graph)
    ir.write(folder / "bad.t1c", graph.replace("lif", ir.Affine(np.ones((2, 5)))))
    whole = (folder / "good.t1c").read_bytes()
    (folder / "cut.t1c").write_bytes(whole[: len(whole) // 2])
    (folder / "text.t1c").write_text("text")
    (folder / "empty").write_bytes(b"")
    np.save(folder / "x.npy", np.ones((2, 1, 3)))
    np.save(folder / "odd.npy", np.array(["a"]))
    np.savez(folder / "x.npz", input=np.ones((2, 1, 3)), other=np.ones(1))
    (folder / "sub").mkdir()
    return folder


FILES = ["good.t1c", "bad.t1c", "cut.t1c", "text.t1c", "empty", "x.npy", "odd.npy", "x.npz", "sub", "missing", "."]
OPTIONS = sorted({o for lazy in COMMANDS.values() for p in load(lazy.target).params for o in p.opts if o[0] == "-"})
WORDS = ["lif", "input", "LIF", "T104", "show", "plugin", "bash", "spikes", "v", "0", "1", "-1", "float64", "", "é"]
TOKENS = st.sampled_from([*FILES, *OPTIONS, *WORDS]) | st.text(
    st.characters(exclude_characters="\0/", exclude_categories=["Cs"]), max_size=6
)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(command=st.sampled_from([*COMMANDS, "hw", "chek", ""]), words=st.lists(TOKENS, max_size=6))
def test_no_traceback_whatever_is_typed(
    folder: Path, command: str, words: list[str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    here = os.getcwd()
    os.chdir(folder)
    try:
        result = CliRunner().invoke(cli, [command, *words])
    finally:
        os.chdir(here)
    assert result.exception is None or isinstance(result.exception, SystemExit), repr(result.exception)
    assert result.exit_code in {int(code) for code in Exit} - {Exit.BUG}, result.output
    if "--debug" not in words:
        assert "Traceback" not in result.output
    assert (folder / "good.t1c").exists()
