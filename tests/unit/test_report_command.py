"""``farthing report`` as a person and a program see it, over a ledger written by hand.

FARTHING_UPDATE_GOLDEN=1 rewrites the files in tests/golden/report/; read the difference before you keep it.
"""

import csv
import io
import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from decimal import Context, Decimal
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

import farthing.cli
from farthing.cli import _context
from farthing.cli.report import command
from farthing.errors import CorruptError, CurrencyError, UsageError
from farthing.ledger.folder import FolderStore
from farthing.ledger.report_files import ReportFiles, files_in
from farthing.settings import Settings

GOLDEN = Path(__file__).parents[1] / "golden" / "report"
NOW = datetime(2026, 10, 5, 8, tzinfo=UTC)
LONG = "Amazon Elastic Something With A Name That No Table Was Ever Made For (Provisioned, Reserved and On Demand)"
EVIL = '=HYPERLINK("http://x","y")'
EXACT = Context(prec=200)

Charge = tuple[str, str, str | None, str, str]

DAYS: dict[str, list[Charge]] = {
    "2026-10-01": [
        ("Amazon Elastic Compute Cloud - Compute", "111122223333", "prod", "1234567.891234567890123456", "1200000.5"),
        ("Amazon Simple Storage Service", "111122223333", "prod", "12.345", "12.345"),
        (LONG, "444455556666", "sandbox", "99.994999999999999999", "0"),
        ("Tax", "111122223333", "prod", "0.000000000000000001", "0"),
    ],
    "2026-10-02": [
        ("Amazon Elastic Compute Cloud - Compute", "444455556666", "sandbox", "1000", "900"),
        ("Refund", "111122223333", "production", "-250.5", "-250.5"),
    ],
    "2026-10-04": [
        ("Amazon Simple Storage Service", "777788889999", None, "0.1", "0.1"),
        ("Free Tier", "777788889999", None, "0", "0"),
    ],
}


class FakeApp:
    now = NOW
    today = NOW.date()

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.store = FolderStore(folder.parents[1])
        self.settings = Settings()
        self.asked: list[Any] = []

    def report_files(self, prefix: str) -> ReportFiles:
        self.asked.append(prefix)
        return files_in(self.folder)


def write(folder: Path, day: str, charges: list[Charge], currency: str = "USD") -> None:
    totals = {"BilledCost": Decimal(0), "EffectiveCost": Decimal(0)}
    rows = []
    for service, account, name, billed, effective in charges:
        amounts = {"BilledCost": billed, "EffectiveCost": effective}
        rows.append({"ServiceName": service, "SubAccountId": account, "SubAccountName": name, **amounts})
        for metric, amount in amounts.items():
            totals[metric] = EXACT.add(totals[metric], Decimal(amount))
    document = {
        "schema": "farthing.daily-report/1",
        "date": day,
        "currency": currency,
        "estimated": True,
        "collected_at": f"{day}T08:00:00Z",
        "totals": {metric: format(total, "f") for metric, total in totals.items()},
        "charges": rows,
        "revisions": [],
        "source": {"kind": "cost-explorer", "group_by": ["ServiceName", "SubAccountId"], "scope": None},
    }
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{day}.json").write_text(json.dumps(document))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "cost_data" / "daily"
    for day, charges in DAYS.items():
        write(made, day, charges)
    return made


