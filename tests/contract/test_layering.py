"""Who may import whom, what `import` costs, and what must or must not lie in the distributions."""

from __future__ import annotations

import ast
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ROOT / "packages"
OWNERS = {"talon-ghost": "ghost", "talon-detect": "detect", "talon-hw": "hw"}
CORE = ("ir", "plugins", "engine", "storage", "cli", "testing")
SHARED = {"testing": {"talon-hw": "targets"}}
"""Subpackages that are namespaces too, and the package that each other distribution has in them."""

# What a subpackage of core may import of core, itself apart. The plugin framework knows names and errors of ir.
ALLOWED = {
    "ir": {"plugins"},
    "plugins": {"ir"},
    "engine": {"ir", "plugins"},
    "storage": {"ir", "plugins"},
    "cli": set(CORE),
    "testing": set(CORE),
}
# The lazy facade is the one way back: type checkers are told of it where talon.ir tells them of everything else.
# A saved state and what is recorded are written as all files are; storage knows nothing of engines.
FACADE = {("ir/__init__.py", "storage"), ("engine/state.py", "storage"), ("engine/recording.py", "storage")}


def sources(distribution: str) -> Iterator[Path]:
    return (PACKAGES / distribution / "src" / "talon").rglob("*.py")


def imported(file: Path) -> Iterator[str]:
    """Every module that a file imports, at any depth of its code."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file} imports relatively"
            yield node.module or ""
            if node.module == "talon":
                yield from (f"talon.{alias.name}" for alias in node.names)


def parts(file: Path) -> set[str]:
    """The subpackages of talon that a file imports."""
    return {name.split(".")[1] for name in imported(file) if name.startswith("talon.")}


def test_there_is_something_to_walk() -> None:
    assert len(list(sources("talon-core"))) > 30
    assert "ir" in parts(PACKAGES / "talon-core/src/talon/engine/__init__.py") | {
        part for file in sources("talon-core") for part in parts(file)
    }


def test_core_imports_no_other_distribution() -> None:
    for file in sources("talon-core"):
        assert parts(file) <= set(CORE), file


@pytest.mark.parametrize("package", CORE)
def test_layers_inside_core(package: str) -> None:
    root = PACKAGES / "talon-core" / "src" / "talon"
    for file in (root / package).rglob("*.py"):
        for part in parts(file) - {package} - ALLOWED[package]:
            assert (file.relative_to(root).as_posix(), part) in FACADE, f"{file} imports talon.{part}"


@pytest.mark.parametrize("distribution", OWNERS)
def test_siblings_import_core_only(distribution: str) -> None:
    for file in sources(distribution):
        assert parts(file) <= {*CORE, OWNERS[distribution]}, file


@pytest.mark.parametrize("distribution", ["talon-core", *OWNERS])
def test_no_distribution_owns_the_namespace(distribution: str) -> None:
    talon = PACKAGES / distribution / "src" / "talon"
    assert not (talon / "__init__.py").exists()
    assert not (talon / "py.typed").exists()
    owned = CORE if distribution == "talon-core" else (OWNERS[distribution],)
    parts = {name: own[distribution] for name, own in SHARED.items() if distribution in own}
    assert folders_of(talon) == {*owned, *parts}
    for name in owned:
        assert (talon / name / "py.typed").is_file()
        assert (talon / name / "__init__.py").is_file() != (name in SHARED)
    for name, part in parts.items():
        assert folders_of(talon / name) == {part}
        assert [path.name for path in (talon / name).glob("*.*")] == []
        assert (talon / name / part / "py.typed").is_file()
        assert (talon / name / part / "__init__.py").is_file()


def folders_of(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir() if path.is_dir() and path.name != "__pycache__"}


def test_torch_is_in_no_dependencies() -> None:
    for distribution in ("talon-core", *OWNERS):
        project = tomllib.loads((PACKAGES / distribution / "pyproject.toml").read_text())["project"]
        wanted = [*project["dependencies"], *(r for g in project.get("optional-dependencies", {}).values() for r in g)]
        assert wanted
        assert not any(requirement.lower().startswith(("torch", "tensorflow", "jax")) for requirement in wanted)
        for file in sources(distribution):
            assert not any(name.split(".")[0] == "torch" for name in imported(file)), file


def fresh(code: str) -> set[str]:
    """Top-level modules outside the standard library after running code in a new interpreter without site hooks."""
    paths = [str(PACKAGES / d / "src") for d in ("talon-core", *OWNERS)]
    script = f"import sys; sys.path[:0] = {paths!r}; before = set(sys.modules)\n{code}\n"
    script += "print(*{m.split('.')[0] for m in set(sys.modules) - before} - sys.stdlib_module_names)"
    out = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60)
    return set(out.stdout.split())


@pytest.mark.parametrize(
    "code",
    [
        "from talon import ir",
        "from talon import ir; ir.LIF; ir.Input; ir.Affine; ir.Conv2d",
        "from talon import ir; ir.Graph.chain(ir.Input([3]), ir.LIF(2, 1, 0, 1), ir.Output([3])).validate()",
    ],
)
def test_ir_needs_numpy_and_the_standard_library_alone(code: str) -> None:
    assert fresh(code) - {"talon", "_sysconfigdata__linux_x86_64-linux-gnu"} <= {"numpy"}


def test_importing_ir_alone_does_not_even_load_numpy() -> None:
    assert fresh("from talon import ir") == {"talon"}


def test_this_test_sees_what_is_loaded() -> None:
    assert "pluggy" in fresh("from talon import ir; ir.list_primitives")
