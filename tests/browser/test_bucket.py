"""A ledger in a bucket, on a local AWS: shown, followed while days come in, and what reconciling found in it."""

import pytest

from tests.browser.conftest import Farthing, ready
from tests.browser.test_numbers import cents, exactly, shown
from tests.browser.test_pages import PAGES, path_of, violations
from tests.browser.test_review import go
from tests.integration.conftest import CREDENTIALS, REGION, new_client
from tests.integration.servers import ministack

BUCKET = "ledger"
YESTERDAY = {"FARTHING_TODAY": "2026-11-27"}
AGAIN = 20
"""Seconds: the server lists the bucket every ten seconds."""


def until(page, url, told):
    """Waits until what the address answers is as wanted."""
    for _ in range(AGAIN):
        if told(page.request.get(url).json()):
            return
        page.wait_for_timeout(1000)
    raise AssertionError(f"{url} did not come to tell it in {AGAIN} s")


@pytest.fixture(scope="module")
def aws(tmp_path_factory):
    with ministack(tmp_path_factory.mktemp("ministack")) as server:
        client = new_client("s3", server.url)
        client.create_bucket(Bucket=BUCKET)
        yield server, client
        client.close()


@pytest.fixture(scope="module")
def bucket(aws, tmp_path_factory):
    """The command line over the bucket, as far as it was collected yesterday."""
    server, _ = aws
    made = Farthing(
        tmp_path_factory.mktemp("unused") / "home",
        BUCKET_NAME=BUCKET,
        AWS_ENDPOINT_URL=server.url,
        AWS_ACCESS_KEY_ID=CREDENTIALS["aws_access_key_id"],
        AWS_SECRET_ACCESS_KEY=CREDENTIALS["aws_secret_access_key"],
        AWS_REGION=REGION,
        FARTHING_SOURCE="simulated",
        FARTHING_SIMULATED_SIZE="small",
        FARTHING_LENSES="region",
    )
    made.run("collect", **YESTERDAY)
    return made


@pytest.fixture(scope="module")
def served(bucket):
    with bucket.served() as url:
        yield url


def test_every_page_over_a_bucket(opened, bucket, served):
    page = opened(served)
    for name in PAGES:
        go(page, served + path_of(name))
        assert page.locator("[data-state=error], [data-state=empty]").count() == 0, name
    go(page, f"{served}/explorer")
    assert shown(page.locator("[data-part=total]").inner_text()) == cents(bucket.json("report")["totals"]["BilledCost"])
    assert not bucket.home.exists()


def test_a_lens_is_a_column_of_the_explorer(opened, bucket, served):
    page = opened(f"{served}/explorer#period=2026-11-20..2026-11-27")
    page.get_by_label("Group by").select_option(label="Region")
    page.wait_for_function("() => location.hash.includes('by=RegionId')")
    ready(page)
    told = bucket.json("report", "--start", "2026-11-20", "--end", "2026-11-27", "--by", "region")
    rows = page.locator("section[aria-label=Table] tbody tr")
    names = page.locator("section[aria-label=Table] tbody th button").all_inner_texts()
    assert dict(zip(names, exactly(rows.locator("td:nth-child(2)")), strict=True)) == {
        row["RegionId"] or "(no name)": row["BilledCost"] for row in told["rows"]
    }


def test_a_day_that_comes_in_is_offered_and_shown(opened, bucket, served):
    page = opened(f"{served}/explorer#period=7d")
    page.clock.install()
    go(page, f"{served}/explorer#period=7d")
    before = page.locator("[data-part=total]").inner_text()
    assert "1 of 7 days are not in the ledger" in page.locator("[data-part=notes]").inner_text()
    offer = page.locator("#new-data")
    bucket.run("collect")
    assert offer.is_hidden()
    known = page.evaluate("JSON.parse(document.getElementById('farthing-source').textContent).version")
    until(page, f"{served}/api/v1/state", lambda told: told["version"] != known)
    page.clock.fast_forward(30_000)
    offer.wait_for(state="visible")
    assert page.locator("[data-part=total]").inner_text() == before, "it must not move by itself"
    assert violations(page) == []
    offer.get_by_role("button").click()
    page.wait_for_function(
        "(before) => document.querySelector('[data-part=total]')?.textContent !== before", arg=before
    )
    ready(page)
    told = bucket.json("report", "--period", "7d")["totals"]["BilledCost"]
    assert shown(page.locator("[data-part=total]").inner_text()) == cents(told)
    assert page.url.endswith("#period=7d")
    assert page.locator("#new-data").is_hidden()


def test_what_reconciling_found_is_on_the_page_data(opened, bucket, served, aws):
    _, s3 = aws
    page = opened(f"{served}/data", width=390)
    tile = page.locator("[data-part=proof]")
    assert "Not yet" in tile.inner_text()
    s3.delete_object(Bucket=BUCKET, Key="cost_data/daily/2026-11-20.json")
    said = bucket.run("reconcile", "--yes", code=1)
    assert "2026-11-20" in said
    until(page, f"{served}/api/v1/data", lambda told: told["proofs"])
    go(page, f"{served}/data")
    assert "against the simulation: not equal" in tile.inner_text()
    told = page.locator("section[aria-label='Not equal to the simulation']").inner_text()
    assert "Fri 20 Nov 2026" in told
    assert "no run has brought this day into the ledger" in told
    assert "farthing collect" in told
    assert violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    bucket.run("collect")
    bucket.run("reconcile", "--yes")
    until(page, f"{served}/api/v1/data", lambda told: told["proofs"][0]["equal"])
    go(page, f"{served}/data")
    assert ": equal" in tile.inner_text()
    assert page.locator("section[aria-label='Not equal to the simulation']").count() == 0
