"""The forecast: what comes on its day of the month, what goes on, and what is known already."""

from datetime import date, timedelta
from decimal import Decimal

import pytest
from tests.unit.signals.spend import days, every_month, plus, times, usage

from farthing.model import Period
from farthing.signals.forecast import estimate
from farthing.signals.forecast.naive import LAST_WEEK, RUN_RATE, SEASONAL, naive
from farthing.signals.forecast.outlook import TOTAL, months_from, outlook
from farthing.signals.panel import panel_of

START = date(2026, 1, 1)
AS_OF = date(2026, 6, 5)
JUNE = Period(date(2026, 6, 1), date(2026, 7, 1))
JULY = Period(date(2026, 7, 1), date(2026, 8, 1))
EC2, S3 = ("Amazon EC2", "1"), ("Amazon S3", "1")


def panel(spend, **options):
    rows = [(leaf, day, amount) for leaf, one in spend.items() for day, amount in one.items()]
    return panel_of(rows, **options)


def steady(level=100.0, count=400, **options):
    return usage(count, level, start=START, noise=0.01, **options)


def flat(level=100.0, count=400):
    return dict.fromkeys(days(count, START), level)


def actual(spend, period):
    return sum(amount for day, amount in spend.items() if day in period)


def mean(spend, period=JUNE, as_of=AS_OF, leaf=EC2, **options):
    told = estimate(panel({leaf: spend}), as_of, period, **options)
    return float(told.mean)


def group(spend, name, period=JUNE, as_of=AS_OF, **options):
    told = outlook(panel(spend), as_of, [period], **options)
    return next(row for row in told.rows if row.group == (name,))


def test_a_weekly_rhythm_goes_on():
    spend = steady()
    for period in (JUNE, JULY):
        assert mean(spend, period) == pytest.approx(actual(spend, period), rel=0.02)


def test_later_days_are_not_looked_at():
    spend = steady()
    known = {day: amount for day, amount in spend.items() if day < AS_OF}
    assert estimate(panel({EC2: spend}), AS_OF, JUNE) == estimate(panel({EC2: known}), AS_OF, JUNE)


@pytest.mark.parametrize("as_of", [date(2026, 6, 1), date(2026, 6, 2), date(2026, 6, 3)])
def test_a_fee_of_the_month_s_first_days_is_expected_until_it_has_come_and_then_not_again(as_of):
    spend = every_month(flat(), {2: 900.0})
    assert mean(spend, as_of=as_of) == pytest.approx(30 * 100 + 900, rel=0.01)
    assert mean(spend, JULY, as_of=as_of) == pytest.approx(31 * 100 + 900, rel=0.01)


def test_tax_on_the_first_and_support_on_the_sixth_are_placed_on_their_days():
    tax = {day: 500.0 for day in days(400, START) if day.day == 1}
    support = {day: 300.0 for day in days(400, START) if day.day == 6}
    spend = {EC2: flat(), ("Tax", "1"): tax, ("AWS Support (Business)", "1"): support}

    assert group(spend, "Tax").estimate.mean == 500
    assert group(spend, "AWS Support (Business)").estimate.mean == pytest.approx(300, rel=0.05)
    assert group(spend, "AWS Support (Business)").fact == 0
    week = Period(date(2026, 6, 7), date(2026, 6, 14))
    assert group(spend, "AWS Support (Business)", week).estimate.mean == 0


def test_a_fee_that_did_not_come_is_no_longer_expected_this_month():
    support = {day: 300.0 for day in days(400, START) if day.day == 6 and day < date(2026, 6, 1)}
    late = {day: amount for day, amount in support.items() if day.month != 6}
    spend = {EC2: flat(), ("AWS Support (Business)", "1"): late}
    assert group(spend, "AWS Support (Business)", as_of=date(2026, 6, 12)).estimate.mean == 0


def test_a_monthly_credit_comes_again_and_a_refund_does_not():
    credit = every_month(flat(), {1: -250.0})
    assert mean(credit, JULY) == pytest.approx(31 * 100 - 250, rel=0.01)
    refund = plus(flat(), {date(2026, 5, 17): -2000.0})
    assert mean(refund, JULY) == pytest.approx(31 * 100, rel=0.2)
    told = {("Refund", "1", "Adjustment"): {date(2026, 5, 17): -2000.0}, (*EC2, "Usage"): flat()}
    assert -1000 <= float(group(told, "Refund", JULY).estimate.mean) <= 0


