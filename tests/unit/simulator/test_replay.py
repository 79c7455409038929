import json
import os
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from tests.unit.simulator.asking import asked, sums, whole

from farthing.simulator.cost_explorer import CostExplorerSimulator, ServiceError
from farthing.simulator.replay import NO_ACCOUNT, ReplayError, parse, read

RECORDED = "cost-explorer-daily-by-service-86d.json"


def shared_data() -> Path:
    given = os.environ.get("FARTHING_SHARED_DATA")
    return Path(given) if given else Path(__file__).parents[4] / "shared" / "data"


@pytest.fixture(scope="module")
def recorded() -> Path:
    path = shared_data() / RECORDED
    if not path.is_file():
        pytest.skip(f"{RECORDED} is not here: set FARTHING_SHARED_DATA to its folder")
    return path


def day(start: str, *groups: tuple[list[str], str], estimated: bool = False, **more: str) -> dict[str, Any]:
    end = date.fromordinal(date.fromisoformat(start).toordinal() + 1).isoformat()
    return {
        "TimePeriod": {"Start": start, "End": end},
        "Total": {},
        "Groups": [
            {
                "Keys": keys,
                "Metrics": {name: {"Amount": value, "Unit": "USD"} for name, value in
                            {"UnblendedCost": amount, **more}.items()},
            }
            for keys, amount in groups
        ],
        "Estimated": estimated,
    }  # fmt: skip


def replayed(*days: dict[str, Any], **page: Any) -> CostExplorerSimulator:
    return CostExplorerSimulator(parse(json.dumps({"ResultsByTime": days, **page})))


def test_the_real_recording_comes_back_unchanged(recorded):
    source = read(recorded)
    original = json.loads(recorded.read_text())["ResultsByTime"]
    assert source.today == date(2024, 4, 27)
    answer = whole(CostExplorerSimulator(source), asked("2024-02-01", "2024-04-27", "SERVICE"))
    assert len(answer) == 86
    for said, again in zip(original, answer, strict=True):
        assert again["TimePeriod"] == said["TimePeriod"]
        assert again["Estimated"] == said["Estimated"]
        assert sorted(again["Groups"], key=str) == sorted(said["Groups"], key=str)


def test_the_real_recording_adds_up_however_it_is_asked(recorded):
    simulator = CostExplorerSimulator(read(recorded), page_size=11)
    days = {
        result["TimePeriod"]["Start"]: sum(
            (Decimal(group["Metrics"]["UnblendedCost"]["Amount"]) for group in result["Groups"]), Decimal(0)
        )
        for result in json.loads(recorded.read_text())["ResultsByTime"]
    }
    period = ("2024-02-01", "2024-04-27")
    assert sums(whole(simulator, asked(*period)), "UnblendedCost") == days
    by_both = whole(simulator, asked(*period, "SERVICE", "LINKED_ACCOUNT"))
    assert sums(by_both, "UnblendedCost") == days
    assert {group["Keys"][1] for result in by_both for group in result["Groups"]} == {NO_ACCOUNT}
    monthly = sums(whole(simulator, asked(*period, granularity="MONTHLY")), "UnblendedCost")
    assert monthly["2024-03-01"] == sum(amount for start, amount in days.items() if start.startswith("2024-03"))


def test_metrics_that_were_not_recorded_are_left_out():
    simulator = replayed(day("2026-01-01", (["Tax"], "1")))
    for groups in (("SERVICE",), ()):
        (result,) = whole(
            simulator, asked("2026-01-01", "2026-01-02", *groups, metrics=["UnblendedCost", "AmortizedCost"])
        )
        metrics = result["Groups"][0]["Metrics"] if groups else result["Total"]
        assert metrics == {"UnblendedCost": {"Amount": "1", "Unit": "USD"}}


def test_days_that_were_not_recorded_are_left_out():
    simulator = replayed(day("2026-01-01", (["Tax"], "1")), day("2026-01-04", (["Tax"], "2"), estimated=True))
    results = whole(simulator, asked("2026-01-01", "2026-01-06", "SERVICE"))
    assert [result["TimePeriod"]["Start"] for result in results] == ["2026-01-01", "2026-01-04"]
    assert [result["Estimated"] for result in results] == [False, True]
    assert whole(simulator, asked("2025-12-01", "2026-01-01", granularity="MONTHLY")) == []


def test_a_spelling_is_kept_where_nothing_is_added_up():
    simulator = replayed(day("2026-01-01", (["A"], "3.30"), (["B"], "1E-7"), (["C"], "-0")))
    (result,) = whole(simulator, asked("2026-01-01", "2026-01-02", "SERVICE"))
    assert [group["Metrics"]["UnblendedCost"]["Amount"] for group in result["Groups"]] == ["3.30", "1E-7", "-0"]
    (total,) = whole(simulator, asked("2026-01-01", "2026-01-02"))
    assert total["Total"]["UnblendedCost"]["Amount"] == "3.3000001"


