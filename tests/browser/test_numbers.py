"""The figures on the pages are the command line's, to the last digit; flows, also by the keyboard alone."""

import csv
from decimal import ROUND_HALF_EVEN, Decimal

import pytest

from tests.browser.conftest import ready


def shown(text):
    """A figure as it stands on a page."""
    return Decimal(text.strip().replace(",", "").replace("\u2212", "-").replace("+", "").replace("±", ""))


def exactly(locator):
    """The exact figures that stand behind those of a page, as documents write them."""
    titles = locator.evaluate_all("(all) => all.map((one) => one.title)")
    return [title.split()[0].replace("\u2212", "-") for title in titles]


def cents(text):
    return Decimal(text).quantize(Decimal("0.01"), ROUND_HALF_EVEN)


def address(kind, request):
    if kind == "live":
        return f"{request.getfixturevalue('live')}/explorer#"
    if kind == "site":
        return f"{(request.getfixturevalue('site') / 'explorer.html').as_uri()}#"
    return f"{request.getfixturevalue('single').as_uri()}#explorer?"


@pytest.mark.parametrize("kind", ["live", "site", "single"])
@pytest.mark.parametrize(
    ("state", "arguments", "column", "metric"),
    [
        ("", [], "ServiceName", "BilledCost"),
        ("period=last-month&by=SubAccountId", ["--period", "last-month", "--by", "account,account-name"], "SubAccountName", "BilledCost"),
        ("period=mtd&metric=EffectiveCost", ["--period", "mtd"], "ServiceName", "EffectiveCost"),
        ("period=2026-03-05..2026-09-11&not.ServiceName=Tax", ["--start", "2026-03-05", "--end", "2026-09-11", "--where", "-service:Tax"], "ServiceName", "BilledCost"),
    ],
)  # fmt: skip
def test_the_explorer_shows_what_the_report_says(opened, request, farthing, kind, state, arguments, column, metric):
    page = opened(address(kind, request) + state)
    report = farthing.json("report", *arguments)
    assert shown(page.locator("[data-page=explorer] [data-part=total]").inner_text()) == cents(report["totals"][metric])
    if page.locator("[data-page=explorer] [data-part=more]").is_visible():
        page.locator("[data-page=explorer] [data-part=more]").click()
    wanted = {row[column]: row[metric] for row in report["rows"]}
    rows = page.locator("[data-page=explorer] section[aria-label=Table] tbody tr").all()
    found = {row.locator("th button").inner_text(): exactly(row.locator("td:nth-child(2)"))[0] for row in rows}
    assert found == wanted


@pytest.mark.parametrize("kind", ["live", "site"])
def test_why_adds_up_to_the_cent_and_says_what_explain_says(opened, live, site, farthing, kind):
    base = f"{live}/why" if kind == "live" else (site / "why.html").as_uri()
    told = farthing.json("explain", "last-month", "--against", "previous")
    page = opened(base)
    assert shown(page.locator("[data-page=why] [data-part=total]").inner_text()) == cents(told["change"])
    figures = [shown(text) for text in page.locator("table.waterfall td.number").all_inner_texts()]
    assert figures[0] == cents(told["before"])
    assert figures[-1] == cents(told["after"])
    assert figures[0] + sum(figures[1:-1]) == figures[-1]
    exact = exactly(page.locator("table.waterfall td.number"))
    largest = sorted(told["drivers"], key=lambda one: -abs(Decimal(one["change"])))[:12]
    assert exact[1 : 1 + len(largest)] == [one["change"] for one in largest]


def test_the_overview_says_what_the_report_says(opened, live, farthing):
    page = opened(live)
    for name, period in (("month", "mtd"), ("yesterday", "yesterday"), ("last-month", "last-month")):
        wanted = farthing.json("report", "--period", period)["totals"]["BilledCost"]
        assert shown(page.locator(f"[data-figure={name}]").inner_text()) == cents(wanted)


