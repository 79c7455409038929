"""Every page over ledgers that are not as most are; the keyboard reaches every control; pages print."""

import json

import pytest

from farthing.dashboard.frame import LABELS
from tests.browser.conftest import Farthing, ready
from tests.browser.ledgers import MADE, long_ago
from tests.browser.test_numbers import cents, exactly, shown
from tests.browser.test_pages import path_of, violations

PAGES = tuple(LABELS)

# Two months are not in a short ledger, and the pages that compare them say so.
SHORT = ("400",)


@pytest.mark.parametrize("name", MADE)
@pytest.mark.parametrize("page_name", PAGES)
def test_a_page_over(opened, ledger, name, page_name):
    _, url = ledger(name)
    for width, theme in ((390, "light"), (1280, "dark")):
        page = opened(url + path_of(page_name), width=width, theme=theme, expected=SHORT)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert violations(page) == []


@pytest.mark.parametrize("name", MADE)
def test_the_figures_over(opened, ledger, name):
    farthing, url = ledger(name)
    page = opened(f"{url}/explorer#by=SubAccountId")
    told = farthing.json("report", "--by", "account")
    assert shown(page.locator("[data-part=total]").inner_text()) == cents(told["totals"]["BilledCost"])
    assert page.locator("[data-part=currency]").inner_text() == told["currency"]
    if page.locator("[data-part=more]").is_visible():
        page.locator("[data-part=more]").click()
    rows = page.locator("section[aria-label=Table] tbody tr td:nth-child(2)")
    found = sorted(exactly(rows))
    assert found == sorted(row["BilledCost"] for row in told["rows"])


def test_a_ledger_of_long_ago_begins_with_its_newest_days(opened, tmp_path):
    farthing = Farthing(tmp_path / "home")
    long_ago(farthing)
    with farthing.served() as url:
        page = opened(f"{url}/explorer")
        assert page.locator("[data-part=total]").inner_text().startswith("55.00")
        page = opened(f"{url}/why")
        assert page.locator("[data-part=total]").inner_text() == "\N{MINUS SIGN}25.00"


def test_days_that_are_missing_are_a_gap_and_are_told(opened, ledger):
    _, url = ledger("gaps")
    page = opened(f"{url}/explorer")
    assert "3 of 30 days are not in the ledger" in page.locator("[data-part=notes]").inner_text()


def test_a_share_of_a_negative_total_is_not_drawn(opened, ledger):
    _, url = ledger("credits")
    page = opened(f"{url}/explorer")
    assert page.locator("section[aria-label=Table] meter").count() == 0
    assert page.locator("[data-part=total]").inner_text().startswith("\u2212")


MARK = """() => { let count = 0;
  for (const one of document.querySelectorAll('a[href], button, select, input, summary, [tabindex="0"]'))
    if (!one.disabled && one.checkVisibility({ visibilityProperty: true })) one.dataset.wanted = count++;
  return count; }"""
FOCUSED = """() => { const one = document.activeElement, style = getComputedStyle(one);
  return [one.dataset.wanted ?? null, style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) > 0]; }"""


@pytest.mark.parametrize("name", PAGES)
def test_the_keyboard_reaches_every_control_and_shows_where_it_is(opened, live, name):
    page = opened(live + path_of(name))
    wanted = page.evaluate(MARK)
    assert wanted > 3
    reached = set()
    for _ in range(wanted + 5):
        page.keyboard.press("Tab")
        mark, ringed = page.evaluate(FOCUSED)
        if mark is not None:
            assert ringed, f"no focus ring on control {mark}"
            reached.add(int(mark))
    assert reached == set(range(wanted))


def test_the_link_to_the_content_leaves_the_state_alone(opened, live):
    page = opened(f"{live}/explorer#by=SubAccountId&period=90d")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"
    assert page.evaluate("location.hash") == "#by=SubAccountId&period=90d"


@pytest.mark.parametrize("name", PAGES)
def test_a_page_prints(opened, live, name):
    page = opened(live + path_of(name))
    page.emulate_media(media="print")
    assert not page.locator("nav").is_visible()
    assert page.pdf(format="A4").startswith(b"%PDF")


def test_drill_and_back_by_the_keyboard(opened, live):
    page = opened(f"{live}/explorer")
    total = page.locator("[data-part=total]").inner_text()
    first = page.locator("section[aria-label=Table] tbody th button").first
    service = first.inner_text()
    first.focus()
    page.keyboard.press("Enter")
    page.wait_for_function("() => document.activeElement.innerText === 'Everything'")
    ready(page)
    assert page.locator("select[name=by]").input_value() == "SubAccountId"
    assert service in page.locator("[data-part=crumbs]").inner_text()
    page.keyboard.press("Enter")
    page.wait_for_function("() => !location.hash.includes('is.')")
    ready(page)
    assert page.locator("[data-part=crumbs] li").count() == 0
    assert page.locator("[data-part=total]").inner_text() == total
    page.go_back()
    ready(page)
    assert service in page.locator("[data-part=crumbs]").inner_text()


