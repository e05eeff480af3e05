"""Targets: the ones that ship, files of one's own, identity, and every way in which a description can be wrong."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path

import pytest

from talon import hw
from talon.ir.errors import TalonFileError, TalonTargetError

Edited = Callable[..., Path]


def test_the_published_capacities_of_the_targets_that_ship() -> None:
    assert hw.targets() == ["generic-mesh", "zcu102"]
    mesh, fpga = hw.target("generic-mesh"), hw.target("zcu102")
    assert (mesh.core.count.value, mesh.core.neurons.value, mesh.noc["dims"].value) == (64, 256, (8, 8))
    assert (mesh.core.in_axons.value, mesh.core.out_edges.value) == (1024, 4096)
    sizes = {m.name: m.words.value * m.bits.value // 8 for m in mesh.core.memory}
    assert sizes == {"weight": 64 * 1024, "state": 16 * 1024}
    assert [mesh.width(kind) for kind in ("weights", "biases", "membranes", "parameters")] == [8, 24, 16, 16]
    assert (fpga.core.count.value, fpga.core.neurons.value, fpga.noc["dims"].value) == (32, 512, (8, 4))
    assert [m.words.value for m in fpga.core.memory] == [65536, 98304]
    assert fpga.core.in_axons.value is None
    assert fpga.width("weights") is None


@pytest.mark.parametrize("name", ["generic-mesh", "zcu102"])
def test_every_number_that_is_known_says_where_it_comes_from(name: str) -> None:
    target = hw.target(name)
    numbers = [text for _, text in target.facts() if text[0].isdigit() and "(" in text]
    assert len(numbers) > 5
    assert all(text.rstrip(")").split(", ")[-1] in target.citations for text in numbers)
    assert target.id == name


def test_the_hash_is_of_the_content_not_of_its_layout(edited: Edited) -> None:
    same = edited(
        ("[target]\n", "[target]\n\n# a remark\n"), ('family = "mesh"\n', ""), ("[target]", '[target]\nfamily = "mesh"')
    )
    other = hw.target("generic-mesh")
    assert hw.target(same).hash == other.hash
    assert len(other.hash) == 64
    changed = edited(("neurons = { value = 256", "neurons = { value = 255"))
    assert hw.target(changed).hash != other.hash


def test_a_target_is_taken_by_name_by_path_and_as_it_is(edited: Edited) -> None:
    path = edited(('id = "generic-mesh"', 'id = "mine"'))
    assert hw.target(path).id == hw.target(str(path)).id == "mine"
    target = hw.target(path)
    assert hw.target(target) is target
    assert repr(target).startswith("Target mine: 64 cores of 256 neurons")


def test_an_unknown_name_gets_the_nearest_one() -> None:
    with pytest.raises(TalonTargetError) as caught:
        hw.target("zcu120")
    assert caught.value.code == "T501"
    assert caught.value.help == "did you mean 'zcu102'?"
    assert caught.value.expected == "generic-mesh, zcu102"


def test_a_missing_file_and_a_file_that_is_no_toml(tmp_path: Path) -> None:
    with pytest.raises(TalonFileError) as missing:
        hw.target(tmp_path / "nowhere.toml")
    assert missing.value.code == "T301"
    path = tmp_path / "broken.toml"
    for content, found in ((b"[target\n", "line 1"), (b"id = \xff", "utf-8"), (b"n = " + b"[" * 5000, "")):
        path.write_bytes(content)
        with pytest.raises(TalonTargetError) as broken:
            hw.target(path)
        assert broken.value.code == "T502"
        assert "is not TOML" in str(broken.value)
        assert found in (broken.value.found or "")


NUMBER = '{ value = 256, unit = "neuron", kind = "assumed", cite = "talon" }'
WRONG = {
    "unknown key": (
        (("neurons = {", "neuron = {"),),
        ("core[0].neuron is an unknown key", "neuron", "did you mean 'neurons'?"),
    ),
    "unknown section": (
        (("[timing]", "[timings]"),),
        ("timings is an unknown key", "timings", "did you mean 'timing'?"),
    ),
    "missing key": (
        (('family = "mesh"\n', ""),),
        ("target.family is missing", "only id, revision, summary, citations", "add it"),
    ),
    "bare number": (
        ((f"neurons = {NUMBER}", "neurons = 256"),),
        ("core[0].neurons is a bare value", "256", "say where the number comes from"),
    ),
    "wrong type": (
        (("neurons = { value = 256", 'neurons = { value = "256"'),),
        ("core[0].neurons.value has the wrong type", "str '256'", "correct it"),
    ),
    "a flag for a number": (
        (("neurons = { value = 256", "neurons = { value = true"),),
        ("core[0].neurons.value has the wrong type", "bool True", "correct it"),
    ),
    "a part of a neuron": (
        (("neurons = { value = 256", "neurons = { value = 256.5"),),
        ("core[0].neurons.value has the wrong type", "float 256.5", "correct it"),
    ),
    "out of range": (
        (("neurons = { value = 256", "neurons = { value = 0"),),
        ("core[0].neurons.value is out of range", "0", "correct it"),
    ),
    "not finite": (
        (("value = 0.1", "value = nan"),),
        ("cost.int32_add.value is out of range", "nan", "correct it"),
    ),
    "absurdly large": (
        (("neurons = { value = 256", f"neurons = {{ value = 1{'0' * 400}"),),
        ("core[0].neurons.value is out of range", "1000", "correct it"),
    ),
    "another unit": (
        (('value = 256, unit = "neuron"', 'value = 256, unit = "core"'),),
        ("core[0].neurons.unit is another unit", "'core'", "correct it"),
    ),
    "unknown kind": (
        (('value = 256, unit = "neuron", kind = "assumed"', 'value = 256, unit = "neuron", kind = "asumed"'),),
        ("core[0].neurons.kind does not know 'asumed'", "'asumed'", "did you mean 'assumed'?"),
    ),
    "no such citation": (
        (('unit = "neuron", kind = "assumed", cite = "talon"', 'unit = "neuron", kind = "assumed", cite = "tallon"'),),
        ("core[0].neurons.cite is not among target.citations", "'tallon'", "did you mean 'talon'?"),
    ),
    "unknown word": (
        (('route = "xy"', 'route = "xz"'),),
        ("noc.route does not know 'xz'", "'xz'", "use one of the words above"),
    ),
    "held by no name": (
        (('holds = ["weights", "biases"]', 'holds = ["weight", "biases"]'),),
        ("core[0].memory[0].holds[0] does not know 'weight'", "'weight'", "did you mean 'weights'?"),
    ),
    "not a table": ((("LIF = {}", "LIF = 1"),), ("ops.LIF is not a table", "1", "correct it")),
    "unknown primitive": (
        (("LIF = {}", "LFI = {}"),),
        ("ops.LFI is an unknown key", "LFI", "did you mean 'LIF'?"),
    ),
    "unknown attribute": (
        (('Upsample = { mode = ["nearest"] }', 'Upsample = { modes = ["nearest"] }'),),
        ("ops.Upsample.modes is no attribute of Upsample", "modes", "did you mean 'mode'?"),
    ),
    "numbers that disagree": (
        (("value = [8, 8]", "value = [8, 4]"),),
        ("noc.dims does not fit core[0].count", "8 x 4", "correct it"),
    ),
    "a dimension too few": (
        (("value = [8, 8]", "value = [64]"),),
        ("noc.dims.value is not a list of numbers", "[64]", "correct it"),
    ),
    "two memories of one name": (
        (('name = "state"', 'name = "weight"'),),
        ("core[0].memory[1].name stands twice", "'weight'", "correct it"),
    ),
    "two kinds of cores": (
        (("[noc]\n", "[[core]]\n\n[noc]\n"),),
        ("core is not an array of tables", "2 tables", "correct it"),
    ),
    "nothing at all": ((("[target]", "[tarte]"),), ("tarte is an unknown key", "tarte", "did you mean 'target'?")),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_description_names_file_key_expected_and_found(case: str, edited: Edited) -> None:
    changes, (message, found, help) = WRONG[case]
    path = edited(*changes)
    with pytest.raises(TalonTargetError) as caught:
        hw.target(path)
    error = caught.value
    assert error.code == "T502"
    assert error.diagnostic.message == message
    assert error.diagnostic.file == str(path)
    assert (error.found or "").startswith(found)
    assert (error.help or "").startswith(help)
    assert error.expected


def test_unknown_may_stand_for_every_fact_and_stays_unknown(edited: Edited) -> None:
    text = files("talon.hw").joinpath("targets", "generic-mesh.toml").read_text()
    changes = [(line, f'{line.partition(" = ")[0]} = "unknown"') for line in text.splitlines() if "= { value" in line]
    target = hw.target(edited(*changes))
    assert "256" not in str(list(target.facts()))
    core = target.core
    quantities = [core.count, core.neurons, core.fan_in, core.in_axons, core.out_edges, *(m.words for m in core.memory)]
    assert all(quantity.value is None for quantity in quantities)
    assert tomllib.loads(text)["core"][0]["neurons"]["value"] == 256
