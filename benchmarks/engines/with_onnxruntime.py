"""onnxruntime on the convolutions of a network alone: no neurons, no pools, all steps in one batch."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnxruntime
from exported import Exported
from onnx import TensorProto, helper, numpy_helper
from worker import serve


class Convolutions:
    """Every convolution has an input of its own, with ones where a tenth of the spikes would be."""

    def __init__(self, network: Exported, threads: int) -> None:
        rng = np.random.default_rng(1)
        nodes, inputs, outputs, weights = [], [], [], []
        self.inputs: dict[str, np.ndarray] = {}
        for layer in network.layers:
            if layer.type != "Conv2d":
                continue
            name, weight = layer.name, network.array(layer, "weight")
            assert weight is not None
            shape = (network.steps * network.batch, *layer.shape)
            pads = list(layer.settings["padding"]) * 2
            settings = {"strides": layer.settings["stride"], "dilations": layer.settings["dilation"], "pads": pads}
            weights.append(numpy_helper.from_array(weight, f"{name}_w"))
            nodes.append(
                helper.make_node(
                    "Conv", [name, f"{name}_w"], [f"{name}_out"], group=layer.settings["groups"], **settings
                )
            )
            inputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, shape))
            outputs.append(helper.make_tensor_value_info(f"{name}_out", TensorProto.FLOAT, None))
            self.inputs[name] = (rng.random(shape) < 0.1).astype(np.float32)
        if not nodes:
            raise NotImplementedError("no convolutions")
        graph = helper.make_graph(nodes, "convolutions", inputs, outputs, weights)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self.session = onnxruntime.InferenceSession(model.SerializeToString(), options, ["CPUExecutionProvider"])

    def run(self) -> Any:
        return self.session.run(None, self.inputs)

    def spikes(self) -> dict[str, int]:
        self.run()
        return {}


if __name__ == "__main__":
    serve({"dense convolutions alone": Convolutions}, ["onnxruntime", "onnx", "numpy"])
