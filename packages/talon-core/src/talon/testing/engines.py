"""What every engine promises: `check_engine("name")` runs all checks on an engine that `talon_engines` announces.

    from talon.testing.engines import check_engine

    def test_my_engine():
        check_engine("mine")

Outputs, state, counts and records must be those of the reference engine to the bit, on whatever the engine does not
refuse. Primitives of other distributions are among what is run, so the kit asks more where more is installed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from talon.engine.choice import list_engines
from talon.testing import agreed, behaved
from talon.testing.candidate import Candidate

CHECKS: tuple[Callable[[Candidate], None], ...] = (*behaved.CHECKS, *agreed.CHECKS)


def check_engine(
    name: str,
    *,
    dtype: str = "float32",
    options: Iterable[Mapping[str, Any]] = ({},),
    seeds: Iterable[int] = range(3),
) -> None:
    """Run every check; raises AssertionError, or what the engine raised, with notes that name check and graph.

    `dtype`: what the engine is mostly asked in; the other one is tried where it does not refuse it. `options`: for each
    of these `engine_options` everything is asked anew.
    """
    assert name in list_engines(), f"there is no engine {name!r}; there are {', '.join(list_engines())}"
    for given in options:
        case = Candidate(name, dtype, dict(given), tuple(seeds))
        for check in CHECKS:
            try:
                check(case)
            except Exception as error:
                error.add_note(f"in check {check.__name__!r} of the engine {name!r}, options {dict(given)}")
                raise
