"""Plugins as strangers write them, and break them: no command goes down with any of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from talon import ir
from talon.cli.main import cli
from talon.plugins import registry
from talon.plugins.manager import PluginWarning, manager

HEAD = "from talon.plugins import hookimpl\nTALON_API = 1\nREST = ('write', 'read', 'version')\n"


def hook(name: str, body: str) -> str:
    return f"{HEAD}@hookimpl\ndef {name}():\n    {body}\n"


SINGLE = '''
import numpy as np
from talon import ir
from talon.plugins import hookimpl

TALON_API = 1


class Curious:
    def __getattr__(self, name):
        raise RuntimeError("do not ask me")


curious = Curious()


class Tripler(ir.Primitive):
    """Three times its input."""

    def infer(self, *inputs):
        return inputs[0]

    def step(self, t, state, *inputs):
        return inputs[0] * np.float32(3)


@hookimpl
def talon_primitives():
    return {"Tripler": Tripler}
'''

BROKEN = {
    "mapping that fails": hook(
        "talon_primitives",
        "class M(dict):\n        def keys(self): return ['X']\n"
        "        def __getitem__(self, k): raise RuntimeError('no')\n    return M(X=1)",
    ),
    "error without text": HEAD
    + "class E(Exception):\n    def __str__(self): raise RuntimeError('no text')\nraise E()\n",
    "own base exception": HEAD + "class E(BaseException): pass\nraise E('mine')\n",
    "base exception in a hook": hook("talon_primitives", "raise type('E', (BaseException,), {})('mine')"),
    "module that answers nothing": HEAD + "def __getattr__(name):\n    raise RuntimeError('do not ask me')\n",
    "backends that are none": hook("talon_storage_backends", "return {'foo': 7, 'bar': 'nomod:x'}"),
    "backend that fails": hook(
        "talon_storage_backends",
        "B = type('B', (), {'suffixes': ('.b',), 'recognises': lambda *a: 1 / 0, **dict.fromkeys(REST)})\n"
        "    return {'bad': B}",
    ),
    "backend with odd suffixes": hook(
        "talon_storage_backends",
        "B = type('B', (), {'suffixes': 5, 'recognises': 0, **dict.fromkeys(REST)})\n    return {'bad': B}",
    ),
    "engines that are none": hook("talon_engines", "return {'foo': 7, 'bar': 'nomod:x'}"),
    "engine of odd priority": hook(
        "talon_engines", "from talon.engine import EngineSpec\n    return {'e': EngineSpec('m:E', 'high')}"
    ),
    "engine that is missing": hook(
        "talon_engines", "from talon.engine import EngineSpec\n    return {'e': EngineSpec('no:E', 99)}"
    ),
    "primitives that are none": hook("talon_primitives", "return {'Foo': 7, 'Bar': 'nomod:x'}"),
    "names nobody could use": hook(
        "talon_primitives", "return {'read': 'a:b', 'Node': 'a:b', '': 'a:b', 'x y': 'a:b'}"
    ),
    "a name that is not the class's": hook("talon_primitives", "from talon import ir\n    return {'Foo': ir.LIF}"),
    "a command of talon's": hook("talon_commands", "import click\n    return {'info': click.Group('info')}"),
    "very long text": HEAD + "raise RuntimeError('x' * 1_000_000 + chr(27) + ']0;')\n",
}


def talon(*words: str) -> Any:
    return CliRunner().invoke(cli, list(words))


@pytest.mark.filterwarnings("default::talon.plugins.manager.PluginWarning")
@pytest.mark.parametrize("what", BROKEN)
def test_no_command_goes_down(install: Callable[..., None], what: str, tmp_path: Path) -> None:
    install("stranger", BROKEN[what])
    graph = ir.Graph.chain(input=ir.Input([2]), lif=ir.LIF(2.0, 1.0, 0.0, 1.0), output=ir.Output([2]))
    path = str(tmp_path / "net.t1c")
    ir.write(path, graph)
    np.save(tmp_path / "x.npy", np.ones((2, 1, 2)))
    for words in (
        ["--help"],
        ["primitives"],
        ["info", path],
        ["check", path],
        ["hash", path],
        ["demo"],
        ["run", path, "--input", str(tmp_path / "x.npy")],
    ):
        result = talon(*words)
        assert result.exit_code == 0, (words, result.output)
    (tmp_path / "foreign").write_text("text")
    assert talon("info", str(tmp_path / "foreign")).exit_code == 3
    for words in (["doctor"], ["plugins"], ["plugins", "--trace"]):
        result = talon(*words)
        assert result.exit_code in (0, 1), (words, result.output)
        assert "T900" not in result.output
        assert len(result.output) < 100_000
    assert "stranger" in talon("doctor").output


def test_a_module_that_holds_talon_ir_and_its_primitives_is_a_plugin(install: Callable[..., None]) -> None:
    install("single", SINGLE)
    assert "Tripler" in ir.list_primitives()
    graph = ir.Graph.chain(input=ir.Input([1]), triple=ir.Tripler(), output=ir.Output([1]))
    from talon.engine import run

    assert run(graph, np.ones((1, 1, 1))).outputs["output"].item() == 3
    assert all(plugin.error is None for plugin in manager().plugins)
    assert not manager().loading


def test_a_plugin_may_ask_for_others_while_it_loads(install: Callable[..., None]) -> None:
    install("asking", "from talon import ir\nseen = ir.list_primitives()\n" + SINGLE)
    assert {"LIF", "Tripler"} <= set(ir.list_primitives())


@pytest.mark.filterwarnings("error::talon.plugins.manager.PluginWarning")
def test_what_is_wrong_is_said_once(install: Callable[..., None]) -> None:
    install("stranger", hook("talon_primitives", "return {'Foo': 7}"))
    with pytest.warns(PluginWarning, match="provides 'Foo', which cannot be used"):
        registry.usable("talon_primitives")
    assert "Foo" not in registry.usable("talon_primitives")
