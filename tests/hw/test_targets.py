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


def test_the_targets_that_ship() -> None:
    shipped = ["generic-mesh", "loihi1", "speck2e", "t1c-asic", "truenorth", "xylo-audio2", "zcu102", "zynq-7020"]
    assert hw.targets() == shipped
    mesh, fpga = hw.target("generic-mesh"), hw.target("zcu102")
    assert [mesh.width(kind) for kind in ("weights", "biases", "membranes", "parameters")] == [8, 24, 16, 16]
    assert fpga.core.in_axons.unknown
    assert not mesh.core.reach.unknown
    assert mesh.core.reach.value is None  # there is no limit, which is another thing than not to know one
    assert str(mesh.core.reach) == "unlimited"
    assert fpga.width("weights") is None


@pytest.mark.parametrize("name", hw.targets())
def test_every_number_that_is_known_says_where_it_comes_from(name: str) -> None:
    target = hw.target(name)
    numbers = [text for key, text in target.facts() if "(" in text and key.split(".")[0] in SECTIONS]
    assert len(numbers) > 5
    assert all(text.rstrip(")").split(", ")[-1] in target.citations for text in numbers)


SECTIONS = ("cores", "chip", "noc", "numeric", "cost", "timing")


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
    assert "3 cores of 65536 neurons, 2 cores of 32768 neurons" in repr(hw.target("speck2e"))


def test_an_unknown_name_gets_the_nearest_one() -> None:
    with pytest.raises(TalonTargetError) as caught:
        hw.target("zcu120")
    assert caught.value.code == "T501"
    assert caught.value.help == "did you mean 'zcu102'?"
    assert caught.value.expected == ", ".join(hw.targets())


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
SECOND_CORE = """[[core]]
name = "core"
count = { value = 64, unit = "core", kind = "assumed", cite = "talon" }
neurons = "unknown"
fan_in = "unknown"
fan_out = "unknown"
in_axons = "unknown"
out_edges = "unknown"
reach = "unknown"
destinations = "unknown"
layers = "unknown"
inputs = "unknown"
outputs = "unknown"
spikes = "unknown"

[[core.memory]]
name = "state"
holds = ["membranes"]
words = "unknown"
bits = { value = 16, unit = "bit", kind = "assumed", cite = "talon" }
packing = "whole"
padding = "none"
overhead = "unknown"

"""
BANK = 'padding = "none"\nbank = { value = 64, unit = "word", kind = "assumed", cite = "talon" }'
WRONG = {
    "an id that draws on the terminal": (
        (('id = "generic-mesh"', 'id = "\\u001b[31mmesh"'),),
        ("target.id cannot be printed", "'\\x1b[31mmesh'", ""),
    ),
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
        ("target.family is missing", "only id, revision, summary", "add it"),
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
    "two cores of one name": (
        (("[noc]\n", SECOND_CORE + "[noc]\n"), ("[8, 8]", "[16, 8]")),
        ("core[1].name stands twice", "'core'", "correct it"),
    ),
    "memories of one name that differ": (
        (("[noc]\n", SECOND_CORE.replace('name = "core"', 'name = "other"') + "[noc]\n"), ("[8, 8]", "[16, 8]")),
        ("core[1].memory[0] differs from the 'state' memory of other cores", "membranes in 16 bit", "give it another"),
    ),
    "no core": (
        (("[[core]]", "[[core.none]]"), ("[[core.memory]]", "[[core.more]]"), ("[[core.memory]]", "[[core.more]]")),
        ("core is not an array of tables", "{", "correct it"),
    ),
    "a bank without its padding": (
        (('padding = "none"', BANK),),
        ("core[0].memory[0].bank does not fit padding", "64 word", "correct it"),
    ),
    "a padding without its bank": (
        (('padding = "none"', 'padding = "bank"'),),
        ("core[0].memory[0].bank does not fit padding", "none", "correct it"),
    ),
    "no limit for what has one": (
        (("count = { value = 64", 'count = "unlimited" # { value = 64'),),
        ("core[0].count is a bare value", "unlimited", "say where the number comes from"),
    ),
    "unknown bound": (
        (("value = 0.03, ", 'value = 0.03, bound = "atleast", '),),
        ("cost.int8_add.bound does not know 'atleast'", "'atleast'", "did you mean 'at least'?"),
    ),
    "unknown reset": (
        (('reset = ["value", ', 'reset = ["zero", '),),
        ("numeric.reset[0] does not know 'zero'", "'zero'", "use one of the words above"),
    ),
    "a range that is none": (
        (("Conv2d = {}", "Conv2d = { kh = { min = 3, max = 1 } }"),),
        ("ops.Conv2d.kh is no range", "3 to 1", "correct it"),
    ),
    "half a range": (
        (("Conv2d = {}", "Conv2d = { kh = { max = 16 } }"),),
        ("ops.Conv2d.kh.min is missing", "only max", "add it"),
    ),
    "unknown cost": (
        (("int8_add =", "int8_ad ="),),
        ("cost.int8_ad is an unknown key", "int8_ad", "did you mean 'int8_add'?"),
    ),
    "a cost without its process": (
        ((", node_nm = 45, volts = 0.9", ", volts = 0.9"),),
        ("cost.int8_add.node_nm is missing", "only value", "add it"),
    ),
    "an unknown capability": (
        (("learning = false", "lerning = false"),),
        ("target.capabilities.lerning is an unknown key", "lerning", "did you mean 'learning'?"),
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
