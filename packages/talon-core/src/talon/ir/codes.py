"""The table of error codes: what each one means and how it is mended. Codes are stable."""

from __future__ import annotations

from typing import NamedTuple


class Code(NamedTuple):
    title: str
    meaning: str
    mend: str


FAMILIES: dict[str, str] = {
    "T0": "plugins and environment",
    "T1": "graph and shapes",
    "T2": "values",
    "T3": "files",
    "T4": "running",
    "T5": "targets",
    "T9": "internal",
}
"""What the first digit of a code says."""

CODES: dict[str, Code] = {
    "T001": Code(
        "distribution not installed",
        "The name belongs to a talon distribution that is not installed here.",
        "Install it with the pip line in the message.",
    ),
    "T002": Code(
        "unknown name",
        "Neither talon nor an installed plugin provides the name.",
        "Correct the spelling; 'talon primitives' lists what is installed.",
    ),
    "T003": Code(
        "broken plugin",
        "A plugin could not be loaded; everything else goes on without it.",
        "'talon plugins' names it and its error; upgrade or uninstall it.",
    ),
    "T004": Code(
        "name provided twice",
        "Two distributions provide the same name, so neither can be used.",
        "Uninstall one of them, or limit what loads with TALON_PLUGINS.",
    ),
    "T005": Code(
        "versions that do not belong together",
        "A plugin was written for another plugin interface, or a distribution of talon for another talon-core.",
        "Install versions of talon-core and the plugin that belong together.",
    ),
    "T007": Code(
        "conflicting installation",
        "Another package owns the import name that talon uses.",
        "Uninstall the package named in the message, or use an environment of its own.",
    ),
    "T101": Code(
        "unknown node",
        "An edge or a call names a node that is not in the graph.",
        "Correct the name; the message has the nearest one.",
    ),
    "T102": Code(
        "bad node name",
        "A node name is malformed or taken.",
        "Use 1 to 255 printable characters without ':' and '/', each name once.",
    ),
    "T103": Code(
        "unknown port",
        "An edge names a port the node does not have, or leaves out one it must name.",
        "Use one of the ports in the message, as 'node:port'.",
    ),
    "T104": Code(
        "shapes do not meet",
        "A node does not accept the shape that arrives.",
        "Change the parameter or the node before it; both sides and both numbers are in the message.",
    ),
    "T105": Code(
        "declared shape is wrong",
        "input_type or output_type says another shape than the graph gives.",
        "Remove or correct the declared shape.",
    ),
    "T106": Code(
        "wrong number of edges",
        "A node takes another number of inputs than there are edges.",
        "Change the attribute or the edges.",
    ),
    "T107": Code(
        "duplicate edge",
        "The same connection stands twice.",
        "Remove one; to add a value twice, send one copy through ir.Skip('passthrough').",
    ),
    "T108": Code(
        "open shape",
        "A shape does not follow from anything declared.",
        "Declare the shape of an Input, or input_type on a node of the cycle.",
    ),
    "T109": Code("no Input or Output", "A graph without them cannot be run.", "Add ir.Input and ir.Output nodes."),
    "T110": Code("unreachable node", "No Input leads to the node.", "Connect or remove it."),
    "T111": Code("dead node", "Nothing the node computes reaches an Output.", "Connect or remove it."),
    "T112": Code("input without edge", "Nothing leads into an input port.", "Add an edge, or remove the node."),
    "T113": Code("unread output", "An output port is read by nobody.", "Connect it, or split into fewer chunks."),
    "T114": Code(
        "immediate cycle",
        "Every delay in a cycle is stated 0, so no step could compute it.",
        "Leave one delay unstated, or state 1.",
    ),
    "T115": Code(
        "delay chosen",
        "An edge closes a cycle and no delay was stated, so it delivers one step late.",
        "Nothing needs mending; state delay=1 to make it explicit.",
    ),
    "T116": Code(
        "nested too deeply",
        "Graphs, or composites in one another, are nested deeper than 32 levels.",
        "Flatten the inner ones; let decompose() end in primitives that have a step.",
    ),
    "T117": Code(
        "opaque node",
        "The file holds a node of a type that no installed plugin provides; it was kept as it is.",
        "Install the distribution named in the message and read the file again.",
    ),
    "T201": Code(
        "array shapes disagree",
        "Two fields of a primitive do not fit each other, or an array has the wrong number of axes.",
        "Both fields and both numbers are in the message.",
    ),
    "T202": Code("value out of range", "A value is outside what the field allows.", "Use a value in the stated range."),
    "T203": Code(
        "immutable",
        "Nodes, edges and graphs never change after they are made.",
        "Make a changed copy: node.changed(...), graph.replace(...).",
    ),
    "T204": Code("wrong type", "A field was given a value of the wrong type.", "Give the type in the message."),
    "T205": Code("not finite", "A parameter holds NaN or infinity.", "Find where it was computed; replace it."),
    "T206": Code("wrong arguments", "A constructor was called with the wrong arguments.", "The message lists them."),
    "T301": Code("cannot open", "The file does not exist or may not be read or written.", "Check the path."),
    "T302": Code("not a talon file", "No storage backend recognises the content.", "Check that it is the right file."),
    "T303": Code(
        "damaged or foreign content",
        "The file is of a known format, but its content does not hold together.",
        "Get an undamaged copy from where it came from.",
    ),
    "T304": Code(
        "unknown field or type",
        "The file holds a node type or field that is not known here.",
        "Install or upgrade the distribution named in the message.",
    ),
    "T305": Code("array changed", "An array is not what the file says it is.", "Get an undamaged copy of the file."),
    "T306": Code("file exists", "Writing would replace a file.", "Pass overwrite=True, or --force."),
    "T307": Code("file from the future", "The file has a newer format or schema.", "Upgrade the distribution named."),
    "T308": Code("unsupported destination", "The path or object cannot be written to.", "Follow the help line."),
    "T309": Code(
        "cannot be stored",
        "The graph holds a name or value that no file of this format can.",
        "Give the node another name; the message says what is wrong.",
    ),
    "T310": Code(
        "tree and index differ",
        "The file says its graph twice, and not the same: other HDF5 tools see another one than talon.",
        "Do not use the file; get it from where it came from.",
    ),
    "T311": Code(
        "cannot be parsed",
        "The process that parses the file crashed, or reached its limit of time or memory.",
        "Get an undamaged copy; a file of your own can be read with trusted=True, or --trusted.",
    ),
    "T312": Code(
        "no process to parse with",
        "The process that parses HDF5 without an index could not be started.",
        "Run talon with an ordinary Python; a file of your own can be read with trusted=True, or --trusted.",
    ),
    "T313": Code(
        "no migration",
        "The file has an older schema of a primitive, and no installed plugin says what its fields mean today.",
        "Upgrade the distribution named, read the file with an older one, or keep the nodes as they are.",
    ),
    "T314": Code(
        "migration failed",
        "What takes the fields of an older schema to those of the next one raised an error, or gave no fields.",
        "Report it to the distribution that provides it; the message names the function.",
    ),
    "T401": Code("wrong inputs", "The arrays do not fit the graph's Inputs.", "Names and shapes are in the message."),
    "T402": Code("wrong dtype", "The arrays or the run's dtype are of a kind that cannot be run.", "Use real numbers."),
    "T403": Code("wrong state", "The state was made by another graph or batch.", "Start without, or use its own."),
    "T404": Code("unknown record", "Nothing of that name can be recorded.", "The message lists what can."),
    "T405": Code(
        "unknown engine", "No installed engine has that name or accepts the graph.", "The message lists them."
    ),
    "T406": Code("not finite input", "The input holds NaN or infinity.", "Clean it before running."),
    "T407": Code(
        "step went wrong",
        "A primitive's step, or a plugin's kernel for it, raised an error or gave something else than it promised.",
        "Report it to the distribution that provides the primitive or the kernel, or mend it.",
    ),
    "T408": Code(
        "opaque node cannot run",
        "The graph holds a node of a type that no installed plugin provides, so nobody knows what it computes.",
        "Install the distribution named in the message and read the file again.",
    ),
    "T409": Code(
        "does not fit in memory",
        "Inputs, results and state would take more memory than there is; the message says how much each takes.",
        "Run it in chunks with talon.engine.stream, record less, or send the results to a file.",
    ),
    "T412": Code(
        "nothing to compare",
        "Two sides of a comparison have no node of the same path, or none that gives what is to be compared.",
        "Rename nodes with graph.rename, or compare what both have.",
    ),
    "T413": Code(
        "cannot be evaluated",
        "The data set, its labels, the executor or what is to be run do not fit an evaluation, or a worker was lost.",
        "The message says which, and what to give instead.",
    ),
    "T501": Code("unknown target", "No target of that name is known.", "'talon hw targets' lists them."),
    "T502": Code("bad target description", "A target's file has an unknown key or a wrong value.", "Correct it."),
    "T503": Code(
        "does not fit", "The graph needs more of a resource than the target has.", "The message has both numbers."
    ),
    "T504": Code(
        "unsupported on the target", "The target cannot run the primitive.", "Replace it, or run it on the host."
    ),
    "T505": Code(
        "unknown number", "Nobody has published the number, so it cannot be checked.", "Measure it on the part."
    ),
    "T506": Code(
        "cannot be quantised",
        "The network, its calibration or what was asked for does not fit the arithmetic of the target.",
        "The message names the node and what to change; unknown numbers are stated in a target of one's own.",
    ),
    "T507": Code(
        "register overflows",
        "A sum does not fit a register of a target that stops instead of saturating or wrapping.",
        "Quantise with larger scales, or for a target whose registers saturate.",
    ),
    "T508": Code(
        "no integers to run",
        "The integer engine was asked for a graph, or a node, that holds no integers or that integers cannot compute.",
        "Quantise the whole graph with hw.quantize or 'talon hw quantize'.",
    ),
    "T509": Code(
        "hint that is not heeded",
        "A node asks by a hint for a core that it cannot have (an error), or for what has no effect (a warning).",
        "Change the hint, or take it away; the message has the core and both numbers.",
    ),
    "T900": Code(
        "internal error",
        "Something that should not happen did, in talon or in a primitive that does not say all it must.",
        "Complete the primitive, or report it with what --debug prints to the distribution that is named.",
    ),
}
