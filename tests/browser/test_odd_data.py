"""Bills as they should not be: hostile and endless names, huge, negative and no amounts, another currency, one day."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from farthing.ledger.folder import FolderStore
from farthing.ledger.reports import Reports
from farthing.model import GROUP_BY, Charge, Source, daily_report
from tests.browser.conftest import TODAY, Farthing, ready
from tests.browser.test_numbers import cents, shown
from tests.browser.test_pages import path_of, violations

EVIL = "<img src=x onerror=\"document.title='owned'\"></script><script>document.title='owned'</script>"
LONG = "Amazon Extraordinarily Long Service Name For The Purpose Of Wrapping " * 3
CHARGES = {
    (EVIL, "111111111111"): ("'\"><svg onload=alert(1)>", "12.5"),
    (LONG.strip(), "222222222222"): ("an-account-name-without-a-single-space-that-goes-on-and-on-and-on-for-ever", "9876543210.123456789"),
    ("=HYPERLINK(\"http://evil.example\")", "111111111111"): (None, "0"),
    ("Credits", "222222222222"): (None, "-123456.78"),
    ("Übersetzung 翻訳 🎈", "333333333333"): (None, "0.0000001"),
}  # fmt: skip


@pytest.fixture(scope="module")
def odd(tmp_path_factory):
    farthing = Farthing(tmp_path_factory.mktemp("odd") / "home")
    rows = [Charge(keys, name, (Decimal(amount),)) for keys, (name, amount) in CHARGES.items()]
    report = daily_report(
        date.fromisoformat(TODAY).replace(day=27),
        currency="JPY",
        estimated=True,
        collected_at=datetime(2026, 11, 28, 5, tzinfo=UTC),
        metrics=("BilledCost",),
        charges=rows,
        source=Source("cost-explorer", GROUP_BY),
    )
    Reports(FolderStore(farthing.home)).write(report)
    return farthing


@pytest.fixture(scope="module")
def served(odd):
    with odd.served() as url:
        yield url


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("name", ["overview", "explorer", "why", "data"])
def test_nothing_breaks_and_nothing_runs(opened, served, name, width):
    # Last month is not in this ledger, and Why says so.
    page = opened(served + path_of(name), width=width, expected=("400",) if name == "why" else ())
    assert page.title().endswith("farthing")
    assert page.locator("main img, main svg[onload]").count() == 0
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert violations(page) == []


def test_names_are_text_on_every_way(opened, served, odd):
    page = opened(f"{served}/explorer#period=7d")
    row = page.get_by_role("button", name="<img src=x", exact=False).first
    row.click()
    ready(page)
    assert EVIL in page.locator("[data-part=crumbs]").inner_text()
    assert shown(page.locator("[data-part=total]").inner_text()) == Decimal("12.50")
    page.get_by_role("button", name="Filter", exact=False).first.click()
    assert page.locator(".filter-list li").count() > 0
    assert page.title() == "Explorer · farthing"


def test_amounts_stay_exact_in_another_currency(opened, served, odd):
    page = opened(f"{served}/explorer#period=7d")
    wanted = odd.json("report", "--period", "7d")["totals"]["BilledCost"]
    assert shown(page.locator("[data-part=total]").inner_text()) == cents(wanted)
    assert page.locator("[data-part=currency]").inner_text() == "JPY"
    with page.expect_download() as download:
        page.get_by_role("button", name="Save CSV").click()
    text = download.value.path().read_text()
    assert "9876543210.123456789" in text
    assert '"\'=HYPERLINK(""http://evil.example"")"' in text


def test_one_file_with_hostile_names_stays_one_document(opened, odd, tmp_path):
    odd.run("site", tmp_path / "one.html", "--single-file")
    page = opened(f"{(tmp_path / 'one.html').as_uri()}#explorer?period=7d")
    assert page.title() == "Overview · farthing"
    assert page.locator("img, svg[onload]").count() == 0
    assert page.locator("section[aria-label=Table] tbody tr").count() == len(CHARGES)
