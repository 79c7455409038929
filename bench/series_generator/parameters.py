"""What the generator can be told: every parameter with its unit and what it means."""

from typing import Annotated, NamedTuple, get_args, get_type_hints

import msgspec
from msgspec import Meta

Range = tuple[float, float]
"""Drawn evenly between the two, per series or per event; where a meaning says 'log', evenly in the logarithm."""


def _unit(unit: str, meaning: str) -> Meta:
    return Meta(description=meaning, extra={"unit": unit})


class Parameters(msgspec.Struct, frozen=True, kw_only=True):
    """How many series, how they behave on an ordinary day, what is charged besides, and what goes wrong."""

    # How much
    series: Annotated[int, _unit("series", "pairs of a service and an account")] = 200
    days: Annotated[int, _unit("days", "length of the history")] = 150
    warm_up: Annotated[int, _unit("days", "no event begins and no alarm is scored before")] = 28
    accounts: Annotated[int, _unit("accounts", "how many the services are spread over")] = 12
    first_year: Annotated[int, _unit("year", "the history begins on a day of this year or the next, by seed")] = 2023

    # An ordinary day
    level_spread: Annotated[
        float, _unit("ln", "standard deviation of a series' level around what its service usually costs")
    ] = 0.9
    growth: Annotated[Range, _unit("share in 30 days", "trend of most series")] = (-0.03, 0.06)
    fast_share: Annotated[float, _unit("share of series", "series with a steeper trend")] = 0.05
    fast_growth: Annotated[Range, _unit("share in 30 days", "their trend")] = (0.08, 0.20)
    weekend: Annotated[Range, _unit("share of a weekday", "what offices spend on Saturday and Sunday")] = (0.30, 0.75)
    leisure: Annotated[Range, _unit("share of a weekday", "what consumers' services spend on a weekend")] = (1.10, 1.45)
    batch: Annotated[Range, _unit("share of another day", "the one day of the week on which a weekly job runs")] = (
        1.6,
        3.5,
    )
    weekday_jitter: Annotated[float, _unit("ln", "standard deviation of the other weekdays among each other")] = 0.03
    noise_scale: Annotated[float, _unit("factor", "multiplies every service's day-to-day noise")] = 1.0
    noise_memory: Annotated[Range, _unit("correlation", "of a day's noise with the day before")] = (0.0, 0.4)
    noise_tails: Annotated[
        Range, _unit("degrees of freedom", "of Student's t, per series: the fewer, the heavier the tails")
    ] = (10.0, 30.0)
    holiday_share: Annotated[float, _unit("share of series", "series of offices that dip on public holidays")] = 0.35
    holiday_dip: Annotated[Range, _unit("share of the day", "how much is missing on a holiday")] = (0.15, 0.55)
    month_end_share: Annotated[float, _unit("share of series", "series with a job on the month's last day")] = 0.015
    month_end_job: Annotated[Range, _unit("share of the level", "what that job adds")] = (0.4, 1.2)
    tiny_share: Annotated[
        float, _unit("share of series", "series of cents, with wild jumps that nobody wants told")
    ] = 0.05
    sporadic_share: Annotated[
        float, _unit("share of series", "series without spend on most days, of unlike amounts")
    ] = 0.015
    zero_share: Annotated[float, _unit("share of series", "series that are reported with an amount of zero")] = 0.02

    # What is charged besides usage; none of it is an event
    fee_only_share: Annotated[float, _unit("share of series", "Tax, AWS Support, the marketplace")] = 0.06
    fee_share: Annotated[
        float, _unit("share of other series", "series with a monthly fee among their usage, on day 1 to 3")
    ] = 0.18
    fee_size: Annotated[Range, _unit("days of usage, log", "size of a monthly fee")] = (0.5, 15.0)
    fee_change: Annotated[float, _unit("share", "standard deviation of a fee from month to month")] = 0.03
    fee_wanders: Annotated[float, _unit("share of fees", "fees that may come a day earlier or later")] = 0.3
    late_fee_share: Annotated[float, _unit("share of fees", "fees that begin only in the midst of the history")] = 0.15
    credit_share: Annotated[float, _unit("share of series", "series with a credit every month, on day 1 to 3")] = 0.04
    credit_size: Annotated[Range, _unit("days of usage, log", "size of a monthly credit")] = (0.3, 3.0)
    refund_share: Annotated[float, _unit("share of series", "series with one refund on any day")] = 0.05
    refund_size: Annotated[Range, _unit("days of usage, log", "size of a refund")] = (0.5, 6.0)
    purchase_share: Annotated[float, _unit("share of series", "series with one upfront payment")] = 0.02
    purchase_size: Annotated[Range, _unit("days of usage, log", "size of an upfront payment")] = (10.0, 90.0)
    tax_rate: Annotated[Range, _unit("share of the month before", "tax, per account, on the first")] = (0.05, 0.20)
    support_rate: Annotated[Range, _unit("share of the month before", "support, per account, on the 6th or 7th")] = (
        0.03,
        0.10,
    )

    # What goes wrong
    events: Annotated[
        tuple[float, ...], _unit("share of series", "with no event, one, two, three, among series that may have one")
    ] = (0.18, 0.34, 0.32, 0.16)
    apart: Annotated[int, _unit("days", "from the last day of an event to the next event of the series")] = 28
    smallest_money: Annotated[float, _unit("currency a day", "no event is smaller at its largest")] = 20.0
    smallest_sigmas: Annotated[
        float, _unit("standard deviations of the noise", "no event is smaller at its largest")
    ] = 5.0
    spike_share: Annotated[float, _unit("weight", "how often an event is a spike")] = 0.36
    spike_days: Annotated[tuple[float, ...], _unit("share", "of spikes that last one day, two, three")] = (
        0.6,
        0.25,
        0.15,
    )
    spike_size: Annotated[Range, _unit("share of the level, log", "what each of its days costs more")] = (0.3, 4.0)
    shift_share: Annotated[float, _unit("weight", "how often it is a deployment, a step that stays")] = 0.26
    shift_size: Annotated[Range, _unit("share of the level, log", "how much the level rises")] = (0.2, 1.5)
    ramp_share: Annotated[float, _unit("weight", "how often it is a leak, growing day by day")] = 0.16
    ramp_days: Annotated[Range, _unit("days", "from its first day to its largest")] = (8.0, 28.0)
    ramp_size: Annotated[Range, _unit("share of the level, log", "what it adds on its largest day")] = (0.3, 2.0)
    ramp_fixed: Annotated[float, _unit("share of ramps", "leaks that are mended after their largest day")] = 0.5
    drop_share: Annotated[float, _unit("weight", "how often something stops, for some days or for good")] = 0.14
    drop_size: Annotated[Range, _unit("share of the level", "what is missing")] = (0.3, 0.95)
    drop_days: Annotated[Range, _unit("days", "of a drop that ends")] = (2.0, 7.0)
    drop_lasting: Annotated[float, _unit("share of drops", "drops that stay")] = 0.4
    new_share: Annotated[float, _unit("share of series", "services that begin in the midst of the history")] = 0.06
    new_days: Annotated[Range, _unit("days", "until a new service reaches its level")] = (0.0, 6.0)
    gone_share: Annotated[float, _unit("share of series", "services that are retired in the midst of it")] = 0.05
    lasting_days: Annotated[int, _unit("days", "of a change that stays: its last day, by which it has to be told")] = 14


class Described(NamedTuple):
    """One parameter, for the page about it."""

    name: str
    value: str
    unit: str
    meaning: str


def describe(parameters: Parameters) -> list[Described]:
    """Every parameter with its value, unit and meaning, in the order in which they are declared."""
    hints = get_type_hints(Parameters, include_extras=True)
    rows = []
    for name in Parameters.__struct_fields__:
        meta = next(one for one in get_args(hints[name]) if isinstance(one, Meta))
        value = getattr(parameters, name)
        text = ", ".join(f"{one:g}" for one in value) if isinstance(value, tuple) else f"{value:g}"
        rows.append(Described(name, text, str((meta.extra or {})["unit"]), str(meta.description)))
    return rows
