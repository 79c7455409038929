"""Credits: what is left, how fast it goes, when it ends, when that is said."""

from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.fakes import NOW

from farthing.errors import CurrencyError
from farthing.model import Charge, Source, exact_sum
from farthing.query.selection import parse_selection
from farthing.signals.credit_warnings import reason, warnings
from farthing.signals.credits import Credit, CreditDay, credit_day, days_needed, runways

START = date(2026, 11, 1)
S3 = "Amazon Simple Storage Service"


def credit(balance="1000", **changes):
    arguments = {"name": "activate", "balance": Decimal(balance), "as_of": START, **changes}
    return Credit(**arguments)


def days(count, used="10", *, start=START, service=S3, net="90", currency="USD"):
    amounts = {service: Decimal(used)} if used != "0" else {}
    return {start + timedelta(days=n): CreditDay(currency, Decimal(net), amounts) for n in range(count)}


def lasting(entries, known, settled=date.max):
    return runways(entries, known, settled=settled)


def one(entry, known, settled=date.max):
    (runway,) = lasting([entry], known, settled).runways
    return runway


def test_what_a_report_of_the_lens_tells():
    from farthing.model import daily_report

    rows = {(S3, "Usage"): "100", (S3, "Credit"): "-30.5", ("EC2", " credit"): "-1", ("EC2", "Refund"): "-2"}
    report = daily_report(
        START,
        currency="USD",
        estimated=True,
        collected_at=NOW,
        metrics=("BilledCost",),
        source=Source("cost-explorer", ("ServiceName", "x_RecordType")),
        charges=[Charge(key, None, (Decimal(amount),)) for key, amount in rows.items()],
    )
    day = credit_day(report)
    assert day == CreditDay("USD", Decimal("66.5"), {S3: Decimal("30.5"), "EC2": Decimal(1)}, Decimal(2))
    assert day.gross == 100


def test_the_runway_of_an_even_burn():
    runway = one(credit(), days(30))
    assert (runway.used, runway.left, runway.burn) == (300, 700, 10)
    assert runway.newest == date(2026, 11, 30)
    assert runway.runs_out == date(2026, 11, 30) + timedelta(days=70)
    assert (runway.ends, runway.days_left, runway.lost) == (runway.runs_out, 70, 0)


def test_use_before_as_of_is_in_the_balance_already():
    known = days(60, start=START - timedelta(days=30))
    assert one(credit(), known).left == 700
    assert one(credit(as_of=date(2026, 12, 1)), known).left == 1000


def test_the_last_day_pays_what_is_left_of_it():
    assert one(credit("305"), days(30)).days_left == 1
    assert one(credit("310"), days(30)).days_left == 1
    assert one(credit("311"), days(30)).days_left == 2


def test_used_up():
    runway = one(credit("300"), days(40))
    assert (runway.left, runway.days_left, runway.ends) == (0, 0, runway.newest)
    assert reason(runway).endswith("it is used up")


def test_a_credit_that_never_burns_does_not_end():
    runway = one(credit(), days(30, "0"))
    assert (runway.burn, runway.runs_out, runway.ends, runway.days_left) == (0, None, None, None)
    assert warnings(runway) == ()
    assert reason(runway).endswith("0.00 USD used a day; at this rate it does not end")


def test_what_would_last_longer_than_a_century_does_not_end():
    assert one(credit("1000000"), days(30)).ends is None


def test_expiry_before_it_runs_out_says_what_is_lost():
    runway = one(credit(expires=date(2026, 12, 20)), days(30))
    assert (runway.ends, runway.runs_out, runway.days_left) == (date(2026, 12, 20), None, 20)
    assert runway.lost == 500  # 700 left, 20 days of 10
    assert reason(runway) == (
        "credit activate: 700.00 USD of 1,000.00 USD left at the end of 2026-11-30; 10.00 USD used a day; it expires on "
        "2026-12-20, in 20 days, with 500.00 USD unused"
    )


def test_expiry_after_it_runs_out_does_not_matter():
    runway = one(credit(expires=date(2027, 12, 20)), days(30))
    assert (runway.days_left, runway.lost) == (70, 0)
    assert runway.ends == runway.runs_out


def test_what_never_burns_is_lost_whole_when_it_expires():
    runway = one(credit(expires=date(2026, 12, 5)), days(30, "0"))
    assert (runway.days_left, runway.lost) == (5, 1000)


def test_expired_already():
    runway = one(credit(expires=date(2026, 11, 10)), days(30))
    assert (runway.left, runway.days_left, runway.lost) == (900, 0, 900)
    assert "it expired on 2026-11-10 with 900.00 USD unused" in reason(runway)
    assert warnings(runway)[-1].signal.rule == "activate: ended"


def test_the_one_that_expires_first_is_used_first_and_the_next_begins_then():
    first = credit("400", name="first", expires=date(2027, 1, 31))
    second = credit("1000", name="second")
    found = lasting([second, first], days(30)).runways
    assert [one.credit.name for one in found] == ["second", "first"]
    later, sooner = found
    assert (sooner.left, sooner.days_left) == (100, 10)
    assert (later.left, later.days_left) == (1000, 110)


