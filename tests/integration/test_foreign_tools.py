"""Other people's programs against `farthing simulate`: they know nothing of it and get what boto3 gets."""

import csv
import json
import subprocess
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from tests.integration.conftest import CREDENTIALS, REGION, TODAY
from tests.integration.servers import MACHINE, Server, simulator, tool

pytestmark = [pytest.mark.integration, pytest.mark.loopback]

PERIOD = {"Start": "2026-11-09", "End": "2026-11-12"}


def run(program: str, *arguments: str, server: Server, home: object) -> subprocess.CompletedProcess[str]:
    environment = {
        **MACHINE,
        "HOME": str(home),
        "AWS_ENDPOINT_URL_COST_EXPLORER": server.url,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_PAGER": "",
        **{name.upper(): value for name, value in CREDENTIALS.items()},
    }
    command = [tool(program), *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)


def billed(server: Server) -> int:
    number: int = server.get("/_farthing/status")["billed_requests"]
    return number


# -- AWS's own command line ------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def small_pages(tmp_path_factory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("small-pages")
    with simulator(folder, "--size", "small", "--today", TODAY, "--page-size", "40") as server:
        yield server


QUESTION: dict[str, Any] = {
    "TimePeriod": PERIOD,
    "Granularity": "DAILY",
    "Metrics": ["UnblendedCost", "NetAmortizedCost", "UsageQuantity"],
    "GroupBy": [{"Type": "DIMENSION", "Key": "SERVICE"}, {"Type": "DIMENSION", "Key": "LINKED_ACCOUNT"}],
    "Filter": {"Not": {"Dimensions": {"Key": "RECORD_TYPE", "Values": ["Credit", "Refund"]}}},
}


def aws_cli(server: Server, home: object, *more: str) -> subprocess.CompletedProcess[str]:
    question = {key: value for key, value in QUESTION.items() if key != "TimePeriod"}
    return run(
        "aws", "ce", "get-cost-and-usage", "--output", "json",
        "--time-period", f"Start={PERIOD['Start']},End={PERIOD['End']}",
        "--granularity", question["Granularity"],
        "--metrics", *question["Metrics"],
        "--group-by", *(f"Type={group['Type']},Key={group['Key']}" for group in question["GroupBy"]),
        "--filter", json.dumps(question["Filter"]),
        *more, server=server, home=home,
    )  # fmt: skip


def test_the_aws_cli_pages_to_what_boto3_gets(small_pages, clients, tmp_path):
    by_boto3 = _pages(lambda token: clients("ce", small_pages.url).get_cost_and_usage(**QUESTION, **token))
    before = billed(small_pages)

    def ask(token: dict[str, str]) -> dict[str, Any]:
        answer = aws_cli(small_pages, tmp_path, *(["--next-page-token", token["NextPageToken"]] if token else []))
        assert (answer.returncode, answer.stderr) == (0, "")
        page: dict[str, Any] = json.loads(answer.stdout)
        return page

    by_cli = _pages(ask)
    assert len(by_cli) >= 4
    assert by_cli == by_boto3
    assert billed(small_pages) - before == len(by_cli)
    rows = [group for page in by_cli for result in page["ResultsByTime"] for group in result["Groups"]]
    assert len(rows) > 100


def _pages(ask: Any) -> list[dict[str, Any]]:
    pages = [ask({})]
    while "NextPageToken" in pages[-1]:
        pages.append(ask({"NextPageToken": pages[-1]["NextPageToken"]}))
    return [{key: value for key, value in page.items() if key != "ResponseMetadata"} for page in pages]


def test_the_aws_cli_shows_the_services_own_errors(small_pages, tmp_path):
    refused = aws_cli(small_pages, tmp_path, "--next-page-token", "nonsense")
    assert refused.returncode != 0
    assert "InvalidNextTokenException" in refused.stderr
    assert refused.stdout == ""


# -- a tool of somebody else's ---------------------------------------------------------------------------------------


def test_awscost_prints_the_totals_of_the_simulated_bill(cost_explorer, clients, tmp_path):
    printed = run(
        "awscost", "--granularity", "DAILY", "--start", PERIOD["Start"], "--end", PERIOD["End"],
        "--metrics", "NetUnblendedCost", "--dimensions", "SERVICE", "--tablefmt", "tsv",
        server=cost_explorer, home=tmp_path,
    )  # fmt: skip
    assert (printed.returncode, printed.stderr) == (0, "")
    header, *table = [[cell.strip() for cell in row] for row in csv.reader(printed.stdout.splitlines(), delimiter="\t")]
    assert header == ["key", "11-09", "11-10", "11-11"]
    found = {row[0]: [Decimal(cell) for cell in row[1:]] for row in table}

    # The simulator's own sums: of rows by service and account, which the tool did not ask for.
    answer = clients("ce", cost_explorer.url).get_cost_and_usage(
        TimePeriod=PERIOD, Granularity="DAILY", Metrics=["NetUnblendedCost"], GroupBy=QUESTION["GroupBy"]
    )
    assert "NextPageToken" not in answer
    expected: dict[str, list[Decimal]] = {"Total": [Decimal(0)] * 3}
    for index, result in enumerate(answer["ResultsByTime"]):
        for group in result["Groups"]:
            amount = Decimal(group["Metrics"]["NetUnblendedCost"]["Amount"])
            for name in ("Total", group["Keys"][0]):
                expected.setdefault(name, [Decimal(0)] * 3)[index] += amount
    cent = Decimal("0.01")
    assert found == {name: [amount.quantize(cent) for amount in amounts] for name, amounts in expected.items()}
    assert all(total > 100 for total in found["Total"])