@pytest.fixture
def app(folder, monkeypatch):
    fake = FakeApp(folder)
    monkeypatch.setattr(_context, "current_app", lambda: fake)
    monkeypatch.setenv("COLUMNS", "80")
    for name in ("FORCE_COLOR", "NO_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
        monkeypatch.delenv(name, raising=False)
    return fake


def report(*arguments: str) -> Result:
    return CliRunner().invoke(command, arguments, catch_exceptions=False)


def parsed(*arguments: str) -> Any:
    result = report(*arguments, "--json")
    assert result.exit_code == 0
    return json.loads(result.stdout)


def golden(name: str, text: str) -> None:
    path = GOLDEN / name
    if os.environ.get("FARTHING_UPDATE_GOLDEN") == "1":
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    assert text == path.read_text()


ALL = ("--period", "2026-10-01..2026-10-05")


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("service.txt", ()),
        ("service-top.txt", ("--top", "2")),
        ("account.txt", ("--by", "account", "--metric", "billed,effective")),
        ("day-service.txt", ("--by", "day,service", "--where", "-service:*Elastic*")),
        ("month.txt", ("--by", "month")),
        ("compare.txt", ("--compare", "2026-10-01", "--by", "account")),
        ("compare.md", ("--compare", "previous", "--format", "md")),
        ("compare.csv", ("--compare", "2026-10-02", "--format", "csv", "--metric", "billed")),
        ("nothing.txt", ("--where", "service:none")),
        ("service.json", ("--json",)),
        ("day-account.json", ("--by", "day", "--by", "account", "--metric", "effective", "--format", "json")),
        ("service.csv", ("--format", "csv")),
        ("account-name.csv", ("--format", "csv", "--by", "account,account-name", "--metric", "BilledCost")),
        ("service.md", ("--format", "md")),
        ("month.md", ("--format", "md", "--by", "month,currency")),
    ],
)
def test_golden(app, name, arguments):
    result = report(*ALL, *arguments)
    assert result.exit_code == 0
    golden(name, result.stdout)


def test_json_is_the_contract(app):
    answer = parsed("--start", "2026-10-01", "--end", "2026-10-03", "--by", "ChargePeriodStart")
    assert answer == {
        "period": {"start": "2026-10-01", "end": "2026-10-03"},
        "currency": "USD",
        "rows": [
            {
                "ChargePeriodStart": "2026-10-01",
                "BilledCost": "1234680.231234567890123456",
                "EffectiveCost": "1200012.845",
            },
            {"ChargePeriodStart": "2026-10-02", "BilledCost": "749.5", "EffectiveCost": "649.5"},
        ],
        "totals": {"BilledCost": "1235429.731234567890123456", "EffectiveCost": "1200662.345"},
    }


def test_the_default_is_thirty_days_by_service_until_today(app):
    answer = parsed()
    assert answer["period"] == {"start": "2026-09-05", "end": "2026-10-05"}
    assert app.asked == ["cost_data/daily/"]
    assert {"ServiceName"} == {key for row in answer["rows"] for key in row} - {"BilledCost", "EffectiveCost"}


def test_all_is_from_the_first_to_the_last_day_of_the_ledger(app, folder):
    assert parsed("--period", "all")["period"] == {"start": "2026-10-01", "end": "2026-10-05"}
    for path in folder.iterdir():
        path.unlink()
    answer = parsed("--period", "all")
    assert (answer["rows"], answer["currency"], answer["totals"]) == ([], None, {})
    with pytest.raises(UsageError, match="use one of them"):
        report("--period", "all", "--start", "2026-10-01")


def test_names_that_are_not_known_are_null(app):
    rows = parsed(*ALL, "--by", "account-name")["rows"]
    assert rows[-1] == {"SubAccountName": None, "BilledCost": "0.1", "EffectiveCost": "0.1"}


def test_no_output_for_machines_ever_holds_an_exponent_or_minus_zero(app):
    for form in ("json", "csv", "md"):
        text = report(*ALL, "--by", "service,account", "--format", form).stdout
        assert "0.000000000000000001" in text
        assert "E-" not in text
        assert "e-" not in text.replace("-", " ")
        assert "-0," not in text + ","


def test_warnings_go_to_stderr_with_the_command_that_mends(app):
    result = report("--period", "2026-10", "--json")
    json.loads(result.stdout)
    assert result.stderr == (
        "warning: 1 day of the period is not in the ledger (2026-10-03): "
        "fetch with `farthing backfill --start 2026-10-03 --end 2026-10-04`\n"
    )
    assert report("--period", "2026-10-01..2026-10-03", "--json").stderr == ""
    many = report("--json").stderr
    assert "27 days of the period are not in the ledger" in many


