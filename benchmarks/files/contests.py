"""What is measured against what, and which figures are wanted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple


class Candidate(NamedTuple):
    """One product doing one thing. `module`: the one beside this that runs in the product's environment."""

    label: str
    module: str
    action: str
    suffix: str


@dataclass(frozen=True)
class Contest:
    """Candidates that take turns, `rounds` times after one that is not counted.

    `workload`: see `workloads.layers`. `left_out`: who takes no part, and why.
    """

    name: str
    workload: str
    rounds: int
    candidates: tuple[Candidate, ...]
    left_out: str = ""


@dataclass(frozen=True)
class Goal:
    """A figure of a candidate in a contest is to be `most`: times that of `against`, else seconds or megabytes."""

    what: str
    contest: str
    label: str
    most: float
    against: str | None = None
    unit: Literal["x", "s", "MB"] = "x"


OURS = ".venv"
ENVIRONMENTS = {
    "with_talon": OURS,
    "with_numpy": OURS,
    "with_safetensors": ".envs/safetensors",
    "with_nir": ".envs/nir",
    "with_published": ".envs/published",
}
T1C, ZARR = ".t1c", ".zarr"
WRITE, READ = "write", "read everything"

SAFETENSORS = Candidate("safetensors", "with_safetensors", READ, ".safetensors")
NIR = Candidate("NIR", "with_nir", READ, ".nir")
PUBLISHED = Candidate("published talon-ir", "with_published", READ, T1C)
NUMPY = Candidate("bare arrays", "with_numpy", READ, ".raw")
BIG, SMALL = "200 MB of weights", "20 MB of weights"


def contests(suffixes: tuple[str, ...]) -> list[Contest]:
    """Every contest. `suffixes`: what talon is measured with."""

    def ours(action: str, label: str = "") -> tuple[Candidate, ...]:
        return tuple(Candidate(f"talon {suffix}{label}", "with_talon", action, suffix) for suffix in suffixes)

    def nodes(count: int, rounds: int, *peers: Candidate, left_out: str = "") -> tuple[Contest, ...]:
        name, workload = f"{count:,} nodes", f"nodes {count}"
        writing = (*ours(WRITE), *(peer._replace(action=WRITE) for peer in peers))
        reading = (*ours("info", " ir.info"), *ours("read", " ir.read"), *ours(READ, " every array"), *peers)
        return (
            Contest(f"{name}: write", workload, rounds, writing, left_out),
            Contest(f"{name}: read", workload, rounds, reading, left_out),
        )

    def weights(what: str, rounds: int, *candidates: Candidate) -> Contest:
        return Contest(f"{BIG}: {what}", "weights 200", rounds, candidates)

    return [
        weights(
            "write",
            15,
            *ours(WRITE),
            SAFETENSORS._replace(action=WRITE),
            SAFETENSORS._replace(action="write and sync", label="safetensors, then fsync"),
            NUMPY._replace(action="write and sync", label="bare arrays, then fsync"),
            NIR._replace(action=WRITE, label="NIR, no compression"),
            PUBLISHED._replace(action=WRITE),
        ),
        weights("write, NIR with its default", 1, *ours(WRITE), NIR._replace(action="write compressed")),
        weights("read and verify", 15, *ours(READ), SAFETENSORS, NUMPY, NIR, PUBLISHED),
        weights(
            "open and list",
            25,
            *ours("read and list", " ir.read"),
            *ours("info and list", " ir.info"),
            SAFETENSORS._replace(action="open and list"),
        ),
        Contest(
            f"{SMALL}: write",
            "weights 20",
            25,
            (*ours(WRITE)[:1], *ours("write unsafely", ", straight into the target")[:1]),
        ),
        *nodes(1_000, 5, SAFETENSORS, PUBLISHED, NIR),
        *nodes(10_000, 5, SAFETENSORS, PUBLISHED, left_out="NIR, which takes minutes"),
        *nodes(100_000, 5, SAFETENSORS, left_out="the published talon-ir and NIR, which take many minutes"),
    ]


def goals() -> list[Goal]:
    t1c, zarr, st = f"talon {T1C}", f"talon {ZARR}", SAFETENSORS.label
    listing = f"{BIG}: open and list"
    ten, hundred = "10,000 nodes", "100,000 nodes"
    return [
        Goal(f"{BIG}: write with checksums", f"{BIG}: write", t1c, 1.3, st),
        Goal(f"{BIG}: read and verify", f"{BIG}: read and verify", t1c, 0.8, st),
        Goal(f"{BIG}: open lazily and list", listing, f"{t1c} ir.read", 0.005, unit="s"),
        Goal(f"{BIG}: open lazily and list", listing, f"{t1c} ir.read", 3, unit="MB"),
        Goal(f"{BIG}: write zarr", f"{BIG}: write", zarr, 2, t1c),
        Goal(f"{BIG}: read zarr", f"{BIG}: read and verify", zarr, 2, t1c),
        Goal(f"{SMALL}: safe write", f"{SMALL}: write", t1c, 2.5, f"{t1c}, straight into the target"),
        Goal(f"{ten}: write", f"{ten}: write", t1c, 2, unit="s"),
        Goal(f"{ten}: ir.info", f"{ten}: read", f"{t1c} ir.info", 0.02, unit="s"),
        Goal(f"{ten}: ir.read", f"{ten}: read", f"{t1c} ir.read", 0.3, unit="s"),
        Goal(f"{hundred}: write", f"{hundred}: write", t1c, 6, st),
        Goal(f"{hundred}: write zarr", f"{hundred}: write", zarr, 1, st),
        Goal(f"{hundred}: ir.info", f"{hundred}: read", f"{t1c} ir.info", 0.1, st),
        Goal(f"{hundred}: ir.read with every array", f"{hundred}: read", f"{t1c} every array", 1, st),
    ]
