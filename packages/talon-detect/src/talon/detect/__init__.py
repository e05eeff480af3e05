"""Object detection as primitives of TALON IR: the head, box decoding and non-maximum suppression.

Every name is loaded on first use; `ir.NMS` and `talon.detect.NMS` are the same class.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from talon.ir.known import provided_by
from talon.plugins.lazy import lazy_names

__version__ = "0.1.0"

if TYPE_CHECKING:
    from talon.detect.boxes import DFLDecode as DFLDecode
    from talon.detect.boxes import Dist2BBox as Dist2BBox
    from talon.detect.head import SDDetect as SDDetect
    from talon.detect.nms import NMS as NMS
else:
    __getattr__, __dir__ = lazy_names(__name__, provided_by("talon-detect"))
