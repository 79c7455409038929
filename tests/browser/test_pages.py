"""Every page in a real browser: both themes, three widths, nothing for axe to say, nobody else asked."""

import pytest

from farthing.dashboard.frame import LABELS
from tests.browser.conftest import AXE

PAGES = tuple(LABELS)
THEMES = ("light", "dark")
WIDTHS = (390, 1280, 1920)

# axe's own rules for WCAG 2.2 up to level AA, and its best practices.
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


def path_of(page):
    return "/" if page == "overview" else f"/{page}"


def violations(page):
    page.evaluate(AXE.read_text())
    found = page.evaluate("(tags) => axe.run(document, { runOnly: { type: 'tag', values: tags } })", TAGS)
    return [
        f"{one['id']}: {one['help']}: {[node['target'] for node in one['nodes']][:3]}" for one in found["violations"]
    ]


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("name", PAGES)
def test_a_page(opened, live, name, theme, width):
    page = opened(live + path_of(name), width=width, theme=theme)
    assert page.locator("nav a[aria-current]").inner_text() == LABELS[name]
    assert page.evaluate("document.documentElement.scrollWidth") <= width, "the page scrolls sideways"
    assert page.locator("[data-state=error]").count() == 0
    assert violations(page) == []


@pytest.mark.parametrize("name", PAGES)
def test_an_empty_ledger_is_a_page_that_says_what_to_do(opened, empty, name):
    page = opened(empty + path_of(name))
    said = page.locator("main").inner_text()
    assert "farthing collect" in said or "farthing.toml" in said
    assert violations(page) == []


@pytest.mark.parametrize("name", PAGES)
def test_a_page_of_the_site_opens_from_a_file(opened, site, name):
    file = site / ("index.html" if name == "overview" else f"{name}.html")
    page = opened(file.as_uri())
    assert page.locator("[data-state=error], [data-state=empty]").count() == 0
    assert page.locator("main").inner_text().strip()


@pytest.mark.parametrize("name", PAGES)
def test_the_one_file_has_every_page(opened, single, name):
    page = opened(f"{single.as_uri()}#{name}")
    assert page.locator("nav a[aria-current]").inner_text() == LABELS[name]
    assert page.locator("[data-section]:visible").count() == 1
    assert violations(page) == []


def test_the_filter_panel_and_the_dialog_are_for_everybody(opened, live):
    page = opened(f"{live}/explorer")
    page.get_by_role("button", name="Filter").click()
    assert violations(page) == []
    page.keyboard.press("Escape")
    page.get_by_label("Period", exact=True).select_option("custom")
    assert page.locator("dialog[open]").count() == 1
    assert violations(page) == []


def test_an_unknown_page_says_so(opened, live):
    page = opened(f"{live}/nothing", expected=("404",))
    assert "There is no such page" in page.locator("main").inner_text()
    assert violations(page) == []