def test_credits_of_every_day_go_on():
    spend = {(*EC2, "Usage"): flat(), (*EC2, "Credit"): flat(-40.0)}
    assert float(group(spend, "Amazon EC2", JULY).estimate.mean) == pytest.approx(31 * 60, rel=0.01)


def test_a_total_below_zero_is_told_as_it_is():
    spend = {EC2: flat(10.0), ("Credits", "1"): flat(-40.0)}
    told = estimate(panel(spend), AS_OF, JUNE)
    assert float(told.mean) == pytest.approx(-900, rel=0.01)
    assert told.lo95 <= told.lo80 <= told.mean <= told.hi80 <= told.hi95


def test_a_job_on_the_month_s_last_day_is_expected_on_the_last_day_of_every_month():
    last = {day: 700.0 for day in days(400, START) if (day + timedelta(1)).day == 1}
    spend = plus(flat(), last)
    assert mean(spend) == pytest.approx(3000 + 700, rel=0.01)
    assert mean(spend, JULY) == pytest.approx(3100 + 700, rel=0.01)


def test_a_shift_is_the_new_level_and_a_spike_is_not():
    shift = times(flat(), date(2026, 5, 20), date.max, 2.0)
    assert mean(shift, JULY) == pytest.approx(31 * 200, rel=0.05)
    spike = times(flat(), date(2026, 5, 20), date(2026, 5, 21), 4.0)
    assert mean(spike, JULY) == pytest.approx(31 * 100, rel=0.05)


@pytest.mark.parametrize("factor", [0.4, 3.0])
@pytest.mark.parametrize("lasting", [1, 2, 3])
def test_after_a_departure_of_the_last_days_the_interval_holds_both_that_it_stays_and_that_it_is_over(lasting, factor):
    since = AS_OF - timedelta(days=lasting)
    stays = times(steady(), since, date.max, factor)
    over = times(steady(), since, AS_OF, factor)
    told = estimate(panel({EC2: stays}), AS_OF, JUNE)
    low, high = sorted((actual(stays, JUNE), actual(over, JUNE)))
    assert told.lo80 <= low * 1.01
    assert told.hi80 >= high * 0.99
    assert low < told.mean < high
    assert estimate(panel({EC2: over}), AS_OF, JUNE) == told


def test_a_service_that_is_gone_costs_nothing_more():
    gone = {day: amount for day, amount in flat().items() if day < date(2026, 5, 20)}
    told = group({EC2: gone, S3: flat()}, "Amazon EC2", JULY)
    assert told.estimate.mean == told.estimate.hi95 == 0


def test_a_new_service_is_learned_and_counts_in_the_total():
    new = {day: amount for day, amount in flat(70.0).items() if day >= date(2026, 5, 30)}
    spend = {EC2: flat(), S3: new}
    told = group(spend, "Amazon S3")
    assert told.learning
    assert float(told.estimate.mean) == pytest.approx(30 * 70, rel=0.05)
    assert not group(spend, "Amazon EC2").learning
    assert float(estimate(panel(spend), AS_OF, JUNE).mean) == pytest.approx(30 * 170, rel=0.05)


def test_nothing_is_told_below_ten_days():
    assert estimate(panel({EC2: flat(count=9)}), date(2026, 1, 10), JUNE) is None
    assert estimate(panel({EC2: flat(count=10)}), date(2026, 1, 11), JUNE) is not None
    assert estimate(panel({}), AS_OF, JUNE) is None


def test_ten_days_are_enough_to_go_on_with():
    told = estimate(panel({EC2: flat(count=10)}), date(2026, 1, 11), Period(START, date(2026, 2, 1)))
    assert float(told.mean) == pytest.approx(3100, rel=0.01)
    assert told.lo80 < told.mean < told.hi80


def test_zeros_are_forecast_as_zero():
    told = estimate(panel({EC2: flat(0.0)}), AS_OF, JUNE)
    assert (told.mean, told.lo95, told.hi95) == (0, 0, 0)