def test_days_without_a_metric_are_said(app, folder):
    path = folder / "2026-10-01.json"
    document = json.loads(path.read_text())
    document["totals"].pop("EffectiveCost")
    for row in document["charges"]:
        row.pop("EffectiveCost")
    path.write_text(json.dumps(document))
    assert "1 day has no EffectiveCost" in report("--period", "2026-10-01..2026-10-03").stderr


def test_a_filter_that_matches_nothing_names_the_nearest(app):
    assert "nothing has the service 'Amazon Simple Storge Service'; the nearest is 'Amazon Simple Storage Service'" in (
        report(*ALL, "--where", "service:'Amazon Simple Storge Service'").stderr
    )
    assert "the nearest is 'Amazon Simple Storage Service'" in report(*ALL, "--where", "service:storage").stderr
    assert "nothing has" not in report(*ALL, "--where", "service:Tax").stderr


def test_where_may_be_repeated(app):
    rows = parsed(*ALL, "--where", "service:Tax", "--where", "service:Refund -account:777788889999")["rows"]
    assert [row["ServiceName"] for row in rows] == ["Tax", "Refund"]


def test_the_table_of_long_names_fits_eighty_columns_and_keeps_every_figure(app):
    text = report(*ALL, "--by", "day,service,account", "--metric", "billed,effective").stdout
    assert max(map(len, text.splitlines())) <= 80
    assert "1,234,567.89" in text
    assert "1,200,000.50" in text
    assert "99.99" in text


@pytest.mark.parametrize("name", ["x" * 300, "[red]no markup[/red]", "\x1b[31mred\x1b[0m", "a\nb\rc", "\u202eleft"])
def test_a_name_cannot_break_out_of_the_table(app, folder, name):
    write(folder, "2026-10-01", [(name, "1", name, "1.5", "1")])
    text = report("--period", "2026-10-01", "--by", "service,account").stdout
    assert max(map(len, text.splitlines())) <= 80
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert "1.50" in text
    if name.startswith("["):
        assert "[red]no markup[/red]" in text


def test_colour_only_where_wanted(app, monkeypatch):
    assert "\x1b" not in report(*ALL).stdout
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert "\x1b[" in report(*ALL).stdout
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b[3" not in report(*ALL).stdout


@pytest.mark.parametrize("name", [EVIL, "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", 'a,"b"\nc', "été 数据"])
def test_csv_is_read_back_and_runs_no_formula(app, folder, name):
    write(folder, "2026-10-01", [(name, "1", None, "-1.5", "1")])
    header, row = csv.reader(io.StringIO(report("--period", "2026-10-01", "--format", "csv").stdout, newline=""))
    assert header == ["ServiceName", "BillingCurrency", "BilledCost", "EffectiveCost"]
    assert row[0] == (f"'{name}" if name[0] in "=+-@\t\r\n" else name)
    assert row[1:] == ["USD", "-1.5", "1"]


@pytest.mark.parametrize("name", ["a|b", "a\nb", "<script>", "*a* _b_ `c` [d](e)", "back\\slash|"])
def test_markdown_has_one_line_a_row_and_shows_names_as_they_are(app, folder, name):
    write(folder, "2026-10-01", [(name, "1", None, "1", "1")])
    lines = report("--period", "2026-10-01", "--format", "md").stdout.splitlines()
    assert len(lines) == 7
    cells = lines[2].replace("\\\\", "").replace("\\|", "")
    assert cells.count("|") == 4
    assert "<script" not in lines[2].replace("\\<", "")


def test_top_keeps_the_total(app):
    whole, top = report(*ALL).stdout, report(*ALL, "--top", "1").stdout
    total = next(line.split() for line in whole.splitlines() if "Total" in line)
    assert next(line.split() for line in top.splitlines() if "Total" in line) == total
    assert "other (5 more)" in top
    assert "other" not in report(*ALL, "--top", "6").stdout


def test_totals_may_be_negative_or_nothing(app, folder):
    write(folder, "2026-10-01", [("Refund", "1", None, "-5", "1"), ("Free", "1", None, "0", "1")])
    text = report("--period", "2026-10-01").stdout
    assert "-5.00" in text
    assert "%" not in text


def test_two_currencies_without_a_filter(app, folder):
    write(folder, "2026-10-03", [("A", "1", None, "1", "1")], "EUR")
    with pytest.raises(CurrencyError, match=r"EUR and USD.*ask for one currency"):
        report(*ALL)
    assert parsed(*ALL, "--where", "currency:EUR")["totals"]["BilledCost"] == "1"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--period", "mdt"), "did you mean mtd"),
        (("--start", "2026-10-02", "--end", "2026-10-01"), "must end after"),
        (("--by", "servise"), "the nearest is service"),
        (("--metric", "biled"), "the nearest is billed"),
        (("--metric", "list"), "no day of .* has the metric ListCost"),
        (("--where", "prod"), "has no key"),
        (("--json", "--format", "csv"), "two formats"),
        (("--json", "--top", "3"), "--top"),
    ],
)
def test_wrong_use(app, arguments, says):
    with pytest.raises(UsageError, match=says):
        report(*(() if "--period" in arguments or "--start" in arguments else ALL), *arguments)


