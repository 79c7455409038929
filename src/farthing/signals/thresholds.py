"""Thresholds: a day's BilledCost above a fixed amount, or above its usual by a percentage.

The threshold judges BilledCost, net of credits, refunds and discounts, because that is what will be paid. With the
record-type lens it judges the day before credits and refunds too: a credit hides what runs away until it is used up.
"""

import difflib
import statistics
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import msgspec

from farthing.errors import AmountError
from farthing.model import (
    BILLED_COST,
    ZERO,
    BreakdownRow,
    Charge,
    DailyReport,
    Scope,
    daily_report,
    exact_difference,
    exact_sum,
    parse_amount,
    percent_of,
)
from farthing.wording import money

KIND = "threshold"

TOTAL = "total"
"""The name of the rule that COST_THRESHOLD stands for."""

DEFAULT_WEEKS = 8
"""Weeks: how many of the same weekday before a day make its usual amount."""

DEFAULT_MIN_DAYS = 3
"""Days: with fewer of them in the ledger a percentage is not judged."""

DEFAULT_MIN_INCREASE = Decimal(1)
"""In the bill's currency, a day: a percentage above the usual that is less money than this stays quiet."""

BREAKDOWN_WEEKS = 4
"""Weeks: what 'usual' means beside each service of a message."""

BREAKDOWN_ROWS = 10
"""Rows of a breakdown; the rest is added up in one more."""

CREDIT_TYPES = frozenset({"credit", "refund"})
"""Cost Explorer's record types that lower a bill without anything having been used less."""

CREDITS_TOLERANCE = Decimal("0.01")
"""In the bill's currency: the record-type lens is believed about a day whose BilledCost it tells as near as this. Cost
Explorer rounds each group of an answer, so two groupings of one bill may differ in the last decimals."""

BEFORE_CREDITS = ", before credits"
"""The end of the name of a rule that judges the day before credits."""

ONE = Decimal(1)
HUNDRED = Decimal(100)


class ThresholdRule(msgspec.Struct, frozen=True):
    """One rule: either ``amount`` (in the bill's currency, a day) or ``percent`` over the usual is set.

    ``account`` is an id or a name; both it and ``service`` None: the whole day.
    """

    name: str
    service: str | None = None
    account: str | None = None
    amount: Decimal | None = None
    percent: Decimal | None = None
    weeks: int = DEFAULT_WEEKS
    min_days: int = DEFAULT_MIN_DAYS
    min_increase: Decimal = DEFAULT_MIN_INCREASE


class DayAmounts(msgspec.Struct, frozen=True):
    """A day's BilledCost by (service, account), as much of a report as a signal needs."""

    currency: str
    leaves: Mapping[tuple[str, str], Decimal]


class Breach(msgspec.Struct, frozen=True):
    """A day that is over a rule's threshold; ``overage`` is ``actual - threshold``."""

    rule: ThresholdRule
    scope: Scope
    day: date
    currency: str
    actual: Decimal
    threshold: Decimal
    overage: Decimal
    overage_percent: Decimal | None
    reason: str


def total_rule(amount: Decimal) -> ThresholdRule:
    """The rule that COST_THRESHOLD stands for."""
    return ThresholdRule(name=TOTAL, amount=amount)


def amounts_of(report: DailyReport) -> DayAmounts:
    """What the signals need of a report."""
    return DayAmounts(report.currency, {charge.keys: report.amount(charge) for charge in report.charges})


class Credits(msgspec.Struct, frozen=True):
    """What credits and refunds took off a day, by service: not positive.

    ``billed`` is the day's BilledCost as the same answer told it.
    """

    currency: str
    billed: Decimal
    by_service: Mapping[str, Decimal]

    @property
    def total(self) -> Decimal:
        """Of all services."""
        return exact_sum(self.by_service.values())

    def same_money(self, billed: Decimal, currency: str | None) -> bool:
        """Whether a day with this BilledCost is the day that these credits were told of."""
        near = abs(exact_difference(billed, self.billed)) <= CREDITS_TOLERANCE
        return near and currency in (None, self.currency)


def credits_of(report: DailyReport) -> Credits:
    """The credits and refunds in a report of the record-type lens."""
    parts: dict[str, list[Decimal]] = {}
    for charge in report.charges:
        service, record_type = charge.keys
        if record_type.strip().casefold() in CREDIT_TYPES:
            parts.setdefault(service, []).append(report.amount(charge))
    by_service = {service: exact_sum(amounts) for service, amounts in parts.items()}
    return Credits(report.currency, report.total(), by_service)


