"""What the process that parses a file may use: one table."""

from __future__ import annotations

from dataclasses import dataclass

MIB = 1 << 20
OWN = "get an undamaged copy; if you made the file yourself, trusted=True (--trusted) reads it in this process"
"""What to do where a limit was reached."""


@dataclass(frozen=True)
class Allowance:
    """The limits for one file, in seconds and bytes."""

    cpu: float
    wall: float
    memory: int
    answer: int


@dataclass(frozen=True)
class Limits:
    """All grow with the file, so that a large honest file is read and a small hostile one is soon done with."""

    cpu_seconds: float = 5.0
    cpu_seconds_per_mib: float = 2.0
    """An honest file of many small nodes takes 0.4 on the slowest machine that was measured."""
    wall_seconds: float = 8.0
    wall_seconds_per_mib: float = 4.0
    longest: float = 600.0
    start_seconds: float = 60.0
    """For importing numpy and h5py, before it sees a file."""

    memory: int = 1024 * MIB
    memory_per_byte: int = 8
    """Address space of the whole process."""

    answer: int = 16 * MIB
    answer_per_byte: int = 4
    """The index that it makes of a file: names, structure, small values. Large arrays stay in the file."""

    requests: int = 1000
    """A process is replaced after this many files."""

    def allowance(self, size: int) -> Allowance:
        """What a file of `size` bytes may cost."""
        mib = size / MIB
        return Allowance(
            min(self.cpu_seconds + self.cpu_seconds_per_mib * mib, self.longest),
            min(self.wall_seconds + self.wall_seconds_per_mib * mib, self.longest),
            self.memory + self.memory_per_byte * size,
            self.answer + self.answer_per_byte * size,
        )


LIMITS = Limits()
