"""The rules of a target's arithmetic: each looks at the fields that it is about, whatever the primitive (T504)."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

from talon.hw.description import Target
from talon.hw.families import values_of
from talon.hw.report import Finding

FIXABLE = "'talon hw check FILE --fix -o NEW' and hw.legalise do it"
"""What does what the help line says, where something does."""


def resets(path: str, node: Any, target: Target) -> Iterator[Finding]:
    has = target.numeric["reset"]
    if "reset" in node.fields and has is not None and node.reset not in has:
        words = " or ".join(map(repr, has))
        yield Finding(
            "T504",
            f"{target.id} has no reset {node.reset!r}",
            node=path,
            expected=f"reset {words}",
            found=f"reset={node.reset!r}",
            help=f"train {path!r} with reset={has[0]!r}: no rewrite keeps what this one means",
            resource="reset",
        )


def comparisons(path: str, node: Any, target: Target) -> Iterator[Finding]:
    has = target.numeric["comparator"]
    if "v_threshold" in node.fields and has is not None and node.comparator != has:
        yield Finding(
            "T504",
            f"{target.id} compares with {has!r}, the node with {node.comparator!r}",
            node=path,
            expected=f"comparator {has!r}",
            found=f"comparator={node.comparator!r}",
            help=f"comparator={has!r} with the next threshold of float32 means the same: {FIXABLE}",
            resource="comparator",
        )


def decays(path: str, node: Any, target: Target) -> Iterator[Finding]:
    rule = target.numeric["decay"]["rule"]
    if "tau" not in node.fields or rule in (None, "multiply"):
        return
    taus = values_of(node, "tau", {})
    if rule in ("none", "linear"):
        has = "keeps membranes as they are" if rule == "none" else "leaks by a constant"
        yield Finding(
            "T504",
            f"{target.id} {has}, the node decays exponentially",
            node=path,
            expected=f"decay {rule!r}",
            found=f"tau={taus[0]:g}",
            help=f"train {path!r} as an IF, which does not leak",
            resource="decay",
        )
    elif wrong := [tau for tau in taus if shift_of(tau) is None]:
        yield Finding(
            "T504",
            f"{target.id} decays by shifts, so tau must be a power of two",
            node=path,
            expected="tau 1, 2, 4, 8 ...",
            found=f"tau={wrong[0]:g}" + f" and {len(wrong) - 1} more" * (len(wrong) > 1),
            help=f"tau={nearest_shift(wrong[0]):g} decays most like it, not the same: {FIXABLE}",
            resource="decay",
        )


def shift_of(tau: float) -> int | None:
    """The k of a tau of 2**k, None for others."""
    fraction, exponent = math.frexp(tau)
    return exponent - 1 if fraction == 0.5 else None


def nearest_shift(tau: float) -> float:
    """The power of two whose decay `1 - 1/tau` is nearest."""
    below = 2.0 ** math.floor(math.log2(tau))
    return min((below, below * 2), key=lambda candidate: abs(1 / candidate - 1 / tau))


def payloads(path: str, node: Any, target: Target) -> Iterator[Finding]:
    bits = target.numeric["payload"]["bits"].value
    stated = "spike_mode" in (target.ops or {}).get(type(node).__name__, {})  # then that was asked already
    if "spike_mode" in node.fields and node.spike_mode != "binary" and not bits and not stated:
        yield Finding(
            "T504",
            f"{target.id} states no width for what a spike carries, and {node.spike_mode} spikes carry a value",
            node=path,
            expected="spike_mode 'binary'" if bits == 0 else "a payload width (numeric.payload.bits)",
            found=f"spike_mode={node.spike_mode!r}",
            help=f"give {path!r} spike_mode='binary', or put the width with its source into a description of your own",
            resource="payload",
            have=bits,
        )


def widths(path: str, node: Any, target: Target) -> Iterator[Finding]:
    for field, register in (("weight_bits", "weights"), ("accumulator_bits", "accumulators")):
        have = target.numeric[register]["bits"].value
        if field in node.fields and have is not None and getattr(node, field) > have:
            need = getattr(node, field)
            yield Finding(
                "T504",
                f"{target.id} has {register} of {have} bits, the node asks for {need}",
                node=path,
                expected=f"{field} of at most {have}",
                found=f"{field}={need}",
                help=f"give {path!r} {field}={have}; 'talon hw quantize' says what that costs",
                resource=field,
                have=have,
                need=need,
            )


RULES: tuple[Callable[[str, Any, Target], Iterator[Finding]], ...] = (resets, comparisons, decays, payloads, widths)
