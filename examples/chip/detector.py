"""A spiking detector of ghost blocks on chips: `python detector.py`, with `--save FOLDER` to keep the artifacts.

First the whole network of the golden cases, 64x64 pixels and 111,616 neurons: what it needs on three targets, and
its cores on the one that is large enough. Then a smaller one, made to fit the other two. Boxes and suppression of
overlapping ones are no work for neurons: they run on the host, and each artifact says so.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from talon import hw, ir
from talon.engine import run

CASE = Path(__file__).parents[2] / "tests" / "golden" / "vectors" / "net" / "net_nano_64x64_T4.npz"
STEPS = 4
QUANTISED_FOR = "generic-mesh"
"""The presets say nothing of their arithmetic; a build takes it from the network then, and says that it does."""


def golden() -> tuple[ir.Graph, np.ndarray]:
    """The network of the golden case, and its image `(1, 3, 64, 64)`."""
    with np.load(CASE, allow_pickle=False) as arrays:
        said: dict[str, Any] = json.loads(str(arrays["meta"]))
        nodes: dict[str, Any] = {}
        for node in said["nodes"]:
            name, attrs = node["name"], dict(node["attrs"])
            cls = getattr(ir, node["primitive"])
            for theirs, ours in (("grid_offset", "offset"), ("format", "box_format")):
                if theirs in attrs:
                    attrs[ours] = attrs.pop(theirs)
            given = {key: value for key, value in attrs.items() if key not in ("act", "box_groups")}
            given |= {key[len(f"p.{name}.") :]: arrays[key] for key in arrays.files if key.startswith(f"p.{name}.")}
            if "neuron" in cls.fields:
                given["neuron"] = "if"
            if node["primitive"] == "NMS":
                given = {"score_threshold": 0.25, "iou_threshold": 0.45}
            boundary = {"Input": lambda attrs=attrs: ir.Input(attrs["shape"]), "Output": lambda: ir.Output([300, 6])}
            nodes[name] = boundary[node["primitive"]]() if node["primitive"] in boundary else cls(**given)
        image = arrays["in0"]
    return ir.Graph(nodes, [tuple(edge) for edge in said["edges"]]), image


def small() -> tuple[ir.Graph, np.ndarray]:
    """A detector of 24x24 pixels with neurons behind every convolution, so that nothing but spikes goes between cores;
    its weights are random, and it finds nothing. With its image `(1, 3, 24, 24)`."""
    rng = np.random.default_rng(5)

    def kernel(outputs: int, inputs: int, size: int) -> np.ndarray:
        return (rng.standard_normal((outputs, inputs, size, size)) * 2 / (inputs * size * size) ** 0.5).astype(
            np.float32
        )

    def ghost(prefix: str, outputs: int, inputs: int, size: int) -> dict[str, Any]:
        half = outputs // 2
        return {
            f"{prefix}primary_weight": kernel(half, inputs, size),
            f"{prefix}primary_bias": np.zeros(half, np.float32),
            f"{prefix}cheap_weight": kernel(half, 1, 3),
            f"{prefix}cheap_bias": np.zeros(half, np.float32),
        }

    head: dict[str, Any] = {}
    for branch, outputs in (("cv2", 16), ("cv3", 3)):
        for number, (after, before, size) in enumerate(((8, 16, 3), (8, 8, 3), (outputs, 8, 1))):
            head[f"{branch}_w{number}"] = kernel(after, before, size)
            head[f"{branch}_b{number}"] = np.zeros(after, np.float32)
    encoder = {"conv1_weight": kernel(8, 3, 3), "conv1_bias": np.zeros(8, np.float32), **ghost("ghost_", 8, 8, 3)}
    graph = ir.Graph.chain(
        input=ir.Input([3, 24, 24]),
        encoder=ir.SGhostEncoderLite(**encoder, stride=2, neuron="if"),
        ghost=ir.SGhostConv(**ghost("", 16, 8, 3), primary_stride=2, neuron="if"),
        head=ir.SDDetect(3, 4, 4, **head, neuron="if"),
        distances=ir.DFLDecode(4),
        boxes=ir.Dist2BBox(4),
        nms=ir.NMS(),
        output=ir.Output([300, 6]),
    )
    return graph, rng.integers(0, 17, (1, 3, 24, 24)).astype(np.float32) / 16


def deployed(graph: ir.Graph, image: np.ndarray, target: str, path: Path) -> hw.Build:
    """The network on a target, saved, loaded and run alone; its detections are those of the integer engine."""
    quantised = hw.quantize(graph, QUANTISED_FOR, calibration=image, repeat=STEPS)
    hw.deploy(quantised, target, calibration=image, repeat=STEPS).save(path, overwrite=True)
    build = hw.load(path)
    found = build.run(image, repeat=STEPS)
    expected = run(quantised, image, repeat=STEPS, engine="integer")
    same = all(np.array_equal(found.outputs[name], array) for name, array in expected.outputs.items())
    spikes = found.counts.total()["spikes"]
    print(
        f"  {target}: {build.cores} cores, {sum(build.chip.neurons):,} neurons and sums, {path.stat().st_size:,} bytes"
    )
    print(f"    {spikes:,} spikes, {found.packets:,} packets between cores; detections as the integer engine: {same}")
    print(f"    on the host: {', '.join(dict.fromkeys(node['type'] for node in build.host_nodes()))}")
    if build.assumed:
        print(f"    the target leaves {len(build.assumed)} things of its arithmetic open; they are {QUANTISED_FOR}'s")
    return build


def main(folder: Path) -> None:
    graph, image = golden()
    print("the golden detector, 64x64 pixels")
    quantised = hw.quantize(graph, QUANTISED_FOR, calibration=image, repeat=STEPS)
    for target in ("generic-mesh", "zcu102"):
        report = hw.check(quantised, target)
        print(f"  {report.verdict()}")
        for finding in report.errors:
            if isinstance(finding, hw.Finding) and finding.resource in ("neurons", "cores"):
                print(f"    {finding.resource}: need {finding.need:,}, have {finding.have:,}")
    deployed(graph, image, "t1c-asic", folder / "golden.talonhw")
    graph, image = small()
    print("a smaller one, 24x24 pixels")
    for target in ("generic-mesh", "zcu102"):
        deployed(graph, image, target, folder / f"small-{target}.talonhw")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--save", type=Path, help="keep the artifacts in this folder")
    folder = parser.parse_args().save
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
        main(folder)
    else:
        with tempfile.TemporaryDirectory() as temporary:
            main(Path(temporary))
