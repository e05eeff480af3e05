"""What `hw.check` found: how a graph lies on a target, and every problem with what is there and what is needed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from talon.ir.errors import Diagnostic, Findings, TalonTargetError


@dataclass(frozen=True, slots=True)
class Use:
    """How much of a resource is needed and how much there is; None where that is unknown."""

    resource: str
    need: int | None
    have: int | None
    unit: str

    @property
    def over(self) -> bool:
        return self.need is not None and self.have is not None and self.need > self.have

    @property
    def share(self) -> float | None:
        """The used part, 1.0 when full; None where either number is unknown."""
        if self.need is None or self.have is None:
            return None
        return self.need / self.have if self.have else float(self.need)

    def bar(self, width: int = 24) -> str:
        """One line of text: a bar as long as the used part, and the numbers."""
        numbers = f"{amount(self.need, self.unit if self.unit == 'B' else '')} of {amount(self.have, self.unit)}"
        if self.share is None:
            return f"{'?' * width}     ?  {numbers}"
        # Something in use always shows, and only what is full looks full.
        filled = min(max(int(self.share * width), 1 if self.need else 0), width)
        return f"{'#' * filled:.<{width}}  {self.share:4.0%}  {numbers}"


@dataclass(frozen=True, slots=True)
class Finding(Diagnostic):
    """A diagnostic about a resource: `have` and `need` are its numbers, None where one is unknown or not a number."""

    resource: str | None = None
    have: int | None = None
    need: int | None = None

    @property
    def mend(self) -> str | None:
        """What to do about it; the same as `help`."""
        return self.help

    def as_dict(self) -> dict[str, Any]:
        own = {"resource": self.resource, "have": self.have, "need": self.need, "mend": self.help}
        return Diagnostic.as_dict(self) | own


def refusal(found: Finding) -> TalonTargetError:
    """A finding as an error, for who cannot go on with it."""
    error = TalonTargetError(found.code, found.message)
    error.diagnostic = found
    return error


@dataclass(frozen=True, slots=True)
class LayerUse:
    """One layer: the nodes that are placed together, its tiles, and how many cores have one (0: it does not fit).

    `uses`: neurons and memories summed over the tiles, in-axons of the tile that hears most. `spiking` is False where
    the units are bare sums or pooled values, which take a neuron's place too. `fan_in`: most connections into one unit.
    """

    name: str
    nodes: tuple[str, ...]
    tiles: int
    cores: int
    spiking: bool
    fan_in: int
    uses: tuple[Use, ...]


@dataclass(frozen=True, slots=True)
class CoreUse:
    """One core: its kind, the layers that have tiles on it, and what they use of it."""

    kind: str
    layers: tuple[str, ...]
    uses: tuple[Use, ...]


@dataclass(frozen=True, repr=False)
class FitReport(Findings):
    """The answer of `hw.check`. `ok`: no errors, so the graph fits as far as the target's numbers are known.

    `cores`: the cores in use, of `available` ones. Where `complete` is False a layer found no tiling, and the cores are
    a lower bound. `total`: what the whole target has and the graph needs. `diagnostics`: errors first.
    """

    raises = TalonTargetError

    target: str
    target_hash: str
    available: int | None
    complete: bool
    layers: tuple[LayerUse, ...]
    cores: tuple[CoreUse, ...]
    total: tuple[Use, ...]
    diagnostics: tuple[Diagnostic, ...]

    def fullest(self) -> list[Use]:
        """For each resource of a core, the use that leaves least of it."""
        columns: dict[str, list[Use]] = {}
        for core in self.cores:
            for use in core.uses:
                columns.setdefault(use.resource, []).append(use)
        return [max(column, key=lambda use: (use.share or 0.0, use.need or 0)) for column in columns.values()]

    def verdict(self) -> str:
        """The answer in one line."""
        bound = "" if self.complete else "at least "
        there = "an unknown number" if self.available is None else f"{self.available:,}"
        takes = f"it takes {bound}{len(self.cores):,} of {there} cores"
        if not self.cores and not self.complete:
            takes = "none of its layers can be laid out"
        if self.ok:
            doubted = any(d.code != "T509" for d in self.warnings)
            return f"fits {self.target}{', as far as its numbers are known' if doubted else ''}: {takes}"
        return f"does not fit {self.target} ({plural(len(self.errors), 'problem')}): {takes}"

    def table(self) -> list[list[str]]:
        """The layers as rows of text, the heads first."""
        columns = list(dict.fromkeys(use.resource for layer in self.layers for use in layer.uses))
        rows = [["layer", "cores", *columns, "fan-in"]] if self.layers else []
        for layer in self.layers:
            used = {use.resource: amount(use.need, use.unit if use.unit == "B" else "") for use in layer.uses}
            cells = [used.get(column, "-") for column in columns]
            if not layer.spiking:
                cells[0] += " sums"
            rows.append([layer.name, f"{layer.cores:,}" if layer.cores else "-", *cells, amount(layer.fan_in)])
        return rows

    def bars(self) -> list[str]:
        """How full the target is, as lines of text: cores in use, then the fullest core by resource."""
        uses = [("cores", Use("cores", len(self.cores), self.available, "cores"))]
        uses += [(f"fullest core, {use.resource}", use) for use in self.fullest()]
        width = max(len(name) for name, _ in uses)
        return [f"{name:<{width}}  {use.bar()}" for name, use in uses]

    def unknowns(self) -> list[str]:
        """What the target does not say of what the graph needs (T505), a line each under a head."""
        found = [d for d in self.warnings if d.code == "T505"]
        if not found:
            return []
        head = f"{self.target} does not say"
        lines = [f"  {d.message.removeprefix(head).strip()}" + after(d.found or "") for d in found]
        return [f"warning[T505]: {head}", *lines, f"  help: {found[0].help}"]

    def as_dict(self) -> dict[str, Any]:
        """The report as plain values, diagnostics apart, as `talon hw check --json` prints it."""
        return {
            "target": self.target,
            "target_hash": self.target_hash,
            "fits": self.ok,
            "complete": self.complete,
            "cores_needed": len(self.cores),
            "cores_available": self.available,
            "total": [asdict(use) for use in self.total],
            "layers": [asdict(layer) for layer in self.layers],
            "cores": [asdict(core) for core in self.cores],
        }

    def __str__(self) -> str:
        told = [str(d) for d in self.diagnostics if d.code != "T505"]
        return "\n".join([self.verdict(), *aligned(self.table()), *told, *self.unknowns()])

    def __repr__(self) -> str:
        warned = f", {plural(len(self.warnings), 'warning')}" if self.warnings else ""
        return f"<{self.verdict()}{warned}>"


def after(found: str) -> str:
    """What stands behind "unknown" in what was found, for a line that says so already."""
    rest = found.removeprefix("unknown").strip(",; ")
    return f": {rest}" if rest else ""


def amount(number: int | None, unit: str = "") -> str:
    """A number with its unit; bytes from 10 KiB on in KiB."""
    if number is None:
        return "unknown"
    if unit == "B" and number >= 10240:
        return f"{number / 1024:,.1f} KiB".replace(".0 ", " ")
    return f"{number:,} {unit}".rstrip()


def plural(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'s' * (count != 1)}"


def aligned(rows: Iterable[Sequence[str]]) -> list[str]:
    """Rows of a table as lines: the first column to the left, numbers to the right."""
    cells = [list(row) for row in rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return [
        "  ".join([row[0].ljust(widths[0]), *(c.rjust(w) for c, w in zip(row[1:], widths[1:], strict=True))])
        for row in cells
    ]
