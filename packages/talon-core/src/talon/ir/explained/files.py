"""T3xx: files."""

from __future__ import annotations

from talon.ir.explained import Example

NET = """\
import numpy as np
from talon import ir

weight = np.ones((64, 64))
net = ir.Graph.chain(ir.Input([64]), ir.Affine(weight), ir.Output([64]))
"""

WRITTEN = NET + 'ir.write("net.t1c", net)\n'

NO_INDEX = (
    WRITTEN
    + """\
import h5py

with h5py.File("net.t1c", "r+"):
    pass  # any change by another tool drops the index
"""
)

SCHEMAS = """\
import numpy as np
from talon import ir
from talon.ir.declare import Array, per_neuron
from talon.plugins import temporary


class Fuse(ir.IF):
    v_blow: Array = per_neuron(doc="a spike that exceeds it is the last", default=9.0, kw_only=True)


class FuseOfToday(ir.IF):
    \"\"\"`v_blow` is called `v_melt` now.\"\"\"

    schema = 2
    v_melt: Array = per_neuron(doc="a spike that exceeds it is the last", default=9.0, kw_only=True)


FuseOfToday.__name__ = "Fuse"
net = ir.Graph.chain(ir.Input([64]), Fuse(1.0, v_blow=5.0), ir.Output([64]))
with temporary(primitives={"Fuse": Fuse}):  # an older version of its plugin
    ir.write("net.t1c", net)


def from_1(attrs, arrays):
    arrays["v_melt"] = arrays.pop("v_blow")


"""

EXAMPLES: dict[str, Example] = {
    "T301": Example(
        wrong=WRITTEN + 'ir.read("nett.t1c")\n',
        right=WRITTEN + 'ir.read("net.t1c")\n',
    ),
    "T302": Example(
        wrong="""\
from pathlib import Path
from talon import ir

Path("net.t1c").write_text("epoch, loss")  # a log under the wrong name
ir.read("net.t1c")
""",
        right=WRITTEN + 'ir.read("net.t1c")\n',
    ),
    "T303": Example(
        wrong=WRITTEN
        + """\
from pathlib import Path

content = Path("net.t1c").read_bytes()
Path("copy.t1c").write_bytes(content[:5000])  # a download that broke off
ir.read("copy.t1c")
""",
        right=WRITTEN
        + """\
from pathlib import Path

content = Path("net.t1c").read_bytes()
Path("copy.t1c").write_bytes(content)
ir.read("copy.t1c")
""",
    ),
    "T304": Example(
        wrong=NET
        + """\


class Gain(ir.Affine):
    pass


ir.write("net.t1c", net.replace("affine", Gain(weight)))
ir.read("net.t1c")  # no installed distribution provides Gain
""",
        right=NET
        + """\


@ir.register_node
class Gain(ir.Affine):
    pass


ir.write("net.t1c", net.replace("affine", Gain(weight)))
ir.read("net.t1c")
""",
    ),
    "T305": Example(
        wrong=WRITTEN
        + """\
net = ir.read("net.t1c")  # large arrays stay in the file
with open("net.t1c", "ab") as file:
    file.write(b"changed")
net.nodes["affine"].weight
""",
        right=WRITTEN
        + """\
net = ir.read("net.t1c").load()  # every array now
with open("net.t1c", "ab") as file:
    file.write(b"changed")
net.nodes["affine"].weight
""",
    ),
    "T306": Example(
        wrong=WRITTEN + 'ir.write("net.t1c", net, overwrite=False)\n',
        right=WRITTEN + 'ir.write("net2.t1c", net, overwrite=False)\n',
    ),
    "T307": Example(
        wrong=WRITTEN
        + """\
import h5py

with h5py.File("net.t1c", "r+") as file:  # as a later talon would write it
    del file["talon/format"]
    file["talon/format"] = np.bytes_("9.0")
ir.read("net.t1c")
""",
        right=WRITTEN + 'ir.read("net.t1c")  # after: pip install --upgrade talon-core\n',
    ),
    "T308": Example(
        wrong=NET + 'ir.write("https://example.org/net.t1c", net)\n',
        right=NET + 'ir.write("net.t1c", net)\n',
    ),
    "T309": Example(
        wrong=NET + 'ir.write("net.t1c", net.rename({"input": "\\u00e9", "output": "e\\u0301"}))  # both look like é\n',
        right=NET + 'ir.write("net.t1c", net.rename({"input": "\\u00e9", "output": "e"}))\n',
    ),
    "T310": Example(
        wrong=NET
        + """\
from pathlib import Path
from talon.storage import compared

for core in (1, 2):
    ir.write(f"{core}.t1c", net.replace("input", ir.Input([64], core_id=core)))
one, two = (Path(f"{core}.t1c").read_bytes() for core in (1, 2))
end = int.from_bytes(one[-56:-48], "little")  # of the tree, as the footer says
Path("mixed.t1c").write_bytes(one[:end] + two[end:])
report = compared("mixed.t1c")  # talon check --deep mixed.t1c
""",
        right=WRITTEN
        + """\
from talon.storage import compared

report = compared("net.t1c")
""",
        ends="reports",
    ),
    "T311": Example(
        wrong=NO_INDEX
        + """\
from dataclasses import replace
from talon.storage.child import asking

asking.LIMITS = replace(asking.LIMITS, longest=0.0)  # as for a file that keeps HDF5 busy for ever
ir.read("net.t1c")
""",
        right=NO_INDEX + 'ir.read("net.t1c", trusted=True)  # own file\n',
    ),
    "T312": Example(
        wrong=NO_INDEX
        + """\
import sys

sys.executable = ""  # as where Python is part of another program
ir.read("net.t1c")
""",
        right=NO_INDEX + 'ir.read("net.t1c", trusted=True)  # own file\n',
    ),
    "T313": Example(
        wrong=SCHEMAS
        + """\
with temporary(primitives={"Fuse": FuseOfToday}):
    ir.read("net.t1c")
""",
        right=SCHEMAS
        + """\
with temporary(primitives={"Fuse": FuseOfToday}, migrations={"Fuse": {1: from_1}}):
    ir.read("net.t1c")
""",
    ),
    "T314": Example(
        wrong=SCHEMAS
        + """\
with temporary(primitives={"Fuse": FuseOfToday}, migrations={"Fuse": {1: lambda attrs, arrays: arrays["v_blwo"]}}):
    ir.read("net.t1c")
""",
        right=SCHEMAS
        + """\
with temporary(primitives={"Fuse": FuseOfToday}, migrations={"Fuse": {1: from_1}}):
    ir.read("net.t1c")
""",
    ),
}
