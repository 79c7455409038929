"""Incidents: what belongs together, the root cause, the name, the money and the sentence."""

from datetime import date, timedelta
from decimal import Decimal

import pytest
from tests.unit.signals.spend import judged, times, usage

from farthing.signals.anomalies.detect import DayFigures, Departure
from farthing.signals.incidents import follow, incidents_of, scope_text

DAY = date(2026, 4, 15)


def departure(
    service="EC2",
    account="1",
    *,
    actual=150.0,
    expected=100.0,
    since=DAY,
    until=DAY,
    kind="spike",
    state="open",
    category=None,
):
    count = (until - since).days + 1
    leaf = (service, account) if category is None else (service, account, category)
    return Departure(
        leaf=leaf,
        kind=kind,
        rises=actual > expected,
        first_day=since,
        raised_day=since,
        days=tuple(
            DayFigures(since + timedelta(n), actual, expected, 0.9 * expected, 1.1 * expected) for n in range(count)
        ),
        state=state,
    )


def found(*departures, **arguments):
    return incidents_of(departures, "USD", **arguments)


def test_the_money_of_one_departure():
    (incident,) = found(departure(actual=150.25, since=DAY - timedelta(2)))

    assert (incident.actual, incident.expected, incident.excess) == (Decimal("150.25"), Decimal(100), Decimal("50.25"))
    assert (incident.lower, incident.upper) == (Decimal(90), Decimal(110))
    assert incident.excess_percent == Decimal("50.2")
    assert incident.excess_so_far == 3 * Decimal("50.25")
    assert incident.excess_month == 30 * Decimal("50.25")
    assert (incident.first_day, incident.day, incident.days) == (DAY - timedelta(2), DAY, 3)
    assert incident.reason == (
        "EC2 in 1: 150.25 USD on 2026-04-15 is 50.25 USD (50.2 %) over the expected 100.00 USD (90.00 USD to "
        "110.00 USD is usual); high since 2026-04-13 (3 days); at this rate 1,507.50 USD more a month"
    )


def test_exact_amounts_take_the_place_of_doubles():
    exact = {(("EC2", "1"), DAY): Decimal("150.000000000000000001")}

    (incident,) = found(departure(), actuals=exact)

    assert incident.actual == Decimal("150.000000000000000001")
    assert incident.excess == incident.actual - incident.expected
    assert incident.root_cause[0].actual == incident.actual


def test_one_account_gone_wild_is_one_incident():
    (incident,) = found(
        departure("EC2", "1", actual=500.0),
        departure("EBS", "1", actual=160.0),
        departure("Data transfer", "1", actual=105.0, since=DAY - timedelta(1)),
    )

    assert [(part.service_name, part.excess) for part in incident.root_cause] == [("EC2", Decimal(400))]
    assert incident.others == 2
    assert incident.excess == Decimal(465)
    assert incident.reason.startswith("EC2 in 1, with 2 smaller ones beside it: 765.00 USD")


def test_one_service_in_many_accounts_is_one_incident():
    (incident,) = found(*(departure("EC2", str(account)) for account in range(5)), departure("S3", "9", actual=40.0))[
        :1
    ]

    assert len(incident.root_cause) == 4
    assert scope_text(incident.root_cause) == "EC2 in 4 accounts (0, 1, 2 and 1 more)"


def test_what_shares_nothing_or_begins_at_another_time_is_another_incident():
    assert len(found(departure("EC2", "1"), departure("S3", "2"))) == 2
    assert len(found(departure("EC2", "1"), departure("EC2", "2", since=DAY - timedelta(2), until=DAY))) == 2
    assert len(found(departure("EC2", "1"), departure("EC2", "1", category="Tax"), apart=True)) == 2


def test_rises_and_falls_do_not_offset():
    both = found(departure("EC2", "1", actual=150.0), departure("EC2", "2", actual=50.0))

    assert {(one.rises, one.excess) for one in both} == {(False, Decimal(-50)), (True, Decimal(50))}


def test_a_group_that_lost_a_leaf_counts_the_others_only_on_its_newest_day():
    (incident,) = found(
        departure("EC2", "1", since=DAY - timedelta(1)),
        departure("EC2", "2", actual=400.0, since=DAY - timedelta(1), until=DAY - timedelta(1), state="ended"),
    )

    assert (incident.actual, incident.excess) == (Decimal(150), Decimal(50))
    assert incident.excess_so_far == Decimal(50 + 50 + 300)
    assert incident.is_open


@pytest.mark.parametrize(
    ("leaf", "text"),
    [
        (("EC2", ""), "EC2"),
        (("EC2", "1"), "EC2 in 1"),
        (("EC2", "1", "Tax"), "EC2 (Tax) in 1"),
    ],
)
def test_a_scope_in_words(leaf, text):
    (incident,) = found(departure(leaf[0], leaf[1], category=leaf[2] if len(leaf) > 2 else None))

    assert scope_text(incident.root_cause) == text


def test_an_incident_keeps_its_name_while_it_grows():
    spend = times(usage(200), DAY, DAY + timedelta(20), 1.8)
    other = times(usage(200, seed=2), DAY + timedelta(1), DAY + timedelta(20), 8.0)
    names = []
    for later in range(7):
        on = DAY + timedelta(later)
        departures = judged({("EC2", "1"): spend, ("EBS", "1"): other}, on).departures
        (incident,) = incidents_of(departures, "USD")
        names.append((incident.id, incident.days))

    assert {name for name, _ in names} == {names[0][0]}
    assert [count for _, count in names] == [1, 2, 3, 4, 5, 6, 7]


def test_what_goes_on_beside_an_incident_that_is_over_is_news_of_its_own():
    both = [departure("EC2", actual=900.0), departure("S3", actual=130.0)]
    (told,) = follow(found(*both), [])
    assert [part.service_name for part in told.root_cause] == ["EC2"]
    later = [
        departure("EC2", actual=900.0, state="resolved"),
        departure("S3", actual=400.0, until=DAY + timedelta(3)),
    ]
    (news,) = follow(found(*later), [told])
    assert [part.service_name for part in news.root_cause] == ["S3"]
    assert news.id != told.id
    # Told once: the next day it is the same, and so is the first where it comes back.
    later[1] = departure("S3", actual=500.0, until=DAY + timedelta(4))
    (again,) = follow(found(*later), [told, news])
    assert again.id == news.id
    (back,) = follow(found(departure("EC2", actual=900.0, until=DAY + timedelta(4)), later[1]), [told, news])
    assert back.id == told.id


def test_a_restated_incident_is_followed():
    (known,) = found(departure("EC2", "1"), departure("EBS", "1", actual=140.0))
    (restated,) = found(
        departure("EC2", "1", actual=120.0, since=DAY - timedelta(1)),
        departure("EBS", "1", actual=190.0, since=DAY - timedelta(1)),
    )
    assert known.id != restated.id

    assert [one.id for one in follow([restated], [known])] == [known.id]


def test_another_incident_is_not_taken_for_a_known_one():
    (known,) = found(departure("EC2", "1"))
    others = [
        *found(departure("S3", "1", since=DAY)),
        *found(departure("EC2", "1", actual=50.0)),
        *found(departure("EC2", "1", since=DAY + timedelta(4), until=DAY + timedelta(4))),
    ]

    assert {one.id for one in follow(others, [known])} == {one.id for one in others}
    twice = follow(
        [
            known,
            *found(
                departure("EC2", "1", actual=99.0, expected=10.0, since=DAY + timedelta(1), until=DAY + timedelta(1))
            ),
        ],
        [known],
    )
    assert len({one.id for one in twice}) == 2
