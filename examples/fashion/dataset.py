"""Fashion-MNIST from Debian's package `dataset-fashion-mnist`, and the small part of it that lies beside this file."""

from __future__ import annotations

import gzip
from dataclasses import dataclass
from pathlib import Path

import numpy as np

FOLDER = Path("/usr/share/datasets/fashion-mnist")
HERE = Path(__file__).parent
SUBSET = HERE / "fashion_subset.npz"
CALIBRATION, TEST = 100, 500


@dataclass(frozen=True, eq=False)
class Images:
    """Pixels 0 to 255 as uint8 `(N, 28, 28)`, classes 0 to 9 as uint8 `(N,)`."""

    images: np.ndarray
    labels: np.ndarray


def read_idx(path: Path) -> np.ndarray:
    """The bytes of a gzipped idx file: two zeros, 8 for unsigned bytes, the rank, the lengths, the values."""
    data = gzip.decompress(path.read_bytes())
    if data[:3] != b"\0\0\x08":
        raise SystemExit(f"{path} holds no unsigned bytes in the idx format")
    rank = data[3]
    shape = tuple(int(n) for n in np.frombuffer(data, ">u4", rank, 4))
    return np.frombuffer(data, np.uint8, -1, 4 + 4 * rank).reshape(shape)


def load(folder: Path, part: str) -> Images:
    """`part`: "train" or "t10k". Ends the program, saying how to install the files, where they are missing."""
    paths = [folder / f"{part}-{name}.gz" for name in ("images-idx3-ubyte", "labels-idx1-ubyte")]
    if missing := [str(path) for path in paths if not path.exists()]:
        raise SystemExit(
            f"Fashion-MNIST is not there: {', '.join(missing)}\n"
            "On Debian and Ubuntu: apt-get install dataset-fashion-mnist\n"
            "elsewhere: --source FOLDER with the four .gz files of the data set"
        )
    return Images(*map(read_idx, paths))


def write_subset(training: Images, test: Images) -> None:
    """The first test images, and the first training images, which quantising calibrates with."""
    np.savez_compressed(
        SUBSET,
        images=test.images[:TEST],
        labels=test.labels[:TEST],
        calibration=training.images[:CALIBRATION],
    )
