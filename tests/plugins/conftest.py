"""Plugins made up for a test: a module and the `.dist-info` that names it, in a folder on sys.path."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from talon.plugins import registry

Install = Callable[..., None]
NEURONS = "from talon import ir\n" + "".join(
    f"class {name}(ir.IF):\n    pass\n" for name in ("Izhikevich", "Second", "Other", "LIF")
)
"""What the plugins bring: `strange_neurons`, on the path with them."""


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """`install(distribution, source, name=...)` makes a plugin that only this test sees; only such plugins load."""
    wanted: list[str] = []
    modules: list[str] = []

    def install(distribution: str, source: str, name: str | None = None, folder: str = "site") -> None:
        name = name or distribution
        site = tmp_path / folder
        module = f"{distribution}_{name}_plugin".replace("-", "_")
        info = site / f"{distribution.replace('-', '_')}-1.5.dist-info"
        info.mkdir(parents=True, exist_ok=True)
        (site / f"{module}.py").write_text(source)
        (site / "strange_neurons.py").write_text(NEURONS)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.5\n")
        points = info / "entry_points.txt"
        known = points.read_text() if points.exists() else "[talon]\n"
        points.write_text(f"{known}{name} = {module}\n")
        if str(site) not in sys.path:
            monkeypatch.syspath_prepend(str(site))
        wanted.append(name)
        modules.append(module)
        importlib.invalidate_caches()
        monkeypatch.setenv("TALON_PLUGINS", ",".join(wanted))
        registry.forget()

    # Python would take the bytecode of another test for a module of the same name, time and size.
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    monkeypatch.setenv("TALON_PLUGINS", "")
    registry.forget()
    yield install
    registry.forget()
    for module in [*modules, "strange_neurons"]:
        sys.modules.pop(module, None)