def test_filters_include_and_exclude(opened, live, farthing):
    page = opened(f"{live}/explorer")
    names = page.locator("section[aria-label=Table] tbody th button").all_inner_texts()[:3]
    page.locator("[data-part=filter-button]").click()
    assert page.evaluate("document.activeElement.type") == "search"
    for name in names[:2]:
        page.locator(".sign").and_(page.get_by_role("button", name=f"Only {name}", exact=True)).click()
    ready(page)
    where = [part for name in names[:2] for part in ("--where", f'service:"{name}"')]
    total = page.locator("[data-part=total]")
    assert shown(total.inner_text()) == cents(farthing.json("report", *where)["totals"]["BilledCost"])
    page.get_by_role("button", name="Clear").click()
    page.keyboard.press("Escape")
    page.locator("[data-part=filter-button]").click()
    page.locator("[data-part=filter-panel] input").fill(names[2][:14].lower())
    page.get_by_role("button", name=f"Without {names[2]}", exact=True).click()
    ready(page)
    wanted = farthing.json("report", "--where", f'-service:"{names[2]}"')["totals"]["BilledCost"]
    assert shown(total.inner_text()) == cents(wanted)


def test_any_period_by_the_dialog_and_out_of_it_again(opened, live, farthing):
    page = opened(f"{live}/explorer")
    page.locator("select[name=period]").select_option("custom")
    dates = page.locator("dialog[open] input[type=date]")
    dates.nth(0).fill("2026-10-05")
    dates.nth(1).fill("2026-10-18")
    page.locator("dialog[open] button[type=submit]").click()
    page.wait_for_function("() => location.hash.includes('2026-10-05..2026-10-19')")
    ready(page)
    told = farthing.json("report", "--start", "2026-10-05", "--end", "2026-10-19")
    assert shown(page.locator("[data-part=total]").inner_text()) == cents(told["totals"]["BilledCost"])
    page.locator("select[name=period]").select_option("custom")
    page.keyboard.press("Escape")
    ready(page)
    assert "2026-10-05..2026-10-19" in page.url


def test_sorting_by_the_keyboard(opened, live):
    page = opened(f"{live}/explorer")
    page.locator("section[aria-label=Table] thead button").first.focus()
    page.keyboard.press("Enter")
    ready(page)
    names = page.locator("section[aria-label=Table] tbody th button").all_inner_texts()
    assert len(names) > 3
    assert names == sorted(names)
    assert page.locator("section[aria-label=Table] th").first.get_attribute("aria-sort") == "ascending"


def test_the_picture_is_saved(opened, live):
    page = opened(f"{live}/explorer")
    with page.expect_download() as download:
        page.get_by_role("button", name="Save picture").click()
    body = download.value.path().read_bytes()
    assert body.startswith(b"\x89PNG")
    assert len(body) > 10_000


@pytest.mark.parametrize("chart", ["bar", "line", "area", "none"])
@pytest.mark.parametrize("grain", ["day", "week", "month"])
def test_every_chart(opened, live, chart, grain):
    page = opened(f"{live}/explorer#period=90d&chart={chart}&grain={grain}&compare=previous")
    assert page.locator("[data-part=chart] canvas:visible").count() == (chart != "none")


@pytest.mark.parametrize(
    "state", ["period=..", "period=2026-13-01..2026-14-01&grain=eon", "by=%00&top=x", "is.=&not.x", "%%%", "is.ServiceName=" + "x" * 9000]
)  # fmt: skip
@pytest.mark.parametrize("name", ["explorer", "why"])
def test_an_address_that_makes_no_sense_breaks_nothing(opened, live, name, state):
    page = opened(f"{live}/{name}#{state}", expected=("400", "414"))
    assert json.loads(page.locator("#farthing-source").inner_text())["mode"] == "live"


EVIL = "</script><img src=x onerror=document.title='owned'>"


def test_from_an_alerts_link_to_the_cause_and_a_mute_by_the_keyboard(opened, ledger):
    """The first of the three flows."""
    farthing, url = ledger("medium")
    known = {one["incident"]: one for one in farthing.json("anomalies", "--all")}
    listed = opened(f"{url}/incidents")
    id_ = listed.locator(".incident").first.get_attribute("id").removeprefix("incident-")
    cause = known[id_]["root_cause"][0]
    page = opened(f"{url}/incidents#{id_}")
    assert page.evaluate("document.activeElement.innerText") == "Decide"
    box = page.locator(f"#incident-{id_}")
    assert cause["ServiceName"] in box.locator("tbody th").first.inner_text()
    assert shown(box.locator("tbody td").first.inner_text()) == cents(cause["actual"])
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    page.keyboard.press("m")
    assert box.locator("select").input_value() == "mute"
    page.keyboard.press("Tab")
    page.keyboard.type("12242026")
    box.locator("input[name=by]").focus()
    page.keyboard.type("Ada")
    page.keyboard.press("Tab")
    page.keyboard.type(EVIL)
    with page.expect_navigation():
        page.keyboard.press("Enter")
    ready(page)
    assert "muted until Thu 24 Dec 2026" in box.inner_text()
    assert EVIL in box.inner_text()
    assert page.title() == "Incidents \u00b7 farthing"
    assert violations(page) == []
    (kept,) = (farthing.home / "cost_data" / "events").rglob("decision-*.json")
    assert json.loads(kept.read_text())["by"] == "Ada"
    (told,) = [one for one in farthing.json("anomalies", "--all") if one["incident"] == id_]
    assert (told["state"], told["decided"]["by"], told["decided"]["until"]) == ("muted", "Ada", "2026-12-24")
    box.locator("tbody th a").first.click()
    page.wait_for_url("**/explorer#**")
    ready(page)
    assert cause["ServiceName"] in page.locator("[data-part=crumbs]").inner_text()