def test_a_provisional_day_is_completed():
    filling = times(flat(), date(2026, 6, 4), date(2026, 6, 4), 0.5)
    growth = {date(2026, 6, 3): 1.0, date(2026, 6, 4): 2.0}
    assert mean(filling, growth=growth) == pytest.approx(3000, rel=0.01)
    told = outlook(panel({EC2: filling}), AS_OF, [JUNE], growth=growth)
    assert told.rows[0].fact == 400
    calm = estimate(panel({EC2: flat()}), AS_OF, JUNE)
    unsure = estimate(panel({EC2: filling}), AS_OF, JUNE, growth=growth)
    assert unsure.hi80 - unsure.lo80 > calm.hi80 - calm.lo80


def test_a_provisional_day_of_unknown_growth_is_forecast_instead():
    filling = times(flat(), date(2026, 6, 3), date(2026, 6, 4), 0.2)
    told = outlook(panel({EC2: filling}), AS_OF, [JUNE], without={date(2026, 6, 3), date(2026, 6, 4)})
    assert told.rows[0].fact == 200
    assert float(told.rows[0].estimate.mean) == pytest.approx(3000, rel=0.01)


def test_a_gap_in_the_month_is_filled_and_one_in_a_month_that_is_over_is_not():
    missing = {date(2026, 6, 2), date(2026, 5, 20)}
    spend = {day: amount for day, amount in flat().items() if day not in missing}
    assert mean(spend) == pytest.approx(3000, rel=0.01)
    assert mean(spend, Period(date(2026, 5, 1), date(2026, 6, 1))) == 3000


def test_days_that_were_not_collected_yet_are_forecast():
    late = {day: amount for day, amount in flat().items() if day < date(2026, 6, 1)}
    assert mean(late) == pytest.approx(3000, rel=0.01)


def test_only_the_newest_currency_counts():
    change = date(2026, 4, 1)
    currency = {day: "USD" if day < change else "EUR" for day in days(400, START)}
    spend = times(flat(), START, change - timedelta(1), 50.0)
    told = outlook(panel({EC2: spend}, currency=currency), AS_OF, [JUNE])
    assert told.left_out == ()
    spring = Period(date(2026, 3, 30), date(2026, 7, 1))
    left_out = outlook(panel({EC2: spend}, currency=currency), AS_OF, [spring]).left_out
    assert left_out == (date(2026, 3, 30), date(2026, 3, 31))
    assert told.currency == "EUR"
    assert float(told.rows[0].estimate.mean) == pytest.approx(3000, rel=0.01)
    quarters = Period(START, date(2027, 1, 1))
    assert float(estimate(panel({EC2: spend}, currency=currency), AS_OF, quarters).mean) == pytest.approx(
        27500, rel=0.02
    )


@pytest.mark.parametrize(
    ("as_of", "month", "length"),
    [
        (date(2024, 2, 1), date(2024, 2, 1), 29),
        (date(2024, 2, 29), date(2024, 2, 1), 29),
        (date(2023, 2, 28), date(2023, 2, 1), 28),
        (date(2023, 12, 31), date(2023, 12, 1), 31),
        (date(2024, 1, 31), date(2024, 1, 1), 31),
    ],
)
def test_a_month_has_its_days_whatever_day_it_is_asked_on(as_of, month, length):
    start = date(2022, 10, 1)
    spend = dict.fromkeys(days(600, start), 10.0)
    periods = months_from(as_of)
    told = outlook(panel({EC2: spend}), as_of, periods)
    assert periods[0].start == month
    assert len(periods[0]) == length
    for row in told.rows:
        assert float(row.estimate.mean) == pytest.approx(10 * len(row.period), rel=0.001)
    assert told.rows[0].fact == 10 * (as_of.day - 1)


def test_a_period_that_is_over_is_a_fact():
    spend = steady()
    may = Period(date(2026, 5, 1), date(2026, 6, 1))
    told = estimate(panel({EC2: spend}), date(2026, 6, 1), may)
    assert float(told.mean) == pytest.approx(actual(spend, may), abs=1e-5)
    assert told.lo95 == told.lo80 == told.mean == told.hi80 == told.hi95


