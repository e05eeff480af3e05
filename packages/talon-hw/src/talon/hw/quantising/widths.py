"""How wide things are: the arithmetic of a target, and the bits that a node or its hints ask for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from talon.hw.description import Target
from talon.hw.integers.arithmetic import DECAYS, MOST_BITS, ORDERS, Arithmetic, Decay, Register
from talon.hw.quantising import hints
from talon.hw.quantising.parameters import stored
from talon.hw.report import Finding, refusal
from talon.ir.errors import TalonTargetError

FEWEST, MOST = 2, 16
"""Bits of weights that can be quantised to."""


def arithmetic(target: Target) -> Arithmetic:
    """The target's arithmetic. Raises `TalonTargetError` (T506) naming everything that its description leaves open."""
    error = undescribed(target) or uncomputable(target)
    if error is not None:
        raise error
    numeric = target.numeric
    rule = numeric["decay"]["rule"]
    decay = None
    if rule in DECAYS:
        bits = numeric["decay"]["bits"].value
        decay = Decay(rule, bits if rule == "multiply" else 1, numeric["decay"]["rounding"])
    accumulators, membranes = (
        Register(numeric[name]["bits"].value, numeric[name]["overflow"]) for name in ("accumulators", "membranes")
    )
    return Arithmetic(
        accumulators,
        numeric["accumulators"]["rounding"] or "floor",
        membranes,
        decay,
        numeric["comparator"],
        numeric["accumulate"],
        tuple(numeric["order"]),
    )


def undescribed(target: Target) -> TalonTargetError | None:
    """The error (T506) that names everything that the description leaves open, None where that is nothing."""
    open_keys = list(unknown(target))
    if not open_keys:
        return None
    return TalonTargetError(
        "T506",
        f"the arithmetic of {target.id} is not known well enough to compute with",
        expected="a value for each of " + ", ".join(open_keys),
        found="unknown",
        help=f'describe a target of your own with inherits = "{target.id}" that says these',
    )


def uncomputable(target: Target) -> TalonTargetError | None:
    """The error (T506) that names everything that no integers here follow, None where that is nothing."""
    refused = list(uncomputed(target))
    if not refused:
        return None
    return TalonTargetError(
        "T506",
        f"the arithmetic of {target.id} is not one that integers are computed in",
        expected=", ".join(expected for _, expected in refused),
        found=", ".join(found for found, _ in refused),
        help="quantise for a target with these, or describe one of your own",
    )


def uncomputed(target: Target) -> Iterator[tuple[str, str]]:
    """What the target says and no integers here follow: the key with its value, and what would be followed. What it
    leaves open is none of that."""
    numeric = target.numeric
    for name in ("weights", "accumulators", "membranes", "thresholds"):
        if numeric[name]["signed"] is False:
            yield f"numeric.{name}.signed = false", "signed numbers"
    if numeric["weights"]["rounding"] not in (None, "half_even"):
        yield f"numeric.weights.rounding = {numeric['weights']['rounding']}", "half_even"
    for name in ("accumulators", "membranes"):
        bits = numeric[name]["bits"].value
        if bits is not None and not 2 <= bits <= MOST_BITS:
            yield f"numeric.{name}.bits = {bits}", f"2 to {MOST_BITS} bits"
    decay = numeric["decay"]
    factor = decay["bits"].value
    if decay["rule"] == "multiply" and factor is not None and not 1 <= factor <= 15:
        yield f"numeric.decay.bits = {factor}", "1 to 15 bits"
    if numeric["order"] is not None and tuple(numeric["order"]) not in ORDERS:
        yield f"numeric.order = {list(numeric['order'])}", " or ".join(str(list(order)) for order in ORDERS)


def threshold_bits(target: Target) -> int:
    """Bits of a threshold as it is compared with a membrane; that of a membrane where nothing is said."""
    said, own = target.numeric["thresholds"], int(target.numeric["membranes"]["bits"].value)
    bits = said["bits"].value
    return own if bits is None else min(own, bits + (said["shift"].value or 0))


def other(target: Target, numeric: Arithmetic) -> Iterator[tuple[str, Any, Any]]:
    """What the target says otherwise than an arithmetic: key, the target's value, the other one. What it leaves open is
    the arithmetic's to say."""
    return ((key, asked, found) for key, asked, found in compared(target, numeric) if asked not in (None, found))


