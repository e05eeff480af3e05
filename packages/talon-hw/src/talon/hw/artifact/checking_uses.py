"""Whether an artifact says of itself what its cores and its target say: what is used, and how it computes."""

from __future__ import annotations

from collections.abc import Sequence

from talon.hw.artifact.refusal import damaged
from talon.hw.deploying.programs import Chip
from talon.hw.description import Core, Target
from talon.hw.quantising.widths import other, unknown
from talon.hw.report import CoreUse, Use
from talon.hw.tiles import crossing, of_core


def check_uses(used: Sequence[CoreUse], chip: Chip, target: Target) -> None:
    """Raise (T303) where a core needs or has something else than is said, or more than it has. How many words its
    memories hold is not known here."""
    if len(used) != len(chip.axons):
        raise damaged("it does not say of every core what is used", len(chip.axons), len(used))
    for number, (own, kind) in enumerate(zip(used, chip.kinds, strict=True)):
        expected = known(target.cores[kind], chip.neurons[number], chip.axons[number])
        if [(use.resource, use.have, use.unit) for use in own.uses] != [(e.resource, e.have, e.unit) for e in expected]:
            raise damaged(f"core {number} has something else than the target says")
        for use, right in zip(own.uses, expected, strict=True):
            if use.over or (right.need is not None and use.need != right.need):
                raise damaged(f"core {number} uses other {use.resource} than is said", right.need, use.need)


def known(core: Core, neurons: int, axons: int) -> list[Use]:
    """What a core has, with what is known here to be needed of it."""
    border = [Use(name, None, limit, "units") for name, limit in crossing(core)]
    return of_core(core, neurons, [None] * len(core.memory), axons, border, None)


def check_arithmetic(chip: Chip, target: Target, assumed: Sequence[str]) -> None:
    """Raise (T303) where it computes otherwise than the target says, or assumes something else than is left open."""
    for key, asked, found in other(target, chip.arithmetic):
        raise damaged(f"its arithmetic is not that of its target: {key}", asked, found)
    if tuple(assumed) != tuple(unknown(target)):
        raise damaged("it assumes something else than its target leaves open", list(unknown(target)), list(assumed))
    for layer in chip.layers:
        if layer.rule is not None and layer.rule.comparator != chip.arithmetic.comparator:
            raise damaged(
                f"{layer.neuron!r} compares otherwise than its cores", chip.arithmetic.comparator, layer.rule.comparator
            )