def before_credits(day: DayAmounts, told: Credits) -> DayAmounts:
    """A day as it would be without its credits and refunds, by service: no source tells them by account too."""
    parts: dict[str, list[Decimal]] = {service: [-amount] for service, amount in told.by_service.items()}
    for (service, _), amount in day.leaves.items():
        parts.setdefault(service, []).append(amount)
    return DayAmounts(day.currency, {(service, ""): exact_sum(amounts) for service, amounts in parts.items()})


def report_before_credits(report: DailyReport, told: Credits) -> DailyReport:
    """The same of a whole report; it has BilledCost alone, and no accounts."""
    leaves = before_credits(amounts_of(report), told).leaves
    return daily_report(
        report.date,
        currency=report.currency,
        estimated=report.estimated,
        collected_at=report.collected_at,
        metrics=(BILLED_COST,),
        charges=[Charge(keys, None, (amount,)) for keys, amount in leaves.items()],
        source=report.source,
    )


def before_credits_name(name: str) -> str:
    """What the rule of that name is called where it judges the day before credits."""
    return name + BEFORE_CREDITS


def net_name(name: str) -> str:
    """The other way round."""
    return name.removesuffix(BEFORE_CREDITS)


def rules_before_credits(rules: Iterable[ThresholdRule]) -> tuple[ThresholdRule, ...]:
    """The rules that can be judged before credits, under names of their own: those that watch no account."""
    return tuple(
        msgspec.structs.replace(rule, name=before_credits_name(rule.name)) for rule in rules if rule.account is None
    )


def usual_days(day: date, weeks: int) -> list[date]:
    """The same weekday of the weeks before, newest first."""
    return [day - timedelta(weeks=week) for week in range(1, weeks + 1)]


def history_needed(rules: Iterable[ThresholdRule], day: date) -> list[date]:
    """The days before ``day`` that judging it may look at."""
    weeks = max((rule.weeks for rule in rules if rule.percent is not None), default=0)
    return usual_days(day, max(weeks, BREAKDOWN_WEEKS))


def judge(report: DailyReport, rules: Sequence[ThresholdRule], history: Mapping[date, DayAmounts]) -> list[Breach]:
    """The rules that a day breaks.

    Args:
        report: the day.
        rules: absolute and percentage rules.
        history: earlier days, those of :func:`history_needed` at least where the ledger has them; days in another
            currency than the report's are not looked at.
    """
    leaves = amounts_of(report).leaves
    accounts = {charge.sub_account_id: charge.sub_account_name for charge in report.charges}
    breaches = []
    pairs = ((rule, scope) for rule in rules for scope in _scopes(rule, report, accounts))
    for rule, scope in pairs:
        actual = _amount_in(scope, leaves)
        if rule.percent is None:
            threshold, basis = rule.amount or ZERO, "the threshold"
        else:
            earlier = _same_currency_days(history, report, rule.weeks)
            if len(earlier) < rule.min_days:
                continue
            usual = statistics.median(_amount_in(scope, then.leaves) for then in earlier)
            if usual <= 0 or exact_difference(actual, usual) < rule.min_increase:
                continue
            threshold = usual * (ONE + rule.percent / HUNDRED)
            basis = (
                f"the usual {money(usual, report.currency)} (median of {len(earlier)} {report.date:%A}s before) "
                f"plus {rule.percent:f} %, that is,"
            )
        if actual > threshold:
            breaches.append(_breach(rule, scope, report, actual, threshold, basis))
    return breaches


def _breach(
    rule: ThresholdRule, scope: Scope, report: DailyReport, actual: Decimal, threshold: Decimal, basis: str
) -> Breach:
    overage = exact_difference(actual, threshold)
    percent = percent_of(overage, threshold)
    by = f" ({percent:,.1f} %)" if percent is not None else ""
    reason = (
        f"{scope}: {money(actual, report.currency)} on {report.date} is {money(overage, report.currency)}{by} over "
        f"{basis} {money(threshold, report.currency)}"
    )
    return Breach(
        rule=rule,
        scope=scope,
        day=report.date,
        currency=report.currency,
        actual=actual,
        threshold=threshold,
        overage=overage,
        overage_percent=percent,
        reason=reason,
    )


