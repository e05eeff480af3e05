"""Every hook is documented with an example that has its form, and used by a test."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import numpy as np
import pytest
from click.testing import CliRunner

from talon import hw, ir
from talon.cli.main import cli
from talon.engine import EngineSpec, run
from talon.engine.kernels import KernelState, find
from talon.ir.document import FORMAT, Document, NodeRecord
from talon.plugins import hookspecs, temporary
from talon.storage.backend import for_writing
from talon.storage.hdf5.backend import Hdf5Backend
from talon.testing.kernels import check_kernel

HOOKS = [name for name in vars(hookspecs) if name.startswith("talon_")]


def test_every_specification_is_marked() -> None:
    assert set(HOOKS) >= {"talon_primitives", "talon_storage_backends", "talon_engines", "talon_commands"}
    for name in HOOKS:
        assert hasattr(getattr(hookspecs, name), f"{hookspecs.PROJECT}_spec"), name


@pytest.mark.parametrize("name", HOOKS)
def test_hook_is_documented_with_an_example(name: str) -> None:
    text = inspect.getdoc(getattr(hookspecs, name)) or ""
    first, *_ = text.splitlines()
    assert first.endswith((".", ","))
    example = re.search(r"Example: `return (\{.*\})`", text)
    assert example, f"{name} shows no example"
    assert re.search(r'"[\w.]+:\w+"', example[1]), f"the example of {name} has no import string"


@pytest.mark.parametrize("name", HOOKS)
def test_hook_takes_nothing(name: str) -> None:
    assert not inspect.signature(getattr(hookspecs, name)).parameters


class Twice(ir.Primitive):
    """Twice its input."""

    def infer(self, *inputs: Any) -> Any:
        return inputs[0]

    def step(self, t: int, state: dict[str, np.ndarray], *inputs: np.ndarray) -> np.ndarray:
        return inputs[0] + inputs[0]


class Renamed(Hdf5Backend):
    """HDF5 under another suffix."""

    suffixes = (".other",)


def uses_a_primitive(folder: Path) -> None:
    graph = ir.Graph.chain(input=ir.Input([2]), twice=ir.Twice(), output=ir.Output([2]))
    assert run(graph, np.ones((1, 1, 2))).outputs["output"].tolist() == [[[2, 2]]]


def uses_a_backend(folder: Path) -> None:
    assert for_writing(folder / "net.other", None).suffixes == (".other",)
    ir.write(folder / "net.other", ir.Graph.chain(ir.Input([2]), ir.Output([2])))
    assert len(ir.read(folder / "net.other").nodes) == 2


def uses_an_engine(folder: Path) -> None:
    chosen = run(ir.Graph.chain(ir.Input([2]), ir.Output([2])), np.ones((1, 1, 2))).engine
    assert chosen.name == "mine"


def uses_a_command(folder: Path) -> None:
    result = CliRunner().invoke(cli, ["mine", "hello"])
    assert (result.exit_code, result.output) == (0, "hello\n")


def uses_a_kernel(folder: Path) -> None:
    entry = find("mine", "StepMean")
    assert entry is not None
    assert entry.load() is Mean
    check_kernel("mine", ir.StepMean, [0])


class Mean:
    """The primitive's own step as a kernel of another engine."""

    def __init__(self, node: Any, in_shapes: Any, batch: int, dtype: np.dtype) -> None:
        self.node, self.given = node, (batch, in_shapes, dtype)

    def init_state(self) -> Any:
        return self.node.init_state(*self.given)

    def step(self, inputs: Any, state: KernelState, out: Any) -> None:
        out[0][...] = self.node.step(state.step, state, *inputs)


def uses_a_migration(folder: Path) -> None:
    """A file with the LIF of a schema before the first."""
    (folder / "old.t1c").unlink(missing_ok=True)
    fields = {name: ir.ArrayRef.of(np.array(value)) for name, value in (("t", 2.0), ("r", 1.0), ("v_leak", 0.0))}
    records = [NodeRecord("", "Graph"), NodeRecord("lif", "LIF", schema=0, attrs={"v_threshold": 1.0}, arrays=fields)]
    for_writing(folder / "old.t1c", None).write(Document(FORMAT, "", records, []), folder / "old.t1c", None)
    assert ir.read(folder / "old.t1c").nodes["lif"].same_as(ir.LIF(2.0, 1.0, 0.0, 1.0))


def call_it_tau(attrs: dict[str, Any], arrays: dict[str, ir.ArrayRef]) -> None:
    arrays["tau"] = arrays.pop("t")


def uses_a_target(folder: Path) -> None:
    assert hw.target("mine").core_count == 64


MESH = Path(hw.__file__).parent / "targets" / "generic-mesh.toml"

USES: dict[str, tuple[Any, Callable[[Path], None]]] = {
    "primitives": ({"Twice": Twice}, uses_a_primitive),
    "storage_backends": ({"other": Renamed()}, uses_a_backend),
    "engines": ({"mine": EngineSpec("talon.engine.reference:ReferenceEngine", 99)}, uses_an_engine),
    "kernels": ({("mine", "StepMean"): Mean}, uses_a_kernel),
    "migrations": ({"LIF": {0: call_it_tau}}, uses_a_migration),
    "targets": ({"mine": MESH.read_text().replace('id = "generic-mesh"', 'id = "mine"').encode()}, uses_a_target),
    "commands": (
        {"mine": click.Group("mine", [click.Command("hello", callback=lambda: click.echo("hello"))])},
        uses_a_command,
    ),
}


def test_every_hook_is_used_here() -> None:
    assert {f"talon_{kind}" for kind in USES} == set(HOOKS)


@pytest.mark.parametrize("kind", USES)
def test_what_a_hook_gives_is_used(kind: str, tmp_path: Path) -> None:
    given, use = USES[kind]
    with temporary(**{kind: given}):
        use(tmp_path)
    with pytest.raises((ir.TalonError, AttributeError, AssertionError)):
        use(tmp_path)
