"""Folders of zarr stores that lead elsewhere, or hold what no store does; and bits that flipped in one."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from talon import ir
from tests.hostile import forged, stores
from tests.hostile.forged import SECONDS, refusal
from tests.hostile.stores import COLUMN, OWN, OWN_CHUNK, POOL, chunk, files, refused

SECRET = b"what lies outside of the store"


def linked(key: str, target: str) -> Callable[[Path], None]:
    """A key, or a folder of keys, as a symbolic link to what was there, moved elsewhere."""

    def change(root: Path) -> None:
        elsewhere = root.parent / "elsewhere"
        (root / key).rename(elsewhere)
        (root / key).symlink_to(elsewhere if target == "moved" else target)

    return change


def instead(root: Path, make: Callable[[Path], object]) -> None:
    """Something else in the place of the root's metadata."""
    (root / "zarr.json").unlink()
    make(root / "zarr.json")


def piped(root: Path) -> None:
    (root / OWN_CHUNK).unlink()
    os.mkfifo(root / OWN_CHUNK)


def deep(root: Path) -> None:
    """Folders in one another, as many as a path can name."""
    path = root / f"{COLUMN}/c/0"
    path.unlink()
    for _ in range(100):
        path /= "0"
    path.mkdir(parents=True)


def crowded(root: Path) -> None:
    for number in range(5000):
        (root / "arrays" / f"x{number}").touch()


def nested(levels: int) -> str:
    return '{"a":' + "[" * levels + "]" * levels + "}"


OTHER = '{"zarr_format":3,"node_type":"group","attributes":{}}'
FOLDERS: list[tuple[str, Callable[[Path], None], str, str]] = [
    ("the root a link", linked("zarr.json", "moved"), "T303", "found a link"),
    ("the root a link to itself", linked("zarr.json", "zarr.json"), "T303", "found a link"),
    ("the root a pipe", lambda root: instead(root, os.mkfifo), "T303", "'zarr.json' is no file"),
    ("the root a folder", lambda root: instead(root, os.mkdir), "T303", "'zarr.json' is no file"),
    ("the root empty", lambda root: instead(root, Path.touch), "T303", "'zarr.json' is empty"),
    ("no root", lambda root: instead(root, lambda path: None), "T303", "lacks 'zarr.json'"),
    ("a root of nothing", lambda root: (root / "zarr.json").write_bytes(b"{"), "T303", "no strict JSON"),
    ("a root of another", lambda root: (root / "zarr.json").write_text(OTHER), "T302", "holds 'arrays', 'columns'"),
    ("a root too large", lambda root: (root / "zarr.json").write_text(" " * (5 << 20) + OTHER), "T303", "too large"),
    ("a root too deep", lambda root: (root / "zarr.json").write_text(nested(40)), "T303", "deeper than 32"),
    ("a root far too deep", lambda root: (root / "zarr.json").write_text(nested(100_000)), "T303", "no strict JSON"),
    ("litter", lambda root: (root / ".DS_Store").touch(), "T303", "remove it"),
    ("litter among columns", lambda root: (root / "columns/Thumbs.db").touch(), "T303", "remove it"),
    ("litter in an array", lambda root: (root / OWN / "._c").touch(), "T303", "remove it"),
    ("metadata a link", linked(f"{COLUMN}/zarr.json", "moved"), "T303", "cannot be opened"),
    ("a chunk a link", linked(f"{COLUMN}/c/0", "moved"), "T303", "cannot be opened"),
    ("a chunk a link to a secret", linked(f"{COLUMN}/c/0", "../../../../secret"), "T303", "cannot be opened"),
    ("a chunk a link to a device", linked(f"{COLUMN}/c/0", "/dev/zero"), "T303", "cannot be opened"),
    ("a chunk a link to itself", linked(f"{COLUMN}/c/0", "0"), "T303", "cannot be opened"),
    ("a chunk a link inside", linked(f"{COLUMN}/c/0", "../../node.parent/c/0"), "T303", "cannot be opened"),
    ("an array's chunk a link", linked(OWN_CHUNK, "moved"), "T303", "cannot be opened"),
    ("the pool's chunk a link", linked(f"{POOL}/c/0", "moved"), "T303", "cannot be opened"),
    ("a column a link", linked(COLUMN, "moved"), "T303", "node.type"),
    ("an array a link", linked(OWN, "moved"), "T303", "arrays/1"),
    ("all columns a link", linked("columns", "moved"), "T303", "columns"),
    ("folders of a chunk a link", linked(f"{OWN}/c", "moved"), "T303", "'arrays/1/c'"),
    ("a link beside", lambda root: (root / "more").symlink_to("/"), "T303", "more"),
    ("a pipe", piped, "T303", "is no file"),
    ("a hundred folders deep", deep, "T303", f"{COLUMN}/c/0"),
    ("a crowd of files", crowded, "T303", "does not belong"),
]


@pytest.mark.parametrize(("change", "code", "word"), [a[1:] for a in FOLDERS], ids=[a[0] for a in FOLDERS])
def test_a_folder_leads_nowhere_else(change: Callable[[Path], None], code: str, word: str, tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(chunk(SECRET))
    root = tmp_path / "forged"
    stores.as_folder(files(), root)
    change(root)
    refused(root, code, word)


def test_without_open_folders_links_are_refused_by_their_paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on Windows, where nothing can be opened from an open folder."""
    monkeypatch.setattr("talon.storage.zarr.folder.ANCHORED", False)
    stores.as_folder(files(), tmp_path / "honest")
    assert forged.everything_of(tmp_path / "honest").same_as(forged.honest())
    for number, key in enumerate((f"{COLUMN}/c/0", OWN, "columns")):
        root = tmp_path / f"forged{number}"
        stores.as_folder(files(), root)
        (root / key).rename(tmp_path / f"elsewhere{number}")
        (root / key).symlink_to(tmp_path / f"elsewhere{number}")
        refused(root, "T303", "")


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_flipped_bits_of_a_folder(data: st.DataObject) -> None:
    store = files()
    for _ in range(data.draw(st.integers(1, 3))):
        key = data.draw(st.sampled_from([key for key in sorted(store) if store[key]]))
        bit = data.draw(st.integers(0, 8 * len(store[key]) - 1))
        changed = bytearray(store[key])
        changed[bit // 8] ^= 1 << bit % 8
        store[key] = bytes(changed)
    with forged.file_of(b"") as beside:
        path = beside.parent / "forged"
        stores.as_folder(store, path)
        start = time.perf_counter()
        error = refusal(path)
        assert time.perf_counter() - start < SECONDS
        if error is None:  # at most the check of the whole pool, each array of which has a check of its own
            assert {key for key, data in files().items() if store[key] != data} <= {f"{POOL}/c/0"}
            assert ir.read(path).same_as(forged.honest())
