"""What people decide: the state of an incident, and what the detector does about it the next time."""

from datetime import UTC, date, datetime, timedelta

import pytest
from tests.unit.signals.spend import EC2, judged, plus, times, usage

from farthing.errors import UsageError
from farthing.signals.feedback import allowances_of, decide, state_of
from farthing.signals.incidents import incidents_of

DAY = date(2026, 4, 15)
CALM = usage(200)
SPEND = times(CALM, DAY, DAY + timedelta(1), 2.0)


def at(later):
    day = DAY + timedelta(later)
    return datetime(day.year, day.month, day.day, 9, tzinfo=UTC)


def incident(later=0, spend=SPEND):
    day = DAY + timedelta(later)
    return incidents_of(judged({EC2: spend}, day).departures, "USD")[0]


def word(action, later=0, **arguments):
    return decide(incident(), action, at=at(later), by="ann", **arguments)


def test_without_a_word_the_data_decide():
    assert state_of(incident(), [], DAY).name == "open"
    over = incidents_of(judged({EC2: SPEND}, DAY + timedelta(2), back=3).departures, "USD")[0]
    assert state_of(over, [], DAY).name == "resolved"


def test_acknowledged_names_who_and_when():
    state = state_of(incident(), [word("acknowledge", note="looking")], DAY)

    assert (state.name, state.by, state.at, state.note) == ("acknowledged", "ann", at(0), "looking")


def test_a_mute_ends_and_gives_way_to_what_was_before():
    until = DAY + timedelta(3)
    decisions = [word("mute", 1, until=until), word("acknowledge", 0)]

    assert state_of(incident(), decisions, until - timedelta(1)).name == "muted"
    assert state_of(incident(), decisions, until - timedelta(1)).until == until
    assert state_of(incident(), decisions, until).name == "acknowledged"
    assert state_of(incident(), decisions[:1], until).name == "open"


def test_a_resolved_incident_that_goes_on_is_open_again():
    decisions = [word("acknowledge"), word("resolve")]

    assert state_of(incident(0), decisions, DAY).name == "resolved"
    assert state_of(incident(1), decisions, DAY + timedelta(1)).name == "open"
    assert state_of(incident(1), [word("not-an-anomaly")], DAY + timedelta(1)).name == "resolved"


def test_a_word_about_another_incident_is_not_about_this_one():
    other = incidents_of(judged({("S3", "2"): SPEND}, DAY).departures, "USD")[0]

    assert state_of(other, [word("acknowledge")], DAY).name == "open"


@pytest.mark.parametrize(
    ("action", "until", "says"),
    [
        ("mute", None, "mute needs the day"),
        ("expected", None, "expected needs the day"),
        ("expected", DAY, "that day has passed"),
        ("resolve", DAY + timedelta(9), "resolve has no end"),
    ],
)
def test_a_word_that_makes_no_sense(action, until, says):
    with pytest.raises(UsageError, match=says):
        word(action, until=until)


def told(spend, decisions):
    found = judged({EC2: spend}, back=150, allowances=allowances_of(decisions)).departures
    return [one.raised_day for one in found]


def test_what_is_not_an_anomaly_is_not_told_again():
    later = DAY + timedelta(20)
    spend = times(SPEND, later, later, 2.0)

    assert told(spend, []) == [DAY, later]
    assert told(spend, [word("not-an-anomaly")]) == []
    assert told(spend, [word("acknowledge"), word("mute", until=later)]) == [DAY, later]


def test_more_than_people_spoke_of_is_told():
    later = DAY + timedelta(20)

    assert told(times(SPEND, later, later, 3.0), [word("not-an-anomaly")]) == [later]
    assert told(times(CALM, DAY, later, 0.2), [word("not-an-anomaly")]) == [DAY]
    grows = plus(SPEND, {DAY + timedelta(1): 150.0})
    assert told(grows, [word("not-an-anomaly")]) == [DAY + timedelta(1)]


def test_what_is_expected_is_expected_until_then():
    first, second = DAY + timedelta(12), DAY + timedelta(33)
    spend = times(times(SPEND, first, first, 2.0), second, second, 2.0)

    assert told(spend, [word("expected", until=DAY + timedelta(20))]) == [second]


def test_the_newest_word_counts():
    decisions = [word("expected", 1, until=DAY + timedelta(2)), word("not-an-anomaly", 0)]
    later = DAY + timedelta(20)

    assert told(times(SPEND, later, later, 2.0), decisions) == [later]
