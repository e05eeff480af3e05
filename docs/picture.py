"""The picture of a report, `docs/images/report.png`: `make report-picture`. Needs Chromium (`make setup-browser`)."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from tests.hw.reporting import browser  # noqa: E402
from tests.hw.reporting.builds import shown  # noqa: E402

PICTURE = ROOT / "docs" / "images" / "report.png"
SIZE = (1200, 1120)
MOST_BYTES = 200_000


def main() -> None:
    report = shown().report(title="digits, 8 bit")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        page = folder / "report.html"
        page.write_text(report.to_html(), encoding="utf-8")
        PICTURE.parent.mkdir(exist_ok=True)
        browser.visit(page, folder, PICTURE, SIZE)
    size = PICTURE.stat().st_size
    print(f"{PICTURE.relative_to(ROOT)}: {size:,} bytes")
    if size > MOST_BYTES:
        sys.exit(f"larger than {MOST_BYTES:,} bytes")


if __name__ == "__main__":
    main()
