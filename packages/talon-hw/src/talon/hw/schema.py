"""The grammar of a target description: every section, every key, and what it may hold."""

from __future__ import annotations

from collections.abc import Sequence

from talon.hw.rules import Choices, Each, Flag, Number, Plain, Rows, Rule, Table, Text, Word, Words

STORED = ("weights", "biases", "membranes", "parameters")
"""What memories hold: synaptic weights, biases, neuron state, and neuron parameters that differ between neurons."""

MEMORY = Table(
    {
        "name": Text(),
        "holds": Words(STORED),
        "words": Number("word"),
        "bits": Number("bit", high=4096),
        # whole: a value takes as many whole words as its width needs; single: one word, whatever its width.
        "packing": Word(("whole", "single")),
    }
)
CORE = Table(
    {
        "count": Number("core"),
        "neurons": Number("neuron"),
        "fan_in": Number("input"),
        "in_axons": Number("axon"),
        "out_edges": Number("edge"),
        "memory": Rows(MEMORY),
    }
)
OVERFLOW = Word(("saturate", "wrap", "trap"))
ROUNDING = Word(("floor", "rtz", "half_even", "half_up"))
COSTS = ("int8_add", "int32_add", "int32_mul", "sram_8kib_read_64bit", "synaptic_op", "neuron_update", "hop")


def schema(primitives: Sequence[str]) -> dict[str, Rule]:
    """The sections of a description; `primitives` are the names that `[ops]` may hold."""
    return {
        "target": Table({k: Text() for k in ("id", "family", "revision", "summary")} | {"citations": Each(Text())}),
        "core": Rows(CORE, high=1),
        "noc": Table(
            {
                "kind": Word(("mesh", "torus", "tree", "crossbar", "none")),
                "dims": Number("core", many=2),
                "route": Word(("xy", "yx")),
                "multicast": Flag(),
                "max_delay": Number("step"),
            }
        ),
        "numeric": Table(
            {
                "weights": Table({"bits": Number("bit", high=64), "scale": Word(("pow2", "float"))}),
                "accumulators": Table({"bits": Number("bit", high=64), "overflow": OVERFLOW, "rounding": ROUNDING}),
                "membranes": Table({"bits": Number("bit", high=64), "overflow": OVERFLOW}),
                "decay": Table({"rule": Word(("multiply", "shift")), "bits": Number("bit"), "rounding": ROUNDING}),
                "comparator": Word(("ge", "gt")),
            }
        ),
        "ops": Each(Choices(), primitives, may_be_unknown=True),
        "cost": Each(
            Number("pJ", low=0, whole=False, extra={"node_nm": Plain(1), "volts": Plain(0)}), COSTS, may_be_unknown=True
        ),
        "timing": Table({"clock": Number("MHz", low=0, whole=False)}),
    }
