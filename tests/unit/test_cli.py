"""The commands as a person types them: in process, against the local Cost Explorer where one is needed."""

import json
import os
import subprocess
import sys
import threading
from collections import defaultdict
from contextlib import contextmanager
from datetime import UTC, date, timedelta
from decimal import Decimal
from pathlib import Path

import jsonschema
import pytest
from tests.fakes import http_receiver, report

from farthing import cli
from farthing.ledger.folder import FolderStore
from farthing.ledger.reports import Reports
from farthing.schemas import NAMES, schema
from farthing.simulator.bill import Bill
from farthing.simulator.cost_explorer import CostExplorerSimulator
from farthing.simulator.replay import read as read_replay
from farthing.simulator.server import make_server

SHARED = Path(os.environ.get("FARTHING_SHARED_DATA") or Path(__file__).parents[3] / "shared" / "data")
RECORDED = SHARED / "cost-explorer-daily-by-service-86d.json"
TODAY = date(2026, 11, 23)


class Result:
    def __init__(self, code, out, err):
        self.code, self.out, self.err = code, out, err

    @property
    def json(self):
        return json.loads(self.out)


@pytest.fixture
def farthing(capsys, monkeypatch):
    monkeypatch.setenv("FARTHING_TODAY", TODAY.isoformat())

    def run(*arguments):
        capsys.readouterr()
        code = cli.run([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        return Result(code, captured.out, captured.err)

    return run


@pytest.fixture
def home(tmp_path):
    return tmp_path / "ledger"


@contextmanager
def cost_explorer(source, **options):
    core = CostExplorerSimulator(source, **options)
    server = make_server(core, "127.0.0.1", 0)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", core
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def credentials(monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIATESTING")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "plantedsecretkey")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")


@pytest.fixture
def small(monkeypatch, credentials):
    with cost_explorer(Bill("small", 3, today=TODAY)) as (url, core):
        monkeypatch.setenv("AWS_ENDPOINT_URL_COST_EXPLORER", url)
        yield core


def reports(home):
    return sorted((home / "cost_data" / "daily").glob("*.json"))


def one_line(result, code, *words):
    assert result.code == code, result.err
    lines = [line for line in result.err.splitlines() if line.strip()]
    assert len(lines) == 1, result.err
    assert lines[0].startswith("farthing: ")
    assert "Traceback" not in result.err
    assert "plantedsecret" not in result.err + result.out
    for word in words:
        assert word in lines[0]


@pytest.mark.loopback
def test_the_recorded_answer_is_kept_to_the_last_decimal(farthing, home, monkeypatch, credentials):
    if not RECORDED.exists():
        pytest.skip(f"no real data at {RECORDED}")
    expected = defaultdict(Decimal)
    estimated = {}
    for result in json.loads(RECORDED.read_text())["ResultsByTime"]:
        day = result["TimePeriod"]["Start"]
        estimated[day] = result["Estimated"]
        for group in result["Groups"]:
            expected[day] += Decimal(group["Metrics"]["UnblendedCost"]["Amount"])
    with cost_explorer(read_replay(RECORDED)) as (url, core):
        monkeypatch.setenv("AWS_ENDPOINT_URL_COST_EXPLORER", url)
        result = farthing("backfill", "--start", "2024-02-01", "--end", "2024-04-27", "--yes", "--json")
    assert result.code == 0, result.err
    assert core.billed_requests == result.json["billed_requests"] == 1
    kept = {path.stem: json.loads(path.read_text()) for path in reports(home)}
    assert len(kept) == 86
    for day, document in kept.items():
        jsonschema.validate(document, schema("daily-report"))
        assert Decimal(document["totals"]["BilledCost"]) == expected[day]
        assert document["estimated"] is estimated[day]
    report = farthing("report", "--start", "2024-02-01", "--end", "2024-04-27", "--json").json
    assert Decimal(report["totals"]["BilledCost"]) == sum(expected.values())


@pytest.mark.loopback
def test_a_day_in_the_life(farthing, home, monkeypatch, small):
    monkeypatch.setenv("COST_THRESHOLD", "300")
    with http_receiver() as slack:
        monkeypatch.setenv("FARTHING_SLACK_WEBHOOK_URL", slack.url)
        first = farthing("collect", "--json", "--fail-on-breach")
        assert first.code == 3, first.err
        assert first.json["over_threshold"] is True
        assert len(reports(home)) == 14
        before = {path: path.read_bytes() for path in home.rglob("cost_data/[da]*/**/*.json")}
        second = farthing("collect")
        assert second.code == 0
        assert "0 new days, 0 restated, 14 unchanged" in second.out
        assert {path: path.read_bytes() for path in home.rglob("cost_data/[da]*/**/*.json")} == before
        assert len(slack.bodies) == 1
        assert farthing("alerts", "test").code == 0
        assert "test message" in slack.bodies[1]["text"]
    listed = farthing("alerts", "list", "--json").json
    assert [alert["state"] for alert in listed].count("sent") == 1
    for path in home.glob("cost_data/alerts/*/*.json"):
        jsonschema.validate(json.loads(path.read_text()), schema("alert"))
    for path in home.glob("cost_data/runs/*.json"):
        jsonschema.validate(json.loads(path.read_text()), schema("run"))
    assert "2026-11-22" in farthing("alerts", "list").out
    assert "plantedsecret" not in "".join(path.read_text() for path in home.rglob("*.json"))


@pytest.mark.loopback
def test_billed_requests_equal_the_pages_and_price_estimates_them(farthing, monkeypatch, credentials):
    with cost_explorer(Bill("small", 3, today=TODAY), page_size=200) as (url, core):
        monkeypatch.setenv("AWS_ENDPOINT_URL_COST_EXPLORER", url)
        first = farthing("collect", "--json").json
        assert core.billed_requests == first["billed_requests"] == -(-first["groups"] // 200)
        price = farthing("price", "--json").json
        dry = farthing("collect", "--dry-run", "--json").json
        assert core.billed_requests == first["billed_requests"]
        second = farthing("collect", "--json").json
    assert price["billed_requests"] == dry["billed_requests"] == second["billed_requests"]
    assert Decimal(price["per_day"]) == second["billed_requests"] * Decimal("0.01")


@pytest.mark.loopback
def test_another_day_restates_what_filled_up(farthing, home, monkeypatch, credentials):
    for day in (TODAY, date(2026, 11, 24)):
        monkeypatch.setenv("FARTHING_TODAY", day.isoformat())
        with cost_explorer(Bill("small", 3, today=day, anchor=TODAY)) as (url, _):
            monkeypatch.setenv("AWS_ENDPOINT_URL_COST_EXPLORER", url)
            assert farthing("collect").code == 0
    yesterday = json.loads((home / "cost_data/daily/2026-11-22.json").read_text())
    assert yesterday["revisions"][0]["seen_at"].startswith("2026-11-23T")
    assert Decimal(yesterday["totals"]["BilledCost"]) > Decimal(yesterday["revisions"][0]["totals"]["BilledCost"])


@pytest.mark.loopback
def test_the_webhook_down_keeps_the_data_and_the_next_run_delivers_once(farthing, home, monkeypatch, small):
    monkeypatch.setenv("COST_THRESHOLD", "300")
    with http_receiver() as slack:
        monkeypatch.setenv("FARTHING_SLACK_WEBHOOK_URL", slack.url)
        slack.answers = [(404, "no_service", {})]
        one_line(farthing("collect"), 1, "the webhook was revoked", "the next run tries again")
        assert len(reports(home)) == 14
        assert farthing("collect").code == 0
        assert farthing("collect").code == 0
        assert len(slack.bodies) == 2


def test_no_credentials(farthing, home):
    one_line(farthing("collect"), 1, "no usable AWS credentials", "AWS_PROFILE")
    assert reports(home) == []


def test_a_profile_that_does_not_exist(farthing, monkeypatch):
    monkeypatch.setenv("AWS_PROFILE", "nowhere")
    one_line(farthing("collect"), 1, "nowhere")


@pytest.mark.loopback
def test_no_network(farthing, monkeypatch, credentials):
    monkeypatch.setenv("AWS_ENDPOINT_URL_COST_EXPLORER", "http://127.0.0.1:9")
    monkeypatch.setattr(
        "farthing.aws.CONFIG",
        __import__("botocore.config", fromlist=["Config"]).Config(retries={"total_max_attempts": 1}),
    )
    one_line(farthing("collect"), 1, "cannot be reached", "check the network")


@pytest.mark.loopback
@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("ExpiredTokenException", "session has expired"),
        ("AccessDeniedException", "allow ce:GetCostAndUsage"),
        ("DataUnavailableException", "up to 24 h"),
    ],
)
def test_what_aws_refuses(farthing, home, monkeypatch, small, code, words):
    from farthing.simulator.cost_explorer import ServiceError

    def refuse(request):
        raise ServiceError(code, "no", 400)

    monkeypatch.setattr(small, "get_cost_and_usage", refuse)
    one_line(farthing("collect"), 1, words)
    assert reports(home) == []


def test_wrong_settings_come_in_one_error(farthing, monkeypatch):
    monkeypatch.setenv("COST_THRESHOLD", "plenty")
    monkeypatch.setenv("FARTHING_SOURCE", "aws")
    monkeypatch.setenv("FARTHING_SLACK_WEBHOOK_URL", "http://example.com/plantedsecret")
    one_line(
        farthing("collect"),
        2,
        "3 settings are wrong",
        "COST_THRESHOLD",
        "FARTHING_SOURCE",
        "FARTHING_SLACK_WEBHOOK_URL",
    )


def test_an_unknown_key_in_the_file(farthing, tmp_path):
    (tmp_path / "farthing.toml").write_text("cost_treshold = 3\n")
    one_line(farthing("collect"), 2, "farthing.toml", "'cost_treshold'", "did you mean cost_threshold?")
    (tmp_path / "farthing.toml").unlink()
    one_line(farthing("--config", "nowhere.toml", "collect"), 2, "nowhere.toml", "cannot be read")


def test_a_home_that_is_a_file(farthing, home):
    home.write_text("mine")
    for command in (("collect",), ("report",), ("alerts", "list"), ("price",), ("demo", "--size", "small")):
        one_line(farthing(*command), 1, "set FARTHING_HOME to a folder")
    assert home.read_text() == "mine"


@pytest.mark.loopback
def test_a_corrupt_report(farthing, home, small):
    farthing("collect")
    broken = home / "cost_data/daily/2026-11-20.json"
    broken.write_text("{")
    result = farthing("collect")
    assert result.code == 1
    assert "2026-11-20.json is not a readable daily report" in result.err
    assert "`farthing backfill --start 2026-11-20 --end 2026-11-21`" in result.err
    assert broken.read_text() == "{"
    one_line(farthing("report"), 1, "2026-11-20.json")


@pytest.mark.loopback
def test_a_full_disk(farthing, home, monkeypatch, small):
    import errno

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("farthing.ledger.folder._write_durably", full)
    one_line(farthing("collect"), 1, "is full; nothing was half-written")
    assert reports(home) == []
    monkeypatch.undo()


def test_backfill_asks_before_it_is_billed(farthing, credentials):
    result = farthing("backfill")
    assert result.code == 2
    assert "1 billed request, about 0.01 USD" in result.err
    assert "say --yes" in result.err
    one_line(farthing("backfill", "--start", "2026-02-02", "--end", "2026-02-02", "--yes"), 2, "nothing to ask for")


@pytest.mark.loopback
def test_the_service_decides_what_is_too_old(farthing, home, small):
    result = farthing("backfill", "--start", "2020-01-01", "--end", "2020-02-01", "--yes")
    assert result.code == 1
    assert "refuses the request (ValidationException)" in result.err
    assert reports(home) == []


def test_the_demo_ends_with_the_alert_and_the_report_and_runs_again(farthing, home, monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    first = farthing("demo", "--size", "small", "--no-serve")
    assert first.code == 0, first.err
    for part in (
        "over its threshold",
        "By service",
        "alerts   1 new, 1 sent",
        "Simulated figures",
        "farthing report",
        "Total",
    ):
        assert part in first.out, part
    assert len(reports(home)) > 540
    again = farthing("demo", "--size", "small", "--no-serve")
    assert again.code == 0, again.err
    assert "alerts   0 new, 0 sent" in again.out
    assert "over its threshold" in again.out
    before = {path: path.read_bytes() for path in home.rglob("cost_data/**/*.json")}
    other = farthing("demo", "--size", "small", "--seed", "9", "--no-serve")
    assert other.code == 0, other.err
    assert "small-9" in other.out
    assert {path: path.read_bytes() for path in home.rglob("cost_data/**/*.json")} == before
    mine = farthing("collect")
    assert (mine.code, "0 new days" in mine.out) == (0, True)


@pytest.mark.loopback
def test_the_demo_never_writes_into_real_data(farthing, home, monkeypatch, small, tmp_path):
    farthing("collect")
    before = {path: path.read_bytes() for path in home.rglob("*") if path.is_file()}
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("FARTHING_SLACK_WEBHOOK_URL", "http://127.0.0.1:9/never")
    assert farthing("demo", "--size", "small", "--no-serve").code == 0
    assert {path: path.read_bytes() for path in home.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize("name", NAMES)
def test_schemas_are_printed(farthing, name):
    assert farthing("schema", name).json == json.loads(json.dumps(schema(name)))


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion(farthing, shell):
    assert "_FARTHING_COMPLETE" in farthing("completion", shell).out


def test_wrong_use_names_the_nearest_command(farthing):
    result = farthing("colect")
    assert result.code == 2
    assert "Did you mean collect?" in result.err
    assert farthing("collect", "--dais", "3").code == 2
    assert farthing().code == 2


def test_a_surprise_is_one_line_and_v_shows_the_traceback(farthing, monkeypatch):
    def surprise(*_, **__):
        raise ZeroDivisionError("surprise")

    monkeypatch.setattr("farthing.cli.price.plan_daily", surprise)
    monkeypatch.setenv("FARTHING_SOURCE", "simulated")
    one_line(farthing("price"), 1, "unexpected error (ZeroDivisionError: surprise)")
    assert "Traceback" in farthing("-v", "price").err


def test_help_loads_nothing_that_is_not_needed():
    code = "import sys; from farthing import cli; cli.run(['--help']); print(sorted(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    for name in ("boto3", "botocore", "duckdb", "rich", "msgspec", "slack_sdk", "farthing.app"):
        assert f"'{name}'" not in done.stdout
    for name in cli.COMMANDS:
        assert name in done.stdout


def test_every_command_has_help_and_the_listed_name(farthing):
    for name, (_, text) in cli.COMMANDS.items():
        result = farthing(name, "--help")
        assert result.code == 0
        assert f"farthing {name}" in result.out
        assert text


def test_now_is_utc(farthing, monkeypatch):
    from farthing.app import utc_clock

    assert utc_clock(None)().tzinfo is UTC
    assert utc_clock(TODAY)().date() == TODAY
    assert utc_clock(TODAY)().tzinfo is UTC


def test_an_unknown_variable_is_said(farthing, monkeypatch):
    monkeypatch.setenv("FARTHING_MAX_BILED_REQUESTS", "1")
    monkeypatch.setenv("FARTHING_SHARED_DATA", "somebody else's")
    monkeypatch.setenv("FARTHING_SOURCE", "simulated")
    result = farthing("price")
    assert result.code == 0
    assert (
        "FARTHING_MAX_BILED_REQUESTS is no setting and was ignored (did you mean FARTHING_MAX_BILLED_REQUESTS?)"
        in result.err
    )


@pytest.mark.parametrize(
    ("name", "value"), [("FARTHING_HOME", "~nosuchuser/x"), ("FARTHING_TODAY", "0001-01-02"), ("COST_THRESHOLD", "INF")]
)
def test_odd_settings_are_settings_errors(farthing, monkeypatch, name, value):
    monkeypatch.setenv(name, value)
    one_line(farthing("collect"), 2, name)


def test_the_demo_leaves_a_ledger_alone_whose_first_run_failed(farthing, home, monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    assert farthing("collect").code == 1
    before = {path: path.read_bytes() for path in home.rglob("*.json")}
    assert farthing("demo", "--size", "small", "--no-serve").code == 0
    assert {path: path.read_bytes() for path in home.rglob("*.json")} == before
    assert not (home / "config").exists()


@pytest.mark.loopback
def test_a_recorded_answer_in_euro_with_an_amount_that_cannot_be_kept(
    farthing, home, tmp_path, monkeypatch, credentials
):
    def day(number, amount):
        group = {"Keys": ["Amazon S3"], "Metrics": {"UnblendedCost": {"Amount": amount, "Unit": "EUR"}}}
        period = {"Start": f"2026-11-{number}", "End": f"2026-11-{number + 1}"}
        return {"TimePeriod": period, "Groups": [group], "Total": {}, "Estimated": True}

    recorded = tmp_path / "recorded.json"
    days = [day(20, "1.123456789012345678"), day(21, "1E-19"), day(22, "-1E-7")]
    recorded.write_text(json.dumps({"ResultsByTime": days}))
    with cost_explorer(read_replay(recorded)) as (url, _):
        monkeypatch.setenv("AWS_ENDPOINT_URL_COST_EXPLORER", url)
        result = farthing("backfill", "--start", "2026-11-20", "--end", "2026-11-23", "--yes", "--json")
    assert result.code == 1
    assert "Amazon S3 in 000000000000 on 2026-11-21: the amount" in result.err
    assert "has more than 18 decimals" in result.err
    assert [path.stem for path in reports(home)] == ["2026-11-20", "2026-11-22"]
    report = farthing("report", "--json").json
    assert (report["currency"], report["totals"]["BilledCost"]) == ("EUR", "1.123456689012345678")


def test_a_profile_that_does_not_exist_is_one_line(monkeypatch, capsys):
    monkeypatch.setenv("BUCKET_NAME", "ledger")
    monkeypatch.setenv("AWS_PROFILE", "nope")
    assert cli.run(["collect"]) == 1
    error = capsys.readouterr().err
    assert error.startswith("farthing: no usable AWS credentials for S3 (bucket ledger)")
    assert "nope" in error
    assert len(error.splitlines()) == 1


def test_a_broken_report_is_said_once_however_many_meet_it(farthing, home):
    reports = Reports(FolderStore(home))
    for age in range(1, 40):
        reports.write(report(TODAY - timedelta(days=age), {("EC2", "111122223333"): "100"}))
    broken = home / "cost_data" / "daily" / "2026-11-10.json"
    broken.write_bytes(b"{")
    told = farthing("--home", home, "forecast")
    assert told.code == 0
    said = f"{broken} is not a readable daily report (Input data was truncated)"
    mend = "move it away and run `farthing backfill --start 2026-11-10 --end 2026-11-11`"
    assert [line for line in told.err.splitlines() if "2026-11-10" in line] == [f"farthing: {said}: {mend}"]
    assert farthing("--home", home, "-v", "forecast").err.count("not a readable daily report") > 1
