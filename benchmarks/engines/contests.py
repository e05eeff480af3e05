"""Who takes part, with which threads, and which figures are wanted."""

from __future__ import annotations

from typing import NamedTuple

TALON, CONTRACTED, BY_HAND = "talon", "talon, contracted sums", "torch by hand"
INTEGERS = "talon, integers"
DENSE = "onnxruntime"
LIBRARIES = ("snnTorch", "Norse", "sinabs", "SpikingJelly", "Brian 2")
"""Of spiking networks: the best of them is what talon is held against."""


class Product(NamedTuple):
    """`module`: the one beside this that runs in `environment`."""

    module: str
    environment: str


PRODUCTS = {
    TALON: Product("with_talon", ".venv"),
    CONTRACTED: Product("with_talon", ".envs/contracted"),
    INTEGERS: Product("with_integers", ".venv"),
    BY_HAND: Product("with_torch", ".envs/frameworks"),
    "snnTorch": Product("with_snntorch", ".envs/frameworks"),
    "Norse": Product("with_norse", ".envs/frameworks"),
    "sinabs": Product("with_sinabs", ".envs/frameworks"),
    "SpikingJelly": Product("with_spikingjelly", ".envs/frameworks"),
    "Brian 2": Product("with_brian2", ".envs/brian2"),
    "published package": Product("with_published", ".envs/published-bridge"),
    DENSE: Product("with_onnxruntime", ".envs/onnxruntime"),
}


class Goal(NamedTuple):
    """Times the best library, and the share of the limit, that talon's one thread is to reach."""

    faster: float
    of_limit: float


GOALS = {
    "W1 B1": Goal(20, 0.4),
    "W1 B64": Goal(3.5, 0.3),
    "W2 B1": Goal(20, 0.3),
    "W2 B16": Goal(14, 0.3),
    "W3": Goal(7, 0.3),
    "W4": Goal(2.5, 0.4),
}
INTEGERS_FASTER = {"W1 B64": 6.0}
"""Times the best library, that talon's integers are to reach with one thread."""
THREADS = (1, 2)
