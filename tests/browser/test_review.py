"""What a review found wrong or unseen: phones, old and imported ledgers, signs, links, the address, copies."""

import re
from decimal import Decimal
from urllib.parse import quote

import msgspec
import pytest

from farthing.alerts.rendering.links import link_of
from farthing.model import Alert
from tests.browser.conftest import ready
from tests.browser.ledgers import EC2
from tests.browser.test_numbers import cents, exactly, shown
from tests.browser.test_pages import PAGES, path_of, violations

MINUS = "\N{MINUS SIGN}"

CUT = """() => [...document.querySelectorAll('header *, main *')].filter((one) => {
  if (!one.checkVisibility() || !one.innerText?.trim() || one.children.length) return false;
  const box = one.getBoundingClientRect();
  if (!box.width || one.closest('.hidden, .calendar')) return false;
  for (let outer = one.parentElement; outer; outer = outer.parentElement) {
    const { overflowX } = getComputedStyle(outer), edge = outer.getBoundingClientRect();
    if (overflowX !== 'visible' && (box.right > edge.right + 1 || box.left < edge.left - 1)) return true;
  }
  return box.right > innerWidth + 1 || box.left < -1;
}).map((one) => one.innerText.trim())"""
"""Texts of which a part lies outside of what is shown."""

LEFT_EDGE = """() => [...document.querySelectorAll('.chart canvas')].map((canvas) => {
  const pixels = canvas.getContext('2d').getImageData(0, 0, 1, canvas.height).data;
  return pixels.some((value, place) => place % 4 === 3 && value > 0);
})"""
"""Whether anything is drawn on the first column of pixels of each picture: what is there is cut."""


def go(page, url):
    """Another page in the same window: a new one would cost more than the look at it."""
    page.goto("about:blank")
    page.goto(url)
    ready(page)


# On a phone, and on a wide screen


def test_every_tab_is_in_sight_on_a_phone(opened, ledger):
    _, url = ledger("medium")
    page = opened(url, width=390)
    for name in PAGES:
        go(page, url + path_of(name))
        assert (
            page.evaluate("document.querySelector('nav ul').scrollWidth - document.querySelector('nav ul').clientWidth")
            <= 0
        )
        assert not set(page.evaluate(CUT)) & {"Overview", "Data"}, name  # fmt: skip


def test_where_tabs_have_no_room_the_current_one_is_in_sight(opened, live, single):
    page = opened(f"{live}/data", width=260)
    assert page.evaluate("document.querySelector('nav ul').scrollLeft") > 0
    in_sight = "(one) => one.getBoundingClientRect().right <= innerWidth && one.getBoundingClientRect().left >= 0"
    assert page.locator("nav a[aria-current]").evaluate(in_sight)
    page = opened(f"{single.as_uri()}#data", width=260)
    assert page.locator("nav a[aria-current]").evaluate(in_sight)


def test_incidents_are_whole_on_a_phone(opened, ledger):
    _, url = ledger("medium")
    page = opened(f"{url}/incidents", width=390)
    assert page.locator("th:text-is('Excess')").count() > 0
    assert page.evaluate(CUT) == []


@pytest.mark.parametrize(("width", "theme"), [(1280, "dark"), (1920, "light")])
def test_nothing_is_cut_on_a_wide_screen(opened, ledger, width, theme):
    _, url = ledger("medium")
    page = opened(url, width=width, theme=theme)
    for name in PAGES:
        go(page, url + path_of(name))
        assert page.evaluate(CUT) == [], name
        assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_the_name_of_an_axis_is_whole_also_where_nothing_was_spent(opened, ledger):
    _, url = ledger("credits")
    page = opened(f"{url}/explorer#is.ServiceName=Nothing", width=390)
    assert page.evaluate(LEFT_EDGE) == [False]
    go(page, f"{url}/explorer#is.ServiceName=never-heard-of")
    assert "Nothing matches" in page.locator("[data-part=notes]").inner_text()
    assert page.locator("[data-part=chart]").is_hidden()


# Signs


