"""Hardware targets: what a chip offers, and whether a graph fits on it.

`from talon import hw`, then `hw.target("generic-mesh")`, `hw.check(graph, target)`, `hw.legalise(graph, target)`,
`hw.targets()`. Every name is loaded on first use. `hw.run` is `talon.engine.run`; `hw.compile(graph)` gives a program
to run often.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from talon.plugins.lazy import lazy_names

__version__ = "0.1.0"

if TYPE_CHECKING:
    from talon.engine import run as run
    from talon.hw.accuracy import WidthRow as WidthRow
    from talon.hw.accuracy import by_width as by_width
    from talon.hw.artifact.opening import load as load
    from talon.hw.catalogue import target as target
    from talon.hw.catalogue import targets as targets
    from talon.hw.deploying.build import Build as Build
    from talon.hw.deploying.deploy import deploy as deploy
    from talon.hw.deploying.result import BuildResult as BuildResult
    from talon.hw.description import Target as Target
    from talon.hw.evaluating.entry import evaluate as evaluate
    from talon.hw.evaluating.outcome import Evaluation as Evaluation
    from talon.hw.evaluating.runners import Runnable as Runnable
    from talon.hw.evaluating.sweeping import Sweep as Sweep
    from talon.hw.evaluating.sweeping import SweepRow as SweepRow
    from talon.hw.evaluating.sweeping import sweep as sweep
    from talon.hw.fit import check as check
    from talon.hw.ledger import Rewrite as Rewrite
    from talon.hw.legalising import Legalised as Legalised
    from talon.hw.legalising import legalise as legalise
    from talon.hw.native.program import Program as Program
    from talon.hw.native.program import Session as Session
    from talon.hw.native.program import compile as compile
    from talon.hw.pricing import Energy as Energy
    from talon.hw.pricing import energy as energy
    from talon.hw.quantising.doubts import QuantisingWarning as QuantisingWarning
    from talon.hw.quantising.lines import quantization_ledger as quantization_ledger
    from talon.hw.quantising.network import quantize as quantize
    from talon.hw.quantising.report import QuantReport as QuantReport
    from talon.hw.quantising.report import quantization_report as quantization_report
    from talon.hw.report import Finding as Finding
    from talon.hw.report import FitReport as FitReport
    from talon.hw.reporting.figures import Report as Report
else:
    __getattr__, __dir__ = lazy_names(
        __name__,
        {
            "run": "talon.engine:run",
            "Target": "talon.hw.description:Target",
            "target": "talon.hw.catalogue:target",
            "targets": "talon.hw.catalogue:targets",
            "check": "talon.hw.fit:check",
            "load": "talon.hw.artifact.opening:load",
            "deploy": "talon.hw.deploying.deploy:deploy",
            "Build": "talon.hw.deploying.build:Build",
            "BuildResult": "talon.hw.deploying.result:BuildResult",
            "energy": "talon.hw.pricing:energy",
            "Energy": "talon.hw.pricing:Energy",
            "by_width": "talon.hw.accuracy:by_width",
            "WidthRow": "talon.hw.accuracy:WidthRow",
            "evaluate": "talon.hw.evaluating.entry:evaluate",
            "Evaluation": "talon.hw.evaluating.outcome:Evaluation",
            "Runnable": "talon.hw.evaluating.runners:Runnable",
            "sweep": "talon.hw.evaluating.sweeping:sweep",
            "Sweep": "talon.hw.evaluating.sweeping:Sweep",
            "SweepRow": "talon.hw.evaluating.sweeping:SweepRow",
            "legalise": "talon.hw.legalising:legalise",
            "Legalised": "talon.hw.legalising:Legalised",
            "Rewrite": "talon.hw.ledger:Rewrite",
            "Finding": "talon.hw.report:Finding",
            "FitReport": "talon.hw.report:FitReport",
            "Report": "talon.hw.reporting.figures:Report",
            "QuantReport": "talon.hw.quantising.report:QuantReport",
            "QuantisingWarning": "talon.hw.quantising.doubts:QuantisingWarning",
            "quantization_ledger": "talon.hw.quantising.lines:quantization_ledger",
            "quantization_report": "talon.hw.quantising.report:quantization_report",
            "quantize": "talon.hw.quantising.network:quantize",
            "compile": "talon.hw.native.program:compile",
            "Program": "talon.hw.native.program:Program",
            "Session": "talon.hw.native.program:Session",
        },
    )
