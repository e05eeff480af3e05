"""The grammar of a target description: every section, every key, and what it may hold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from talon.hw.choices import Choices
from talon.hw.quantities import COST, Number
from talon.hw.rules import Each, Flag, Rows, Rule, Table, Text, Word, Words

STORED = ("weights", "biases", "membranes", "parameters")
"""What memories hold: synaptic weights, biases, neuron state, and neuron parameters that differ between neurons."""

MEMORY = Table(
    {
        "name": Text(),
        "holds": Words(STORED),
        "words": Number("word"),
        "bits": Number("bit", high=4096),
        # whole: a value takes as many whole words as its width needs; single: one word, whatever its width; packed: as
        # many values share a word as there is room for.
        "packing": Word(("whole", "single", "packed")),
        # none; pow2: kernels, output channels, heights and widths are each rounded up to a power of two; bank: what one
        # tile stores is rounded up to whole banks.
        "padding": Word(("none", "pow2", "bank")),
        # What is stored beside each value: addresses, headers.
        "overhead": Number("bit", low=0),
    },
    optional={"bank": Number("word")},
)
LIMITS = {
    "neurons": Number("neuron"),
    # Connections into one unit, and out of one.
    "fan_in": Number("input", endless=True),
    "fan_out": Number("output", low=0, endless=True),
    # Units that a core hears; pairs of one of its units and a core that hears it.
    "in_axons": Number("axon", endless=True),
    "out_edges": Number("edge", low=0, endless=True),
    # Cores that one unit reaches, and that one core sends to.
    "reach": Number("core", low=0, endless=True),
    "destinations": Number("core", low=0, endless=True),
    # Layers that share a core; units of Inputs that it hears, and of its own that Outputs read.
    "layers": Number("layer", endless=True),
    "inputs": Number("unit", low=0, endless=True),
    "outputs": Number("unit", low=0, endless=True),
    # Spikes of one neuron in a step.
    "spikes": Number("spike", endless=True),
}
"""The limits of a core."""
CORE = Table({"name": Text(), "count": Number("core"), **LIMITS, "memory": Rows(MEMORY, may_be_unknown=True)})

OVERFLOW = Word(("saturate", "wrap", "trap"))
ROUNDING = Word(("floor", "rtz", "half_even", "half_up"))
BITS = Number("bit", high=64)
RESETS = ("value", "subtract", "none")
DECAYS = ("none", "linear", "shift", "shift_at_least_1", "multiply")
"""none: the membrane keeps its value; linear: a constant is subtracted; shift: `v - (v >> bits)`, with at least 1 taken
off in the next; multiply: `v * factor >> bits`, by the rounding that stands beside it."""


def register(**more: Rule) -> Table:
    """A register of the arithmetic; "unknown" for the whole says it of everything."""
    return Table({"bits": BITS, "signed": Flag(), **more}, may_be_unknown=True)


NUMERIC = Table(
    {
        "weights": register(fewest_bits=BITS, rounding=ROUNDING, scale=Word(("pow2", "float"))),
        "accumulators": Table(
            {"bits": BITS, "signed": Flag(), "overflow": OVERFLOW, "rounding": ROUNDING},
            # How far a sum may be shifted on its way into the membrane, to the left, or to the right by the rounding of
            # accumulators; not at all where nothing is said.
            optional={"shift": Number("bit", low=0, high=64)},
            may_be_unknown=True,
        ),
        "membranes": register(overflow=OVERFLOW, rounding=ROUNDING),
        # A threshold is a number of `bits` bits, shifted to the left by `shift`.
        "thresholds": register(shift=Number("bit", low=0, high=64)),
        # What a spike carries: 0 bits where it carries nothing but that it is there.
        "payload": Table({"bits": Number("bit", low=0, high=64), "signed": Flag()}, may_be_unknown=True),
        "decay": Table({"rule": Word(DECAYS), "bits": Number("bit"), "rounding": ROUNDING}, may_be_unknown=True),
        # exact: summed wide, overflow once; sequential_saturate: overflow after every addition, so order matters.
        "accumulate": Word(("exact", "sequential_saturate")),
        "comparator": Word(("ge", "gt")),
        "reset": Words(RESETS, may_be_unknown=True),
        "order": Words(("decay", "input", "spike", "reset"), may_be_unknown=True),
    },
    may_be_unknown=True,
)

CHIP = {
    "memory": "B",
    "sram": "MB",
    "sram_per_core": "Mbit",
    "routing_memory_per_core": "kB",
    "tiles": "tile",
    "cores_per_tile": "core",
    "axon_types": "type",
    "input_side": "pixel",
    "input_spikes_per_step": "spike",
    "mean_fan_out": "output",
    "synaptic_states_per_neuron": "state",
    "aliases_per_neuron": "alias",
    "bram36": "block",
    "luts": "lut",
    "dsps": "dsp",
}
"""What is known of the whole part: names and units."""
PICOJOULES = (
    *("int8_add", "int8_mul", "int8_mac", "int32_add", "int32_mul", "fp16_add", "fp16_mul"),
    *("fp32_add", "fp32_mul", "fp32_mac", "fp32_ac"),
    *("sram_8kib_read_64bit", "sram_32kib_read_64bit", "sram_1mib_read_64bit"),
    *("synaptic_op", "neuron_update", "neuron_update_active", "neuron_update_inactive", "learning_update"),
    *("spike_in_tile", "hop", "hop_east_west", "hop_north_south"),
)
COSTS = dict.fromkeys(PICOJOULES, "pJ") | {
    "dram_read_64bit": "nJ",
    "inference": "uJ",
    "leakage_per_core": "mW",
    "power": "mW",
    "power_resting": "mW",
}
"""What costs are stated of: names and units."""
TIMES = {
    "clock": "MHz",
    "step": "ms",
    "synaptic_op": "ns",
    "neuron_update_active": "ns",
    "neuron_update_inactive": "ns",
    "hop_east_west": "ns",
    "hop_north_south": "ns",
    "barrier_shortest": "ns",
    "barrier_longest": "ns",
    "event_through_all_layers": "us",
}
"""What times are stated of: names and units."""


def amounts(units: dict[str, str], extra: Mapping[str, Rule] = MappingProxyType({})) -> Each:
    """A section of named numbers, each with its unit; a name that is left out is not spoken of."""
    rules = {name: Number(unit, low=0, whole=False, extra=extra) for name, unit in units.items()}
    return Each(rules, may_be_unknown=True)


def schema(primitives: Sequence[str]) -> dict[str, Rule]:
    """The sections of a description; `primitives` are the names that `[ops]` may hold."""
    head = {key: Text(name=True) for key in ("id", "family", "revision")} | {"summary": Text()}
    capabilities = Table(dict.fromkeys(("recurrence", "learning", "synchronous"), Flag()), may_be_unknown=True)
    return {
        "target": Table({**head, "citations": Each(Text()), "capabilities": capabilities}),
        "core": Rows(CORE),
        "chip": amounts(CHIP),
        "noc": Table(
            {
                "kind": Word(("mesh", "torus", "tree", "crossbar", "none")),
                "dims": Number("core", many=2),
                "route": Word(("xy", "yx")),
                "multicast": Flag(),
                # Whether means of windows are made on the way, so that a pool takes no core.
                "pooling": Flag(),
                "max_delay": Number("step", endless=True),
            },
            may_be_unknown=True,
        ),
        "numeric": NUMERIC,
        "ops": Each(dict.fromkeys(primitives, Choices()), may_be_unknown=True),
        "cost": amounts(COSTS, extra=COST),
        "timing": amounts(TIMES),
    }
