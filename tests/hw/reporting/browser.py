"""Headless Chromium for tests: found, installed (`make setup-browser`), and asked what a page does.

Only the standard library is needed, so that it runs before anything is installed.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome")
WITHOUT = "TALON_NO_BROWSER"
"""Set to 1, the tests that need a browser are skipped."""
MISSING = (
    "there is no Chromium here: run `make setup-browser`, which installs Debian's chromium with apt-get as root or by "
    f"sudo, or install one as {', '.join(NAMES[:-1])} or {NAMES[-1]}; {WITHOUT}=1 skips the tests that need it"
)
QUIET = (
    *("--headless", "--no-sandbox", "--no-first-run", "--no-default-browser-check", "--hide-scrollbars"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-extensions"),
)
"""No sandbox: it cannot be set up as root or in most containers, and the pages are our own."""
NO_PAGE = "not an origin"
"""What the log names as the initiator of what the browser asks for by itself, as whether there is a newer one."""


@dataclass(frozen=True)
class Visit:
    """What came of a page: its DOM after its script ran, lines of the console, and what it asked the network for."""

    dom: str
    console: tuple[str, ...]
    requests: tuple[str, ...]


def find() -> str | None:
    """The path of a browser."""
    return next((path for path in map(shutil.which, NAMES) if path), None)


def visit(page: Path, folder: Path, screenshot: Path | None = None, size: tuple[int, int] = (1200, 900)) -> Visit:
    """Open a file; `folder` takes the browser's profile and its log of the network."""
    path = find()
    assert path, MISSING
    log = folder / "network.json"
    ask = ["--dump-dom"] if screenshot is None else [f"--screenshot={screenshot}"]
    command = [
        *(
            path,
            *QUIET,
            *ask,
            "--enable-logging=stderr",
            f"--log-net-log={log}",
            f"--user-data-dir={folder / 'profile'}",
        ),
        *("--host-resolver-rules=MAP * ~NOTFOUND", f"--window-size={size[0]},{size[1]}", page.as_uri()),
    ]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", errors="replace", check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    console = tuple(line for line in done.stderr.splitlines() if ":CONSOLE:" in line)
    return Visit(done.stdout, console, tuple(requests(json.loads(log.read_text(encoding="utf-8")))))


def requests(log: dict) -> list[str]:
    """What the page asked for, by the log of the network; files are not of the network."""
    kind = log["constants"]["logEventTypes"]["URL_REQUEST_START_JOB"]
    started = [event.get("params", {}) for event in log["events"] if event["type"] == kind]
    return [params["url"] for params in started if "url" in params and params.get("initiator") != NO_PAGE]


def install() -> str:
    """Debian's chromium where none is there; says what it did, and exits where it cannot."""
    if path := find():
        return f"{path} is there"
    if os.environ.get(WITHOUT) == "1":
        return f"{WITHOUT}=1: no browser is installed"
    root = [] if os.geteuid() == 0 else ["sudo", "-n"]
    if not shutil.which("apt-get") or (root and not allowed(root)):
        sys.exit(MISSING)
    for command in (["update", "-q"], ["install", "-q", "-y", "--no-install-recommends", "chromium"]):
        subprocess.run([*root, "apt-get", *command], check=True)
    return f"installed {find()}"


def allowed(root: list[str]) -> bool:
    """Whether commands may be run by sudo without a password."""
    return bool(shutil.which(root[0])) and not subprocess.run([*root, "true"], capture_output=True).returncode


if __name__ == "__main__":
    print(install())
