"""The detector's parameters: each with its unit and default, a line for each."""

import msgspec

SPIKE = "spike"
SHIFT = "shift"
RAMP = "ramp"
DROP = "drop"
NEW = "new"
GONE = "gone"
KINDS = (SPIKE, SHIFT, RAMP, DROP, NEW, GONE)
"""High for days, a level that stays, a slow rise, low for days, first spend, no spend."""


class Limits(msgspec.Struct, frozen=True):
    """What is worth a word.

    Attributes:
        min_amount: money, a day: a departure of less stays quiet.
        min_percent: of the expected amount: a day's rise of less stays quiet.
        min_drop_percent: of the expected amount: a day's fall of less stays quiet.
        min_slow_percent: of the earlier level: a weekly mean that moved by less is no ramp.
        new_amount: money, a day: first spend of less stays quiet.
        sigmas: standard deviations of the leaf's own forecast errors: a day outside of them is a departure.
        pair_sigmas: the same for two days in a row on one side.
        record: times the largest error of late: a departure is larger, so that heavy tails stay quiet.
        slow_sigmas: standard deviations of a weekly mean: one outside of them is a ramp.
        min_noise: share of the expected amount: the least standard deviation that a leaf is believed to have.
        peaks: times the largest amount of late: what a leaf that mostly has no spend may cost on a day.
        fee_percent: percent by which a known fee may cost more than the last time.
        learning_days: days of history below which a leaf is only learned.
        settle_days: days outside the band after which the new level is what is expected.
        calm_days: days after that for which a departure on the same side is the same one going on.
        lag_days: days back to the earlier level that a ramp is measured against.
        remember_days: days for which the level before a departure is a normal one to return to.
        breath_days: quiet days within a departure that do not end it.
        holiday_days: days in a row that a working day may be as low as a weekend before it is told.
        low_days: the same for one that is lower still, of a leaf that rests at weekends.
        absent_days: days in a row that a leaf with a row on nearly every day may lack one before it counts as gone.
        quiet_days: (month, day) on which a low amount is a holiday's.
    """

    min_amount: float = 2.0
    min_percent: float = 20.0
    min_drop_percent: float = 25.0
    min_slow_percent: float = 18.0
    new_amount: float = 1.0
    sigmas: float = 4.5
    pair_sigmas: float = 3.0
    record: float = 1.25
    slow_sigmas: float = 5.0
    min_noise: float = 0.02
    peaks: float = 2.0
    fee_percent: float = 35.0
    learning_days: int = 10
    settle_days: int = 7
    calm_days: int = 14
    lag_days: int = 14
    remember_days: int = 30
    breath_days: int = 3
    holiday_days: int = 3
    low_days: int = 2
    absent_days: int = 3
    quiet_days: tuple[tuple[int, int], ...] = ((12, 24), (12, 25), (12, 26), (12, 31), (1, 1))


DEFAULTS = Limits()
