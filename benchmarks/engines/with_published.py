"""The published package: talon-bridge runs the graph that the published talon-ir reads, with torch."""

from __future__ import annotations

from typing import Any

import exported
import torch
from exported import Exported
from worker import serve

from talon import bridge, ir

torch.set_grad_enabled(False)


class Executor:
    def __init__(self, network: Exported, threads: int) -> None:
        if network.recurrent:
            raise NotImplementedError("has dense weights only, 1.6 GB here")
        torch.set_num_threads(threads)
        self.executor = bridge.ir_to_torch(ir.read(network.folder / exported.GRAPH), return_state=True)
        self.inputs = torch.from_numpy(network.inputs)
        self.neurons = network.neurons

    def run(self) -> Any:
        state: Any = {}
        outs: Any = 0
        for x in self.inputs:
            out, state = self.executor(x, state)
            outs = outs + out
        return outs

    def spikes(self) -> dict[str, int]:
        total = dict.fromkeys(self.neurons, 0)

        def hook(name: str) -> Any:
            def count(_module: Any, _inputs: Any, found: Any) -> None:
                total[name] += int((found[0] if isinstance(found, tuple) else found).sum())

            return count

        modules = dict(self.executor.named_modules())
        hooks = [modules[name].register_forward_hook(hook(name)) for name in self.neurons]
        self.run()
        for one in hooks:
            one.remove()
        return total


if __name__ == "__main__":
    serve({"step by step": Executor}, ["talon-ir", "talon-bridge", "torch"])
