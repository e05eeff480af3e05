"""Reports of real builds: every figure is what the run, the chip and an engine say."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from talon import hw, ir
from talon.engine import run
from talon.hw.commands import group
from talon.hw.reporting.figures import Chip
from talon.hw.reporting.making import golden
from talon.ir.errors import TalonRunError, TalonTargetError
from tests.hw.reporting.builds import Case, digits, digits_on, rectangle
from tests.hw.reporting.test_figures import validate


@pytest.fixture(scope="module")
def report() -> hw.Report:
    return digits().report(title="digits")


def test_json_of_a_build_is_what_the_schema_says(report: hw.Report) -> None:
    validate(json.loads(report.to_json()))
    assert report.to_json() == digits().report(title="digits").to_json()


def test_cores_layers_and_engine_count_the_same(report: hw.Report) -> None:
    case = digits()
    counts = run(case.quantised, case.inputs, repeat=case.repeat, engine="reference").counts
    assert report.agrees
    assert report.engine["updates"] == counts.total()["updates"] == 74 * report.places
    by_quantity = {balance.quantity: dict(balance.sums) for balance in report.reconciliation}
    assert all(len(set(sums.values())) == 1 and None not in sums.values() for sums in by_quantity.values())
    assert set(by_quantity["packets"]) == {"sent by cores and Inputs", "received by cores", "mapping"}


def test_layers_are_told_by_step(report: hw.Report) -> None:
    case = digits()
    records = run(case.quantised, case.inputs, repeat=case.repeat, engine="integer", record="*.spikes").records
    for layer in report.layers:
        spikes = records[f"{layer.nodes[-1]}.spikes"]
        assert layer.spikes == tuple(spikes.sum(axis=(1, 2)).astype(int).tolist())
        assert layer.rate(report.places) == pytest.approx(spikes.mean())
        assert layer.updates == spikes.size
    assert [layer.neurons for layer in report.layers] == [64, 10]


def test_packets_of_each_core(report: hw.Report) -> None:
    """The readout's core hears every spike of the hidden layer; each of that layer's cores hears the whole image."""
    case = digits()
    active = np.count_nonzero(case.quantised.nodes and case.build.chip.inputs["input"].encoding.encode(case.inputs))
    (readout,) = [core for core in report.cores if core.layers == (report.layers[1].name,)]
    hidden = [core for core in report.cores if core is not readout]
    assert readout.received == sum(core.sent for core in hidden) == sum(report.layers[0].spikes)
    assert {core.received for core in hidden} == {active * case.repeat}
    assert report.entered == active * case.repeat * len(hidden)
    assert readout.sent == 0


def test_the_busiest_step_of_a_core_is_of_one_sample(report: hw.Report) -> None:
    case = digits()
    alone = [
        replace(case, inputs=case.inputs[n : n + 1]).report(graph=None, quantised=None) for n in range(len(case.inputs))
    ]
    for number, core in enumerate(report.cores):
        works = [one.cores[number].peak for one in alone]
        assert core.peak is not None
        assert core.peak.work == max(peak.work for peak in works if peak is not None)
        assert core.peak in works


def test_energy_of_layers_is_part_of_the_whole(report: hw.Report) -> None:
    assert report.energy is not None
    parts = [layer.energy.picojoules for layer in report.layers if layer.energy is not None]
    assert len(parts) == 2
    assert sum(part or 0.0 for part in parts) == pytest.approx(report.energy.picojoules)
    one = digits().build.energy(digits().build.run(digits().inputs, repeat=24), samples=len(digits().inputs))
    assert report.energy.picojoules == one.picojoules


def test_uses_are_those_of_the_check(report: hw.Report) -> None:
    case = digits()
    assert [core.uses for core in report.cores] == [use.uses for use in case.build.uses]
    assert [core.layers for core in report.cores] == [use.layers for use in case.build.uses]
    assert {core.kind for core in report.cores} == {"core"}


@pytest.mark.parametrize("multicast", [True, False])
@pytest.mark.parametrize(("rows", "columns", "kind"), [(2, 5, "mesh"), (9, 1, "mesh"), (3, 4, "torus")])
def test_places_and_links(rows: int, columns: int, kind: str, multicast: bool) -> None:
    """Columns come first in a report, rows in a target and a build. Every link joins neighbours, and what crosses the
    links around the readout's core is what it hears."""
    case = digits_on(rectangle(rows, columns, kind, multicast, neurons=10), samples=2)
    report = case.report(graph=None)
    assert (report.target.mesh, report.target.multicast) == ((columns, rows), multicast)
    placed = [core.position for core in report.cores]
    assert placed == [(column, row) for row, column in case.build.chip.positions.tolist()]
    assert all(place is not None and place[0] < columns and place[1] < rows for place in placed)
    for link in report.links:
        across, down = (abs(a - b) for a, b in zip(link.start, link.end, strict=True))
        around = kind == "torus" and (across, down) in {(columns - 1, 0), (0, rows - 1)}
        assert (across, down) in {(1, 0), (0, 1)} or around
        assert link.packets > 0
    (readout,) = [core for core in report.cores if core.layers == (report.layers[1].name,)]
    into, out = Counter[object](), Counter[object]()
    for link in report.links:
        into[link.end] += link.packets
        out[link.start] += link.packets
    assert into[readout.position] == readout.received > 0
    assert out[readout.position] == 0
    for core in report.cores:
        if core is not readout:
            assert out[core.position] - into[core.position] == core.sent


