"""Object detection as primitives of TALON IR: the head, box decoding and non-maximum suppression.

Every name is loaded on first use; `ir.NMS` and `talon.detect.NMS` are the same class.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from talon.ir.known import PRIMITIVES

__version__ = "0.1.0"

if TYPE_CHECKING:
    from talon.detect.boxes import DFLDecode as DFLDecode
    from talon.detect.boxes import Dist2BBox as Dist2BBox
    from talon.detect.head import SDDetect as SDDetect
    from talon.detect.nms import NMS as NMS
else:

    def __getattr__(name: str) -> Any:
        targets = provided()
        if name not in targets:
            raise AttributeError(f"module 'talon.detect' has no attribute {name!r}; it has {', '.join(targets)}")
        from talon.ir.facade import load

        value = load(targets[name])
        globals()[name] = value
        return value


def provided() -> dict[str, str]:
    """The primitives of this distribution: name -> import string."""
    return {name: known.target for name, known in PRIMITIVES.items() if known.distribution == "talon-detect"}


def __dir__() -> list[str]:
    return sorted({*globals(), *provided()})
