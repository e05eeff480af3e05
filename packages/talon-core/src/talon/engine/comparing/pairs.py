"""The nodes of two sides, paired by path and compared chunk by chunk."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from talon.engine.comparing.divergence import Divergence
from talon.engine.comparing.feeders import Feeders, feeders
from talon.engine.comparing.graphs import GraphSide
from talon.engine.comparing.outcome import Comparison, Shape
from talon.engine.comparing.quantised import comparable
from talon.engine.comparing.replay import Unplayable, margin, replayed
from talon.engine.comparing.sides import Records, Side
from talon.engine.comparing.tally import NEVER, Found, Tally
from talon.engine.comparing.window import Site, Window
from talon.ir.equality import apart
from talon.ir.errors import TalonRunError


class Pairs:
    """What both sides tell; `go_on` takes them through the same steps."""

    def __init__(self, a: Side, b: Side, *, what: str, tolerance: float, rescaled: bool = False) -> None:
        self.a, self.b, self.what, self.tolerance, self.rescaled = a, b, what, tolerance, rescaled
        self.scaled: list[str] = []
        self.feeders: Feeders = {}
        self.tallies: dict[str, Tally] = {}
        self.unlike: dict[str, tuple[Shape, Shape]] = {}
        self.windows: tuple[Window, Window] | None = None
        self.batch = 0
        # Each side keeps what either may be asked for, as a node is replayed with the other's values.
        self.depths: dict[str, int] = {}
        for side in (a, b):
            if isinstance(side, GraphSide):
                for key, depth in side.depths().items():
                    self.depths[key] = max(depth, self.depths.get(key, 0))

    def go_on(self, start: int, stop: int) -> None:
        """Compare these steps, which follow those before."""
        kept = [window.ending(self.depths) for window in self.windows] if self.windows else [{}, {}]
        self.windows = None  # or two chunks would be in memory
        records = self.a.tell(start, stop), self.b.tell(start, stop)
        self.windows = Window(start, records[0], kept[0]), Window(start, records[1], kept[1])
        if not start:
            self.pair(*records)
        found = {}
        for path, tally in self.tallies.items():
            values = [{q: told[tally.site.key(q)] for q in tally.quantities} for told in records]
            found[path] = tally.add(start, *values)
        # Judged when all are counted: what feeds a neuron by a cycle stands behind it.
        for path, quantities in found.items():
            for quantity, place in quantities.items():
                self.tallies[path].firsts[quantity] = self.divergence(path, quantity, place)

    def pair(self, a: Records, b: Records) -> None:
        """What is compared: quantities that both tell, in equal shapes. In the order of a graph, if there is one."""
        leading, others = (self.a, self.b) if isinstance(self.a, GraphSide) else (self.b, self.a)
        for path, site in leading.sites.items():
            other = others.sites.get(path)
            if self.rescaled and not comparable(site):
                self.scaled += [path] if other is not None and not site.entry else []
                continue
            shared = [q for q in site.quantities(self.what) if other is not None and q in other.quantities(self.what)]
            quantities = []
            for key, quantity in ((site.key(q), q) for q in shared):
                if key not in a or key not in b:
                    continue
                if a[key].shape == b[key].shape:
                    quantities.append(quantity)
                    self.batch = a[key].shape[1]
                else:
                    self.unlike[key] = a[key].shape[2:], b[key].shape[2:]
                    if a[key].shape[2:] == b[key].shape[2:]:
                        self.unlike[key] = a[key].shape, b[key].shape
            if quantities:
                spikes = site.ports[0] if site.spiking and site.ports[0] in quantities else None
                self.tallies[path] = Tally(self.named(path), tuple(quantities), self.tolerance, spikes)
        if isinstance(leading, GraphSide):
            self.feeders = feeders(leading, self.tallies)
        if not self.tallies and not self.unlike:
            raise TalonRunError(
                "T412",
                "the sides have nothing in common that could be compared",
                expected=f"nodes of the same path on both sides, with {WANTED[self.what]}",
                found=f"in a {some(self.a.sites)}; in b {some(self.b.sites)}",
                help="rename nodes with graph.rename({old: new}); talon.ir.diff(a, b) lists what differs",
            )

    def named(self, path: str) -> Site:
        """The node, of the side that knows its type."""
        a, b = self.a.sites[path], self.b.sites[path]
        if not a.kind or not b.kind or a.kind == b.kind:
            return a if a.kind else b
        return Site(path, f"{a.kind} / {b.kind}", a.ports, a.state, a.spiking, a.entry, a.exit)

    def divergence(self, path: str, quantity: str, found: Found) -> Divergence:
        """What there is to know of a value that differs."""
        assert self.windows is not None  # they hold the value
        (step, sample, element), at = found, (found[1], *found[2])
        key = self.tallies[path].site.key(quantity)
        values = [window.value(key, step) for window in self.windows]
        a, b = (value for value in values if value is not None)
        local, reason = self.by_feeders(path, step, sample) if self.rescaled else self.judged(path, key, step)
        above_a, above_b = (
            self.margin(side, window, path, step, at, a.shape)
            for side, window in zip((self.a, self.b), self.windows, strict=True)
        )
        return Divergence(
            path, quantity, step, sample, element, float(a[at]), float(b[at]), above_a, above_b, local, reason
        )

    def margin(
        self, side: Side, window: Window, path: str, step: int, at: tuple[int, ...], shape: tuple[int, ...]
    ) -> float | None:
        """How far above the threshold a side's membrane is at a place, where that is something it can say."""
        found = margin(side, path, step, window) if isinstance(side, GraphSide) else None
        return float(found[at]) if found is not None and found.shape == shape else None

    def judged(self, path: str, key: str, step: int) -> tuple[bool | None, str]:
        """Whether a node differs by itself at a step: b's node with what a had, or, where b is no graph, the other way
        round."""
        assert self.windows is not None
        mine, theirs = (1, 0) if isinstance(self.b, GraphSide) else (0, 1)
        side = (self.a, self.b)[mine]
        if not isinstance(side, GraphSide):
            return None, "neither side is a graph, of which a node could be run alone"
        try:
            again = replayed(side, path, step, self.windows[mine], self.windows[theirs])[key]
        except Unplayable as why:
            return None, str(why)
        right = self.windows[theirs].value(key, step)
        assert right is not None  # it was compared
        return bool(apart(again, right, self.tolerance).any()), ""

    def by_feeders(self, path: str, step: int, sample: int) -> tuple[bool | None, str]:
        """Whether a node differs by itself: all spikes that feed it had been alike in the sample."""
        before = [feeder for feeder, late in self.feeders[path] if self.tallies[feeder].parted[sample] <= step - late]
        return (None, f"{before[0]}, which feeds it, differs before") if before else (True, "")

    def here(self, path: str) -> int:
        """Samples in which the spikes of a node differ, and those of all that feeds it had not before."""
        parted = self.tallies[path].parted
        apart = parted < NEVER
        for feeder, late in self.feeders.get(path, ()):
            apart = apart & ~(self.tallies[feeder].parted <= parted - late)
        return int(np.count_nonzero(apart))

    def outcome(self, steps: int) -> Comparison:
        nodes = {path: tally.told(self.here(path) if tally.spikes else None) for path, tally in self.tallies.items()}
        a, b = self.a.sites, self.b.sites
        graphs = isinstance(self.a, GraphSide), isinstance(self.b, GraphSide)
        exits = [{path for path, site in sites.items() if site.exit} for sites in (a, b)]
        return Comparison(
            self.a.label,
            self.b.label,
            steps,
            self.batch,
            self.tolerance,
            self.what,
            nodes,
            # What is no graph may tell more than nodes, as the outputs of blocks.
            alone(a, b) if graphs[0] else (),
            alone(b, a) if graphs[1] else (),
            self.unlike,
            tuple(sorted(exits[0] ^ exits[1])),
            frozenset(tally.site.key(tally.spikes) for tally in self.tallies.values() if tally.spikes),
            tuple(self.scaled),
        )


WANTED = {"all": "outputs or state", "outputs": "outputs", "spikes": "spikes"}


def alone(sites: Mapping[str, Site], others: Mapping[str, Site]) -> tuple[str, ...]:
    return tuple(path for path, site in sites.items() if path not in others and not site.entry)


def some(sites: Mapping[str, Site]) -> str:
    """The first nodes of a side, in words."""
    names = [path for path, site in sites.items() if not site.entry]
    return ", ".join(names[:4]) + (", ..." if len(names) > 4 else "") if names else "none"