def test_without_an_input_the_golden_sample_is_run(tmp_path: Path) -> None:
    case = digits()
    report = case.build.report()
    given = case.build.report(case.inputs[:1], repeat=case.repeat)
    assert report.to_json() == given.to_json()
    assert report.samples == 1
    coded = golden(case.build)["input"]
    assert np.array_equal(
        case.build.chip.inputs["input"].encoding.encode(coded[:, 0]), case.build.golden.inputs["input"]
    )
    case.build.save(tmp_path / "net.talonhw")
    assert hw.load(tmp_path / "net.talonhw").report().to_json() == report.to_json()
    assert (report.engine, report.quantisation, report.divergence) == ({}, None, None)
    assert report.agrees


def test_the_network_in_floats_says_where_spikes_part(report: hw.Report) -> None:
    case = digits()
    alone = case.report(quantised=None)
    assert report.divergence is not None
    assert alone.divergence is not None
    assert report.quantisation is not None
    assert alone.quantisation is None
    found, other = (
        {name: (node.first.step, node.first.batch, node.differing) for name, node in one.nodes.items() if node.first}
        for one in (report.divergence, alone.divergence)
    )
    assert found == other
    assert "lif1" in found
    assert report.divergence.spikes
    assert {layer.node for layer in report.quantisation.layers} == {"lif1", "lif2"}


def test_a_wrong_weight_on_a_core_is_an_alarm() -> None:
    """Cores that do not compute what was deployed do not count what the engine counts."""
    case = digits()
    first, *others = case.build.chip.tiles
    part = replace(first.parts[0], weight=-np.asarray(first.parts[0].weight))
    chip = replace(case.build.chip, tiles=(replace(first, parts=(part, *first.parts[1:])), *others))
    wrong = replace(case, build=replace(case.build, chip=chip)).report(graph=None)
    assert not wrong.agrees
    assert {b.quantity for b in wrong.reconciliation if not b.equal} >= {"spikes"}


def test_what_cannot_be_reported_is_refused() -> None:
    case = digits()
    with pytest.raises(TalonRunError) as nothing:
        hw.deploy(case.quantised, case.build.target).report()
    assert nothing.value.code == "T401"
    other = hw.quantize(case.graph, case.build.target, calibration=case.inputs, repeat=case.repeat, bits=4)
    with pytest.raises(TalonTargetError) as another:
        case.report(quantised=other)
    assert another.value.code == "T506"
    with pytest.raises(TalonTargetError) as whole:
        case.report(graph=case.quantised)
    assert (whole.value.code, whole.value.found) == ("T506", "a quantised network")


