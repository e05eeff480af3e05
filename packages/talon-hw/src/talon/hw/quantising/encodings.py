"""How the values of an Input become integers."""

from __future__ import annotations

import warnings

import numpy as np

from talon.hw.description import Target
from talon.hw.integers.record import Encoding
from talon.hw.quantising.doubts import QuantisingWarning
from talon.ir.errors import TalonTargetError


def encoding(name: str, array: np.ndarray, target: Target, asked: int | None) -> Encoding:
    """0 and 1 as they are; other numbers by what spikes carry on the target. Raises `TalonTargetError` (T506) where
    they carry nothing; warns where 0 and 1 leave bits that were asked for unused."""
    if ((array == 0) | (array == 1)).all():
        if asked is not None:
            what = f"input_bits={asked} has no effect on Input {name!r}: all that the calibration gives is 0 and 1"
            warnings.warn(what, QuantisingWarning, stacklevel=4)
        return Encoding(1.0, 0, 1)
    carried = target.numeric["payload"]["bits"].value
    bits = asked or carried
    if not carried or not 1 <= bits <= carried:
        raise TalonTargetError(
            "T506",
            f"the Input gives other numbers than 0 and 1, which spikes of {target.id} do not carry",
            node=name,
            expected="spikes" if not carried else f"1 to {carried} bits",
            found=f"values from {array.min():.4g} to {array.max():.4g}" + (f", {bits} bits asked for" if asked else ""),
            help="encode it as spikes before the network, or take a target whose numeric.payload has bits",
        )
    low = float(array.min())
    if low < 0 and not target.numeric["payload"]["signed"]:
        raise TalonTargetError(
            "T506",
            f"the Input gives negative numbers, which spikes of {target.id} do not carry",
            node=name,
            expected="numbers >= 0",
            found=f"{low:.4g}",
            help="shift it, or split it into two channels",
        )
    high = 2 ** (bits - 1) - 1 if low < 0 else 2**bits - 1
    scale = float(np.abs(array).max()) / high
    if target.numeric["weights"]["scale"] == "pow2":
        scale = float(2.0 ** np.ceil(np.log2(scale)))
    return Encoding(float(np.float32(scale)), -high if low < 0 else 0, high)