def test_groups_can_be_services_accounts_or_leaves():
    spend = {EC2: flat(), S3: flat(50.0), ("Amazon S3", "2"): flat(20.0)}
    for by, names in (("service", 2), ("account", 2), ("leaf", 3)):
        rows = outlook(panel(spend), AS_OF, [JUNE], by=by).rows
        assert len(rows) == names + 1
        assert rows[0].estimate.mean == sum(row.estimate.mean for row in rows[1:])


def test_many_leaves_are_forecast_together_and_still_add_up():
    spend = {("Amazon S3" if n % 2 else "Amazon EC2", str(n)): flat(1.0 + n / 100, count=60) for n in range(300)}
    as_of = date(2026, 2, 20)
    rows = outlook(panel(spend), as_of, months_from(as_of)).rows
    february = [row for row in rows if row.period.start.month == 2]
    assert float(february[0].estimate.mean) == pytest.approx(actual_of(spend, february[0].period), rel=0.02)


def actual_of(spend, period):
    return sum(next(iter(one.values())) * len(period) for one in spend.values())


def test_a_leak_makes_the_intervals_wider_than_a_calm_past():
    calm = {("Service", str(n)): steady(seed=n) for n in range(20)}
    wild = {
        leaf: times(one, START + timedelta(30 + 11 * n), date.max, 1.7) for n, (leaf, one) in enumerate(calm.items())
    }
    narrow, wide = (estimate(panel(one), AS_OF, JULY) for one in (calm, wild))
    assert (wide.hi80 - wide.lo80) / wide.mean > 2 * (narrow.hi80 - narrow.lo80) / narrow.mean


def moving(at_once, count=24):
    """Services of which each is half as much again in some months: all in the same ones, or each in its own."""
    made = {}
    for n in range(count):
        one = steady(seed=n)
        for month in range(1, 6):
            if (month if at_once else month + n) % 2:
                one = times(one, date(2026, month, 8), date(2026, month + 1, 8), 1.5)
        made[(f"Service {n}", "1")] = one
    return made


def test_series_that_rise_and_fall_at_once_make_the_total_s_interval_wider():
    def width(told):
        return float(told.hi80 - told.lo80) / float(told.mean)

    apart, at_once = (outlook(panel(moving(both)), AS_OF, months_from(AS_OF)).rows for both in (False, True))
    totals = [
        next(row.estimate for row in rows if row.group == TOTAL and row.period == JUNE) for rows in (apart, at_once)
    ]
    assert width(totals[1]) > 1.5 * width(totals[0])
    one, other = (next(row.estimate for row in rows if row.group == ("Service 1",)) for rows in (apart, at_once))
    assert width(other) < 1.5 * width(one)


def test_what_all_days_still_grow_by_evens_out_in_no_total():
    """Nothing is unknown but how far the last two days fill up, which is alike in all services."""
    as_of, growth = date(2026, 5, 31), {date(2026, 5, 29): 1.5, date(2026, 5, 30): 3.0}
    bill = {day: amount / growth.get(day, 1.0) for day, amount in flat(6000.0).items()}
    widths = []
    for count in (1, 40):
        spend = {(f"Service {n}", "1"): {day: amount / count for day, amount in bill.items()} for n in range(count)}
        told = estimate(panel(spend), as_of, Period(date(2026, 5, 1), as_of + timedelta(days=1)), growth=growth)
        widths.append(float(told.hi80 - told.lo80))
    assert widths[1] == pytest.approx(widths[0], rel=0.06)


def test_a_total_that_moves_together_is_wider_downwards_too():
    rows = outlook(panel(moving(at_once=True)), AS_OF, months_from(AS_OF)).rows
    for told in (row.estimate for row in rows if row.group == TOTAL):
        assert told.lo95 < told.lo80 < told.mean