def test_one_minus_everywhere(opened, ledger):
    seen = set()
    for name in ("medium", "credits"):
        _, url = ledger(name)
        page = opened(url)
        for page_name in PAGES:
            go(page, url + path_of(page_name))
            said = page.locator("body").inner_text()
            titles = page.evaluate("[...document.querySelectorAll('[title]')].map((one) => one.title).join('\\n')")
            assert re.findall(r"(?<![\w.)-])-\d.*", said + titles) == []
            seen |= {page_name} if MINUS in said else set()
    assert seen >= {"overview", "explorer", "incidents"}


def test_files_and_documents_keep_the_hyphen(opened, ledger):
    _, url = ledger("credits")
    page = opened(f"{url}/explorer")
    with page.expect_download() as download:
        page.get_by_role("button", name="Save CSV").click()
    assert ",-10509\n" in download.value.path().read_text()
    assert MINUS not in page.request.get(f"{url}/api/v1/overview").text()


# Ledgers of long ago, made by an import


def test_a_month_that_is_over_is_not_said_to_go_on(opened, ledger):
    farthing, url = ledger("left")
    page = opened(url)
    said = page.locator("main").inner_text()
    assert "so far" not in said
    assert "forecast" not in said
    assert "September 2024, to the newest data" in said
    assert "The newest data is of Mon 16 Sep 2024, 803 days ago" in said
    told = farthing.json("report", "--period", "2024-09")["totals"]["BilledCost"]
    assert shown(page.locator("[data-figure=month]").inner_text()) == cents(told)
    page.locator("main a:text-is('Why')").click()
    page.wait_for_url("**/why#**")
    ready(page)
    told = farthing.json("explain", "2024-08", "--against", "2024-07")
    assert shown(page.locator("[data-part=total]").inner_text()) == cents(told["change"])


def test_a_cube_without_days_has_the_newest_ones(opened, ledger):
    _, url = ledger("left")
    page = opened(f"{url}/data")
    cube = page.request.get(f"{url}/api/v1/cube").json()
    assert (cube["start"], cube["end"], cube["currency"]) == ("2024-08-18", "2024-09-17", "USD")
    assert sum(cube["cells"]) == 30
    said = page.locator("main").inner_text()
    assert page.locator(".tile .value").first.inner_text() == "78"
    assert "imported: from a billing export" in said
    assert "missing" not in said


@pytest.mark.parametrize("name", ["left", "exports"])
def test_pages_over_imports_alone(opened, ledger, name):
    _, url = ledger(name)
    page = opened(url, width=390, theme="dark")
    for page_name in PAGES:
        go(page, url + path_of(page_name))
        assert page.locator("[data-state=error], [data-state=empty]").count() == 0
        assert "The ledger is empty" not in page.locator("main").inner_text()
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert violations(page) == []  # of the page Data


# Columns that exports and lenses bring


@pytest.mark.parametrize(
    ("column", "label", "by"),
    [("RegionId", "Region", "region"), ("ResourceId", "Resource", "ResourceId"), ("Tags/team", "Tag team", "tag:team")],
)
def test_the_explorer_groups_by_what_exports_tell(opened, ledger, column, label, by):
    farthing, url = ledger("exports")
    page = opened(f"{url}/explorer")
    page.get_by_label("Group by").select_option(label=label)
    page.wait_for_function(f"() => location.hash.includes('{quote(column, safe='')}')")
    ready(page)
    told = farthing.json("report", "--by", by)
    rows = page.locator("section[aria-label=Table] tbody tr")
    found = {row.locator("th button").inner_text(): exactly(row.locator("td:nth-child(2)"))[0] for row in rows.all()}
    assert found == {row[column] or "(untagged)": row["BilledCost"] for row in told["rows"]}
    assert violations(page) == []
    first = rows.first.locator("th button")
    name = first.inner_text()
    first.click()
    page.wait_for_function("() => location.hash.includes('is.')")
    ready(page)
    assert name in page.locator("[data-part=crumbs]").inner_text()
    assert shown(page.locator("[data-part=total]").inner_text()) == cents(found[name])


# Links


