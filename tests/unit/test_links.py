"""What a message links to, and that it does so on every channel."""

from urllib.parse import parse_qsl, urlsplit

import msgspec
import pytest
from tests.fakes import EC2, NOW, PROD, ago
from tests.unit.test_messages import SIGNALS, made
from tests.unit.test_rendering import alerts

from farthing.alerts.rendering import plain_text, slack_message, sns_message
from farthing.alerts.rendering.links import LONGEST_LINK, link_of
from farthing.errors import SettingsError
from farthing.model import Scope
from farthing.settings import Secret, load

HOME = "https://costs.example.org/aws/"


@pytest.mark.parametrize(
    ("kind", "page"), [("budget", "budgets.html"), ("credits", "budgets.html"), ("restatement", "data.html")]
)
def test_the_page_that_shows_it(kind, page):
    assert link_of(made(SIGNALS[kind]), HOME) == HOME + page


def test_an_incident_has_a_place_of_its_own():
    alert = made(SIGNALS["anomaly"])
    assert link_of(alert, HOME) == f"{HOME}incidents.html#{alert.incident.id}"


def test_a_threshold_leads_to_its_day_within_its_scope():
    (alert,) = alerts(1)
    scoped = msgspec.structs.replace(alert, scope=Scope(EC2, PROD, "prod"))
    link = urlsplit(link_of(scoped, HOME))
    assert f"https://{link.netloc}{link.path}" == f"{HOME}explorer.html"
    assert link.query == ""
    assert dict(parse_qsl(link.fragment)) == {
        "period": f"{ago(1)}..{NOW.date()}",
        "compare": f"{ago(8)}..{ago(7)}",
        "metric": "BilledCost",
        "is.ServiceName": EC2,
        "is.SubAccountId": PROD,
        "by": "ServiceName",
    }


def test_an_endless_name_makes_no_endless_link():
    (alert,) = alerts(1)
    endless = msgspec.structs.replace(alert, scope=Scope("ü" * 500, None))
    assert len(link_of(endless, HOME)) <= LONGEST_LINK


@pytest.mark.parametrize("kind", SIGNALS)
def test_every_channel_links_where_there_is_a_dashboard_and_nowhere_else(kind):
    some = [made(SIGNALS[kind])]
    link = link_of(some[0], HOME)
    assert f"Look into it: {link}" in plain_text(some, "prod", HOME).splitlines()
    assert f"Look into it: {link}" in sns_message(some, "prod", HOME).text.splitlines()
    assert f"<{link}|Look into it>" in [
        block["text"]["text"] for block in slack_message(some, "prod", HOME).blocks if block["type"] == "section" and "text" in block
    ]  # fmt: skip
    for text in (plain_text(some, "prod"), sns_message(some, "prod").text, str(slack_message(some, "prod").blocks)):
        assert "Look into it" not in text


def test_the_dashboards_address_ends_in_a_slash_and_carries_nothing():
    for given in ("https://costs.example.org/aws", f"{HOME}index.html", f"{HOME}explorer.html"):
        assert load({"FARTHING_DASHBOARD_URL": given}).dashboard_url == HOME
    bad = ("https://x/?token=abc", "https://x/#y", "https://x/#", "https://x/?", "https://x/a b", "https://x/a|b>")
    for wrong in ("costs.example.org", "ftp://x/", "https://me:word@x/", "https://x:99999/", *bad):
        with pytest.raises(SettingsError, match="FARTHING_DASHBOARD_URL must be"):
            load({"FARTHING_DASHBOARD_URL": wrong})


def test_a_dashboards_token_is_a_secret():
    settings = load({"FARTHING_DASHBOARD_TOKEN": "0123456789abcdef"})
    assert settings.dashboard_token == Secret("0123456789abcdef")
    assert "0123456789abcdef" not in repr(settings)
    with pytest.raises(SettingsError) as refused:
        load({"FARTHING_DASHBOARD_TOKEN": "planted"})
    assert "planted" not in str(refused.value)
