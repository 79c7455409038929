"""What the deployment costs: lines that add up exactly, quantities that follow what is deployed and what is stored."""

import json
import re
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from tests.fakes import NOW, FakeCostExplorer, MemoryStore, RecordingChannel, ago, workplace
from tests.unit.test_collect import flat

from farthing import aws_lambda, cli, deployment
from farthing.cli.price import _seconds_per_run, _stored_bytes
from farthing.collect import collect
from farthing.deployment import DAYS_PER_MONTH, PRICES, Deployment, lines, total
from farthing.ledger.runs import Runs
from farthing.model import Period, RunRecord, Source, exact_sum
from farthing.settings import Settings
from farthing.signals import SIGNALS

TERRAFORM = Path(__file__).parents[2] / "terraform" / "modules"


def cost(what, **deployed):
    (line,) = [line for line in lines(Deployment(**deployed)) if line.what == what]
    return line.cost()


DEPLOYMENTS = st.builds(
    Deployment,
    architecture=st.sampled_from(["arm64", "x86_64"]),
    memory_mb=st.integers(128, 10_240),
    runs_per_day=st.integers(1, 1440).map(Decimal),
    seconds_per_run=st.decimals(0, 900, places=3),
    billed_requests_per_run=st.integers(0, 10_000),
    window_days=st.decimals(3, 92, places=2),
    questions=st.integers(1, 10),
    stored_bytes=st.integers(0, 10**12),
    topic=st.booleans(),
    dashboard=st.booleans(),
    kms_key=st.booleans(),
    nat_gateways=st.integers(0, 2),
    endpoints=st.integers(0, 3),
)


@given(DEPLOYMENTS)
def test_the_lines_add_up_exactly_and_none_is_negative(deployed):
    bill = lines(deployed)
    assert total(bill) == exact_sum(line.quantity * line.price.usd for line in bill)
    assert all(0 <= line.cost(free_tier=True) <= line.cost() for line in bill)
    assert total(bill, free_tier=True) <= total(bill)
    assert len({line.what for line in bill}) == len(bill)


def test_each_line_is_its_units_at_its_price():
    assert cost("Lambda, computing", memory_mb=512, seconds_per_run=Decimal(8)) == 4 * DAYS_PER_MONTH * Decimal(
        "0.0000133334"
    )
    assert cost("Lambda, computing", architecture="x86_64", memory_mb=1024, seconds_per_run=Decimal(1)) == (
        DAYS_PER_MONTH * Decimal("0.0000166667")
    )
    assert cost("Cost Explorer, requests", billed_requests_per_run=3) == 3 * DAYS_PER_MONTH * Decimal("0.01")
    assert cost("S3, storage (Standard)", stored_bytes=2**31) == 2 * Decimal("0.023")
    assert cost("CloudWatch, alarms") == Decimal("0.70")
    assert cost("KMS, key", kms_key=True) == 1
    assert cost("VPC, NAT gateways", nat_gateways=2) == 2 * Decimal("730.5") * Decimal("0.045")
    assert cost("VPC, interface endpoints", endpoints=3) == 6 * Decimal("730.5") * Decimal("0.01")


def test_a_metric_is_billed_for_the_hours_in_which_it_was_sent():
    once, hourly, often = (cost("CloudWatch, metrics", runs_per_day=Decimal(n)) for n in (1, 24, 96))
    assert hourly == often == 17 * Decimal("0.30")
    assert once == Decimal("0.708333") * Decimal("0.30")


def test_what_is_free_is_taken_off_the_units():
    (alarms,) = [line for line in lines(Deployment()) if line.what == "CloudWatch, alarms"]
    assert alarms.cost(free_tier=True) == 0
    assert msgspec.structs.replace(alarms, quantity=Decimal(12)).cost(free_tier=True) == Decimal("0.20")


def test_options_are_lines_of_their_own():
    plain = {line.what for line in lines(Deployment())}
    more = {line.what for line in lines(Deployment(kms_key=True, nat_gateways=1, endpoints=3))}
    assert more - plain == {
        *("KMS, key", "KMS, requests"),
        *("VPC, NAT gateways", "VPC, their public addresses", "VPC, interface endpoints"),
    }
    assert cost("SNS, messages", topic=False) == 0 < cost("SNS, messages", topic=True)
    assert cost("CloudWatch, dashboard", dashboard=False) == 0 < cost("CloudWatch, dashboard")


def test_each_price_tells_where_it_is_from():
    for price in PRICES.values():
        assert re.fullmatch(r"https://aws\.amazon\.com/[a-z0-9/-]+/pricing/", price.source)
        assert re.fullmatch(r"20\d\d-(0[1-9]|1[0-2])", price.seen)
        assert price.usd > 0


def test_every_price_is_used():
    used = {line.price for line in lines(Deployment(kms_key=True, nat_gateways=1, endpoints=1))}
    used |= {line.price for line in lines(Deployment(architecture="x86_64"))}
    assert used == set(PRICES.values())


# What is counted is what there is


