"""check() and validate(): one report of everything, with codes, places and both sides."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from talon import ir
from talon.ir.codes import CODES

LIF = ir.LIF(2, 1, 0, 1)


def codes(graph: ir.Graph, severity: str | None = None) -> list[tuple[str, str | None]]:
    return [(d.code, d.node) for d in graph.check().diagnostics if severity in (None, d.severity)]


def test_a_good_graph_has_nothing_to_say() -> None:
    graph = ir.Graph.chain(ir.Input([3]), LIF, ir.Output([3]))
    report = graph.check()
    assert report.ok
    assert report.diagnostics == ()
    graph.validate()


def test_missing_boundaries_and_ports() -> None:
    assert codes(ir.Graph({"a": LIF}, []), "error") == [("T109", None), ("T109", None), ("T112", "a")]


def test_unreachable_dead_and_unread() -> None:
    graph = ir.Graph(
        {"i": ir.Input([3]), "o": ir.Output([3]), "dead": LIF, "loop": LIF, "s": ir.ChannelSplit([1, 1, 1])},
        [("i", "o"), ("i", "dead"), ("loop", "loop"), ("loop", "o"), ("i", "s"), ("s:1", "o")],
    )
    assert codes(graph, "warning") == [("T111", "dead"), ("T110", "loop"), ("T113", "s")]
    unread = next(d for d in graph.check().diagnostics if d.code == "T113")
    assert "0, 2" in unread.message
    assert "s:0" in (unread.help or "")


def test_chosen_delays_are_notes() -> None:
    graph = ir.Graph(
        {"i": ir.Input([3]), "a": LIF, "b": LIF, "o": ir.Output([3])},
        [("i", "a"), ("a", "b"), ("b", "a"), ("b", "o"), ir.Edge("a", "a", delay=2)],
    )
    (note,) = graph.check().diagnostics
    assert (note.code, note.severity, note.node) == ("T115", "note", "a")
    assert "'b' -> 'a'" in note.message
    assert "delay=1" in (note.help or "")
    assert graph.with_delays().check().diagnostics == ()


def test_values_are_scanned_at_every_level() -> None:
    weight = np.ones((2, 2))
    weight[1, 0] = np.nan
    inner = ir.Graph.chain(input=ir.Input(None), fc=ir.Affine(weight), output=ir.Output(None))
    graph = ir.Graph.chain(ir.Input([2]), g=inner)
    graph = ir.Graph({**graph.nodes, "o": ir.Output([2])}, [*graph.edges, ("g", "o")])
    (error,) = graph.check().errors
    assert (error.code, error.node) == ("T205", "g/fc")
    assert "[1, 0]" in str(error)
    assert "1 of 4" in str(error)


def test_what_reading_let_through_is_found() -> None:
    nodes = {
        "tau": ir.LIF.restore({"tau": np.float64(0.5), "r": 1, "v_leak": 0, "v_threshold": 1}),
        "groups": ir.Conv2d.restore({"weight": np.ones((4, 1, 3, 3)), "groups": 3}),
        "lazy": ir.BatchNorm1d.restore(
            {
                "num_features": 2,
                "weight": None,
                "bias": None,
                "running_mean": np.ones(2),
                "running_var": ir.ArrayRef(np.float64, (2,), lambda: -np.ones(2)),
            }
        ),
    }
    found = [(d.code, d.node) for d in ir.Graph(nodes, []).check().errors if d.code.startswith("T2")]
    assert found == [("T202", "tau"), ("T202", "groups"), ("T202", "lazy")]


def test_wrong_values_do_not_cause_wrong_shapes() -> None:
    conv = ir.Conv2d.restore({"weight": np.ones((4, 1, 3, 3)), "stride": 0})
    graph = ir.Graph.chain(input=ir.Input([1, 8, 8]), conv=conv, output=ir.Output(None))
    assert codes(graph, "error") == [("T202", "conv")]


def test_validate_raises_the_first_and_counts_the_others() -> None:
    nodes = {"i": ir.Input([3]), "relu": ir.ReLU(4), "tanh": ir.Tanh(5), "o": ir.Output([6])}
    graph = ir.Graph(nodes, [("i", "relu"), ("i", "tanh"), ("i", "o"), ("relu", "o"), ("tanh", "o")])
    assert len(graph.check().errors) == 3
    with pytest.raises(ir.TalonGraphError, match="and 2 more errors") as caught:
        graph.validate()
    assert caught.value.code == "T104"
    assert caught.value.diagnostic.node == "relu"


def test_errors_come_first_and_the_report_prints() -> None:
    graph = ir.Graph({"i": ir.Input([3]), "a": LIF, "b": LIF, "s": ir.ReLU(9), "o": ir.Output([3])},
                     [("i", "a"), ("a", "a"), ("i", "b"), ("a", "s"), ("s", "o")])  # fmt: skip
    report = graph.check()
    assert [d.severity for d in report.diagnostics] == ["error", "warning", "note"]
    assert str(report).splitlines()[-1] == "1 error, 1 warning, 1 note"
    json.dumps([d.as_dict() for d in report.diagnostics])


def test_every_code_that_is_raised_is_explained() -> None:
    import re
    from pathlib import Path

    import talon.ir.errors as place

    root = Path(place.__file__).parents[1]
    raised = {c for f in root.rglob("*.py") if f.name != "codes.py" for c in re.findall(r'"(T\d{3})"', f.read_text())}
    assert raised - CODES.keys() == set()
    assert raised >= {"T101", "T202", "T900"}
    assert all(code.meaning.endswith(".") and code.mend.endswith((".", "'")) for code in CODES.values())


@pytest.mark.parametrize("name", [n for n in dir(ir) if n.startswith("Talon") and n.endswith("Error")])
def test_errors_pickle_with_their_details(name: str) -> None:
    import pickle

    error = getattr(ir, name)("T104", "words", node="n", expected=3, found=4, help="mend")
    twin = pickle.loads(pickle.dumps(error))
    assert type(twin) is type(error)
    assert str(twin) == str(error)
    assert (twin.code, twin.expected, twin.found, twin.help) == ("T104", "3", "4", "mend")
    assert isinstance(error, ir.TalonError)


@pytest.mark.parametrize("given", [3, (1.5,), (-1,), "ab", ((2,), (2,)), object()])
def test_what_infer_gives_is_a_shape_or_a_finding(given: Any) -> None:
    class Odd(ir.Primitive):
        """Says an odd shape."""

        def infer(self, *inputs: Any) -> Any:
            return given

    graph = ir.Graph.chain(ir.Input([2]), odd=Odd(), out=ir.Output([2]))
    (finding,) = graph.check().errors
    assert (finding.code, finding.node) == ("T900", "odd")
    assert "Odd.infer gives no shape" in finding.message
    assert finding.found is not None
    assert repr(given)[:20] in finding.found


def test_ports_that_are_none_are_a_finding_of_the_constructor() -> None:
    class Failing(ir.Primitive):
        """Fails to say its ports."""

        def ports(self) -> Any:
            raise ZeroDivisionError("boom")

    class None_(ir.Primitive):
        """Says none."""

        def ports(self) -> Any:
            return None

    for cls, word in ((Failing, "ZeroDivisionError: boom"), (None_, "not ir.Ports")):
        with pytest.raises(ir.TalonGraphError, match=word) as caught:
            ir.Graph({"a": cls()}, [])
        assert (caught.value.code, caught.value.diagnostic.node) == ("T900", "a")


def test_the_short_form_of_a_report_is_short() -> None:
    graph = ir.Graph({f"n{i}": ir.Skip() for i in range(50)}, [])
    lines = repr(graph.check()).splitlines()
    assert lines[0].startswith("CheckReport: not ok, ")
    assert len(lines) < 12
    assert "more; print() shows all in full" in lines[-1] or len(lines) < 10
    assert repr(ir.Graph.chain(ir.Input([2]), ir.Output([2])).check()) == "CheckReport: ok, 0 errors, 0 warnings"
