"""Records what SANA-FE takes for the networks of `networks.py`: `make chips` runs it in `.envs/sanafe`.

It reads `tests/golden/sanafe/NAME.npz`, a mapping by neuron, and writes `NAME.recorded.npz`: the spikes, the energy of
every price alone and of all together in joules, and what the trace of messages says.

The chip has one of our cores in each tile. Beside it stands a core for what comes from the Input: it is of this tile,
so that it takes no hops, and it costs nothing. SANA-FE prices a message to a neuron of the same core as any other; they
are counted by the trace.
"""

from __future__ import annotations

import importlib.metadata
import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import sanafe

FOLDER = Path(__file__).parents[2] / "golden" / "sanafe"
PICO = 1e-12
UNIT = 64
"""Membranes of SANA-FE's model of Loihi are multiples of 1 / 64: one of ours is that."""
SIDES = ("east", "west", "north", "south")
SOMA = ("energy_access_neuron", "energy_update_neuron", "energy_spike_out")
LATENCIES = ("latency_access_neuron", "latency_update_neuron", "latency_spike_out")


def prices(net: dict[str, np.ndarray]) -> dict[str, float]:
    """Ours, by SANA-FE's events: an active update is an access and an update, one at rest the access alone."""
    rest = float(net["price/neuron_update_inactive"])
    found = {
        "synapse": float(net["price/synaptic_op"]),
        "access": rest,
        "update": float(net["price/neuron_update_active"]) - rest,
        "message": float(net["price/spike_in_tile"]),
    }
    for side in SIDES:
        row = "hop_east_west" if side in ("east", "west") else "hop_north_south"
        found[side] = float(net[f"price/{row}"])
    return {name: price * PICO for name, price in found.items()}


def core(name: str, price: dict[str, float], inputs: int) -> dict[str, Any]:
    """A core with neurons, or with the Input where there are `inputs`, which costs nothing."""
    free = dict.fromkeys([*SOMA, *LATENCIES], 0.0)
    somas: list[dict[str, Any]] = [
        {"name": f"input[0..{inputs - 1}]", "attributes": {"model": "input", **free}}
        if inputs
        else {
            "name": "neuron",
            "attributes": {
                "model": "leaky_integrate_fire",
                **free,
                "energy_access_neuron": price["access"],
                "energy_update_neuron": price["update"],
            },
        }
    ]
    synapse = {"model": "current_based", "energy_process_spike": price["synapse"], "latency_process_spike": 0.0}
    dendrite = {"model": "accumulator", "energy_update": 0.0, "latency_update": 0.0}
    out = {"energy_message_out": 0.0 if inputs else price["message"], "latency_message_out": 0.0}
    return {
        "name": name,
        "attributes": {"buffer_position": "soma", "max_neurons_supported": 1024},
        "axon_in": [{"name": "in", "attributes": {"energy_message_in": 0.0, "latency_message_in": 0.0}}],
        "synapse": [{"name": "synapse", "attributes": synapse}],
        "dendrite": [{"name": "dendrite", "attributes": dendrite}],
        "soma": somas,
        "axon_out": [{"name": "out", "attributes": out}],
    }


def chip(net: dict[str, np.ndarray], price: dict[str, float]) -> Any:
    height, width = net["mesh"].tolist()
    hops = {
        f"{kind}_{side}_hop": price[side] if kind == "energy" else 0.0
        for kind in ("energy", "latency")
        for side in SIDES
    }
    tile = {
        "name": f"tile[0..{height * width - 1}]",
        "attributes": hops,
        "core": [core("ours", price, 0), core("host", price, net["x"].shape[1])],
    }
    whole = {
        "name": "chip",
        "attributes": {"topology": "mesh", "width": width, "height": height, "link_buffer_size": 16},
        "tile": [tile],
    }
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "chip.yaml"
        path.write_text(json.dumps({"architecture": whole}))
        return sanafe.load_arch(path)


def network(net: dict[str, np.ndarray], arch: Any) -> Any:
    """Every neuron on its core, and a copy of the Input beside each core."""
    found = sanafe.Network()
    height = int(net["mesh"][0])
    # SANA-FE numbers tiles column by column.
    tiles = [column * height + row for row, column in net["position"].tolist()]
    count, (_, inputs) = len(net["core"]), net["x"].shape
    neurons = found.create_neuron_group("neurons", count, soma_hw_name="neuron", log_spikes=True)
    for number, where in enumerate(net["core"].tolist()):
        neurons[number].set_attributes(
            model_attributes={
                "threshold": float(net["threshold"][number]) / UNIT,
                "leak_decay": float(net["factor"][number]) / 4096,
                "reset_mode": "hard",
            }
        )
        neurons[number].map_to_core(arch.tiles[tiles[where]].cores[0])
    hosts = []
    for where, tile in enumerate(tiles):
        host = found.create_neuron_group(f"input{where}", inputs)
        for number in range(inputs):
            train = [bool(value) for value in net["x"][:, number]]
            host[number].set_attributes(soma_hw_name=f"input[{number}]", model_attributes={"spikes": train})
            host[number].map_to_core(arch.tiles[tile].cores[1])
        hosts.append(host)
    for pre, post, weight in net["connections"].tolist():
        sender = neurons[pre] if pre < count else hosts[net["core"][post]][pre - count]
        sender.connect_to_neuron(neurons[post], {"weight": weight / UNIT})
    return found


def simulated(net: dict[str, np.ndarray], price: dict[str, float]) -> dict[str, Any]:
    arch = chip(net, price)
    running = sanafe.SpikingChip(arch)
    running.load(network(net, arch))
    found: dict[str, Any] = running.sim(len(net["x"]), spike_trace=True, message_trace=True)
    return found


def recorded(net: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    price = prices(net)
    whole = simulated(net, price)
    spikes = np.zeros((len(net["x"]), len(net["core"])), np.uint8)
    for step, fired in enumerate(whole["spike_trace"]):
        for neuron in fired:
            spikes[step, neuron.neuron_offset] = 1
    messages = [message for step in whole["message_trace"] for message in step if not message["placeholder"]]
    ours = [message for message in messages if message["src_core_offset"] == 0]
    own = [message for message in ours if message["src_tile_id"] == message["dest_tile_id"]]
    places = {(message["dest_y"], message["dest_x"]) for message in messages}
    assert places <= {tuple(place) for place in net["position"].tolist()}
    counted = {"messages": len(ours), "own": len(own), "entered": len(messages) - len(ours)}
    found = {
        "version": np.array(importlib.metadata.version("sanafe")),
        "spikes": np.packbits(spikes, axis=None),
        "energy/total": np.array(whole["energy"]["total"]),
        **{f"count/{name}": np.array(value) for name, value in counted.items()},
    }
    for name in price:
        alone = simulated(net, {other: value if other == name else 0.0 for other, value in price.items()})
        found[f"energy/{name}"] = np.array(alone["energy"]["total"])
    return found


def main() -> None:
    for path in sorted(FOLDER.glob("*.npz")):
        if not path.name.endswith(".recorded.npz"):
            net = dict(np.load(path))
            np.savez_compressed(path.with_suffix(".recorded.npz"), **recorded(net))


if __name__ == "__main__":
    main()
