"""The contract of engines: one ledger of imported exports, many questions, and their answers by plain Python.

The answers are worked out row by row from what was imported, with nothing of farthing's but what an account is called.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Context, Decimal
from pathlib import Path
from typing import Any

from tests.unit.exports.conftest import as_csv, row

from farthing.model import Period
from farthing.query.model import Query, Result, parse_where

NOW = datetime(2026, 11, 24, 9, tzinfo=UTC)
AUTUMN = Period(date(2026, 9, 1), date(2026, 12, 1))
EXACTLY = Context(prec=200)
COSTS = ("BilledCost", "EffectiveCost", "ListCost", "ContractedCost")

ODD_TAGS = ("core", "Core", "c_re", "c%re", "o'brien", "a\\b", 'say "x"', "été", "*", "-", " ")

Charge = dict[str, Any]


def charges() -> list[Charge]:
    """What was spent: two bills of AWS, one of a provider whose export has other columns."""
    found: list[Charge] = []
    for number in range(400):
        day = date(2026, 10, 1) + timedelta(days=number % 54)
        account = number % 5
        found.append(
            {
                "ProviderName": "AWS",
                "BillingAccountId": "123456789012",
                "ChargePeriodStart": day,
                "ServiceName": ("Amazon Simple Storage Service", "Amazon Elastic Compute Cloud - Compute", "Tax")[number % 3],
                "SubAccountId": f"{account:012}",
                # The first account was renamed in November, the last one has no name.
                "SubAccountName": None if account == 4 else ("new" if day.month == 11 else "old") if account == 0 else f"acc-{account}",
                "RegionId": (None, "eu-central-1", "us-east-1")[number % 7 % 3],
                "ChargeCategory": "Tax" if number % 3 == 2 else "Usage",
                "Tags": {} if number % 4 == 0 else {"team": ODD_TAGS[number % len(ODD_TAGS)], "it's": "k"},
                "BilledCost": Decimal(number * 7919 - 90_000).scaleb(-18 if number % 2 else -2),
            }
        )  # fmt: skip
    found.append({**found[0], "BilledCost": Decimal("99999999999999999.999999999999999999")})
    for number in range(30):
        found.append(
            {
                "ProviderName": "Microsoft",
                "BillingAccountId": "/a/b",
                "ChargePeriodStart": date(2026, 10, 1) + timedelta(days=number),
                "ServiceName": "Storage",
                "SubAccountId": "sub",
                "SubAccountName": "Azure",
                "RegionId": "westeurope",
                "ChargeCategory": "Usage",
                "Tags": {},
                "BilledCost": Decimal(number).scaleb(-3),
            }
        )
    for one in found:
        one["BillingPeriodStart"] = one["ChargePeriodStart"].replace(day=1)
        one["x_Week"] = one["ChargePeriodStart"] - timedelta(days=one["ChargePeriodStart"].weekday())
        one["BillingCurrency"] = "USD"
        for place, cost in enumerate(COSTS[1:], 2):
            one[cost] = (
                EXACTLY.multiply(one["BilledCost"], Decimal(place))
                if abs(one["BilledCost"]) < 10**9
                else one["BilledCost"]
            )
        if one["ProviderName"] != "AWS":
            del one["ListCost"]
    return found


CHARGES = charges()


def write_exports(folder: Path) -> list[Path]:
    """The charges as files of two providers."""
    import json

    paths = []
    for provider in ("AWS", "Microsoft"):
        rows = [
            row(
                ProviderName=provider,
                BillingAccountId=one["BillingAccountId"],
                BillingPeriodStart=f"{one['BillingPeriodStart']}T00:00:00Z",
                BillingPeriodEnd=f"{(one['BillingPeriodStart'] + timedelta(days=31)).replace(day=1)}T00:00:00Z",
                ChargePeriodStart=f"{one['ChargePeriodStart']}T23:00:00Z",
                ChargePeriodEnd=f"{one['ChargePeriodStart'] + timedelta(days=1)}T00:00:00Z",
                ServiceName=one["ServiceName"],
                SubAccountId=one["SubAccountId"],
                SubAccountName=one["SubAccountName"] or "",
                RegionId=one["RegionId"] or "",
                ChargeCategory=one["ChargeCategory"],
                Tags=json.dumps(one["Tags"]),
                **{cost: format(one[cost], "f") for cost in COSTS if cost in one},
                **({} if "ListCost" in one else {"ListCost": None}),
            )
            for one in CHARGES
            if one["ProviderName"] == provider
        ]
        path = folder / f"{provider}.csv"
        path.write_text(as_csv(*rows), encoding="utf-8")
        paths.append(path)
    return paths


QUESTIONS: dict[str, Query] = {
    f"{by or 'nothing'} | {where} | {top or ''}": Query(
        period, tuple(by.split()), parse_where(where), metrics, top
    )
    for by, where, metrics, top, period in (
        ("", "", None, None, AUTUMN),
        ("ServiceName", "provider:AWS", None, None, AUTUMN),
        ("ServiceName", "provider:Microsoft", ("BilledCost", "EffectiveCost"), None, AUTUMN),
        ("ServiceName ProviderName", "", ("BilledCost", "ListCost"), None, AUTUMN),
        ("ChargePeriodStart", "service:S3", ("BilledCost",), None, AUTUMN),
        ("BillingPeriodStart RegionId", "", ("BilledCost",), None, AUTUMN),
        ("x_Week ServiceName", "-category:Tax", ("BilledCost",), None, AUTUMN),
        ("SubAccountId SubAccountName", "", ("BilledCost",), None, AUTUMN),
        ("SubAccountName", "", ("BilledCost",), None, AUTUMN),
        ("SubAccountName", "", ("EffectiveCost", "BilledCost"), 2, AUTUMN),
        ("ServiceName", "account:new", ("BilledCost",), None, AUTUMN),
        ("ServiceName", "account:old", ("BilledCost",), None, AUTUMN),
        ("ServiceName", "account:acc-* -account:000000000002", ("BilledCost",), None, AUTUMN),
        ("ServiceName", "-account-name:acc-1", ("BilledCost",), None, AUTUMN),
        ("ServiceName", "-region:us-*", ("BilledCost",), None, AUTUMN),
        ("RegionId", "region:EU-CENTRAL-1", ("BilledCost",), None, AUTUMN),
        ("Tags/team", "", ("BilledCost",), None, AUTUMN),
        ("Tags/team", "", ("BilledCost",), 3, AUTUMN),
        ("Tags/team", "tag:team=core", ("BilledCost",), None, AUTUMN),
        ("Tags/team", "tag:team=c_re", ("BilledCost",), None, AUTUMN),
        ("Tags/team", "tag:team=c%re", ("BilledCost",), None, AUTUMN),
        ("Tags/team", r'"tag:team=a\b"', ("BilledCost",), None, AUTUMN),
        ("Tags/team", """'tag:team=say "x"'""", ("BilledCost",), None, AUTUMN),
        ("Tags/team", """"tag:team=o'brien" tag:team=ÉTÉ""", ("BilledCost",), None, AUTUMN),
        ("Tags/team", "-tag:team=*", ("BilledCost",), None, AUTUMN),
        ("Tags/it's ServiceName", "", ("BilledCost",), 2, AUTUMN),
        ("Tags/nowhere", "", ("BilledCost",), None, AUTUMN),
        ("ServiceName", "service:nothing", ("BilledCost",), None, AUTUMN),
        ("ServiceName", "service:nothing", ("BilledCost",), 3, AUTUMN),
        ("", "service:nothing", ("BilledCost",), None, AUTUMN),
        ("ChargePeriodStart SubAccountId", "", ("BilledCost",), None, Period(date(2026, 10, 30), date(2026, 11, 3))),
        ("ServiceName", "", ("BilledCost",), 1, Period(date(2026, 10, 30), date(2026, 11, 3))),
        ("ServiceName", "", None, None, Period(date(2026, 9, 1), date(2026, 9, 5))),
    )
}  # fmt: skip


def expected(query: Query) -> tuple[dict[tuple[Any, ...], tuple[Decimal, ...]], tuple[str, ...]]:
    """The rows of a query by their keys, and the metrics."""
    inside = [one for one in CHARGES if one["ChargePeriodStart"] in query.period]
    newest: dict[str, str | None] = {}
    for one in sorted(CHARGES, key=lambda one: one["ChargePeriodStart"]):
        newest[one["SubAccountId"]] = one["SubAccountName"] or newest.get(one["SubAccountId"])
    rows = [{**one, "SubAccountName": newest[one["SubAccountId"]]} for one in inside]
    rows = [one for one in rows if all(_passes(one, term) for term in query.filters)]
    metrics = query.metrics or COSTS
    sums: dict[tuple[Any, ...], list[Decimal]] = defaultdict(lambda: [Decimal(0)] * len(metrics))
    for one in rows:
        found = sums[tuple(_value(one, name) for name in query.group_by)]
        for place, metric in enumerate(metrics):
            found[place] = EXACTLY.add(found[place], one.get(metric, Decimal(0)))
    return {keys: tuple(amounts) for keys, amounts in sums.items()}, metrics


def _value(one: Charge, name: str) -> Any:
    kind, slash, key = name.partition("/")
    return one["Tags"].get(key) if slash else one[kind]


def _passes(one: Charge, term: Any) -> bool:
    names = ("SubAccountId", "SubAccountName") if term.column == "SubAccountId" else (term.column,)
    texts = [text for name in names if (text := _value(one, name)) is not None]
    patterns = [".*".join(re.escape(part) for part in value.split("*")) for value in term.values]
    hit = any(re.fullmatch(pattern, text, re.IGNORECASE | re.DOTALL) for pattern in patterns for text in texts)
    return hit is not term.exclude


Ask = Callable[[Query], Result]


def check(ask: Ask, query: Query) -> None:
    """The contract: rows, totals and what is not among the largest, to the last decimal."""
    result = ask(query)
    rows, metrics = expected(query)
    found = {one.keys: one.amounts for one in result.rows}
    assert len(found) == len(result.rows)
    if not rows:
        assert not found
        return
    assert result.metrics == metrics
    assert result.totals == tuple(_sum(amounts[place] for amounts in rows.values()) for place in range(len(metrics)))
    if query.top is None or query.top >= len(rows):
        assert found == rows
        return
    ordered = sorted(rows, key=lambda keys: (-rows[keys][0], [(key is None, str(key)) for key in keys]))
    assert found == {keys: rows[keys] for keys in ordered[: query.top]}
    assert result.rest_count == len(rows) - query.top
    assert result.rest is not None
    assert result.rest.amounts[0] == _sum(rows[keys][0] for keys in ordered[query.top :])


def _sum(amounts: Iterator[Decimal]) -> Decimal:
    total = Decimal(0)
    for amount in amounts:
        total = EXACTLY.add(total, amount)
    return total
