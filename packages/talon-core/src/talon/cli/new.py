"""`talon new plugin NAME`"""

from __future__ import annotations

import os
import re
import string
from importlib.resources import files
from pathlib import Path
from typing import NamedTuple

import click

from talon.cli.command import command, group
from talon.cli.output import Output

NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
LONGEST = 24
"""Lines of the skeleton stay below 120 columns up to here."""

FILES = {
    "pyproject.toml.tmpl": "pyproject.toml",
    "README.md.tmpl": "README.md",
    "ci.yml.tmpl": ".github/workflows/ci.yml",
    "gitignore.tmpl": ".gitignore",
    "init.py.tmpl": "src/@@module/__init__.py",
    "plugin.py.tmpl": "src/@@module/plugin.py",
    "neurons.py.tmpl": "src/@@module/neurons.py",
    "py.typed.tmpl": "src/@@module/py.typed",
    "test_neuron.py.tmpl": "tests/test_neuron.py",
}
"""The templates in `talon/cli/skeleton`, and where each goes."""


class Template(string.Template):
    """`@@word` is replaced, an unknown word is an error; `$`, `%` and braces, which other tools use, stay."""

    delimiter = "@@"


class Skeleton(NamedTuple):
    """A plugin that was written: its names, its folder, and the files in it."""

    distribution: str
    module: str
    primitive: str
    folder: Path
    files: list[str]


def write_plugin(name: str, parent: str | os.PathLike[str] = ".", *, force: bool = False) -> Skeleton:
    """Write the skeleton of a plugin into `parent/talon-NAME`: one neuron, its tests, README and CI recipe.

    `name`: `foo` or `talon-foo`. With `force`, files of the same names in a folder that exists are replaced. Raises
    `TalonFileError`: T308 for a name that no distribution and module can have, T306 where the folder exists, T301 where
    it cannot be written.
    """
    from talon.ir.errors import TalonFileError

    words = words_of(name)
    folder = Path(parent, words["distribution"])
    if os.path.lexists(folder) and not force:
        raise TalonFileError(
            "T306", "the folder exists already", file=str(folder), help="pass --force to replace the files in it"
        )
    written = []
    try:
        for template, place in FILES.items():
            path = folder / Template(place).substitute(words)
            path.parent.mkdir(parents=True, exist_ok=True)
            text = (files("talon.cli") / "skeleton" / template).read_text("utf-8")
            path.write_text(Template(text).substitute(words), "utf-8")
            written.append(path.relative_to(folder).as_posix())
    except OSError as error:
        raise TalonFileError(
            "T301",
            "the plugin cannot be written",
            file=str(error.filename or folder),
            found=error.strerror or str(error),
            help="check the folder, its permissions and the space on the disk",
        ) from error
    return Skeleton(words["distribution"], words["module"], words["primitive"], folder, written)


def words_of(name: str) -> dict[str, str]:
    """What the templates call for, from the name of the plugin. Raises `TalonFileError` (T308) for a bad one."""
    from talon.ir import __version__
    from talon.ir.errors import TalonFileError
    from talon.ir.known import PRIMITIVES
    from talon.plugins import API

    taken = {"talon-ir", "talon-hw", *(known.distribution for known in PRIMITIVES.values())}
    short = name.removeprefix("talon-")
    if not NAME.fullmatch(short) or len(short) > LONGEST or f"talon-{short}" in taken:
        plain = re.sub(r"[^a-z0-9]+", "-", short.lower()).strip("-0123456789")[:LONGEST]
        better = plain if NAME.fullmatch(plain) and f"talon-{plain}" not in taken else "my-neuron"
        raise TalonFileError(
            "T308",
            "a distribution of a plugin cannot be called that",
            expected=f"lower-case letters and digits, words joined by '-', at most {LONGEST}, and none of "
            + ", ".join(sorted(taken)),
            found=repr(name),
            help=f"try 'talon new plugin {better}'",
        )
    major, minor = __version__.split(".")[:2]
    return {
        "name": short,
        "distribution": f"talon-{short}",
        "module": f"talon_{short.replace('-', '_')}",
        "primitive": "".join(word.capitalize() for word in short.removesuffix("-neuron").split("-")) + "Neuron",
        "requirement": f">={major}.{minor},<{major}.{int(minor) + 1}",
        "api": str(API),
    }


@group("new")
def new(out: Output) -> None:
    """Begin something new: 'talon new plugin NAME' writes a distribution with a neuron and its tests.

    Example: talon new plugin foo
    """
    out.data = {"kinds": list(new.commands)}
    out.table(("kind", "what it makes"), [(name, made.get_short_help_str(100)) for name, made in new.commands.items()])


@command("plugin")
@click.argument("name")
@click.option("--force", is_flag=True, help="Replace files in a folder that exists.")
def plugin(out: Output, name: str, force: bool) -> None:
    """Write the distribution talon-NAME into a new folder: a neuron, tests, README, CI recipe.

    Example: talon new plugin foo
    """
    made = write_plugin(name, force=force)
    steps = [
        f"cd {made.folder}",
        'python -m pip install -e ".[test]"',
        "python -m pytest",
        f"talon primitives show {made.primitive}",
    ]
    out.data = {**made._asdict(), "folder": str(made.folder), "next": steps}
    for file in made.files:
        out.line(f"{made.folder}/{file}")
    out.note("next:")
    for step in steps:
        out.note(f"  {step}")


new.add_command(plugin)
