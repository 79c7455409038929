"""What a person waits for on the dashboard, in Chromium; run by bench.dashboard with the browser's own environment.

    python -m bench.in_browser http://127.0.0.1:8321 5 / /explorer

Prints JSON: milliseconds by what was done, one for each round.
"""

import json
import sys
from typing import Any

from playwright.sync_api import sync_playwright
from tools.chromium import find, flags

PAINTED = """() => new Promise((done) => {
  const seen = new PerformanceObserver((list) => done(list.getEntries().at(-1).startTime));
  seen.observe({ type: 'largest-contentful-paint', buffered: true });
})"""

# From the start of the navigation until the page has its figures, and the longest task of the main thread so far.
CHARTED = "() => performance.now()"
LONGEST = """() => new Promise((done) => {
  const seen = new PerformanceObserver((list) => done(Math.max(...list.getEntries().map((one) => one.duration))));
  seen.observe({ type: 'longtask', buffered: true });
  setTimeout(() => done(0), 100);
})"""

READY = """() => [...document.querySelectorAll('[data-page]')].every(
  (one) => one.dataset.state === 'ready' && !one.hasAttribute('aria-busy'))"""

# From the input until the frame after the page has what was asked for has been handed on.
DONE = """async (act) => {
  const root = document.querySelector('[data-page]');
  const settled = () => new Promise((done) => {
    const look = () => {
      if (root.hasAttribute('aria-busy')) setTimeout(look, 0);
      else requestAnimationFrame(() => setTimeout(done, 0));
    };
    setTimeout(look, 0);
  });
  const start = performance.now();
  act();
  await settled();
  return performance.now() - start;
}"""

SELECT = """() => {
  const one = document.querySelector('select[name=%s]');
  one.value = '%s';
  one.dispatchEvent(new Event('change'));
}"""
CLICK = "() => document.querySelector('%s').click()"

ACTS = (
    ("regroup by account", SELECT % ("by", "SubAccountId")),
    ("regroup by service", SELECT % ("by", "ServiceName")),
    ("another period: 90 days", SELECT % ("period", "90d")),
    ("compare with the period before", SELECT % ("compare", "previous")),
    ("filter: without a service", CLICK % '.sign[aria-label^="Without"]'),
    ("drill into a service", CLICK % "section[aria-label=Table] tbody th button"),
    ("12 months", SELECT % ("period", "12m")),
)


def main() -> None:
    """Measures and prints."""
    address, rounds, paths = sys.argv[1], int(sys.argv[2]), sys.argv[3:]
    told: dict[str, list[float]] = {}
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find(), args=flags())
        for _ in range(rounds):
            for path in paths or ("/", "/explorer"):
                page = browser.new_page(viewport={"width": 1280, "height": 900}, reduced_motion="reduce")
                page.goto(address + path)
                page.wait_for_function(READY)
                told.setdefault(f"first chart of {path}", []).append(page.evaluate(CHARTED))
                page.wait_for_timeout(500)
                told.setdefault(f"largest contentful paint of {path}", []).append(page.evaluate(PAINTED))
                if path == "/explorer":
                    _act(page, told)
                told.setdefault(f"longest task of {path}", []).append(page.evaluate(LONGEST))
                page.close()
        browser.close()
    print(json.dumps(told))


def _act(page: Any, told: dict[str, list[float]]) -> None:
    for name, act in ACTS:
        panel = page.locator("[data-part=filter-panel]").is_visible()
        if panel != name.startswith("filter"):
            page.locator("[data-part=filter-button]").click()
        told.setdefault(name, []).append(page.evaluate(f"({DONE})({act})"))


if __name__ == "__main__":
    main()
