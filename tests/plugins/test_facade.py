"""`talon.ir` as users see it: lists, lazy names, distributions that are missing, misspelt names."""

from __future__ import annotations

from typing import Any

import pytest

from talon import ir
from talon.ir import facade
from talon.ir.known import PRIMITIVES
from talon.plugins import manager as place
from talon.plugins import registry

GHOST = ["GhostBasicBlock1", "GhostBasicBlock2", "SGhostConv", "SGhostEncoderLite"]
DETECT = ["DFLDecode", "Dist2BBox", "NMS", "SDDetect"]
PLUGIN = """
from talon.plugins import hookimpl
TALON_API = 1
@hookimpl
def talon_primitives():
    return dict.fromkeys({names!r}, "somewhere:Anything")
"""


@pytest.fixture
def core_alone(monkeypatch: pytest.MonkeyPatch) -> Any:
    """As if talon-core were the only distribution that is installed."""
    find_spec = facade.find_spec
    monkeypatch.setattr(place, "entry_points", lambda group: ())
    monkeypatch.setattr(facade, "find_spec", lambda n: find_spec(n) if n.startswith("talon.ir.") else None)
    for name in (*GHOST, *DETECT):
        monkeypatch.delitem(vars(ir), name, raising=False)
    registry.forget()
    yield
    registry.forget()


def test_core_alone_has_28(core_alone: None) -> None:
    names = ir.list_primitives()
    assert len(names) == 28
    assert names == sorted(names)
    assert not {"Input", "Output", "Graph", "StepMean"} & set(names)
    assert {"Input", "Output", "Graph", "StepMean"} <= registry.primitives().keys()


def test_with_ghost_and_detect_there_are_36(install: Any) -> None:
    install("talon-ghost", PLUGIN.format(names=GHOST))
    assert len(ir.list_primitives()) == 32
    install("talon-detect", PLUGIN.format(names=DETECT))
    assert len(ir.list_primitives()) == 36
    assert set(ir.list_primitives()) == {name for name, known in PRIMITIVES.items() if known.listed}


@pytest.mark.parametrize("name", [*GHOST, *DETECT])
def test_a_missing_distribution_is_named_with_the_pip_line(core_alone: None, name: str) -> None:
    distribution = "talon-ghost" if name in GHOST else "talon-detect"
    for use in (
        lambda: getattr(ir, name),
        lambda: exec(f"from talon.ir import {name}"),
        lambda: registry.primitive(name),
    ):
        with pytest.raises(ImportError) as caught:
            use()
        assert isinstance(caught.value, ir.TalonMissingPluginError)
        assert caught.value.code == "T001"
        assert f"pip install {distribution}" in str(caught.value)
        assert name in str(caught.value)
    assert name not in dir(ir)


def test_misspelt_names_get_the_nearest_match() -> None:
    for name, match in (
        ("LIFF", "LIF"),
        ("Conv2D", "Conv2d"),
        ("Grpah", "Graph"),
        ("list_primitive", "list_primitives"),
    ):
        with pytest.raises(AttributeError) as caught:
            getattr(ir, name)
        assert isinstance(caught.value, ir.TalonUnknownNameError)
        assert f"did you mean '{match}'?" in str(caught.value)
    assert not hasattr(ir, "nothing_like_it")
    assert not hasattr(ir, "__wrapped__")
    with pytest.raises(ir.TalonPluginError, match="Affine"):
        registry.primitive("Afine")


def test_every_public_name_exists_and_is_listed() -> None:
    names = dir(ir)
    assert names == sorted(names)
    for name in (*facade.FACADE, *(n for n, known in PRIMITIVES.items() if known.distribution == "talon-core")):
        assert name in names
        assert getattr(ir, name) is not None


def test_the_table_names_classes_by_their_own_name() -> None:
    for name, known in PRIMITIVES.items():
        assert known.target.endswith(f":{name}")
        if known.distribution == "talon-core":
            assert facade.load(known.target).__name__ == name
