"""What users get wrong. Every line that ends in `# wrong` must be refused by both type checkers, and no other."""

from __future__ import annotations

import numpy as np

from talon import ir
from talon.detect import NMS
from talon.engine import run

ir.LIF(1.0, 1.0, 0.0)  # wrong
ir.LIF(1.0, 1.0, 0.0, 1.0, reset="zero")  # wrong
ir.LIF(1.0, 1.0, 0.0, 1.0, resett="value")  # wrong
ir.LIF(1.0, 1.0, 0.0, 1.0, "subtract")  # wrong
ir.Affine()  # wrong
ir.Affine(np.zeros((2, 2)), None, [1])  # wrong
ir.Conv2d(np.zeros((1, 1, 1, 1)), stride="same")  # wrong
ir.MaxPool2d(kernel_size=2.5)  # wrong
ir.Flatten("0")  # wrong
ir.LIFF(1.0)  # wrong
NMS(scores="logit")  # wrong
ir.Graph({"a": ir.Input([1])})  # wrong
ir.Graph({"a": ir.Input([1])}, [], dtt=1.0)  # wrong
ir.Edge("a", "b", 1)  # wrong
ir.read("net.t1c", lasy=True)  # wrong
ir.write("net.t1c")  # wrong
weight: int = ir.Affine(np.zeros((2, 2))).weight  # wrong
stride: str = ir.Conv2d(np.zeros((1, 1, 1, 1))).stride  # wrong
run(ir.Graph({}, []))  # wrong
run(ir.Graph({}, []), np.zeros(1), engin="reference")  # wrong
ir.Affine(np.zeros((2, 2))).wieght  # wrong