def test_a_run_makes_no_more_requests_than_are_priced():
    class Counting(MemoryStore):
        def __init__(self):
            super().__init__()
            self.reads = self.lists = 0

        def read(self, key):
            self.reads += 1
            return super().read(key)

        def keys(self, *arguments):
            self.lists += 1
            return super().keys(*arguments)

        def entries(self, *arguments):
            self.lists += 1
            return super().entries(*arguments)

    for lenses in ((), ("region", "record-type")):
        store = Counting()
        for amount in ("90", "90.01"):  # the second run finds every day restated, by too little to be told
            store.writes.clear()
            store.reads = store.lists = 0
            bill = flat(amount=amount)
            place = workplace(
                FakeCostExplorer(bill),
                store,
                RecordingChannel(),
                cost_threshold=Decimal(100),
                lenses=lenses,
                signals=SIGNALS,
                budgets=({"name": "all", "amount": 5000},),
            )
            record = collect(place, invocation=amount).record
            days = len(record.days_written + record.days_restated)
            questions = 1 + len(lenses)
            assert len(store.writes) <= days * questions + deployment.OTHER_WRITES
            # A write of this store reads once to compare; S3 compares by itself.
            assert store.reads - len(store.writes) <= 2 * days * questions + deployment.OTHER_READS
            assert store.lists <= deployment.LISTS + deployment.LISTS_A_LENS * len(lenses)
        assert len(record.days_restated) > 10


def test_metrics_and_alarms_are_as_many_as_there_are():
    assert deployment.SERVICE_METRICS == aws_lambda.LARGEST_SERVICES
    text = (TERRAFORM / "monitoring" / "main.tf").read_text()
    alarms = re.findall(r"^      ([a-z-]+) = \{$", text, re.MULTILINE)
    assert len(set(alarms)) + 2 == deployment.ALARMS, "two queues have an alarm each"


# The command


@pytest.fixture
def priced(monkeypatch, tmp_path):
    monkeypatch.setenv("FARTHING_TODAY", "2026-11-23")

    def run(*arguments, code=0):
        done = CliRunner().invoke(cli.group, ["price", "--deployment", *arguments], catch_exceptions=False)
        assert done.exit_code == code, done.output
        return done.stdout

    return run


def test_the_json_adds_up(priced):
    told = json.loads(priced("--json", "--vpc", "--kms-key", "--memory", "512", "--architecture", "x86_64"))
    for line in told["lines"]:
        assert Decimal(line["quantity"]) * Decimal(line["unit_price"]) == Decimal(line["per_month"])
        assert line["sure"] in ("primary source", "second hand", "memory")
    assert sum(Decimal(line["per_month"]) for line in told["lines"]) == Decimal(told["per_month"])
    beyond = sum(Decimal(line["per_month_beyond_free"]) for line in told["lines"])
    assert beyond == Decimal(told["per_month_beyond_free"]) < Decimal(told["per_month"])
    by_name = {line["what"]: line for line in told["lines"]}
    assert by_name["Lambda, computing"]["quantity"] == "152.1875"
    assert by_name["Lambda, computing"]["unit_price"] == "0.0000166667"
    assert (told["region"], told["currency"]) == ("us-east-1", "USD")


def test_the_table_fits_a_terminal_and_ends_in_the_sum(priced, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    shown = priced()
    assert all(len(line) <= 80 for line in shown.splitlines())
    assert re.search(r"^ +a month +4\.63 +0\.72 *$", shown, re.MULTILINE)
    assert re.search(r"Cost Explorer, requests +30\.44 request x 0\.01 +0\.30 +0\.30", shown)
    assert "no run on a bucket tells" in shown


def test_simulated_figures_bill_nothing_and_options_need_the_deployment(priced, monkeypatch):
    monkeypatch.setenv("FARTHING_SOURCE", "simulated")
    by_name = {line["what"]: line for line in json.loads(priced("--json", "--runs-per-day", "24"))["lines"]}
    assert by_name["Cost Explorer, requests"]["per_month"] == "0"
    assert by_name["Lambda, requests"]["quantity"] == "730.5"
    done = CliRunner().invoke(cli.group, ["price", "--vpc"])
    assert "add --deployment" in str(done.exception)


def test_the_ledgers_real_sizes_are_priced():
    store = MemoryStore()
    for day in range(1, 11):
        store.create(f"cost_data/daily/{ago(day).isoformat()}.json", b"x" * (100 if day <= 5 else 9))
    store.create("state/series/daily", b"x" * 7)
    store.create("config/farthing.toml", b"x" * 1000)
    assert _stored_bytes(store) == 10 * 100 + 7
    assert _stored_bytes(MemoryStore()) == 0


def test_how_long_a_run_takes_is_learned_from_runs_on_a_bucket():
    class App:
        store = MemoryStore()
        settings = Settings(bucket_name="ledger")

    app = App()
    assert _seconds_per_run(app) == (Decimal(10), "a run is taken for 10 s: no run on a bucket tells")
    source = Source("cost-explorer", ("ServiceName", "SubAccountId"))
    for number, (stage, seconds) in enumerate(
        [("finished", 4.0), ("finished", 6.5), ("finished", 5.0), ("stored", 99.0)]
    ):
        record = RunRecord(
            id="", command="collect", started_at=NOW, stage=stage, source=source, duration_seconds=seconds,
            window=Period(ago(14), ago(0)),
        )  # fmt: skip
        Runs(app.store).start(record, f"run {number}")
    assert _seconds_per_run(app) == (Decimal("5.0"), "a run takes 5.0 s, the median of the last 3 runs")
    app.settings = Settings()
    assert _seconds_per_run(app)[0] == 10
