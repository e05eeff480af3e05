"""`talon new plugin NAME`: what it writes is a plugin whose tests pass at once, and clean to the checkers."""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from talon import ir
from talon.cli.main import cli
from talon.cli.new import FILES, LONGEST, words_of, write_plugin

LONG = "a" + "-bcd" * 5 + "efg"


def talon(*words: object) -> Result:
    return CliRunner().invoke(cli, ["new", *(str(word) for word in words)])


def test_its_tests_pass_at_once(environment: Any) -> None:
    """In a bare environment, where talon-core comes from its wheel, templates and all."""
    status, shown = environment.talon("new", "plugin", "leaky-bucket", "--json")
    assert status == 0, shown
    made = json.loads(shown)["data"]
    folder = environment.folder / made["folder"]
    environment.pip("install", "--editable", folder)
    try:
        assert " passed" in environment.tests(folder)
        status, shown = environment.talon("primitives", "show", "LeakyBucketNeuron")
        assert status == 0
        assert "talon-leaky-bucket 0.1.0" in shown
        assert environment.talon("doctor")[0] == 0
        # mypy as the author runs it, with what is installed there.
        python = environment.bin / "python"
        checker = [sys.executable, "-m", "mypy", "--strict", "--python-executable", str(python), "src", "tests"]
        done = subprocess.run(checker, cwd=folder, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout
        # The tests do test: a neuron that never leaks fails them.
        source = folder / "src" / "talon_leaky_bucket" / "neurons.py"
        source.write_text(source.read_text().replace('kind(self.decay) * state["v"]', 'state["v"]'))
        assert environment.run("python", "-m", "pytest", "-q", cwd=folder).returncode == 1
    finally:
        environment.pip("uninstall", "-y", made["distribution"])


@pytest.mark.parametrize("name", ["x", "foo-bar", LONG])
def test_it_is_clean_to_ruff(name: str, tmp_path: Path) -> None:
    folder = write_plugin(name, tmp_path).folder
    for words in (["check"], ["format", "--check"]):
        command = [sys.executable, "-m", "ruff", *words, "--no-cache", str(folder)]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout


def test_names_and_files(tmp_path: Path) -> None:
    made = write_plugin("talon-foo-bar", tmp_path)
    assert (made.distribution, made.module, made.primitive) == ("talon-foo-bar", "talon_foo_bar", "FooBarNeuron")
    assert made.folder == tmp_path / "talon-foo-bar"
    found = {path.relative_to(made.folder).as_posix() for path in made.folder.rglob("*") if path.is_file()}
    assert found == {*made.files}
    assert len(found) == len(FILES)
    assert ".github/workflows/ci.yml" in found
    text = "".join(path.read_text() for path in made.folder.rglob("*") if path.is_file())
    assert "@@" not in text
    assert "${{ matrix.python }}" in text
    project = tomllib.loads((made.folder / "pyproject.toml").read_text())["project"]
    assert project["entry-points"]["talon"] == {"foo-bar": "talon_foo_bar.plugin"}
    assert project["dependencies"][0] == f"talon-core{words_of('foo')['requirement']}"
    assert words_of("leaky-neuron")["primitive"] == "LeakyNeuron"


def test_every_template_is_used() -> None:
    import talon.cli

    folder = Path(talon.cli.__file__).with_name("skeleton")
    assert {path.name for path in folder.iterdir()} == {*FILES}


BAD = {
    "Foo_Bar": "foo-bar",
    "foo bar": "foo-bar",
    "1st": "st",
    "-foo": "foo",
    "foo-": "foo",
    "foo--bar": "foo-bar",
    "../up": "up",
    "é": "my-neuron",
    "": "my-neuron",
    "talon-": "my-neuron",
    "core": "my-neuron",
    "talon-hw": "my-neuron",
    "x" * (LONGEST + 1): "x" * LONGEST,
}


@pytest.mark.parametrize(("name", "better"), BAD.items(), ids=[repr(name) for name in BAD])
def test_bad_names_are_refused_with_a_better_one(name: str, better: str, tmp_path: Path) -> None:
    with pytest.raises(ir.TalonFileError) as caught:
        write_plugin(name, tmp_path / "in")
    assert caught.value.code == "T308"
    assert caught.value.found == repr(name)
    assert caught.value.help == f"try 'talon new plugin {better}'"
    assert not list(tmp_path.iterdir())
    words_of(better)


def test_a_folder_that_exists_is_left_alone_without_force(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    result = talon("plugin", "foo")
    assert result.exit_code == 0
    for words in ("talon-foo/pyproject.toml", "cd talon-foo", "pip install -e", "python -m pytest"):
        assert words in result.output
    Path("talon-foo/README.md").write_text("mine")
    Path("talon-foo/notes.txt").write_text("mine")
    result = talon("plugin", "foo")
    assert result.exit_code == 2
    assert "T306" in result.output
    assert "--force" in result.output
    assert Path("talon-foo/README.md").read_text() == "mine"
    assert talon("plugin", "foo", "--force").exit_code == 0
    assert Path("talon-foo/README.md").read_text().startswith("# talon-foo")
    assert Path("talon-foo/notes.txt").read_text() == "mine"
    Path("talon-bar").write_text("a file")
    assert talon("plugin", "bar").exit_code == 2
    result = talon("plugin", "bar", "--force")
    assert result.exit_code == 3
    assert "T301" in result.output
    assert Path("talon-bar").read_text() == "a file"


def test_the_group_says_what_it_makes() -> None:
    result = talon()
    assert result.exit_code == 0
    assert "plugin" in result.output
    assert talon("planet").exit_code == 2
    assert talon("plugin").exit_code == 2
