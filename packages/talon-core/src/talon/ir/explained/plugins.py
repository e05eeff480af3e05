"""T0xx: plugins and environment. Distributions are made up in the current folder, as pip would leave them."""

from __future__ import annotations

from talon.ir.explained import GAIN, Example

INSTALLED = """\
import sys
from pathlib import Path

sys.path.insert(0, ".")


def install(distribution, version):  # what pip leaves behind, in this folder
    info = Path(f"{distribution.replace('-', '_')}-{version}.dist-info")
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\\nName: {distribution}\\nVersion: {version}\\n")


"""

PLUGIN = f"""\
from talon import ir
from talon.plugins import temporary


{GAIN}

"""

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
        wrong="""\
from talon import ir
from talon.plugins import temporary

with temporary(primitives={"Gain": "acme.layers:Gain"}):  # as a plugin would say it, and there is no acme.layers
    ir.Gain()
""",
        right=PLUGIN
        + """\
with temporary(primitives={"Gain": Gain}):
    ir.Gain()
""",
    ),
    "T004": Example(
        wrong=PLUGIN
        + """\
with temporary(primitives={"Gain": Gain}), temporary(primitives={"Gain": Gain}):  # two plugins, one name
    ir.Gain()
""",
        right=PLUGIN
        + """\
with temporary(primitives={"Gain": Gain}):
    ir.Gain()
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