def test_a_messages_link_opens_what_it_is_about(opened, ledger):
    farthing, url = ledger("medium")
    alerts = [
        msgspec.json.decode(path.read_bytes(), type=Alert, strict=False)
        for path in sorted((farthing.home / "cost_data" / "alerts").rglob("*.json"))
    ]
    page = opened(url)
    by_kind = {one.kind: one for one in alerts}
    assert {"anomaly", "threshold"} <= by_kind.keys()
    go(page, link_of(by_kind["anomaly"], f"{url}/"))
    id_ = by_kind["anomaly"].incident.id
    assert page.locator(f"#incident-{id_} summary").evaluate("(one) => one === document.activeElement")
    assert page.locator(f"#incident-{id_}").evaluate("(one) => one.getBoundingClientRect().top < innerHeight")
    day = by_kind["threshold"].day
    go(page, link_of(by_kind["threshold"], f"{url}/"))
    told = farthing.json("report", "--period", str(day))["totals"]["BilledCost"]
    assert shown(page.locator("[data-part=total]").inner_text()) == cents(told)
    assert f"{day.day} " in page.locator("[data-part=span]").inner_text()


def test_a_messages_link_opens_in_a_copied_site_too(opened, farthing, site):
    incident = farthing.json("anomalies", "--all")[0]["incident"]
    page = opened(f"{site.as_uri()}/incidents.html#{incident}")
    assert page.locator(f"#incident-{incident}").evaluate("(one) => one.getBoundingClientRect().top < innerHeight")
    page = opened(f"{site.as_uri()}/explorer.html#period=2026-11-27..2026-11-28")
    told = farthing.json("report", "--period", "2026-11-27")["totals"]["BilledCost"]
    assert shown(page.locator("[data-part=total]").inner_text()) == cents(told)


# The address


def test_the_address_survives_reload_back_and_forward(opened, live):
    page = opened(f"{live}/explorer")
    total = page.locator("[data-part=total]")
    states = [(page.url, total.inner_text())]

    def kept(act):
        before = page.url
        act()
        page.wait_for_function("(before) => location.href !== before", arg=before)
        ready(page)
        states.append((page.url, total.inner_text()))

    kept(lambda: page.get_by_label("Period", exact=True).select_option("last-month"))
    kept(lambda: page.get_by_label("Group by").select_option("SubAccountId"))
    kept(lambda: page.locator("section[aria-label=Table] tbody th button").first.click())
    assert len({text for _, text in states}) == 3  # a regroup changes no total
    page.reload()
    ready(page)
    assert (page.url, total.inner_text()) == states[-1]
    assert page.get_by_label("Period", exact=True).input_value() == "last-month"
    assert page.locator("[data-part=crumbs] .chip").count() == 1
    for step in (-2, -3, -4):
        page.go_back()
        ready(page)
        assert (page.url, total.inner_text()) == states[step]
    page.go_forward()
    ready(page)
    assert (page.url, total.inner_text()) == states[1]
    # To another page and back: the state is still there.
    page.locator("nav a").nth(2).click()
    ready(page)
    page.go_back()
    ready(page)
    assert (page.url, total.inner_text()) == states[1]


# Copies


@pytest.mark.parametrize("form", ["site", "single"])
def test_a_copy_of_why_tells_what_it_begins_with_in_full(opened, ledger, tmp_path, form):
    farthing, _ = ledger("exports")
    if form == "site":
        farthing.run("site", tmp_path / "site")
        page = opened((tmp_path / "site" / "why.html").as_uri())
    else:
        farthing.run("site", tmp_path / "one.html", "--single-file")
        page = opened(f"{(tmp_path / 'one.html').as_uri()}#why")
    told = farthing.json("explain", "last-month", "--against", "previous")
    assert {name for name, text in told["effects"].items() if Decimal(text)} == {"price", "volume"}
    notes = page.locator("[data-page=why] [data-part=notes]")
    for name, text in told["effects"].items():
        if Decimal(text):
            assert f"{name} {format(cents(text), '+').replace('-', MINUS)}" in notes.inner_text()
    assert "copy" not in notes.inner_text()
    page.locator("[data-page=why] table.waterfall tbody th button").first.click()
    ready(page)
    assert EC2 in page.locator("[data-page=why] [data-part=crumbs]").inner_text()
    assert "not told apart in this copy" in notes.inner_text()
    assert "price, volume and mix are told for Oct 2026" in notes.inner_text()