@pytest.mark.parametrize("days_unsettled", [1, 2])
def test_a_sudden_day_that_still_fills_up_may_go_on(days_unsettled):
    unsettled = [AS_OF - timedelta(days=ago) for ago in range(days_unsettled, 0, -1)]
    spend = plus(steady(), dict.fromkeys(unsettled, 400.0))
    calm, told = (estimate(panel({EC2: one}), AS_OF, JUNE, without=unsettled) for one in (steady(), spend))
    to_come = (JUNE.end - AS_OF).days
    assert float(told.mean - calm.mean) == pytest.approx(400 * days_unsettled, rel=0.1)
    assert float(told.hi80 - told.mean) > 0.9 * 400 * to_come
    assert float(told.mean - told.lo80) == pytest.approx(float(calm.mean - calm.lo80), rel=0.2)
    # One that is low still fills up.
    low = estimate(panel({EC2: plus(steady(), dict.fromkeys(unsettled, -90.0))}), AS_OF, JUNE, without=unsettled)
    assert float(low.mean - low.lo95) == pytest.approx(float(calm.mean - calm.lo95), rel=0.2)


def test_the_total_of_one_service_has_the_service_s_interval():
    told = outlook(panel({EC2: steady()}), AS_OF, months_from(AS_OF)).rows
    totals = [row.estimate for row in told if row.group == TOTAL]
    assert totals == [row.estimate for row in told if row.group != TOTAL]


def test_the_naive_ones_know_the_month_to_date_and_a_rate():
    spend = plus(flat(), {date(2026, 6, 1): 200.0, date(2026, 6, 4): 40.0})
    told = naive(panel({EC2: spend}), AS_OF, [JUNE], growth={})[JUNE, TOTAL]
    assert told[RUN_RATE] == Decimal("4800")
    assert told[LAST_WEEK] == pytest.approx(640 + 26 * Decimal(940) / 7, abs=Decimal("0.001"))
    assert told[SEASONAL] == 640 + 26 * 100 + 4 * 200 + 3 * 40


def test_what_a_provisional_day_has_already_is_in_the_month_and_does_not_go_on():
    young = {date(2026, 6, 3), date(2026, 6, 4)}
    spike = times(flat(), date(2026, 6, 4), date(2026, 6, 4), 5.0)
    assert mean(spike, without=young) == pytest.approx(3000 + 400, rel=0.01)
    # A wobble is no fact beyond what is forecast, and a year has the spike as well.
    assert mean(times(flat(), date(2026, 6, 4), date(2026, 6, 4), 1.05), without=young) == pytest.approx(3000, rel=0.01)
    year = Period(date(2026, 1, 1), date(2027, 1, 1))
    assert mean(spike, year, without=young) == pytest.approx(36500 + 400, rel=0.01)


def test_a_fee_and_a_service_that_are_new_on_a_provisional_day_are_in_the_month():
    young = {date(2026, 6, 3), date(2026, 6, 4)}
    spend = {EC2: flat(), S3: {date(2026, 6, 4): 700.0}}
    told = outlook(panel(spend), AS_OF, [JUNE], without=young)
    assert float(told.rows[0].estimate.mean) == pytest.approx(3700, rel=0.01)
    assert [row.learning for row in told.rows if row.group == ("Amazon S3",)] == [True]
    # One that comes every month is expected, and not counted again where it comes a day early.
    monthly = {day: amount for day, amount in every_month(flat(), {3: 900.0}).items() if day < date(2026, 6, 2)}
    monthly[date(2026, 6, 2)] = 1000.0
    told = mean(monthly, as_of=date(2026, 6, 3), without={date(2026, 6, 2)})
    assert told == pytest.approx(3900, rel=0.02)


def test_a_month_that_is_over_has_its_provisional_days():
    told = outlook(
        panel({EC2: flat()}),
        date(2026, 6, 1),
        [Period(date(2026, 5, 1), date(2026, 6, 1))],
        without={date(2026, 5, 31)},
    )
    assert told.rows[0].estimate.mean == told.rows[0].estimate.hi95 == 3100


def test_the_total_is_the_same_however_it_is_grouped():
    spend = {
        (name, account): flat(100 + 1 / number)
        for number, (name, account) in enumerate(
            [*[("A", str(n)) for n in range(9)], *[("B", str(n)) for n in range(9)]], 3
        )
    }
    by_service, by_account = (outlook(panel(spend), AS_OF, [JUNE, JULY], by=by) for by in ("service", "account"))
    assert [row.estimate.mean for row in by_service.rows if row.group == TOTAL] == [
        row.estimate.mean for row in by_account.rows if row.group == TOTAL
    ]