def _scopes(rule: ThresholdRule, report: DailyReport, accounts: Mapping[str, str | None]) -> list[Scope]:
    """What the rule looks at on this day: one scope for each service and account of its names, none without a charge.

    An account's name need not be unique, so a rule on a name watches each account of that name.
    """
    services: Collection[str | None] = [None]
    owners: Collection[str | None] = [None]
    if rule.service is not None:
        wanted = rule.service.casefold()
        services = sorted(
            {charge.service_name for charge in report.charges if charge.service_name.casefold() == wanted}
        )
    if rule.account is not None:
        wanted = rule.account.casefold()
        owners = sorted(id_ for id_, name in accounts.items() if wanted in (id_, (name or "").casefold()))
    return [Scope(service, owner, accounts.get(owner or "")) for service in services for owner in owners]


def names_in(report: DailyReport) -> set[str]:
    """The services, account ids and account names of a day, as rules are compared with them."""
    return {
        name.casefold()
        for charge in report.charges
        for name in (charge.service_name, charge.sub_account_id, charge.sub_account_name)
        if name
    }


def unmatched(rules: Iterable[ThresholdRule], seen: set[str]) -> list[str]:
    """A sentence for each service or account of a rule that no day of the window has: most likely a typing error."""
    if not seen:
        return []
    problems = []
    for rule in rules:
        for kind, name in (("service", rule.service), ("account", rule.account)):
            if name is not None and name.casefold() not in seen:
                near = difflib.get_close_matches(name.casefold(), seen, n=1)
                hint = f" (did you mean {near[0]!r}?)" if near else ""
                problems.append(f"the threshold {rule.name!r} watches the {kind} {name!r}, which no day has{hint}")
    return problems


def _amount_in(scope: Scope, leaves: Mapping[tuple[str, str], Decimal]) -> Decimal:
    return exact_sum(amount for key, amount in leaves.items() if _in_scope(scope, key))


def _same_currency_days(history: Mapping[date, DayAmounts], report: DailyReport, weeks: int) -> list[DayAmounts]:
    found = (history.get(day) for day in usual_days(report.date, weeks))
    return [then for then in found if then is not None and then.currency == report.currency]


def breakdown(
    report: DailyReport, scope: Scope, history: Mapping[date, DayAmounts], *, by_account: bool
) -> tuple[BreakdownRow, ...]:
    """The parts of an alerted amount, by service or by account, with what is usual for each.

    The parts that moved most come first (without history, the largest amounts); at most ten rows and one for the rest,
    so that the rows always add up to the whole.
    """
    column = 1 if by_account else 0
    earlier = [_grouped(then, scope, column) for then in _same_currency_days(history, report, BREAKDOWN_WEEKS)]
    now = _grouped(amounts_of(report), scope, column)
    names = set(now).union(*earlier) if earlier else set(now)
    labels = {charge.sub_account_id: charge.sub_account_name for charge in report.charges} if by_account else {}

    def row(name: str) -> BreakdownRow:
        usual = statistics.median(then.get(name, ZERO) for then in earlier) if earlier else None
        label = f"{labels[name]} ({name})" if labels.get(name) else name
        return BreakdownRow(label, now.get(name, ZERO), usual)

    rows = [part for part in map(row, sorted(names)) if part.amount or part.usual]
    rows.sort(key=lambda part: (abs(part.amount if part.change is None else part.change), part.amount), reverse=True)
    if len(rows) <= BREAKDOWN_ROWS + 1:
        return tuple(rows)
    rest = rows[BREAKDOWN_ROWS:]
    kind = "accounts" if by_account else "services"
    return (
        *rows[:BREAKDOWN_ROWS],
        BreakdownRow(
            f"{len(rest)} other {kind}",
            exact_sum(part.amount for part in rest),
            exact_sum(part.usual or ZERO for part in rest) if earlier else None,
        ),
    )


def usual_of(report: DailyReport, scope: Scope, history: Mapping[date, DayAmounts]) -> tuple[Decimal, int] | None:
    """The median of the same weekdays before, and of how many; None without any."""
    earlier = _same_currency_days(history, report, BREAKDOWN_WEEKS)
    if not earlier:
        return None
    return statistics.median(_amount_in(scope, then.leaves) for then in earlier), len(earlier)


