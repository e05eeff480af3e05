"""Loading plugins: one that is broken is reported once and costs nothing else."""

from __future__ import annotations

import warnings
from importlib.metadata import Distribution
from pathlib import Path
from typing import Any

import pytest

from talon import ir
from talon.plugins import registry
from talon.plugins.manager import PluginWarning, manager

GOOD = """
from talon.plugins import hookimpl
TALON_API = 1
@hookimpl
def talon_primitives():
    return {"Izhikevich": "strange_neurons:Izhikevich"}
"""

# What is wrong, the module, and the words of the warning.
BROKEN = {
    "import fails": ("import nowhere_at_all", "ModuleNotFoundError nowhere_at_all"),
    "syntax": ("def (", "SyntaxError"),
    "exits": ("raise SystemExit(3)", "SystemExit 3"),
    "no API": (GOOD.replace("TALON_API = 1", ""), "TALON_API interface"),
    "other API": (GOOD.replace("TALON_API = 1", "TALON_API = 2"), "API 2 1"),
    "misspelt hook": (GOOD.replace("def talon_primitives", "def talon_primitves"), "talon_primitves talon_primitives"),
    "wrong arguments": (GOOD.replace("primitives()", "primitives(surplus)"), "surplus"),
}
FAILING = {
    "hook raises": (GOOD.replace("return", "raise KeyError\n    return"), "talon_primitives KeyError"),
    "hook exits": (GOOD.replace("return", "raise SystemExit\n    return"), "talon_primitives SystemExit"),
    "no mapping": (GOOD.replace('{"Izhikevich": "strange_neurons:Izhikevich"}', "[1]"), "talon_primitives list"),
}


def status(name: str) -> str | None:
    (plugin,) = (p for p in manager().plugins if p.name == name)
    return plugin.error


def test_a_plugin_is_found_and_loaded(install: Any) -> None:
    install("acme", GOOD)
    assert issubclass(registry.primitive("Izhikevich"), ir.IF)
    assert "Izhikevich" in registry.list_primitives()
    entry = registry.primitives()["Izhikevich"]
    assert (entry.plugin, entry.distribution, entry.version) == ("acme", "acme", "1.5")
    (plugin,) = (p for p in manager().plugins if p.name == "acme")
    assert plugin.hooks == ["talon_primitives"]
    assert not plugin.builtin
    assert plugin.error is None


def test_the_facade_gives_plugins_primitives_for_as_long_as_they_are_there(install: Any) -> None:
    install("acme", GOOD)
    assert issubclass(ir.Izhikevich, ir.IF)
    assert "Izhikevich" in dir(ir)
    assert "Izhikevich" not in vars(ir)


@pytest.mark.parametrize("what", [*BROKEN, *FAILING])
def test_a_broken_plugin_is_named_once_and_the_others_go_on(install: Any, what: str) -> None:
    source, words = {**BROKEN, **FAILING}[what]
    install("broken", source.replace("Izhikevich", "Other"))
    install("good", GOOD)
    with pytest.warns(PluginWarning) as caught:
        primitives = registry.primitives()
    assert issubclass(primitives["Izhikevich"].load(), ir.IF)
    assert primitives["LIF"].load() is ir.LIF
    (warning,) = caught
    for word in ("broken", "'broken'", *words.split()):
        assert word in str(warning.message)
    error = status("broken")
    assert error is not None
    assert words.split()[-1] in error or words.split()[0] in error
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        registry.changed()
        registry.list_primitives()
    if what in BROKEN:
        assert "Other" not in registry.primitives()


def test_a_name_that_two_distributions_give_names_both_when_it_is_used(install: Any) -> None:
    install("acme", GOOD.replace("}", ', "Second": "strange_neurons:Second"}'))
    install("other", GOOD)
    with pytest.warns(PluginWarning, match="'Izhikevich', and so does acme 1.5: neither can be used"):
        assert "Izhikevich" in registry.list_primitives()
    assert issubclass(registry.primitive("Second"), ir.IF)
    assert registry.primitives()["Izhikevich"].rivals == ("other",)
    with pytest.raises(ir.TalonPluginError) as caught:
        registry.primitive("Izhikevich")
    assert caught.value.code == "T004"
    assert "acme and other" in str(caught.value)


def test_a_built_in_name_wins_with_a_warning(install: Any) -> None:
    install("acme", GOOD.replace("Izhikevich", "LIF"))
    with pytest.warns(PluginWarning, match=r"'acme' of acme 1\.5 provides 'LIF', which talon-core has built in"):
        assert registry.primitive("LIF") is ir.LIF


def test_a_plugin_called_like_a_built_in_one_disables_nothing(install: Any) -> None:
    install("acme", GOOD, name="core")
    assert registry.primitive("Affine") is ir.Affine
    assert issubclass(registry.primitive("Izhikevich"), ir.IF)


def test_two_distributions_may_call_their_plugins_alike(install: Any) -> None:
    install("acme", GOOD, name="extra")
    install("other", GOOD.replace("Izhikevich", "Second"), name="extra")
    assert {registry.primitive(name).__name__ for name in ("Izhikevich", "Second")} == {"Izhikevich", "Second"}