def compared(target: Target, numeric: Arithmetic) -> Iterator[tuple[str, Any, Any]]:
    """Every key with the target's value, None where it leaves it open, and that of an arithmetic."""
    said = target.numeric
    for name, register in (("accumulators", numeric.accumulators), ("membranes", numeric.membranes)):
        yield f"{name}.bits", said[name]["bits"].value, register.bits
        yield f"{name}.overflow", said[name]["overflow"], register.overflow
    yield "accumulators.rounding", said["accumulators"]["rounding"] if shift(target) else None, numeric.rounding
    yield "comparator", said["comparator"], numeric.comparator
    yield "accumulate", said["accumulate"], numeric.accumulate
    yield "order", None if said["order"] is None else tuple(said["order"]), numeric.order
    decay, rule = numeric.decay, said["decay"]["rule"]
    if rule is not None:
        yield "decay.rule", rule if rule in DECAYS else None, None if decay is None else decay.rule
    if decay is not None:
        yield "decay.rounding", said["decay"]["rounding"], decay.rounding
        yield "decay.bits", said["decay"]["bits"].value if decay.rule == "multiply" else None, decay.bits


def unknown(target: Target) -> Iterator[str]:
    """The keys of `[numeric]` that integers need and nobody says."""
    numeric = target.numeric
    for register in ("accumulators", "membranes"):
        if numeric[register]["bits"].value is None:
            yield f"numeric.{register}.bits"
        if numeric[register]["overflow"] is None:
            yield f"numeric.{register}.overflow"
    if shift(target) and numeric["accumulators"]["rounding"] is None:
        yield "numeric.accumulators.rounding"
    if numeric["weights"]["bits"].value is None:
        yield "numeric.weights.bits"
    if numeric["weights"]["scale"] is None:
        yield "numeric.weights.scale"
    for word in ("comparator", "accumulate", "order"):
        if numeric[word] is None:
            yield f"numeric.{word}"
    rule = numeric["decay"]["rule"]
    if rule is None:
        yield "numeric.decay.rule"
    if rule in DECAYS and numeric["decay"]["rounding"] is None:
        yield "numeric.decay.rounding"
    if rule == "multiply" and numeric["decay"]["bits"].value is None:
        yield "numeric.decay.bits"


def shift(target: Target) -> int:
    """How far sums may be shifted on their way into a membrane, to either side."""
    said = target.numeric["accumulators"].get("shift")
    return 0 if said is None or said.value is None else int(said.value)


def weight_bits(node: Any, path: str, asked: int | None, target: Target) -> int:
    """Bits of the weights of a node: what the node itself says, else what was asked for, else what the target has."""
    said = own_bits(node, path)
    has = target.numeric["weights"]["bits"].value
    bits = said if said is not None else asked if asked is not None else has
    least = target.numeric["weights"]["fewest_bits"].value or FEWEST
    most = min(MOST, has)
    if not max(FEWEST, least) <= bits <= most:
        raise refusal(
            Finding(
                "T506",
                f"weights of {bits} bits cannot be quantised for {target.id}",
                node=path,
                expected=f"{max(FEWEST, least)} to {most} bits",
                found=f"{bits} bits" + (" (the node's own)" if said else ""),
                help="change weight_bits or the hint of the node, ask for other bits, or take another target",
                resource="weight bits",
                have=most,
                need=int(bits),
            )
        )
    return int(bits)


def bias_bits(node: Any, path: str, numeric: Arithmetic) -> int:
    """Bits of the bias of a layer: what its hint asks for, else as wide as accumulators, as far as files go."""
    most = stored(numeric.accumulators.bits)
    asked = hints.within(node, path, "bias_t", most, "what is added to sums")
    return most if asked is None else asked


def own_bits(node: Any, path: str) -> int | None:
    """What a node says of the width of its weights."""
    if "weight_bits" in node.fields:
        return int(node.weight_bits)
    return hints.width(node, path)


def require_spike_mode(node: Any, path: str, target: Target) -> None:
    """Raise `TalonTargetError` (T506) where a node wants more of spikes than that they are there, and the target's
    carry nothing or it does not run such nodes."""
    mode = node.spike_mode if "spike_mode" in node.fields else "binary"
    if mode == "binary":
        return
    taken = (target.ops or {}).get(node.type_name, {}).get("spike_mode")
    if taken is not None and mode not in taken:
        found = f"only {taken} in ops.{node.type_name} of the target"
    elif not target.numeric["payload"]["bits"].value:
        found = "nothing in numeric.payload of the target"
    else:
        return
    raise TalonTargetError(
        "T506",
        f'spike_mode "{mode}" needs spikes that carry numbers, which those of {target.id} do not',
        node=path,
        expected="a payload that has bits, and a target that runs the mode",
        found=found,
        help='use spike_mode="binary", or another target',
    )