def test_from_an_alerts_link_to_the_cause_and_a_mute(opened, live, farthing):
    incident = farthing.json("anomalies")[0]
    page = opened(f"{live}/incidents#{incident['incident']}")
    card = page.locator(f"#incident-{incident['incident']}")
    assert card.locator("summary").evaluate("(one) => one === document.activeElement")
    assert shown(card.locator(".figure .value").inner_text()) == cents(incident["excess"])
    # The rest by the keyboard alone.
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    page.keyboard.type("Mute")
    page.keyboard.press("Tab")
    page.keyboard.type("12312026")
    for _ in range(6):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.name") == "by":
            break
    page.keyboard.type("Ada")
    page.keyboard.press("Enter")
    page.wait_for_function(
        "(id) => document.getElementById(id)?.innerText.includes('muted until')", arg=f"incident-{incident['incident']}"
    )
    said = page.locator(f"#incident-{incident['incident']}").inner_text()
    assert "mute until Thu 31 Dec 2026 by Ada" in said
    page.locator(f"#incident-{incident['incident']} tbody th a").first.click()
    ready(page)
    assert incident["root_cause"][0]["ServiceName"] in page.locator("[data-part=crumbs]").inner_text()


def test_budgets_say_what_the_command_says(opened, live, farthing):
    page = opened(f"{live}/budgets")
    told = farthing.json("budgets")["budgets"]
    assert {one["name"] for one in told} == {"all of it", "storage"}
    for one in told:
        assert shown(page.locator(f"[data-budget='{one['name']}']").inner_text()) == cents(one["spent"])
        assert one["state"] in page.locator(f"section[aria-label='{one['name']}']").inner_text()
    assert page.locator("[data-budget-chart] canvas").count() == len(told)


def test_two_months_compared_by_account_and_saved_as_csv(opened, live, farthing, tmp_path):
    page = opened(f"{live}/explorer")
    page.get_by_label("Period", exact=True).select_option("last-month")
    page.get_by_label("Group by").select_option("SubAccountId")
    page.get_by_label("Compare with").select_option("previous")
    ready(page)
    with page.expect_download() as download:
        page.get_by_role("button", name="Save CSV").click()
    download.value.save_as(tmp_path / "saved.csv")
    with (tmp_path / "saved.csv").open(newline="") as file:
        saved = list(csv.DictReader(file))
    told = farthing.json("report", "--period", "last-month", "--by", "account", "--compare", "previous")
    assert {
        row["SubAccountId"]: (row["BilledCost"], row["BilledCost before"], row["BilledCost change"]) for row in saved
    } == {
        row["SubAccountId"]: (row["BilledCost"], row["before"]["BilledCost"], row["change"]["BilledCost"])
        for row in told["rows"]
    }
    assert "compare=previous" in page.url


def test_last_months_rise_explained_by_the_keyboard_alone(opened, live):
    page = opened(f"{live}/why")
    largest = page.locator("table.waterfall tbody th button").first
    for _ in range(60):
        page.keyboard.press("Tab")
        if largest.evaluate("(one) => one === document.activeElement"):
            break
    name = largest.inner_text()
    page.keyboard.press("Enter")
    page.wait_for_function("() => location.hash.includes('is.ServiceName')")
    ready(page)
    assert name in page.locator("[data-part=crumbs]").inner_text()
    assert page.get_by_label("Bars are").input_value() == "SubAccountId"
    figures = [shown(text) for text in page.locator("table.waterfall td.number").all_inner_texts()]
    assert figures[0] + sum(figures[1:-1]) == figures[-1]
    page.go_back()
    ready(page)
    assert page.locator("table.waterfall tbody th button").first.inner_text() == name


def test_a_view_can_be_shared(opened, live):
    page = opened(f"{live}/explorer")
    page.locator("section[aria-label=Table] tbody th button").first.click()
    ready(page)
    total = page.locator("[data-part=total]").inner_text()
    again = opened(page.url)
    assert again.locator("[data-part=total]").inner_text() == total
    assert again.locator("[data-part=crumbs] .chip").count() == 1


def test_an_exotic_link_changes_nothing_but_the_view(opened, live):
    page = opened(f"{live}/explorer#period=never&by=Nothing%3Cimg%20src=x%20onerror=alert(1)%3E", expected=("400",))
    assert "alert(1)" in page.locator("[data-part=error-text]").inner_text()
    assert page.locator("main img").count() == 0


def test_a_regroup_takes_less_than_a_tenth_of_a_second(opened, live):
    page = opened(f"{live}/explorer#period=12m&grain=day")
    spent = page.evaluate(
        """async () => {
             const select = document.querySelector('select[name=by]'), times = [];
             for (let turn = 0; turn < 12; turn++) {
               const start = performance.now();
               select.value = turn % 2 ? 'ServiceName' : 'SubAccountId';
               select.dispatchEvent(new Event('change'));
               await new Promise((done) => setTimeout(done, 0));
               times.push(performance.now() - start);
             }
             return Math.min(...times);
           }"""
    )
    assert spent < 100, f"{spent:.0f} ms"
