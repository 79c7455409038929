"""Takes the README's picture, docs/dashboard.png, from the demo: `make picture`.

The day is pinned: the same code gives the same figures.
"""

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright

from tools.chromium import find, flags

ROOT = Path(__file__).parent.parent
PICTURE = ROOT / "docs" / "dashboard.png"
TODAY = "2026-11-28"
WIDTH, HEIGHT = 1280, 1000
READY = "() => document.querySelector('[data-page]').dataset.state === 'ready'"


def main() -> None:
    """The demo, its dashboard, its first page."""
    with tempfile.TemporaryDirectory() as folder:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "FARTHING_"))}
        environment = {**kept, "FARTHING_HOME": str(Path(folder) / "demo"), "FARTHING_TODAY": TODAY}
        demo = [sys.executable, "-m", "farthing", "demo", "--port", "0", "--no-open"]
        with subprocess.Popen(demo, env=environment, stdout=subprocess.PIPE, text=True) as process:
            try:
                _take(_address(process))
            finally:
                process.terminate()
    print(f"{PICTURE.relative_to(ROOT)}: {PICTURE.stat().st_size / 1000:.0f} kB")


def _address(process: "subprocess.Popen[str]") -> str:
    for line in process.stdout or ():
        if found := re.search(r"dashboard: (http://\S+)", line):
            return found[1]
    raise SystemExit("the demo served no dashboard: see its message above")


def _take(address: str) -> None:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find(), args=flags())
        page = browser.new_page(
            viewport={"width": WIDTH, "height": HEIGHT}, color_scheme="light", reduced_motion="reduce"
        )
        page.goto(address)
        page.wait_for_function(READY)
        page.wait_for_timeout(500)  # the chart draws after its figures are there
        page.screenshot(path=str(PICTURE))
        browser.close()


if __name__ == "__main__":
    main()
