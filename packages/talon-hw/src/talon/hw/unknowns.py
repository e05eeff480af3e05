"""What could not be checked because the target does not say (T505, warnings), each once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from talon.hw.contents import share_of_word
from talon.hw.description import Memory
from talon.hw.packing import destinations, reach
from talon.hw.placed import Placed
from talon.hw.report import Finding, amount


def unknown(placed: Placed) -> Iterator[Finding]:
    """Every number that nobody has published and that this graph would need."""
    target = placed.target
    if any(core.count.unknown for core in target.cores):
        yield unsaid(target.id, "how many cores it has", "cores", len(placed.packed), "cores")
    for resource, limit, what, need, unit in needs(placed):
        if need and any(getattr(core, limit).unknown for core in target.cores):
            yield unsaid(target.id, what, resource, need, unit)
    yield from memories(placed)
    yield from rules(placed)
    if target.ops is None:
        kinds = sorted({type(node).__name__ for node in placed.wiring.nodes if not node.identity})
        yield unsaid(target.id, f"which primitives it runs; here are {', '.join(kinds)}", "primitives")
    delay = max((edge.delay or 0 for edge in placed.wiring.graph.edges), default=0)
    # A delay of one step is what a chip that runs in step has anyway.
    if target.noc["max_delay"].unknown and delay > 1:
        yield unsaid(target.id, "how long it can delay a spike", "delay", delay, "steps")
    if target.capabilities["recurrence"] is None and not placed.wiring.graph.is_dag:
        yield unsaid(target.id, "whether it has recurrence; there is a cycle here", "recurrence")


Need = tuple[str, str, str, int, str]


def needs(placed: Placed) -> Iterator[Need]:
    """For every limit of a core: resource, key, what is not said, what the fullest core or unit needs, unit."""
    cores, units = placed.packed, placed.units
    reached = reach([core.inputs for core in cores], units.leaving)

    def most(counts: Iterable[int], above: int = 0) -> int:
        found = max((int(n) for n in counts), default=0)
        return found if found > above else 0

    yield "neurons", "neurons", "how many neurons a core has", most(c.neurons for c in cores), "neurons"
    yield "fan-in", "fan_in", "how many inputs a neuron can have", most(placed.fan_ins), "inputs"
    yield "fan-out", "fan_out", "how many connections a neuron can make", most(units.fan_out), "outputs"
    yield "in-axons", "in_axons", "how many in-axons a core has", most(len(c.inputs) for c in cores), "axons"
    yield "out-edges", "out_edges", "how many out-edges a core has", most(placed.out_edges), "edges"
    # One is what everything can do that does anything.
    sent_to = destinations(cores, placed.wiring.count)
    yield "reach", "reach", "how many cores a neuron reaches", most((reached[c.sends].max() for c in cores), 1), "cores"
    yield "destinations", "destinations", "how many cores a core sends to", most(sent_to, 1), "cores"
    yield "layers", "layers", "how many layers share a core", most((len(c.layers) for c in cores), 1), "layers"
    entering = most(units.outside[c.inputs].sum() for c in cores)
    yield "inputs", "inputs", "how many values from outside a core hears", entering, "units"
    left = most((units.leaving[c.sends] > 0).sum() for c in cores)
    yield "outputs", "outputs", "how many of a core's units can be read outside", left, "units"


def memories(placed: Placed) -> Iterator[Finding]:
    """Memories without a size, or whose use depends on a width or an overhead that nobody states."""
    target = placed.target
    if any(not core.memory for core in target.cores):
        stored = max((sum(core.stored.values()) for core in placed.packed), default=0)
        yield unsaid(target.id, "how much memory a core has", "memory", stored, "values")
    seen: set[str] = set()
    for core in target.cores:
        for memory in core.memory:
            if memory.name not in seen:
                seen.add(memory.name)
                yield from of_memory(placed, memory)


def of_memory(placed: Placed, memory: Memory) -> Iterator[Finding]:
    target, resource = placed.target, f"{memory.name} memory"
    stored: Counter[str] = Counter()
    for core in placed.packed:
        for kind in memory.holds:
            stored[kind] = max(stored[kind], core.stored[kind])
    most = max((sum(core.stored[kind] for kind in memory.holds) for core in placed.packed), default=0)
    if not most:
        return
    if memory.words.unknown:
        yield unsaid(target.id, f"how large the {resource} of a core is", resource, most, "values")
    elif any(share_of_word(target, memory, kind) is None for kind, count in stored.items() if count):
        bits = memory.words.value * (memory.bits.value or 1)
        fits = f"it holds while a value takes at most {bits / most:.1f} bits"
        yield Finding(
            "T505",
            f"{target.id} does not say how wide values are in its {resource}",
            "warning",
            expected="published widths",
            found=f"unknown; {most:,} values in the fullest core: {fits} on average",
            help="state the widths in a description of your own",
            resource=resource,
            have=memory.words.value,
        )
    elif memory.overhead.unknown and memory.packing != "single":
        what = f"what is stored beside each value in its {resource}, so that the values alone are counted"
        yield unsaid(target.id, what, resource, most, "values")


def rules(placed: Placed) -> Iterator[Finding]:
    """Rules of the arithmetic that nodes of the graph depend on."""
    numeric, target = placed.target.numeric, placed.target.id
    fields = {"reset": "which resets it has", "comparator": "how it compares with the threshold"}
    for field, what in fields.items():
        if numeric[field] is None and (values := sorted(set(of_field(placed, field)))):
            yield unsaid(target, f"{what}; here is {', '.join(values)}", field)
    if numeric["decay"]["rule"] is None and any(of_field(placed, "tau")):
        yield unsaid(target, "by which rule membranes decay", "decay")
    if numeric["accumulate"] is None:
        parts = [placed.names[n] for n, layer in enumerate(placed.layers) if any(f.summing for f in layer.feeders)]
        if parts:
            what = (
                "whether its accumulators saturate with every addition, with which no inputs can be divided over cores"
            )
            yield unsaid(target, f"{what}; here those of {named(parts)} are", "accumulate")
    if numeric["payload"]["bits"].unknown:
        sending = [placed.names[n] for n in range(len(placed.layers)) if placed.sends_values(n)]
        if sending:
            what = "how wide a value, which is no spike, is on its links"
            yield unsaid(target, f"{what}; here {named(sending)} send such", "payload")


def named(layers: Sequence[str]) -> str:
    more = f" and {len(layers) - 3} more" if len(layers) > 3 else ""
    return ", ".join(map(repr, layers[:3])) + more


def of_field(placed: Placed, field: str) -> list[str]:
    """What nodes have for a field, as text; an array is told by its name alone."""
    nodes = [node for node in placed.wiring.nodes if field in node.fields]
    return [field if node.fields[field].is_array else str(getattr(node, field)) for node in nodes]


def unsaid(target: str, what: str, resource: str, need: int | None = None, unit: str = "") -> Finding:
    return Finding(
        "T505",
        f"{target} does not say {what}",
        "warning",
        expected="a published number" if unit else "a published answer",
        found="unknown" + (f", {amount(need, unit)} needed" if need is not None else ""),
        help="measure it on the part, and put it with its source into a description of your own",
        resource=resource,
        need=need,
    )
