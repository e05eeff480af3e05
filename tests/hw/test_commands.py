"""`talon hw`: what the commands print, their JSON, and their exit codes; what importing the package costs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from click.testing import CliRunner, Result

import talon.cli
import talon.engine
from talon import hw, ir
from talon.hw.commands import group


@pytest.fixture
def files(tmp_path: Path, make: SimpleNamespace) -> SimpleNamespace:
    """A network that fits, one that does not, one whose shapes do not meet, and a file that is none."""
    small = ir.Graph.chain(input=ir.Input([8]), fc=make.dense(8, 4), n=make.lif(), out=ir.Output([4]))
    large = ir.Graph.chain(input=ir.Input([2000]), fc=make.dense(2000, 4), n=make.lif(), out=ir.Output([4]))
    wrong = ir.Graph.chain(input=ir.Input([9]), fc=make.dense(8, 4), out=ir.Output([4]))
    paths = SimpleNamespace(bad=tmp_path / "bad.t1c")
    for name, graph in (("small", small), ("large", large), ("wrong", wrong)):
        setattr(paths, name, tmp_path / f"{name}.t1c")
        ir.write(getattr(paths, name), graph)
    paths.bad.write_bytes(b"no network")
    return paths


def talon_hw(*arguments: object) -> Result:
    return CliRunner().invoke(group, [str(a) for a in arguments])


def test_a_network_that_fits(files: SimpleNamespace) -> None:
    result = talon_hw("check", files.small, "--target", "generic-mesh")
    assert result.exit_code == 0
    head, row, *_ = result.stdout.splitlines()
    assert head.split() == ["layer", "cores", "neurons", "weight", "memory", "state", "memory", "in-axons", "fan-in"]
    assert row.split() == ["fc", "+", "n", "1", "4", "44", "B", "8", "B", "8", "8"]
    assert result.stdout.splitlines()[-1].endswith("small.t1c: fits generic-mesh: it takes 1 of 64 cores")
    assert talon_hw("check", files.small).stdout == result.stdout  # generic-mesh is the default


def test_a_network_that_does_not_fit_says_have_need_and_mend(files: SimpleNamespace) -> None:
    result = talon_hw("check", files.large)
    assert result.exit_code == 5
    assert "error[T503]: one unit of 'fc + n' has too many inputs" in result.stdout
    assert "at most 1,024 inputs for each unit (fan-in, generic-mesh); found 2,000 inputs needed" in result.stdout
    assert "help: feed it less" in result.stdout


def test_json_has_the_envelope_and_every_number(files: SimpleNamespace) -> None:
    result = talon_hw("check", files.large, "--json")
    assert result.exit_code == 5
    found = json.loads(result.stdout)
    assert (found["schema"], found["ok"]) == (1, False)
    assert (found["data"]["target"], found["data"]["fits"]) == ("generic-mesh", False)
    (problem,) = found["problems"]
    assert (problem["code"], problem["node"], problem["severity"]) == ("T503", "fc", "error")
    assert (problem["resource"], problem["have"], problem["need"]) == ("fan-in", 1024, 2000)
    assert problem["mend"] == problem["help"]


def test_warnings_do_not_fail_and_can_be_silenced(files: SimpleNamespace) -> None:
    result = talon_hw("check", files.small, "--target", "zcu102")
    assert result.exit_code == 0
    assert result.stdout.count("warning[T505]") == 1
    assert "  how many in-axons a core has: 8 axons needed" in result.stdout
    assert "T505" not in talon_hw("check", files.small, "--target", "zcu102", "--quiet").stdout


def test_a_target_of_ones_own(files: SimpleNamespace, edited: Callable[..., Path]) -> None:
    path = edited(("neurons = { value = 256", "neurons = { value = 1"), ('id = "generic-mesh"', 'id = "tiny"'))
    result = talon_hw("check", files.small, "--target", path)
    assert result.exit_code == 0
    assert "fits tiny: it takes 4 of 64 cores" in result.stdout


def test_exit_codes_for_wrong_files_and_targets(files: SimpleNamespace, edited: Callable[..., Path]) -> None:
    wrong_target = edited(("neurons = {", "neuron = {"))
    cases = [
        (("check", files.wrong), 1, "T104"),
        (("check", files.small, "--target", "zcu120"), 2, "did you mean 'zcu102'?"),
        (("check", files.small, "--target", wrong_target), 3, "core[0].neuron is an unknown key"),
        (("check", files.bad), 3, "T302"),
        (("targets", "show", "nowhere.toml"), 3, "T301"),
    ]
    for arguments, code, message in cases:
        result = talon_hw(*arguments)
        assert (result.exit_code, message in result.stderr) == (code, True), result.output


@pytest.fixture
def fixable(tmp_path: Path, make: SimpleNamespace) -> SimpleNamespace:
    """A network that rewrites make legal for loihi1, and one where something is left."""
    nodes = {"fc": make.dense(8, 4), "drop": ir.Dropout(4), "n": make.lif()}
    whole = ir.Graph.chain(input=ir.Input([8]), **nodes, out=ir.Output([4]))
    partly = ir.Graph.chain(input=ir.Input([8]), **nodes, soft=ir.Softmax(4), out=ir.Output([4]))
    paths = SimpleNamespace(new=tmp_path / "new.t1c")
    for name, graph in (("whole", whole), ("partly", partly)):
        setattr(paths, name, tmp_path / f"{name}.t1c")
        ir.write(getattr(paths, name), graph)
    return paths


def test_fix_writes_a_new_file_and_says_every_rewrite(fixable: SimpleNamespace) -> None:
    old = fixable.whole.read_bytes()
    result = talon_hw("check", fixable.whole, "--target", "loihi1", "--fix", "-o", fixable.new)
    assert result.exit_code == 0, result.output
    assert "rewritten  identities: drop.node: Dropout -> removed (exact)" in result.stdout
    assert "rewritten  comparators: n.v_threshold: 1.0 -> 0.99999994 (exact)" in result.stdout
    assert result.stdout.splitlines()[-1].endswith(f"it computes the same as {fixable.whole}")
    assert fixable.whole.read_bytes() == old
    assert list(ir.read(fixable.new).nodes) == ["input", "fc", "n", "out"]
    assert talon_hw("check", fixable.new, "--target", "loihi1").exit_code == 0


def test_what_fix_cannot_mend_is_named(fixable: SimpleNamespace) -> None:
    result = talon_hw("check", fixable.partly, "--target", "loihi1", "--fix", "-o", fixable.new, "--json")
    assert result.exit_code == 5
    found = json.loads(result.stdout)
    assert found["data"]["written"] == str(fixable.new)
    assert found["data"]["exact"] is True
    assert [(line["pass"], line["node"], line["field"]) for line in found["data"]["ledger"]] == [
        ("identities", "drop", "node"),
        ("comparators", "n", "comparator"),
        ("comparators", "n", "v_threshold"),
    ]
    assert set(found["data"]["ledger"][0]) == {"pass", "node", "field", "before", "after", "exact", "why"}
    assert [p["node"] for p in found["problems"] if p["severity"] == "error"] == ["soft"]
    text = talon_hw("check", fixable.partly, "--target", "loihi1", "--fix", "-o", fixable.new, "--force").stdout
    assert "1 left that no rewrite mends" in text


def test_fix_with_nothing_to_do(files: SimpleNamespace, fixable: SimpleNamespace) -> None:
    fits = talon_hw("check", files.small, "--fix", "-o", fixable.new)
    assert (fits.exit_code, "rewritten  nothing" in fits.stdout) == (0, True)
    assert ir.read(fixable.new).same_as(ir.read(files.small))
    fixable.new.unlink()
    large = talon_hw("check", files.large, "--fix", "-o", fixable.new)
    assert (large.exit_code, fixable.new.exists()) == (5, False)
    assert "nothing could be mended, and nothing is written" in large.stdout


def test_fix_never_replaces_what_is_there(fixable: SimpleNamespace) -> None:
    old = fixable.whole.read_bytes()
    same = talon_hw("check", fixable.whole, "--fix", "-o", fixable.whole, "--force")
    assert (same.exit_code, "T308" in same.stderr) == (2, True)
    fixable.new.write_bytes(b"mine")
    there = talon_hw("check", fixable.whole, "--fix", "-o", fixable.new)
    assert (there.exit_code, "T306" in there.stderr, fixable.new.read_bytes()) == (2, True, b"mine")
    assert talon_hw("check", fixable.whole, "--fix").exit_code == 2
    assert talon_hw("check", fixable.whole, "-o", fixable.new).exit_code == 2
    assert fixable.whole.read_bytes() == old


def test_targets_are_listed_and_shown() -> None:
    listed = talon_hw("targets")
    assert listed.exit_code == 0
    assert [line.split()[:3] for line in listed.stdout.splitlines()[1:]] == [
        ["generic-mesh", "64", "16,384"],
        ["loihi1", "128", "131,072"],
        ["speck2e", "9", "327,680"],
        ["t1c-asic", "256", "262,144"],
        ["truenorth", "4,096", "1,048,576"],
        ["xylo-audio2", "2", "1,008"],
        ["zcu102", "32", "16,384"],
        ["zynq-7020", "16", "2,048"],
    ]
    shown = talon_hw("targets", "show", "zcu102")
    assert ["cores.core.neurons", "512", "neuron", "(published,", "preset)"] in map(
        str.split, shown.stdout.splitlines()
    )
    loihi = talon_hw("targets", "show", "loihi1").stdout
    assert "at least 23.6 pJ (simulated, 14 nm, 0.75 V, davies2018)" in loihi
    assert hw.target("zcu102").hash in shown.stdout
    data = json.loads(talon_hw("targets", "show", "generic-mesh", "--json").stdout)["data"]
    assert data["description"]["core"][0]["neurons"]["value"] == 256


def test_the_process_ends_with_0_3_and_5(files: SimpleNamespace) -> None:
    for file, code in ((files.small, 0), (files.bad, 3), (files.large, 5)):
        done = subprocess.run(
            [sys.executable, "-m", "talon", "hw", "check", str(file), "--target", "generic-mesh"],
            env={**os.environ, "TALON_PLUGINS": "hw"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == code, done.stderr
        assert "Traceback" not in done.stderr
        assert ("generic-mesh" in done.stdout) == (code != 3)


def test_no_module_hides_a_name_of_the_package() -> None:
    """A module that is imported becomes an attribute of its package, in the place of what is loaded on first use."""
    code = (
        "from importlib.util import find_spec; from talon import hw; "
        "names = [name for name in dir(hw) if not name.startswith('_')]; assert 'check' in names; "
        "specs = [find_spec(f'talon.hw.{name}') for name in names]; "
        "hidden = [spec.name for spec in specs if spec and spec.origin]; assert not hidden, hidden"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_package_and_its_plugin_are_light() -> None:
    code = (
        "import sys, talon.hw, talon.hw.plugin; "
        "heavy = {'numpy', 'click', 'h5py', 'networkx', 'tomllib', 'talon.ir', 'talon.engine'} & set(sys.modules); "
        "assert not heavy, heavy"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_names_of_the_package() -> None:
    from talon.hw import plugin

    assert hw.run is talon.engine.run
    assert {"run", "check", "target", "targets", "Target", "FitReport", "Finding"} <= set(dir(hw))
    assert callable(hw.target)
    with pytest.raises(AttributeError, match=r"it has Build, BuildResult, .*Energy, .*Finding, FitReport"):
        _ = hw.chek  # type: ignore[attr-defined]
    assert plugin.TALON_API == 1
    assert plugin.talon_commands() == {"hw": "talon.hw.commands:group"}


def test_a_small_network_is_smaller_in_integers(tmp_path: Path) -> None:
    """Not its weights alone: with units, arithmetic and ledger, as the file stands on the disk."""
    data = Path(talon.cli.__file__).parent / "data"
    with np.load(data / "digits_test.npz") as digits:
        np.save(tmp_path / "x.npy", digits["images"].astype(np.float32) / 16)
    sizes = [(data / "digits.t1c").stat().st_size]
    for bits in (8, 4):
        out = tmp_path / f"q{bits}.t1c"
        calibration = ("--calibration", tmp_path / "x.npy", "--steps", 24)
        assert talon_hw("quantize", data / "digits.t1c", *calibration, "--bits", bits, "-o", out).exit_code == 0
        sizes.append(out.stat().st_size)
    assert sizes[0] > sizes[1]
    assert sizes[0] > sizes[2]


def test_a_percentile_is_for_its_method(files: SimpleNamespace, tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.ones((4, 1, 8), np.float32))
    given = ["quantize", files.small, "--calibration", tmp_path / "x.npy", "-o", tmp_path / "q.t1c", "--percentile", 50]
    found = talon_hw(*given)
    assert found.exit_code == 2
    assert "the method 'mse' has no percentile" in found.output
    assert talon_hw(*given, "--method", "percentile").exit_code == 0


def test_a_file_that_is_there_is_named_with_the_option_that_replaces_it(files: SimpleNamespace, tmp_path: Path) -> None:
    ir.write(tmp_path / "new.t1c", ir.read(files.large))
    given = ["check", files.small, "--fix", "-o", tmp_path / "new.t1c"]
    found = talon_hw(*given)
    assert found.exit_code == 2
    assert "pass --force to replace it" in found.output
    assert talon_hw(*given, "--force").exit_code == 0
