"""What follows from the turns of a part: medians, ratios, shares of the limit, and which rows count."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from contests import BY_HAND, DENSE, INTEGERS, TALON
from limit import Limit
from workers import Found

Rows = Sequence[Found]


def rows(said: Mapping[str, Any], threads: int) -> list[Found]:
    return [Found(**one) for one in said["threads"][str(threads)]]


def ran(found: Rows, product: str) -> list[Found]:
    return [one for one in found if one.product == product and not one.refused]


def void(one: Found, found: Rows) -> str:
    """Why a row does not count: it did other work than torch by hand. Empty where it does, and of integers, whose
    spikes are others."""
    judges = ran(found, BY_HAND)
    if one.product in (DENSE, INTEGERS) or not judges:
        return ""
    other = {name: total for name, total in one.spikes.items() if total != judges[0].spikes.get(name)}
    if not other:
        return ""
    name, total = next(iter(other.items()))
    return f"void: {total:,} spikes of {name}, not {judges[0].spikes.get(name, 0):,}"


def fastest(found: Rows, products: Sequence[str], threads: int) -> Found | None:
    """Of the rows that count."""
    fit = [one for product in products for one in ran(found, product) if not void(one, found)]
    return min(fit, key=lambda one: one.median(threads), default=None)


def times_faster(found: Rows, products: Sequence[str], threads: int) -> tuple[Found, float] | None:
    """The best of some products, and how many times longer than talon it takes."""
    ours, best = fastest(found, (TALON,), threads), fastest(found, products, threads)
    if ours is None or best is None:
        return None
    return best, best.median(threads) / ours.median(threads)


def of_limit(said: Mapping[str, Any]) -> float | None:
    """What talon's one thread reaches of what the machine can do."""
    ours = fastest(rows(said, 1), (TALON,), 1)
    limit, work = Limit(**said["limit"]), said["work"]
    return limit.seconds(work["synops"], work["updates"], work["bytes"]) / ours.median(1) if ours else None


def ms(seconds: float) -> str:
    return f"{seconds * 1e3:.3g}"


def digits(value: float) -> str:
    return f"{value:.2g}" if value < 10 else f"{value:.0f}"


def met(reached: bool) -> str:
    return "met" if reached else "**missed**"