def test_services_that_a_credit_does_not_pay_for_do_not_use_it():
    known = days(30)
    for day, told in days(30, "4", service="Amazon EC2").items():
        known[day] = CreditDay("USD", Decimal(90), {**known[day].used, **told.used})
    entry = credit(where="service:S3", filters=parse_selection("service:S3"))
    found = lasting([entry], known)
    assert found.runways[0].left == 700
    assert found.unaccounted == 120


def test_a_credit_that_is_taken_back_gives_the_balance_back():
    known = days(30)
    known[START] = CreditDay("USD", Decimal(90), {S3: Decimal(-5)})
    assert one(credit(), known).left == 715


@given(st.lists(st.integers(0, 60), min_size=1, max_size=40), st.integers(1, 900), st.integers(1, 900))
def test_every_credit_that_was_used_is_accounted_for_once(amounts, first, second):
    known = {
        START + timedelta(days=n): CreditDay("USD", Decimal(0), {S3: Decimal(amount)})
        for n, amount in enumerate(amounts)
    }
    entries = [credit(str(first), name="a", expires=START + timedelta(days=20)), credit(str(second), name="b")]
    found = lasting(entries, known)
    assert exact_sum(runway.used for runway in found.runways) + found.unaccounted == sum(amounts)
    assert all(0 <= runway.left <= runway.credit.balance for runway in found.runways)


def test_the_burn_does_not_believe_one_odd_week_nor_days_that_still_fill():
    known = days(30)
    for n in range(16, 23):
        known[START + timedelta(days=n)] = CreditDay("USD", Decimal(90), {S3: Decimal(500)})
    for n in (28, 29):
        known[START + timedelta(days=n)] = CreditDay("USD", Decimal(90), {S3: Decimal(1)})
    assert one(credit("9000"), known, settled=START + timedelta(days=28)).burn == 10


def test_weekends_count_in_the_burn():
    known = {day: told for day, told in days(28).items() if day.weekday() < 5}
    known |= {day: CreditDay("USD", Decimal(9), {S3: Decimal(3)}) for day in days(28) if day.weekday() >= 5}
    assert one(credit(), known).burn == 8


def test_lumps_are_spread_over_the_days_between_them():
    known = days(92, "0")
    for n in (0, 30, 61):
        known[START + timedelta(days=n)] = CreditDay("USD", Decimal(0), {S3: Decimal(92)})
    assert one(credit("2760"), known).burn == 3


def test_without_a_settled_day_there_is_no_burn():
    runway = one(credit(), days(2), settled=START)
    assert (runway.burn, runway.ends, runway.left) == (None, None, 980)
    assert "no settled day is known" in reason(runway)
    nothing = one(credit(), {})
    assert (nothing.left, nothing.days_left, nothing.currency) == (1000, None, None)
    assert reason(nothing).startswith("credit activate: 1,000.00")
    assert warnings(nothing) == ()


def test_days_that_the_lens_lacks_are_said():
    known = days(30)
    del known[date(2026, 11, 5)]
    runway = one(credit(), known)
    assert runway.days_missing == 1
    assert reason(runway).endswith("1 day since 2026-11-01 not known, so less may be left")


def test_gross_net_and_the_days_that_are_needed():
    told = lasting([credit()], days(40))
    assert (told.days, told.gross, told.used, told.net) == (28, 2800, 280, 2520)
    assert days_needed([credit()], date(2026, 11, 30)) == date(2026, 8, 31)
    assert days_needed([credit(as_of=date(2026, 1, 1))], date(2026, 11, 30)) == date(2026, 1, 1)


def test_two_currencies_are_an_error_that_names_both():
    with pytest.raises(CurrencyError, match="'activate' is in EUR, the bill in USD"):
        lasting([credit(currency="EUR")], days(3))
    with pytest.raises(CurrencyError, match="EUR and USD"):
        lasting([credit()], {**days(3), date(2026, 12, 1): CreditDay("EUR", Decimal(1), {})})


@pytest.mark.parametrize(
    ("left", "marks"),
    [
        ("620", []),
        ("600", [60]),
        ("300", [60, 30]),
        ("131", [60, 30, 14]),
        ("70", [60, 30, 14, 7]),
        ("0", [60, 30, 14, 7, 0]),
    ],
)
def test_marks_of_days_left_the_smallest_is_told(left, marks):
    found = warnings(one(credit(str(300 + int(left))), days(30)))
    assert [reached.mark for reached in found] == marks
    assert [reached.mark for reached in found if reached.told] == marks[-1:]


def test_a_warning_is_of_the_balance_as_it_was_entered():
    (told,) = warnings(one(credit("900"), days(30)))
    signal = told.signal
    assert (signal.kind, signal.rule) == ("credits", "activate: 60 days left")
    assert (signal.day, signal.since) == (date(2026, 11, 30), START)
    assert (signal.actual, signal.threshold, signal.overage) == (600, 600, 0)
    assert signal.reason == (
        "credit activate: 600.00 USD of 900.00 USD left at the end of 2026-11-30; 10.00 USD used a day; it runs out on "
        "2027-01-29, in 60 days"
    )
