"""T0xx: plugins and environment. Distributions are made up in the current folder, as pip would leave them."""

from __future__ import annotations

from talon.ir.explained import Example

INSTALLED = """\
import sys
from pathlib import Path

sys.path.insert(0, ".")


def install(distribution, version, plugin=""):  # what pip leaves behind, in this folder
    info = Path(f"{distribution.replace('-', '_')}-{version}.dist-info")
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\\nName: {distribution}\\nVersion: {version}\\n")
    if plugin:
        (info / "entry_points.txt").write_text(f"[talon]\\n{plugin} = {plugin}_plugin\\n")


"""

PLUGIN = '''\
NEURONS = """
from talon import ir

class Izhikevich(ir.LIF):
    pass
"""
PLUGIN = """
from talon.plugins import hookimpl

TALON_API = 1

@hookimpl
def talon_primitives():
    return {"Izhikevich": "acme_neurons:Izhikevich"}
"""
'''

EXAMPLES: dict[str, Example] = {
    "T001": Example(
        wrong="""\
import os

os.environ["TALON_PLUGINS"] = ""  # as if talon-ghost were not installed

from talon.plugins import registry

registry.primitive("SGhostConv")
""",
        right="""\
from talon.plugins import registry  # after: pip install talon-ghost

registry.primitive("SGhostConv")
""",
    ),
    "T002": Example(
        wrong="""\
from talon import ir

ir.Lif(tau=20.0, r=1.0, v_leak=0.0, v_threshold=1.0)
""",
        right="""\
from talon import ir

ir.LIF(tau=20.0, r=1.0, v_leak=0.0, v_threshold=1.0)
""",
    ),
    "T003": Example(
        wrong=INSTALLED
        + PLUGIN
        + """\
install("talon-acme", "1.0", plugin="acme")
Path("acme_plugin.py").write_text(PLUGIN)  # acme_neurons.py is missing

from talon import ir

ir.Izhikevich(20.0, 1.0, 0.0, 1.0)
""",
        right=INSTALLED
        + PLUGIN
        + """\
install("talon-acme", "1.1", plugin="acme")
Path("acme_plugin.py").write_text(PLUGIN)
Path("acme_neurons.py").write_text(NEURONS)

from talon import ir

ir.Izhikevich(20.0, 1.0, 0.0, 1.0)
""",
    ),
    "T004": Example(
        wrong=INSTALLED
        + PLUGIN
        + """\
install("talon-acme", "1.0", plugin="acme")
install("talon-bolt", "1.0", plugin="bolt")
Path("acme_neurons.py").write_text(NEURONS)
Path("acme_plugin.py").write_text(PLUGIN)
Path("bolt_plugin.py").write_text(PLUGIN)

from talon import ir

ir.Izhikevich(20.0, 1.0, 0.0, 1.0)  # whose?
""",
        right=INSTALLED
        + PLUGIN
        + """\
install("talon-acme", "1.0", plugin="acme")
install("talon-bolt", "1.0", plugin="bolt")
Path("acme_neurons.py").write_text(NEURONS)
Path("acme_plugin.py").write_text(PLUGIN)
Path("bolt_plugin.py").write_text(PLUGIN)

import os

os.environ["TALON_PLUGINS"] = "acme"  # or uninstall talon-bolt

from talon import ir

ir.Izhikevich(20.0, 1.0, 0.0, 1.0)
""",
    ),
    "T005": Example(
        wrong=INSTALLED
        + """\
install("talon-ghost", "0.0.9")  # older than talon-core

from talon.cli.doctor import troubles

report = troubles()  # what 'talon doctor' prints
""",
        right=INSTALLED
        + """\
from talon.ir import __version__

install("talon-ghost", __version__)

from talon.cli.doctor import troubles

report = troubles()
""",
        ends="reports",
    ),
    "T007": Example(
        wrong=INSTALLED
        + """\
install("talon-ir", "0.0.2")  # the published package, which has a talon.ir of its own

from talon.cli.doctor import troubles

report = troubles()  # what 'talon doctor' prints
""",
        right="""\
from talon.cli.doctor import troubles  # after: pip uninstall talon-ir

report = troubles()
""",
        ends="reports",
    ),
}
