"""A ledger that does not fit one cube: services first, finer from the engine, and what takes long can be stopped."""

import json
import urllib.request
from urllib.parse import urlencode

import pytest
from bench.dense import make

from tests.browser.conftest import Farthing, ready
from tests.browser.test_numbers import cents, shown
from tests.browser.test_pages import violations

ACCOUNTS, SERVICES, DAYS = 80, 64, 80
"""409,600 cells: just too many."""


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    made = Farthing(tmp_path_factory.mktemp("large") / "home")
    make(made.home, ACCOUNTS, SERVICES, DAYS)
    return made


@pytest.fixture(scope="module")
def served(large):
    with large.served() as url:
        yield url


def reported(served, **asked):
    """What the server says that the command says; `test_server` holds the two together."""
    query = urlencode({"period": "30d", **asked})
    return json.load(urllib.request.urlopen(f"{served}/api/v1/report?{query}"))


def total(page):
    return shown(page.locator("[data-part=total]").inner_text())


def test_drilling_and_filtering_tell_what_the_command_line_tells(opened, served, large):
    page = opened(f"{served}/explorer#period=30d")
    page.wait_for_selector("[data-page=explorer][data-state=ready]")
    assert total(page) == cents(large.json("report", "--period", "30d")["totals"]["BilledCost"])
    first = page.locator("section[aria-label=Table] tbody th button").first
    service = first.inner_text()
    first.click()
    ready(page)
    told = reported(served, by="account", where=f'service:"{service}"')
    assert total(page) == cents(told["totals"]["BilledCost"])
    assert page.locator("[data-part=count]").inner_text() == f"{ACCOUNTS} rows"
    # Accounts came beside: they can be filtered by, and the engine answers.
    page.get_by_role("button", name="Everything").click()
    ready(page)
    page.locator("[data-part=filter-button]").click()
    page.get_by_role("button", name="Account", exact=True).click()
    page.locator("[data-part=filter-panel] .sign").first.click()
    ready(page)
    account = page.evaluate("decodeURIComponent(location.hash).split('is.SubAccountId=')[1].split('&')[0]")
    told = reported(served, where=f"account:{account}")
    assert total(page) == cents(told["totals"]["BilledCost"])
    assert violations(page) == []


def test_a_question_that_takes_long_says_so_and_can_be_stopped(opened, served):
    page = opened(f"{served}/explorer#period=30d")
    page.wait_for_selector("[data-page=explorer][data-state=ready]")
    before = page.locator("[data-part=total]").inner_text()
    gone = []
    # The answer of the engine is held back; everything else passes.
    page.route(lambda url: "/api/v1/cube" in url and "where=" in url, lambda route: None)
    page.on("requestfailed", lambda request: gone.append(request.url))
    page.locator("section[aria-label=Table] tbody th button").first.click()
    page.wait_for_selector("[data-part=asking]:not([hidden])")
    page.locator("[data-part=asking] button").click()
    ready(page)
    assert page.locator("[data-part=total]").inner_text() == before
    assert "is.ServiceName" not in page.evaluate("location.hash")
    assert not page.locator("[data-part=asking]").is_visible()
    assert [url for url in gone if "where=" in url]


def test_the_overview_comes_first_and_the_rest_later(opened, served):
    page = opened(served)
    page.wait_for_selector("[data-page=overview]")
    assert page.locator("[data-figure=month]").is_visible()
    assert violations(page) == []