def largest_rise(report: DailyReport, scope: Scope, history: Mapping[date, DayAmounts]) -> str:
    """The one service in one account that rose most above its usual, as a sentence; '' if none did or none is known."""
    earlier = _same_currency_days(history, report, BREAKDOWN_WEEKS)
    if not earlier:
        return ""
    rises = []
    for charge in report.charges:
        if _in_scope(scope, charge.keys):
            usual = statistics.median(then.leaves.get(charge.keys, ZERO) for then in earlier)
            rises.append((exact_difference(report.amount(charge), usual), charge))
    if not rises:
        return ""
    rise, charge = max(rises, key=lambda pair: pair[0])
    if rise <= 0:
        return ""
    account = charge.sub_account_name or charge.sub_account_id
    where = f"{charge.service_name} in {account}" if account else charge.service_name
    return f"Largest rise: {where}, {money(rise, report.currency)} above its usual {report.date:%A}."


def _in_scope(scope: Scope, key: tuple[str, str]) -> bool:
    return scope.service_name in (None, key[0]) and scope.sub_account_id in (None, key[1])


def _grouped(day: DayAmounts, scope: Scope, column: int) -> dict[str, Decimal]:
    parts: dict[str, list[Decimal]] = {}
    for key, amount in day.leaves.items():
        if _in_scope(scope, key):
            parts.setdefault(key[column], []).append(amount)
    return {name: exact_sum(amounts) for name, amounts in parts.items()}


_RULE_KEYS = ("name", "service", "account", "amount", "percent", "weeks", "min_days", "min_increase")


def parse_rules(value: Any, where: str, problems: list[str]) -> tuple[ThresholdRule, ...]:
    """The ``[[thresholds]]`` tables of farthing.toml; what is wrong with them is added to ``problems``."""
    if not isinstance(value, list) or not all(isinstance(table, dict) for table in value):
        problems.append(f"thresholds in {where} must be tables: write [[thresholds]] above each")
        return ()
    rules = [
        rule
        for number, table in enumerate(value, 1)
        if (rule := _rule(table, f"threshold {number} in {where}", problems))
    ]
    names = [rule.name for rule in rules]
    for name in names:
        if name.endswith(BEFORE_CREDITS):
            problems.append(
                f"a threshold in {where} is named {name!r}: names that end so are kept for days before credits"
            )
    if TOTAL in names:
        problems.append(f"a threshold in {where} is named {TOTAL!r}, which is COST_THRESHOLD's: give it another name")
    for name in sorted({name for name in names if names.count(name) > 1}):
        problems.append(f"two thresholds in {where} are named {name!r}: a name tells alerts apart, give each its own")
    return tuple(rules)


def _rule(table: Mapping[str, Any], where: str, problems: list[str]) -> ThresholdRule | None:
    found: list[str] = []
    for key in table:
        if key not in _RULE_KEYS:
            found.append(f"{where} has an unknown key {key!r}{_nearest_key(key)}")
    texts = {key: _text(table, key, where, found) for key in ("name", "service", "account")}
    numbers = {key: _number(table, key, where, found) for key in ("amount", "percent", "min_increase")}
    wholes = {key: _whole(table, key, where, found) for key in ("weeks", "min_days")}
    if ("amount" in table) == ("percent" in table):
        found.append(f"{where} needs either amount or percent")
    problems.extend(found)
    if found:
        return None
    given: dict[str, Any] = {key: part for key, part in {**numbers, **wholes}.items() if part is not None}
    service, account = texts["service"], texts["account"]
    kind = "amount" if "amount" in table else "percent"
    default_name = "/".join([*filter(None, (service, account)), kind])
    return ThresholdRule(name=texts["name"] or default_name, service=service, account=account, **given)


def _nearest_key(key: str) -> str:
    near = difflib.get_close_matches(key, _RULE_KEYS, n=1)
    return f" (did you mean {near[0]}?)" if near else ""


def _text(table: Mapping[str, Any], key: str, where: str, problems: list[str]) -> str | None:
    value = table.get(key)
    if value is None or (isinstance(value, str) and value.strip()):
        return value
    problems.append(f"{key} of {where} must be a text in quotes, not {value!r}")
    return None


def _number(table: Mapping[str, Any], key: str, where: str, problems: list[str]) -> Decimal | None:
    value = table.get(key)
    if value is None:
        return None
    try:
        if isinstance(value, bool):
            raise AmountError(f"{value!r} is not an amount")
        amount = parse_amount(str(value))
    except AmountError as error:
        problems.append(f"{key} of {where}: {error}")
        return None
    if amount < 0:
        problems.append(f"{key} of {where} must not be negative")
    return amount


def _whole(table: Mapping[str, Any], key: str, where: str, problems: list[str]) -> int | None:
    value = table.get(key)
    if value is None or (isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= 52):
        return value
    problems.append(f"{key} of {where} must be a whole number from 1 to 52, not {value!r}")
    return None
