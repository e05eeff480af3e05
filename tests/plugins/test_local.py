"""Registration by hand: the temporary context, and the published decorator."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from talon import ir
from talon.engine import run
from talon.plugins import hookimpl, local, registry, temporary
from talon.plugins.manager import manager


class Doubler(ir.Primitive):
    """Twice its input."""

    factor: float = 2.0

    def infer(self, *inputs: Any) -> Any:
        return inputs[0]

    def step(self, t: int, state: dict[str, np.ndarray], *inputs: np.ndarray) -> np.ndarray:
        return inputs[0] * np.float32(2)


GRAPH = ir.Graph.chain(input=ir.Input([2]), twice=Doubler(), output=ir.Output([2]))


@pytest.fixture
def clean() -> Iterator[None]:
    yield
    local._registered.clear()
    registry.forget()


def test_a_temporary_plugin_lasts_as_long_as_its_block(tmp_path: Path) -> None:
    before = list(manager().plugins)
    ir.write(tmp_path / "d.t1c", GRAPH)
    with temporary(primitives={"Doubler": Doubler}):
        assert ir.Doubler is Doubler
        assert "Doubler" in ir.list_primitives()
        assert ir.read(tmp_path / "d.t1c").same_as(GRAPH)
        assert run(ir.read(tmp_path / "d.t1c"), np.ones((1, 1, 2))).outputs["output"].tolist() == [[[2, 2]]]
    assert manager().plugins == before
    with pytest.raises(AttributeError, match="no 'Doubler'"):
        ir.Doubler  # noqa: B018
    with pytest.raises(ir.TalonFormatError, match="Doubler"):
        ir.read(tmp_path / "d.t1c")


def test_temporary_plugins_nest_and_end_on_errors() -> None:
    with temporary(primitives={"Doubler": Doubler}):
        with contextlib.suppress(ZeroDivisionError), temporary(primitives={"Other": Doubler}):
            assert {"Doubler", "Other"} <= set(ir.list_primitives())
            raise ZeroDivisionError
        assert "Other" not in ir.list_primitives()
        assert "Doubler" in ir.list_primitives()
    assert len(ir.list_primitives()) == 36


def test_an_object_of_hooks_is_a_plugin() -> None:
    class Hooks:
        @staticmethod
        @hookimpl
        def talon_primitives() -> dict[str, Any]:
            return {"Doubler": Doubler}

    with temporary(Hooks):
        assert ir.Doubler is Doubler


def test_what_would_warn_raises_here() -> None:
    class Misspelt:
        @staticmethod
        @hookimpl
        def talon_primitive() -> dict[str, Any]:
            return {}

    class Failing:
        @staticmethod
        @hookimpl
        def talon_primitives() -> dict[str, Any]:
            raise ZeroDivisionError("boom")

    cases: list[tuple[Any, dict[str, Any], str, str]] = [
        (Misspelt, {}, "T003", "talon_primitive is no hook"),
        (None, {"primitive": {}}, "T003", "talon_primitive is no hook"),
        (Failing, {}, "T003", "boom"),
        (None, {"primitives": {"LIF": Doubler}}, "T004", "talon-core"),
        (None, {"primitives": {"SGhostConv": Doubler}}, "T004", "talon-ghost"),
        (None, {"primitives": {3: Doubler}}, "T003", "no string"),
    ]
    for plugin, provided, code, words in cases:
        with pytest.raises(ir.TalonPluginError) as caught, temporary(plugin, **provided):
            raise AssertionError("the block must not run")
        assert caught.value.code == code
        assert words in str(caught.value)
    assert len(ir.list_primitives()) == 36


@pytest.mark.usefixtures("clean")
def test_register_node_is_a_decorator(tmp_path: Path) -> None:
    assert ir.register_node(Doubler) is Doubler
    assert ir.Doubler is Doubler
    ir.write(tmp_path / "d.t1c", GRAPH)
    assert ir.read(tmp_path / "d.t1c").same_as(GRAPH)
    assert "Doubler" in ir.list_primitives()

    # A notebook defines the class again: the new one takes the place of the old one.
    again = type("Doubler", (ir.Primitive,), {"__module__": Doubler.__module__, "__qualname__": Doubler.__qualname__})
    ir.register_node(again)
    assert ir.Doubler is again


@pytest.mark.usefixtures("clean")
def test_register_node_refuses_to_shadow() -> None:
    for name, owner in (("LIF", "talon-core"), ("NMS", "talon-detect"), ("Input", "talon-core")):
        with pytest.raises(ir.TalonPluginError) as caught:
            ir.register_node(type(name, (ir.Primitive,), {}))
        assert caught.value.code == "T004"
        assert f"{name} of {owner}" in str(caught.value)
    ir.register_node(Doubler)
    with pytest.raises(ir.TalonPluginError, match="test_local"):
        ir.register_node(type("Doubler", (ir.Primitive,), {"__module__": "elsewhere"}))
    with pytest.raises(ir.TalonTypeError, match=r"subclass of ir\.Primitive"):
        ir.register_node(int)


@pytest.mark.parametrize("name", ["read", "Node", "check", "order", "", "a b", "class", "_hidden", "list_primitives"])
def test_names_that_could_never_be_used_are_refused(name: str) -> None:
    cls = type(name, (Doubler,), {"__doc__": "Twice its input."})
    with pytest.raises(ir.TalonPluginError, match="the name") as caught:
        ir.register_node(cls)
    assert caught.value.code == "T004"
    with pytest.raises(ir.TalonPluginError) as caught, temporary(primitives={name: cls}):
        pass
    assert caught.value.code == "T004"


def test_a_primitive_is_provided_under_the_name_of_its_class() -> None:
    """Files name types by their class: under another name nobody would find it again."""
    with temporary(primitives={"Twice": Doubler}), pytest.raises(ir.TalonPluginError, match="'Doubler'") as caught:
        ir.Twice  # noqa: B018
    assert caught.value.code == "T003"


def test_the_nearest_name_does_not_mind_case() -> None:
    with pytest.raises(AttributeError, match="did you mean 'LIF'"):
        ir.lif  # noqa: B018