def test_wrong_use_is_found_before_the_ledger_is_opened(app):
    with pytest.raises(UsageError):
        report("--where", "prod")
    assert app.asked == []


def test_a_corrupt_file(app, folder):
    (folder / "2026-10-02.json").write_text("{")
    with pytest.raises(CorruptError, match=r"2026-10-02\.json.*backfill --start 2026-10-02 --end 2026-10-03"):
        report(*ALL)


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (("--period", "2026-10-01", "--json"), 0, ""),
        (("--period", "2026-10-01..2026-10-05"), 1, "EUR and USD"),
        (("--period", "nonsense"), 2, "'nonsense' is not a period"),
        (("--format", "xml"), 2, "xml"),
    ],
)
def test_the_whole_command_line(folder, tmp_path, monkeypatch, capsys, arguments, code, says):
    write(folder, "2026-10-03", [("A", "1", None, "1", "1")], "EUR")
    monkeypatch.setenv("FARTHING_HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    for name in ("BUCKET_NAME", "FARTHING_CONFIG"):
        monkeypatch.delenv(name, raising=False)
    assert farthing.cli.run(["report", *arguments]) == code
    captured = capsys.readouterr()
    assert says in captured.err
    if code:
        assert captured.out == ""
    else:
        assert json.loads(captured.out)["currency"] == "USD"


def test_help_loads_neither_duckdb_nor_rich():
    code = (
        "import sys, farthing.cli.report; from click.testing import CliRunner; "
        "CliRunner().invoke(farthing.cli.report.command, ['--help']); "
        "assert not {'duckdb', 'rich', 'boto3', 'botocore'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_two_periods_as_json_add_up(app):
    found = parsed(*ALL, "--compare", "2026-10-01", "--metric", "billed")
    change = Decimal(found["compare"]["change"]["BilledCost"])
    assert change == Decimal(found["totals"]["BilledCost"]) - Decimal(found["compare"]["totals"]["BilledCost"])
    assert change == sum(Decimal(row["change"]["BilledCost"]) for row in found["rows"])
    assert found["compare"]["period"] == {"start": "2026-10-01", "end": "2026-10-02"}


def test_the_largest_are_not_compared(app):
    with pytest.raises(UsageError, match="--top and --compare"):
        report(*ALL, "--top", "2", "--compare", "previous")
