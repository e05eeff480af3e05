"""Every number of every target that ships, against a table of its own: value, unit, how it is known, and its source."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields
from typing import Any

import pytest

from talon import hw
from talon.hw.description import Core, Memory
from talon.hw.quantities import Quantity

KI = 1024

GENERIC_MESH = """
core.count 64 core assumed talon
core.neurons 256 neuron assumed talon
core.fan_in 1024 input derived talon
core.in_axons 1024 axon assumed talon
core.out_edges 4096 edge assumed talon
core.spikes 1 spike assumed talon
core.weight.words 65536 word assumed talon
core.weight.bits 8 bit assumed talon
core.weight.overhead 0 bit assumed talon
core.state.words 8192 word assumed talon
core.state.bits 16 bit assumed talon
core.state.overhead 0 bit assumed talon
noc.dims (8,8) core assumed talon
numeric.weights.bits 8 bit assumed talon
numeric.weights.fewest_bits 2 bit assumed talon
numeric.accumulators.bits 24 bit assumed talon
numeric.accumulators.shift 15 bit assumed talon
numeric.membranes.bits 16 bit assumed talon
numeric.thresholds.bits 16 bit assumed talon
numeric.thresholds.shift 0 bit assumed talon
numeric.payload.bits 8 bit assumed talon
numeric.decay.bits 12 bit assumed talon
cost.int8_add 0.03 pJ published horowitz45 45nm 0.9V
cost.int8_mul 0.2 pJ published horowitz45 45nm 0.9V
cost.int8_mac 0.23 pJ derived horowitz45 45nm 0.9V
cost.int32_add 0.1 pJ published horowitz45 45nm 0.9V
cost.int32_mul 3.1 pJ published horowitz45 45nm 0.9V
cost.fp32_add 0.9 pJ published horowitz45 45nm 0.9V
cost.fp32_mul 3.7 pJ published horowitz45 45nm 0.9V
cost.fp32_mac 4.6 pJ derived horowitz45 45nm 0.9V
cost.fp32_ac 0.9 pJ derived horowitz45 45nm 0.9V
cost.sram_8kib_read_64bit 10 pJ published horowitz45 45nm 0.9V
"""
LOIHI1 = """
neurocore.count 128 core published davies2018
neurocore.neurons 1024 neuron published davies2018
neurocore.in_axons 4096 axon published davies2018
neurocore.out_edges 4096 edge published davies2018
neurocore.spikes 1 spike derived nengo-loihi
neurocore.synapse.words 16384 word published davies2018
neurocore.synapse.bits 64 bit published davies2018
chip.sram 33 MB published davies2018
chip.sram_per_core 2 Mbit published davies2018
chip.routing_memory_per_core 20 kB published davies2018
chip.tiles 32 tile derived davies2018
chip.cores_per_tile 4 core derived davies2018
noc.max_delay 62 step published davies2018
numeric.weights.bits 9 bit published davies2018
numeric.weights.fewest_bits 1 bit published davies2018
numeric.accumulators.bits 24 bit published davies2018
numeric.membranes.bits 24 bit published davies2018
numeric.thresholds.bits 17 bit published davies2018
numeric.thresholds.shift 6 bit published davies2018
numeric.decay.bits 12 bit published davies2018
cost.synaptic_op 23.6 pJ simulated davies2018 14nm 0.75V at_least
cost.neuron_update_active 81 pJ simulated davies2018 14nm 0.75V
cost.neuron_update_inactive 52 pJ simulated davies2018 14nm 0.75V
cost.spike_in_tile 1.7 pJ simulated davies2018 14nm 0.75V
cost.hop_east_west 3.0 pJ simulated davies2018 14nm 0.75V
cost.hop_north_south 4.0 pJ simulated davies2018 14nm 0.75V
cost.learning_update 120 pJ simulated davies2018 14nm 0.75V
cost.leakage_per_core 0.8 mW derived davies2021 14nm about
timing.synaptic_op 3.5 ns simulated davies2018 at_most
timing.neuron_update_active 8.4 ns simulated davies2018
timing.neuron_update_inactive 5.3 ns simulated davies2018
timing.hop_east_west 4.1 ns simulated davies2018
timing.hop_north_south 6.5 ns simulated davies2018
timing.barrier_shortest 113 ns simulated davies2018
timing.barrier_longest 465 ns simulated davies2018
"""
XYLO_AUDIO2 = """
hidden.count 1 core published rockpool
hidden.neurons 1000 neuron published rockpool
hidden.fan_out 64 output published rockpool
hidden.inputs 16 unit published rockpool
hidden.outputs 0 unit derived rockpool
hidden.spikes 31 spike published rockpool
readout.count 1 core published rockpool
readout.neurons 8 neuron published rockpool
readout.fan_out 0 output derived rockpool
readout.inputs 0 unit derived rockpool
readout.outputs 8 unit published rockpool
readout.spikes 1 spike published rockpool
chip.input_spikes_per_step 15 spike published rockpool
chip.mean_fan_out 32 output published rockpool
chip.synaptic_states_per_neuron 2 state published rockpool
chip.aliases_per_neuron 1 alias published rockpool
numeric.weights.bits 8 bit published rockpool
numeric.accumulators.bits 16 bit published rockpool
numeric.membranes.bits 16 bit published rockpool
numeric.thresholds.bits 16 bit published rockpool
cost.power 0.291 mW published ke2024
cost.inference 6.6 uJ published ke2024
"""
TRUENORTH = """
core.count 4096 core published merolla2014
core.neurons 256 neuron published merolla2014
core.fan_in 256 input published merolla2014
core.fan_out 256 output derived merolla2014
core.in_axons 256 axon published merolla2014
core.out_edges 256 edge derived merolla2014
core.reach 1 core published merolla2014
core.destinations 256 core derived merolla2014
core.spikes 1 spike published merolla2014
core.crossbar.words 65536 word published merolla2014
core.crossbar.bits 1 bit published merolla2014
core.crossbar.overhead 0 bit published merolla2014
chip.axon_types 4 type published merolla2014
noc.dims (64,64) core published merolla2014
numeric.weights.bits 9 bit published merolla2014
numeric.payload.bits 0 bit published merolla2014
cost.synaptic_op 26 pJ published secondary
cost.power 63 mW published merolla2014
timing.step 1 ms published merolla2014
"""
SPECK2E = """
chip.input_side 128 pixel published samna
numeric.weights.bits 8 bit published sinabs
numeric.membranes.bits 16 bit published sinabs
cost.power 1 mW published yao2024 about
timing.event_through_all_layers 3.36 us published yao2024
"""
SPECK_LAYERS = {
    "layers 0 to 2": (3, 16, 64),
    "layers 3 and 4": (2, 32, 32),
    "layers 5 and 6": (2, 64, 16),
    "layers 7 and 8": (2, 16, 16),
}
"""How many, Ki words of kernel memory, Ki words of neuron memory."""
PRESET = """
core.count {0} core published preset
core.neurons {2} neuron published preset
core.synapse.words {3} word published preset
core.local.words {4} word published preset
core.local.bits 8 bit published preset
noc.dims {1} core published preset
"""
PART = """
chip.bram36 {0} block published vendor
chip.memory {1} B published vendor
chip.luts {2} lut published vendor
chip.dsps {3} dsp published vendor
timing.clock 200 MHz published vendor
"""


def speck() -> str:
    rows = [SPECK2E]
    for name, (count, kernel, neuron) in SPECK_LAYERS.items():
        at = name.replace(" ", "_")
        rows.append(f"{at}.count {count} core published samna\n{at}.neurons {neuron * KI} neuron published samna")
        rows.append(f"{at}.destinations 2 core published samna\n{at}.layers 1 layer derived sinabs")
        for memory, words, bits in (("kernel", kernel, 8), ("neuron", neuron, 16), ("bias", 1, None)):
            rows.append(f"{at}.{memory}.words {words * KI} word published samna")
            rows.append(f"{at}.{memory}.bits {bits} bit published samna" if bits else "")
            rows.append(f"{at}.{memory}.overhead 0 bit derived samna")
    return "\n".join(rows)


TABLE = {
    "generic-mesh": GENERIC_MESH,
    "loihi1": LOIHI1,
    "xylo-audio2": XYLO_AUDIO2,
    "speck2e": speck(),
    "truenorth": TRUENORTH,
    "zynq-7020": PRESET.format(16, "(4,4)", 128, 16_384, 32_768) + PART.format(140, 645_120, 53_200, 220),
    "zcu102": PRESET.format(32, "(8,4)", 512, 65_536, 98_304) + PART.format(912, 4_202_496, 274_080, 2_520),
    "t1c-asic": PRESET.format(256, "(16,16)", 1_024, 262_144, 262_144),
}


def quantities(key: str, value: Any) -> Iterator[tuple[str, Quantity]]:
    """Every number that is known, by its key."""
    if isinstance(value, Quantity) and value.value is not None:
        yield key, value
    elif isinstance(value, (Core, Memory)):
        for field in fields(value):
            yield from quantities(key if field.name == "memory" else f"{key}.{field.name}", getattr(value, field.name))
    elif isinstance(value, tuple):
        for part in value:
            if isinstance(part, (Core, Memory)):
                yield from quantities(f"{key}.{part.name.replace(' ', '_')}", part)
    elif isinstance(value, Mapping):
        for name, item in value.items():
            yield from quantities(f"{key}.{name}", item)


def found(target: hw.Target) -> dict[str, str]:
    """The numbers of a target, in the form of the table."""
    rows = {}
    for section in ("cores", "chip", "noc", "numeric", "cost", "timing"):
        for key, number in quantities(section, getattr(target, section)):
            value = str(number.value).replace(" ", "")
            more = [f"{v:g}{u}" for v, u in ((number.node_nm, "nm"), (number.volts, "V")) if v is not None]
            more += [number.bound.replace(" ", "_")] if number.bound else []
            rows[key.removeprefix("cores.")] = " ".join([value, number.unit, number.kind, str(number.cite), *more])
    return rows


def test_the_table_has_every_target() -> None:
    assert sorted(TABLE) == hw.targets()


@pytest.mark.parametrize("name", TABLE)
def test_every_number_is_the_one_of_its_source(name: str) -> None:
    rows = dict(line.split(" ", 1) for line in TABLE[name].splitlines() if line)
    assert found(hw.target(name)) == rows
    assert hw.target(name).id == name


def test_a_core_is_as_large_as_its_memories_say() -> None:
    sizes = {m.name: m.words.value * m.bits.value // 8 for m in hw.target("generic-mesh").core.memory}
    assert sizes == {"weight": 64 * KI, "state": 16 * KI}
    (synapses,) = hw.target("loihi1").core.memory
    assert synapses.words.value * synapses.bits.value == 128 * KI * 8
    truenorth = hw.target("truenorth")
    assert (truenorth.core_count, truenorth.neuron_count) == (4096, 2**20)
    assert truenorth.core.memory[0].words.value == 256 * 256


RULES = {
    "generic-mesh": ("ge", ("value", "subtract", "none"), "multiply", "rtz", "exact"),
    "loihi1": ("gt", ("value",), "multiply", "rtz", None),
    "xylo-audio2": (None, None, "shift_at_least_1", "floor", None),
    "speck2e": (None, ("value", "subtract"), "linear", None, None),
    "truenorth": (None, None, "linear", None, None),
    **dict.fromkeys(("zynq-7020", "zcu102", "t1c-asic"), (None,) * 5),
}


@pytest.mark.parametrize("name", RULES)
def test_the_rules_of_the_arithmetic(name: str) -> None:
    numeric = hw.target(name).numeric
    decay = numeric["decay"]
    rules = (numeric["comparator"], numeric["reset"], decay["rule"], decay["rounding"], numeric["accumulate"])
    assert rules == RULES[name]


def test_what_is_limited_of_convolutions_on_speck() -> None:
    ops = hw.target("speck2e").ops
    assert ops is not None
    assert {key: str(choices) for key, choices in ops["Conv2d"].items()} == {
        "kh": "1 to 16",
        "kw": "1 to 16",
        "stride": "1 or 2 or 4 or 8",
        "padding": "0 to 7",
        "dilation": "1",
        "groups": "1",
        "out": "1 to 1024",
        "input_size": "1 to 128",
        "output_size": "1 to 64",
    }
    assert str(ops["AvgPool2d"]["kernel_size"]) == "1 or 2 or 4"
    assert all(m.padding == "pow2" for core in hw.target("speck2e").cores for m in core.memory if m.name != "bias")


def test_what_nobody_has_published_stays_unknown() -> None:
    for name, keys in {
        "xylo-audio2": ("synaptic_op", "neuron_update"),
        "speck2e": ("synaptic_op", "neuron_update", "power_resting"),
        "generic-mesh": ("fp16_add", "fp16_mul", "sram_32kib_read_64bit", "sram_1mib_read_64bit", "dram_read_64bit"),
    }.items():
        cost = hw.target(name).cost
        assert cost is not None
        assert all(cost[key].unknown for key in keys)
    assert hw.target("t1c-asic").cost is None
    assert hw.target("truenorth").numeric["membranes"]["bits"].unknown


def test_presets_say_that_their_documentation_differs() -> None:
    for name in ("zynq-7020", "zcu102", "t1c-asic"):
        assert "published documentation prints other values" in hw.target(name).summary