def test_host_and_assumptions_are_told() -> None:
    graph = ir.Graph.chain(
        input=ir.Input([6]),
        fc=ir.Affine(np.eye(4, 6, dtype="f4")),
        lif=ir.LIF(2.0, 2.0, 0.0, 0.5),
        soft=ir.Softmax(4, -1),
        output=ir.Output([4]),
    )
    x = (np.random.default_rng(0).random((5, 2, 6)) < 0.5).astype("f4")
    quantised = hw.quantize(graph, "generic-mesh", calibration=x)
    build = hw.deploy(quantised, "t1c-asic", calibration=x)
    report = build.report(x, quantised=quantised, graph=graph)
    validate(json.loads(report.to_json()))
    assert report.host == ({"node": "soft", "type": "Softmax"},)
    assert report.assumed == build.assumed != ()
    assert [warning.code for warning in report.warnings] == ["T505"]
    assert (report.target.mesh, report.links, report.cores[0].position) == (None, (), None)
    assert report.agrees
    assert (report.energy is not None, report.energy and report.energy.picojoules) == (True, None)
    page = report.to_html()
    assert "Softmax" in page
    assert "order of number" in page
    assert "at most 0 over a link" not in page


def test_layers_of_sums_have_no_rate() -> None:
    rng = np.random.default_rng(3)
    graph = ir.Graph.chain(ir.Input([8]), ir.Affine(rng.standard_normal((4, 8)).astype("f4")), ir.Output([4]))
    x = (rng.random((3, 2, 8)) < 0.5).astype("f4")
    build = hw.deploy(hw.quantize(graph, "generic-mesh", calibration=x), "generic-mesh", calibration=x)
    (layer,) = build.report(x).layers
    assert (layer.spiking, layer.spikes, layer.rate(6)) == (False, (0, 0, 0), None)
    assert ">sums<" in build.report(x).to_html()


def test_the_mesh_of_targets() -> None:
    """As mapping takes them: rows first in a description."""
    assert Chip.of(rectangle(2, 5, "mesh", True)).mesh == (5, 2)
    assert Chip.of(hw.target("t1c-asic")).mesh is None
    assert Chip.of(hw.target("zcu102")).multicast is None


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Case]:
    folder, case = tmp_path_factory.mktemp("report"), digits()
    case.build.save(folder / "net.talonhw")
    ir.write(folder / "float.t1c", case.graph)
    ir.write(folder / "whole.t1c", case.quantised)
    np.save(folder / "x.npy", case.inputs)
    return folder, case


def test_the_command_writes_what_the_method_gives(files: tuple[Path, Case], report: hw.Report) -> None:
    folder, case = files
    names = {
        name: str(folder / name) for name in ("net.talonhw", "float.t1c", "whole.t1c", "x.npy", "r.html", "r.json")
    }
    given = ["report", names["net.talonhw"], "--input", names["x.npy"], "--steps", str(case.repeat)]
    given += ["--graph", names["float.t1c"], "--quantised", names["whole.t1c"]]
    done = CliRunner().invoke(group, [*given, "-o", names["r.html"]])
    assert done.exit_code == 0, done.output
    assert "spikes           equal: cores" in done.output
    expected = replace(report, title="net")
    assert Path(names["r.html"]).read_text() == expected.to_html()
    assert CliRunner().invoke(group, [*given, "-o", names["r.json"]]).exit_code == 0
    assert Path(names["r.json"]).read_text() == expected.to_json()
    printed = CliRunner().invoke(group, [*given, "--json"])
    said = json.loads(printed.output)
    assert all(said[key] == value for key, value in json.loads(expected.to_json()).items() if key in said)
    again = CliRunner().invoke(group, [*given, "-o", names["r.html"]])
    assert (again.exit_code, "T306" in again.output) == (2, True)
    assert CliRunner().invoke(group, [*given, "-o", names["r.html"], "--force"]).exit_code == 0
    assert CliRunner().invoke(group, ["report", names["net.talonhw"], "--steps", "3"]).exit_code == 2