def test_pages_are_put_together_and_names_kept():
    pages = [
        {
            "GroupDefinitions": [
                {"Type": "DIMENSION", "Key": "LINKED_ACCOUNT"},
                {"Type": "TAG", "Key": "team"},
            ],
            "ResultsByTime": [day("2026-01-01", *groups)],
            "DimensionValueAttributes": [{"Value": "111111111111", "Attributes": {"description": "prod"}}],
        }
        for groups in ([(["111111111111", "team$core"], "1")], [(["222222222222", "team$"], "2")])
    ]
    for text in (json.dumps(pages), "\n".join(map(json.dumps, pages))):
        answer = CostExplorerSimulator(parse(text)).get_cost_and_usage(
            asked("2026-01-01", "2026-01-02", "LINKED_ACCOUNT", "tag:team")
        )
        keys = [group["Keys"] for group in answer["ResultsByTime"][0]["Groups"]]
        assert keys == [["111111111111", "team$core"], ["222222222222", "team$"]]
        assert answer["DimensionValueAttributes"] == [{"Value": "111111111111", "Attributes": {"description": "prod"}}]


def test_keys_without_definitions_are_accounts_or_services():
    simulator = replayed(day("2026-01-01", (["AWS Lambda", "111111111111"], "1")))
    (result,) = whole(simulator, asked("2026-01-01", "2026-01-02", "LINKED_ACCOUNT", "SERVICE"))
    assert result["Groups"][0]["Keys"] == ["111111111111", "AWS Lambda"]


def test_an_ungrouped_recording_replays_its_totals():
    result = {**day("2026-01-01"), "Total": {"UnblendedCost": {"Amount": "7.5", "Unit": "USD"}}}
    (answer,) = whole(replayed(result), asked("2026-01-01", "2026-01-02"))
    assert answer["Total"]["UnblendedCost"]["Amount"] == "7.5"


def test_the_limits_count_from_the_recordings_own_today():
    simulator = replayed(day("2024-04-26", (["Tax"], "1")))
    with pytest.raises(ServiceError, match="end date past the beginning of next month"):
        simulator.get_cost_and_usage(asked("2024-04-26", "2024-05-02"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "not JSON"),
        ("{", "not JSON"),
        ("[" * 100_000, "not JSON"),
        ("[]", "no ResultsByTime"),
        ("7", "no ResultsByTime"),
        ('{"ResultsByTime": []}', "empty"),
        ('{"ResultsByTime": 7}', "page 1 is not a GetCostAndUsage answer"),
        ('{"ResultsByTime": [{}]}', "'TimePeriod' is missing"),
        ('{"ResultsByTime": [{"TimePeriod": {"Start": "2026-01-01", "End": "2026-02-01"}}]}', "not one day"),
        ('{"ResultsByTime": [{"TimePeriod": {"Start": "January", "End": "2026-02-01"}}]}', "'January' is not a day"),
        (json.dumps({"ResultsByTime": [day("2026-01-01", (["A"], "1,5"))]}), "amount '1,5' is not a decimal number"),
        (json.dumps({"ResultsByTime": [day("2026-01-01", (["A"], "NaN"))]}), "amount 'NaN' is not a decimal number"),
        (json.dumps({"ResultsByTime": [day("2026-01-01", (["A"], "1E-31"))]}), "at most 30 decimals"),
        (json.dumps({"ResultsByTime": [day("2026-01-01", (["A"], "1"), (["A"], "1"))]}), "A is recorded twice"),
        (json.dumps({"ResultsByTime": [day("2026-01-01", (["A"], "1"), (["A", "B"], "1"))]}), "not grouped alike"),
        (json.dumps({"ResultsByTime": [day("2026-01-01", (["A"], "1"), Profit="1")]}), "unknown metric Profit"),
        (
            json.dumps({"ResultsByTime": [day("2026-01-01", (["A"], "1"), (["B"], "1"))]}).replace("USD", "EUR", 1),
            "in USD, the groups before in EUR; one answer has one currency",
        ),
    ],
)
def test_a_bad_file_is_one_clear_error_that_names_it(tmp_path, text, message):
    path = tmp_path / "answer.json"
    path.write_text(text)
    with pytest.raises(ReplayError) as caught:
        read(path)
    assert message in str(caught.value)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_that_cannot_be_read_is_named(tmp_path):
    with pytest.raises(ReplayError, match=r"no-such\.json: cannot be read: No such file"):
        read(tmp_path / "no-such.json")
    binary = tmp_path / "binary"
    binary.write_bytes(b"\xff\xfe")
    with pytest.raises(ReplayError, match="not UTF-8 text"):
        read(binary)


def test_another_currency_and_more_decimals_than_ours_are_answered_as_recorded():
    text = json.dumps({"ResultsByTime": [day("2026-01-01", (["A"], "0.123456789012345678"), (["B"], "1E-19"))]})
    replay = parse(text.replace("USD", "EUR"))
    answer = CostExplorerSimulator(replay).get_cost_and_usage(
        {
            "TimePeriod": {"Start": "2026-01-01", "End": "2026-01-02"},
            "Granularity": "DAILY",
            "Metrics": ["UnblendedCost"],
            "GroupBy": [{"Type": "DIMENSION", "Key": "LINKED_ACCOUNT"}],
        }
    )
    (group,) = answer["ResultsByTime"][0]["Groups"]
    assert group["Metrics"]["UnblendedCost"] == {"Amount": "0.1234567890123456781", "Unit": "EUR"}
