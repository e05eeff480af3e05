"""Variants: descriptions that inherit from others, by name, by path and from plugins, and rings of them."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest

from talon import hw
from talon.hw.catalogue import shipped
from talon.ir.errors import TalonError, TalonTargetError
from talon.plugins import temporary

SMALL = """
inherits = "generic-mesh"

[target]
id = "small-mesh"

[target.citations]
handbook = "the handbook of the part"

[[core]]
name = "core"
count = { value = 16, unit = "core", kind = "published", cite = "handbook" }

[[core.memory]]
name = "state"
words = { value = 4096, unit = "word", kind = "published", cite = "handbook" }

[noc]
dims = { value = [4, 4], unit = "core", kind = "published", cite = "handbook" }

[ops]
MaxPool2d = "absent"
LIF = { reset = ["value"] }

[cost]
int8_add = "unknown"
fp32_mac = "absent"
"""


@pytest.fixture
def small(tmp_path: Path) -> Path:
    path = tmp_path / "small.toml"
    path.write_text(SMALL)
    return path


def test_a_variant_says_only_what_differs(small: Path) -> None:
    base, variant = hw.target("generic-mesh"), hw.target(small)
    assert (variant.id, variant.core.count.value, variant.core.count.cite) == ("small-mesh", 16, "handbook")
    assert (variant.core.neurons, variant.family) == (base.core.neurons, base.family)
    assert set(variant.citations) == {"talon", "horowitz45", "handbook"}
    weight, state = variant.core.memory
    assert weight == base.core.memory[0]
    assert (state.words.value, state.holds, state.bits) == (4096, ("membranes", "parameters"), base.core.memory[1].bits)
    assert variant.ops is not None
    assert base.ops is not None
    assert set(base.ops) - set(variant.ops) == {"MaxPool2d"}
    assert str(variant.ops["LIF"]["reset"]) == "'value'"
    assert variant.cost is not None
    assert variant.cost["int8_add"].unknown
    assert "fp32_mac" not in variant.cost


def test_the_identity_is_that_of_the_whole_description(small: Path, tmp_path: Path) -> None:
    def written(value: object) -> str:
        """TOML of one value, on one line."""
        if isinstance(value, dict):
            return "{ " + ", ".join(f"{k} = {written(v)}" for k, v in value.items()) + " }"
        if isinstance(value, list):
            return "[" + ", ".join(map(written, value)) + "]"
        return json.dumps(value)

    whole = tmp_path / "whole.toml"
    whole.write_text("\n".join(f"{key} = {written(value)}" for key, value in hw.target(small).data.items()))
    assert "inherits" not in tomllib.loads(whole.read_text())
    assert hw.target(whole).hash == hw.target(small).hash != hw.target("generic-mesh").hash


def test_paths_are_told_from_where_the_variant_lies(small: Path, tmp_path: Path) -> None:
    folder = tmp_path / "below"
    folder.mkdir()
    (folder / "third.toml").write_text('inherits = "../small.toml"\n[target]\nid = "third"\n')
    third = hw.target(folder / "third.toml")
    assert (third.id, third.core.count.value, third.core.neurons.value) == ("third", 16, 256)


def test_a_variant_of_a_plugins_target(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text('inherits = "acme-1"\n[target]\nid = "mine"\nrevision = "2"\n')
    content = shipped()["zcu102"].read_text().replace('id = "zcu102"', 'id = "acme-1"').encode()
    with temporary(targets={"acme-1": content}):
        assert (hw.target(path).id, hw.target(path).core_count) == ("mine", 32)
        given = hw.target("acme-1")
    with temporary(targets={"acme-1": given}):
        assert (hw.target(path).id, hw.target(path).revision) == ("mine", "2")


def refused(path: Path) -> TalonError:
    with pytest.raises(TalonTargetError) as caught:
        hw.target(path)
    assert caught.value.code == "T502"
    return caught.value


def test_what_a_variant_changes_for_the_worse_is_found(small: Path) -> None:
    small.write_text(SMALL.replace("[4, 4]", "[4, 5]"))
    error = refused(small)
    assert error.diagnostic.message == "noc.dims does not fit core[0].count"
    assert error.diagnostic.file == f"{small} (inherits generic-mesh)"
    small.write_text(SMALL.replace('name = "core"', 'name = "other"'))
    assert refused(small).diagnostic.message == "core[1].neurons is missing"
    small.write_text(SMALL.replace("[[core]]\n", "[[core]]\nneuron = 3\n"))
    assert refused(small).help == "did you mean 'neurons'?"


def test_the_only_core_is_meant_without_its_name(small: Path) -> None:
    small.write_text(SMALL.replace('[[core]]\nname = "core"\n', "[[core]]\n"))
    assert hw.target(small).core.count.value == 16
    small.write_text(SMALL.replace('[[core.memory]]\nname = "state"\n', "[[core.memory]]\n"))  # one of two
    assert refused(small).diagnostic.message == "core[0].memory[0].name is missing"


def test_a_number_comes_with_a_source_of_its_own(small: Path) -> None:
    small.write_text(SMALL.replace("value = 16, ", ""))
    assert refused(small).diagnostic.message == "core[0].count.value is missing"
    small.write_text('inherits = "loihi1"\n[cost]\nsynaptic_op = ' + COST)
    cost = hw.target(small).cost
    assert cost is not None
    assert str(cost["synaptic_op"]) == "30 pJ (measured, davies2018)"  # nothing of "at least" is left


COST = '{ value = 30, unit = "pJ", kind = "measured", cite = "davies2018", node_nm = "unknown", volts = "unknown" }\n'


def test_bases_that_are_not_there(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text('inherits = "generic_mesh"\n')
    error = refused(path)
    assert error.diagnostic.message == "inherits names 'generic_mesh', which is no target"
    assert error.help == "did you mean 'generic-mesh'?"
    path.write_text("inherits = 7\n")
    assert refused(path).found == "7"
    path.write_text('inherits = "nowhere.toml"\n')
    with pytest.raises(TalonError) as missing:
        hw.target(path)
    assert (missing.value.code, missing.value.diagnostic.file) == ("T301", str(tmp_path / "nowhere.toml"))


def test_rings_are_refused_with_their_members(tmp_path: Path) -> None:
    for name, base in (("a", "b"), ("b", "c"), ("c", "a")):
        (tmp_path / f"{name}.toml").write_text(f'inherits = "{base}.toml"\n')
    error = refused(tmp_path / "a.toml")
    assert error.diagnostic.message == "inherits goes round in a circle"
    ring = [str(tmp_path / f"{name}.toml") for name in ("a", "b", "c", "a")]
    assert error.found == " -> ".join(ring)
    (tmp_path / "own.toml").write_text('inherits = "own.toml"\n')
    assert "own.toml -> " in (refused(tmp_path / "own.toml").found or "")
    with temporary(targets={"one": b'inherits = "two"\n', "two": b'inherits = "one"\n'}):
        with pytest.raises(TalonTargetError) as caught:
            hw.target("one")
        assert "circle" in caught.value.diagnostic.message


def test_absent_is_for_variants_alone(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(shipped()["generic-mesh"].read_text().replace("LIF = {}", 'LIF = "absent"'))
    assert refused(path).diagnostic.message == "ops.LIF is not a table"