def test_a_distribution_that_is_found_twice_loads_once(install: Any) -> None:
    install("acme", GOOD)
    install("acme", GOOD, folder="another")
    assert issubclass(registry.primitive("Izhikevich"), ir.IF)
    assert len([p for p in manager().plugins if p.name == "acme"]) == 1


def test_what_an_import_string_names_may_be_missing(install: Any) -> None:
    install("acme", GOOD.replace(":Izhikevich", ":Nobody"))
    assert "Izhikevich" in registry.list_primitives()
    with pytest.raises(ir.TalonPluginError) as caught:
        registry.primitive("Izhikevich")
    assert caught.value.code == "T003"
    for word in ("acme", "AttributeError", "Nobody"):
        assert word in str(caught.value)


def test_talon_plugins_limits_what_loads(install: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    install("acme", GOOD)
    install("other", GOOD.replace("Izhikevich", "Second"))
    for value, expected in (("acme", {"Izhikevich"}), (" other , acme", {"Izhikevich", "Second"}), ("", set())):
        monkeypatch.setenv("TALON_PLUGINS", value)
        registry.forget()
        assert registry.primitives().keys() & {"Izhikevich", "Second"} == expected
        assert "LIF" in registry.primitives()


def test_an_object_in_place_of_an_import_string(install: Any) -> None:
    install(
        "acme", "from strange_neurons import Izhikevich\n" + GOOD.replace('"strange_neurons:Izhikevich"', "Izhikevich")
    )
    assert issubclass(registry.primitive("Izhikevich"), ir.IF)


def test_providers_are_named_for_files(install: Any) -> None:
    install("acme", GOOD)
    assert registry.provider(ir.LIF) == ("talon-core", ir.__version__)
    assert registry.provider(type("Unregistered", (), {})) == ("", "")


@pytest.mark.parametrize("spoil", ["METADATA", "entry_points.txt"])
def test_a_damaged_installation_stays_with_itself(install: Any, tmp_path: Path, spoil: str) -> None:
    install("broken", GOOD.replace("Izhikevich", "Other"))
    install("good", GOOD)
    damaged = tmp_path / "site" / "broken-1.5.dist-info" / spoil
    damaged.write_text("" if spoil == "METADATA" else "[talon]\nbroken = no-module!!\n")
    registry.forget()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PluginWarning)
        assert issubclass(registry.primitive("Izhikevich"), ir.IF)
    if spoil == "METADATA":
        assert registry.primitives()["Other"].distribution == "unknown"
    else:
        assert "no-module!!" in (status("broken") or "")


def test_metadata_that_another_finder_misses(install: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The package importlib_metadata serves everybody once it is imported, as dask does, and raises where the standard
    library finds nothing."""
    found: Any = Distribution.metadata

    def metadata(self: Distribution) -> Any:
        if not self.read_text("METADATA"):
            raise FileNotFoundError("No package metadata was found.")
        return found.fget(self)

    monkeypatch.setattr(Distribution, "metadata", property(metadata))
    install("broken", GOOD)
    (tmp_path / "site" / "broken-1.5.dist-info" / "METADATA").unlink()
    registry.forget()
    assert registry.primitives()["Izhikevich"].distribution == "unknown"


def test_a_slow_plugin_is_used_and_complained_of(install: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("talon.plugins.manager.SLOW_SECONDS", 0.0005)
    install("acme", "import time; time.sleep(0.01)\n" + GOOD)
    with pytest.warns(PluginWarning, match="'acme' of acme 1.5 took 0.0 s to load"):
        assert issubclass(registry.primitive("Izhikevich"), ir.IF)
    (plugin,) = (p for p in manager().plugins if p.name == "acme")
    assert plugin.error is None
    assert len(plugin.complaints) == 1


def test_talon_plugins_names_what_is_not_there(install: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TALON_PLUGINS", "akme")
    registry.forget()
    with pytest.warns(PluginWarning, match="'akme', which no distribution provides"):
        registry.list_primitives()


def test_the_trace_tells_what_was_called(install: Any) -> None:
    install("acme", GOOD)
    registry.list_primitives()
    (plugin,) = (p for p in manager().plugins if p.name == "acme")
    assert plugin.trace[0].startswith("import acme_acme_plugin: ")
    assert plugin.trace[1].startswith("talon_primitives: Izhikevich (")


WRONG_KINDS = [
    ("talon_primitives", "talon.ir.values:thaw", "primitive"),
    ("talon_storage_backends", "strange_neurons:Izhikevich", "storage backend"),
    ("talon_engines", "strange_neurons:Izhikevich", "engine"),
    ("talon_commands", "strange_neurons:Izhikevich", "command group"),
]


@pytest.mark.parametrize(("hook", "target", "kind"), WRONG_KINDS)
def test_an_object_of_the_wrong_kind_is_refused_when_it_is_used(
    install: Any, hook: str, target: str, kind: str
) -> None:
    install("acme", GOOD.replace("talon_primitives", hook).replace("strange_neurons:Izhikevich", target))
    with pytest.raises(ir.TalonPluginError, match=f"which is no {kind}") as caught:
        registry.collected(hook)["Izhikevich"].load()
    assert caught.value.code == "T003"
