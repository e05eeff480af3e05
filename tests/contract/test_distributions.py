"""Licences of everything that is installed with us, and the rules by which versions belong together."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

import talon.detect
import talon.ghost
import talon.hw
from talon import ir
from talon.plugins import API

ROOT = Path(__file__).parents[2]
OURS = ("talon-core", "talon-ghost", "talon-detect", "talon-hw")
PERMISSIVE = re.compile(r"\b(MIT|BSD|Apache|PSF|Python Software Foundation|ISC|0BSD|Zlib|CC0|Unlicense)\b", re.I)


def project(name: str) -> dict:
    with (ROOT / "packages" / name / "pyproject.toml").open("rb") as file:
        return tomllib.load(file)["project"]


def installed(name: str) -> Distribution:
    """A distribution here, or in the environment of the extra `mapping`, which stands by itself."""
    try:
        return distribution(name)
    except PackageNotFoundError:
        where = [str(path) for path in (ROOT / ".envs" / "mapping").glob("lib/python*/site-packages")]
        return next(iter(Distribution.discover(name=name, path=where)))


def needed(names: tuple[str, ...], extras: bool) -> dict[str, Distribution]:
    """Every distribution that ours need, and what those need, as installed here."""
    found: dict[str, Distribution] = {}
    todo = list(names)
    while todo:
        name = todo.pop()
        if name in found:
            continue
        found[name] = installed(name)
        for line in found[name].requires or ():
            requirement = Requirement(line)
            extra = extras and name in OURS and "extra" in str(requirement.marker or "")
            if extra or requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
                todo.append(requirement.name)
    return found


def licence(found: Distribution) -> str:
    about = found.metadata
    classifiers = [c for c in about.get_all("Classifier") or () if c.startswith("License ::")]
    return " ".join([about.get("License-Expression") or "", *classifiers, (about.get("License") or "")[:200]])


def test_every_dependency_is_permissive_and_none_is_torch() -> None:
    found = needed(OURS, extras=True)
    assert {"numpy", "h5py", "networkx", "pluggy", "click", "hypothesis"} <= set(found)
    for name, about in found.items():
        # hypothesis (MPL, for the extra "testing") is a tool of tests; nothing that runs a network needs it.
        assert PERMISSIVE.search(licence(about)) or name == "hypothesis", f"{name}: {licence(about)!r}"
        assert not re.match(r"torch|nvidia|jax|tensorflow", name, re.I), name
    assert "hypothesis" not in needed(OURS, extras=False)


def versions() -> Iterator[tuple[str, str]]:
    yield "talon-core", ir.__version__
    for module in (talon.ghost, talon.detect, talon.hw):
        yield module.__name__.replace(".", "-"), module.__version__


def test_a_version_is_said_once_and_the_same_everywhere() -> None:
    for name, version in versions():
        assert project(name)["version"] == version
        assert distribution(name).version == version
        assert len(Version(version).release) == 3


@pytest.mark.parametrize("name", OURS[1:])
def test_siblings_take_the_core_of_their_own_minor_version(name: str) -> None:
    core = Version(project("talon-core")["version"])
    (requirement,) = (Requirement(r) for r in project(name)["dependencies"] if r.startswith("talon-core"))
    assert str(requirement.specifier) in (
        f">={core.major}.{core.minor},<{core.major}.{core.minor + 1}",
        f"<{core.major}.{core.minor + 1},>={core.major}.{core.minor}",
    )


@pytest.mark.parametrize("name", ["ghost", "detect", "hw"])
def test_plugins_state_the_interface_they_were_written_for(name: str) -> None:
    source = (ROOT / "packages" / f"talon-{name}" / "src" / "talon" / name / "plugin.py").read_text()
    assert re.search(rf"^TALON_API = {API}$", source, re.MULTILINE)


def test_the_published_package_is_not_in_this_environment() -> None:
    with pytest.raises(PackageNotFoundError):
        distribution("talon-ir")
