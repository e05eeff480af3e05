"""Reads `.talonhw` artifacts with nothing of talon, as docs/artifact.md says (numbers in comments are its sections).

`python read_talonhw.py FILE` runs the golden sample of an artifact of dense layers, packet by packet, and compares.
"""

import hashlib
import json
import sys
import zipfile
from io import BytesIO
from math import prod
from zlib import crc32

import numpy as np

ROLES = "positions kinds neurons uses unit tiles numbers delays times weight bias threshold reset start factor seats"
ROLES = (ROLES + " counts cores axons golden checksums end").split()
POOLS = ("packed", "int8", "int16", "int32", "int64", "float32")


class Rows:
    def __init__(self, array, names):
        role, form, pool, bits, rank, dims, kind, at = (
            array(f"map/{name}.npy").tolist() for name in ("role", "form", "pool", "bits", "rank", "dims", "kind", "at")
        )
        shapes = [dims[sum(rank[:n]) : sum(rank[: n + 1])] for n in range(len(rank))]
        self.rows = [(role[n], form[n], pool[n], bits[n], shapes[n]) for n in kind] + [(-1,) * 5]
        self.pools = {name: array(f"tensors/{name}.npy") for name in POOLS if f"tensors/{name}.npy" in names}
        self.row, self.at, self.ends = 0, iter(at), dict.fromkeys(range(6), 0)

    def take(self, role, default=None):
        here, form, pool, bits, shape = self.rows[self.row]
        if ROLES[here] != role and default is not None:
            return np.array(default)
        if ROLES[here] != role:
            raise ValueError(f"{ROLES[here]} in the place of {role}")
        at = self.ends[pool] if form == 3 else next(self.at)
        self.row, count, width = self.row + 1, prod(shape), bits % 128
        if form in (1, 2):
            return (np.full(count, at) if form == 1 else np.arange(at, at + count)).reshape(shape)
        length = count if pool else -(-count * width // 8)
        self.ends[pool] += length if form == 3 else 0
        data = self.pools[POOLS[pool]][at : at + length]
        if pool:
            return data.reshape(shape)
        each = np.unpackbits(data, bitorder="little")[: count * width].reshape(count, width).astype(np.int64)
        weights = 1 << np.arange(width)
        weights[-1] *= -1 if bits >= 128 else 1
        return (each @ weights).reshape(shape)


def read(path):
    """The manifest, tiles, routes and readouts, and the golden arrays."""
    with zipfile.ZipFile(path) as archive:
        said = json.loads(archive.read("manifest.json"))  # 3
        if (said["format"], said["version"]) != ("talonhw", 1):
            raise ValueError("another format or version")
        if hashlib.sha256(archive.read("target.json")).hexdigest() != said["target"]["hash"]:
            raise ValueError("another target")
        rows = Rows(lambda name: np.load(BytesIO(archive.read(name)), allow_pickle=False), archive.namelist())
    units = ["unit" for layer in said["layers"] if "neuron" in layer]
    for role in ("positions", "kinds", "neurons", *units):  # 5
        rows.take(role)
    table, tiles, first = rows.take("tiles").tolist(), [], 0
    for _ in range(said["tiles"]):
        layer, core = said["layers"][table[0]], table[1]
        box, table = table[2 : 2 + 2 * len(layer["shape"])], table[2 + 2 * len(layer["shape"]) :]
        form = tuple(end - start for start, end in zip(box[::2], box[1::2], strict=True))
        if any(s["operation"] != "dense" or s["delay"] or s["clipped"] or any(s["stepped"]) for s in layer["sources"]):
            raise ValueError("only dense layers without delays and steps are run here")
        parts = [(gather(rows), rows.take("weight"), rows.take("bias", 0)) for _ in layer["sources"]]
        own = [("threshold", None), ("reset", 0), ("start", 0), ("factor", 0), ("seats", 0)]
        cells = "neuron" in layer and [rows.take(*each) for each in own]
        tiles.append((layer, core, form, first, parts, cells))
        first += prod(form)
    routes = [rows.take(role).astype(np.int64) for role in ("counts", "cores", "axons")]
    readouts = [(gather(rows), rows.take("unit")) for _ in said["readouts"]]
    rows.take("uses")
    golden = [rows.take("golden") for _ in said["inputs"] + said["readouts"]] if said["golden"] else None
    return said, tiles, routes, readouts, golden, golden and [rows.take("checksums") for _ in range(2)]


def gather(rows):
    numbers, delays, times = rows.take("numbers"), rows.take("delays", 0), rows.take("times", 1)
    if np.any(delays):
        raise ValueError("what is late is not run here")
    return lambda values: (np.append(values, 0)[numbers] * times).sum(axis=0)


def kept(values, register):  # 6
    low, high = -(1 << register["bits"] - 1), (1 << register["bits"] - 1) - 1
    return (values - low & high - low) + low if register["overflow"] == "wrap" else np.clip(values, low, high)


def shifted(values, bits, rounding):
    if rounding == "rtz":
        return np.where(values < 0, -(-values >> bits), values >> bits)
    down, half = values >> bits, 1 << bits >> 1
    rest, even = values - (down << bits), (down & 1 == 0) & (rounding == "half_even")
    return down + ((rest > half) | ((rest == half) & ~even)) * (bits > 0 and rounding != "floor")


def neurons(layer, cells, v, total, arithmetic):
    own, (threshold, reset, _, factor, _) = layer["neuron"], (np.asarray(c, np.int64) for c in cells)
    decay, membranes = arithmetic["decay"] if own["decays"] else None, arithmetic["membranes"]
    words = {arithmetic["accumulate"], membranes["overflow"], arithmetic["accumulators"]["overflow"]}
    if own["late"] or (decay and decay["rule"] != "multiply") or {"sequential_saturate", "trap"} & words:
        raise ValueError("this arithmetic is not run here")
    x = kept(total, arithmetic["accumulators"] | {"bits": own["input_bits"]})
    x = x << own["shift"] if own["shift"] >= 0 else shifted(x, -own["shift"], arithmetic["rounding"])
    before = arithmetic["order"][0] == "decay"
    v = v if before else kept(v + x, membranes)
    v = shifted(v * factor, decay["bits"], decay["rounding"]) if decay else v
    v = kept(v + x if before else v, membranes)
    fires = v >= threshold if own["comparator"] == "ge" else v > threshold
    after = {"value": reset, "subtract": v - threshold, "none": v}[own["reset"]]
    return fires.astype(np.int64), kept(np.where(fires, after, v), membranes)


def run(path):
    """What the readouts give for the golden inputs with checksums of what the cores did, and what they should."""
    said, tiles, (counts, cores, axons), readouts, golden, sums = read(path)
    lines, starts = np.zeros(len(counts), np.int64), np.concatenate([[0], np.cumsum(counts)])
    v = [cells and np.broadcast_to(cells[2], form) for _, _, form, _, _, cells in tiles]
    answers, by_core, by_step = [], [0] * said["cores"], [0] * said["golden"]
    for t in range(said["golden"]):
        arrived = np.zeros((said["cores"], int(axons.max(initial=0)) + 1), np.int64)

        def send(first, values, arrived=arrived):
            lines[first : first + values.size] = values.ravel()
            for line in first + np.flatnonzero(values):  # 4: a packet along each route
                own = slice(starts[line], starts[line + 1])
                arrived[cores[own], axons[own]] = lines[line]

        for each, values in zip(said["inputs"], golden, strict=False):
            send(each["first"], values[t])
        for n in sorted(range(len(tiles)), key=lambda n: tiles[n][0]["level"]):
            layer, core, form, first, parts, cells = tiles[n]
            total = np.zeros(form, np.int64)
            for heard, weight, bias in parts:
                total = total + heard(arrived[core]) @ weight.T.astype(np.int64) + bias
            if cells:
                total, v[n] = neurons(layer, cells, v[n], total, said["arithmetic"])
            send(first, total)
        for n, (_, core, form, first, _, cells) in enumerate(tiles):
            done = lines[first : first + prod(form)].tobytes() + (np.int64(v[n]).tobytes() if cells else b"")
            by_core[core], by_step[t] = crc32(done, by_core[core]), crc32(done, by_step[t])
        found = [(heard(lines), own["summed"]) for (heard, _), own in zip(readouts, said["readouts"], strict=True)]
        answers.append([kept(a, said["arithmetic"]["accumulators"]) if wide else a for a, wide in found])
    return [*map(np.stack, zip(*answers, strict=True)), by_core, by_step], golden[len(said["inputs"]) :] + sums


if __name__ == "__main__":
    same = all(map(np.array_equal, *run(sys.argv[1])))
    print("the golden sample gives", "the answer it should" if same else "another answer")
    sys.exit(not same)
