"""Targets of third parties: everything that the hook `talon_targets` may give, and everything that may be wrong."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from talon import hw, ir
from talon.hw.catalogue import shipped, usable
from talon.hw.commands import group
from talon.ir.errors import TalonPluginError, TalonTargetError
from talon.plugins import temporary
from talon.plugins.manager import PluginWarning

CONTENT = shipped()["zcu102"].read_text().replace('id = "zcu102"', 'id = "acme-1"').encode()


def given(kind: str, folder: Path) -> Any:
    path = folder / "acme.toml"
    path.write_bytes(CONTENT)
    if kind == "an object":
        return hw.target(path)
    if kind == "an import string":
        return "test_acme_targets:acme_1"
    return {"bytes": CONTENT, "a path": path, "the text of a path": str(path)}[kind]


@pytest.mark.parametrize("kind", ["bytes", "a path", "the text of a path", "an object", "an import string"])
def test_a_plugins_target_is_used_like_any_other(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "test_acme_targets.py").write_text(f"acme_1 = {CONTENT!r}\n")
    monkeypatch.syspath_prepend(tmp_path)
    graph = ir.Graph.chain(ir.Input([4]), ir.IF(1.0), ir.Output([4]))
    with temporary(targets={"acme-1": given(kind, tmp_path)}):
        assert "acme-1" in hw.targets()
        assert hw.target("acme-1").core.neurons.value == 512
        assert hw.check(graph, "acme-1").target == "acme-1"
        listed = CliRunner().invoke(group, ["targets"])
        assert (listed.exit_code, "acme-1" in listed.stdout) == (0, True)
    assert "acme-1" not in hw.targets()


BROKEN = {
    "no TOML": (b"[target\n", TalonTargetError, "T502"),
    "an unknown key": (CONTENT.replace(b"neurons", b"neuron"), TalonTargetError, "T502"),
    "another id": (CONTENT.replace(b"acme-1", b"acme-2"), TalonTargetError, "T502"),
    "a file that is missing": (Path("nowhere.toml"), OSError, "T301"),
    "a module that is missing": ("no_such_module:target", TalonPluginError, "T003"),
    "something else": (7, TalonPluginError, "T003"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_target_costs_nothing_else(case: str) -> None:
    value, kind, code = BROKEN[case]
    with temporary(targets={"acme-1": value}):
        with pytest.raises(kind) as caught:
            hw.target("acme-1")
        assert caught.value.code == code  # type: ignore[attr-defined]
        with pytest.warns(PluginWarning, match="provides the target 'acme-1', which cannot be used: .+"):
            names = [target.id for target in usable()]
        assert names == sorted(shipped())
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", PluginWarning)
            assert CliRunner().invoke(group, ["targets"]).exit_code == 0
            assert CliRunner().invoke(group, ["targets", "show", "loihi1"]).exit_code == 0


def test_the_targets_that_ship_cannot_be_shadowed() -> None:
    with temporary(targets={"zcu102": CONTENT}), pytest.warns(PluginWarning, match="ships with talon-hw"):
        assert hw.target("zcu102").id == "zcu102"


def test_an_object_that_only_looks_like_a_target_is_refused() -> None:
    class Looks:
        id, cores, numeric, hash = "acme-1", (), None, ""

    with temporary(targets={"acme-1": Looks()}), pytest.raises(TalonPluginError, match=r"no talon\.hw\.Target"):
        hw.target("acme-1")
