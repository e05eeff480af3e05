"""What `check_target` found, and what it left out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Omitted:
    """A network that was not run, and why."""

    name: str
    reason: str


@dataclass(frozen=True)
class TargetReport:
    """`ran`: how many cores each network took; `omitted`: why others were not run. `kernels`: ways of the integer
    engine that were compared with the cores; `assumed`: keys of the description that nobody states, for which the
    arithmetic of generic-mesh was taken."""

    target: str
    hash: str
    kernels: tuple[str, ...]
    assumed: tuple[str, ...]
    ran: Mapping[str, int]
    omitted: Mapping[str, str]

    def verdict(self) -> str:
        """The answer in one line."""
        known = f", {len(self.assumed)} rules taken from generic-mesh" if self.assumed else ""
        return (
            f"{self.target}: {len(self.ran)} networks agree to the bit ({', '.join(self.kernels)} and the cores),"
            f" {len(self.omitted)} left out{known}"
        )

    def __str__(self) -> str:
        rows = [f"  {name}: {cores} core{'s' * (cores != 1)}" for name, cores in self.ran.items()]
        rows += [f"  left out, {name}: {reason}" for name, reason in self.omitted.items()]
        rows += [f"  as generic-mesh, {key}" for key in self.assumed]
        return "\n".join([self.verdict(), *rows])
