"""Non-maximum suppression: of boxes that overlap too much, the best one stays."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, Literal

import numpy as np

from talon.ir.declare import choice, flag, integer, number
from talon.ir.errors import TalonShapeError, TalonValueError
from talon.ir.fields import Shape
from talon.ir.ports import MANY_IN_ONE_OUT, Ports
from talon.ir.primitive import Primitive
from talon.ir.primitives.activation import sigmoid

BLOCK = 512
"""Boxes that are compared at once, small enough for every product to stay in cache."""
COORDINATES = 4


class NMS(Primitive):
    """Keeps the best boxes; each drops the lower ones whose IoU with it is above `iou_threshold`.

    `input_format="maps"`: `(4 + nc, height, width)` or `(4 + nc, A)`, one edge per scale, joined over anchors in edge
    order. Output `(max_detections, 6)`: x1, y1, x2, y2, score, class, best first, then zeros; `max_detections=0` means
    one row per anchor. Order: score, then anchor, then class.

    `input_format="rows"`, as in the published package: `(N, 5 + nc)` of cx, cy, w, h, objectness, classes, one edge.
    The score is objectness times the best class and may equal the threshold; all classes compete. Output
    `(min(N, max_detections), 5 + nc)`: the rows kept, unchanged, then zeros. The other options speak of maps only.

    A NaN score never passes; a box without area overlaps nothing.
    """

    known_as = {
        "torch": "torchvision.ops.batched_nms",
        "onnx": "NonMaxSuppression, which gives indices",
        "ultralytics": "non_max_suppression",
    }
    usage = ("ir.NMS(max_detections=5)", [(6, 4, 4), (6, 2, 2)])

    score_threshold: float = number(doc="score that a detection must exceed", default=0.25, low=0.0, high=1.0)
    iou_threshold: float = number(doc="overlap above which the lower box is dropped", default=0.45, low=0.0, high=1.0)
    max_detections: int = integer(doc="rows of the output, 0 for as many as there are anchors", default=300, low=0)
    input_format: Literal["maps", "rows"] = choice(
        ("maps", "rows"), doc="channels first, or one row per box", default="maps", kw_only=True, always_stored=True
    )
    box_format: Literal["xywh", "xyxy"] = choice(
        ("xywh", "xyxy"), doc="maps: centre and size, or two corners", default="xywh", kw_only=True
    )
    scores: Literal["logits", "probabilities"] = choice(
        ("logits", "probabilities"), doc="maps: whether a sigmoid is still to be taken", default="logits", kw_only=True
    )
    class_aware: bool = flag(doc="maps: only boxes of one class drop each other", default=True, kw_only=True)
    multi_label: bool = flag(doc="maps: every class above the threshold, not the best one", default=False, kw_only=True)
    comparator: Literal["gt", "ge"] = choice(
        ("gt", "ge"), doc="maps: the score must be > or >= score_threshold", default="gt", kw_only=True
    )

    def published_meaning(self, input_shapes: Callable[[], Sequence[Shape | None]]) -> dict[str, Any]:
        shapes = [shape for shape in input_shapes() if shape is not None]
        return {"input_format": "rows"} if shapes and len(shapes[0]) == 2 else {}

    def ports(self) -> Ports:
        return MANY_IN_ONE_OUT

    def constrain(self) -> None:
        fixed = {"box_format": "xywh", "multi_label": False} if self.input_format == "rows" else {}
        for name, value in fixed.items():
            if getattr(self, name) != value:
                raise TalonValueError(
                    "T202",
                    f'{name} speaks of maps, and input_format="rows" has {value!r}',
                    expected=f"{name}={value!r}",
                    found=f"{name}={getattr(self, name)!r}",
                )

    def infer(self, *inputs: Shape | None) -> Shape | None:
        known = [shape for shape in inputs if shape is not None]
        for shape in known:
            self.accept(shape, known[0])
        if self.input_format == "rows":
            if len(inputs) > 1:
                raise TalonShapeError(
                    "T106",
                    'input_format="rows" takes one edge',
                    expected="1 edge",
                    found=f"{len(inputs)} edges",
                    help="join the rows with ir.Concat(num_inputs=..., dim=0)",
                )
            return (self.limit(known[0][0]), known[0][1]) if known else None
        if self.max_detections:
            return (self.max_detections, 6)
        return None if len(known) < len(inputs) else (sum(math.prod(shape[1:]) for shape in known), 6)

    def accept(self, shape: Shape, first: Shape) -> None:
        """Raise `TalonShapeError` for an input that is no set of boxes, or has other classes than the first one."""
        rows = self.input_format == "rows"
        values = shape[-1:] if rows else shape[:1]
        if len(shape) not in ((2,) if rows else (2, 3)) or values[0] < COORDINATES + 1:
            raise TalonShapeError(
                "T104",
                f'the input is not what input_format="{self.input_format}" says',
                expected="(boxes, 5 + classes)" if rows else "(4 + classes, height, width) or (4 + classes, anchors)",
                found=f"a sample of shape {shape}",
            )
        if not rows and shape[0] != first[0]:
            raise TalonShapeError(
                "T104",
                "the scales differ in their number of classes",
                expected=f"{first[0]} channels as on the first edge",
                found=f"{shape[0]} channels",
            )

    def limit(self, boxes: int) -> int:
        """Rows of the output for so many anchors or rows."""
        if not self.max_detections:
            return boxes
        return min(boxes, self.max_detections) if self.input_format == "rows" else self.max_detections

    def step(self, t: int, state: dict[str, np.ndarray], *inputs: np.ndarray) -> np.ndarray:
        if self.input_format == "rows":
            return np.stack([self.keep_rows(sample) for sample in inputs[0]])
        joined = np.concatenate([x.reshape(*x.shape[:2], -1) for x in inputs], axis=2)
        return np.stack([self.detect(sample) for sample in joined])

    def detect(self, sample: np.ndarray) -> np.ndarray:
        """The detections `(limit, 6)` in one sample `(4 + nc, A)`."""
        corners = sample[:COORDINATES] if self.box_format == "xyxy" else as_corners(sample[:COORDINATES])
        scores = sample[COORDINATES:].T
        if self.scores == "logits":
            scores = sigmoid(scores)
        scores = np.where(np.isnan(scores), -np.inf, scores)
        if self.multi_label:
            anchor, label = np.nonzero(self.passes(scores))
        else:
            label = scores.argmax(axis=1)
            anchor = np.flatnonzero(self.passes(scores[np.arange(len(scores)), label]))
            label = label[anchor]
        score = scores[anchor, label]
        # Candidates stand by anchor, then class, which a stable sort by score keeps.
        order = np.argsort(-score, kind="stable")
        anchor, label, score = anchor[order], label[order], score[order]
        found = np.zeros((self.limit(sample.shape[1]), 6), sample.dtype)
        competing = label if self.class_aware else np.zeros_like(label)
        kept = self.suppress(corners[:, anchor], competing, len(found))
        found[: len(kept), :COORDINATES] = corners[:, anchor[kept]].T
        found[: len(kept), 4] = score[kept]
        found[: len(kept), 5] = label[kept]
        return found

    def keep_rows(self, rows: np.ndarray) -> np.ndarray:
        """The rows kept of one sample `(N, 5 + nc)`, then zeros."""
        score = rows[:, 4]
        if rows.shape[1] > COORDINATES + 1:
            score = score * np.fmax.reduce(rows[:, COORDINATES + 1 :], axis=1)
        threshold = rows.dtype.type(self.score_threshold)
        index = np.flatnonzero(score >= threshold)
        index = index[np.argsort(-score[index], kind="stable")]
        found = np.zeros((self.limit(len(rows)), rows.shape[1]), rows.dtype)
        corners = as_corners(rows[index, :COORDINATES].T)
        kept = self.suppress(corners, np.zeros_like(index), len(found))
        found[: len(kept)] = rows[index[kept]]
        return found

    def passes(self, score: np.ndarray) -> np.ndarray:
        threshold = score.dtype.type(self.score_threshold)
        return np.asarray(score >= threshold if self.comparator == "ge" else score > threshold)

    def suppress(self, corners: np.ndarray, label: np.ndarray, limit: int) -> list[int]:
        """Places of the boxes kept among `corners (4, N)`, which are in order; only equal labels compete.

        Blocks of boxes are first compared with those kept so far, then among themselves, so that nothing is compared
        that lies behind the last box kept.
        """
        kept: list[int] = []
        threshold = corners.dtype.type(self.iou_threshold)

        def drops(one: np.ndarray, others: np.ndarray) -> np.ndarray:
            """For each pair, whether the boxes overlap too much."""
            return np.asarray((iou(corners[:, one], corners[:, others]) > threshold) & (label[one] == label[others]))

        for start in range(0, corners.shape[1], BLOCK):
            block = np.arange(start, min(start + BLOCK, corners.shape[1]))
            for first in range(0, len(kept), BLOCK):
                block = block[~drops(np.array(kept[first : first + BLOCK])[:, None], block).any(axis=0)]
            while block.size:
                if len(kept) == limit:
                    return kept
                kept.append(int(block[0]))
                block = block[1:][~drops(block[:1], block[1:])]
        return kept


def as_corners(box: np.ndarray) -> np.ndarray:
    """Centre and size `(4, N)` as two corners."""
    two = box.dtype.type(2)
    x, y, width, height = box
    return np.stack([x - width / two, y - height / two, x + width / two, y + height / two])


def iou(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Intersection over union of boxes `(4, ...)` that broadcast; NaN, which exceeds nothing, without any area."""
    ax1, ay1, ax2, ay2 = a
    bx1, by1, bx2, by2 = b
    with np.errstate(invalid="ignore", over="ignore"):
        width = np.maximum(np.minimum(ax2, bx2) - np.maximum(ax1, bx1), 0)
        height = np.maximum(np.minimum(ay2, by2) - np.maximum(ay1, by1), 0)
        area_a = np.maximum(ax2 - ax1, 0) * np.maximum(ay2 - ay1, 0)
        area_b = np.maximum(bx2 - bx1, 0) * np.maximum(by2 - by1, 0)
        overlap = width * height
        return np.asarray(overlap / (area_a + area_b - overlap))
