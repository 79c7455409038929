"""`farthing export`: what was imported comes out again, whole, exact and as FOCUS."""

import json
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from farthing.cli import run as farthing
from farthing.errors import ExportError
from farthing.exporting import columns_of, export
from farthing.model import Period
from farthing.query.model import Query
from farthing.sources.exports.deliveries import deliveries

from .conftest import Ledger, as_csv, row

NOVEMBER = {"BillingPeriodStart": "2026-11-01T00:00:00Z", "ChargePeriodStart": "2026-11-03T00:00:00Z"}
OTHER = {
    "ProviderName": "Microsoft",
    "BillingAccountId": "/a",
    "SubAccountId": "s",
    "SubAccountName": "Azure",
    "Tags": "",
}


@pytest.fixture
def home(tmp_path, monkeypatch):
    folder = tmp_path / "ledger"
    monkeypatch.setenv("FARTHING_HOME", str(folder))
    monkeypatch.setenv("FARTHING_TODAY", "2026-11-24")
    return folder


def imported(home: Path, tmp_path: Path, *rows: dict[str, str | None]) -> Ledger:
    path = tmp_path / "source.csv"
    path.write_text(as_csv(*rows))
    ledger = Ledger(home)
    ledger.take(path)
    return ledger


def run(*arguments: str) -> int:
    return farthing(["export", *arguments])


@pytest.mark.parametrize("name", ["out.csv", "out.csv.gz", "out.parquet"])
def test_what_is_exported_imports_as_the_same(home, tmp_path, name, capsys):
    rows = [
        row(BilledCost="0.000000000000000001"),
        row(BilledCost="-99999999999999999999.5", Tags='{"a": "ü \\"x\\"", "b": ""}'),
        row(SubAccountName='a, "b"\nc'),
        row(**NOVEMBER),
        row(**OTHER),
    ]
    before = imported(home, tmp_path, *rows)
    assert run(str(tmp_path / name), "--start", "2026-10-01", "--end", "2026-12-01", "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["rows"], told["version"]) == (5, "1.2")
    again = Ledger(tmp_path / "again")
    (delivery,) = deliveries([tmp_path / name]).deliveries
    outcome = again.importer.run(delivery)
    assert (outcome.rows_kept, outcome.rows_rejected) == (5, 0)
    assert outcome.sums["USD"]["BilledCost"] == Decimal(told["sums"]["USD"]["BilledCost"]) == before.billed()
    columns = "BilledCost, ListCost, ChargePeriodStart, ServiceName, SubAccountName, Tags, ProviderName"
    assert again.rows(columns) == before.rows(columns)


def test_only_the_period_and_what_matches(home, tmp_path, capsys):
    imported(home, tmp_path, row(), row(**NOVEMBER), row(SubAccountId="2", SubAccountName="dev"), row(**OTHER))
    assert run(str(tmp_path / "a.csv"), "--period", "2026-10", "--where", "account:prod tag:team=core") == 0
    assert capsys.readouterr().out.endswith("a.csv: 1 row, 1.25 USD, FOCUS 1.2\n")


def test_versions_have_their_columns(home, tmp_path):
    ledger = imported(home, tmp_path, row(InvoiceId="I-1", x_Team="t"))
    for version, has in (("1.2", True), ("1.0", False)):
        assert run(str(tmp_path / f"{version}.csv"), "--period", "2026-10", "--focus-version", version) == 0
        head = (tmp_path / f"{version}.csv").read_text().splitlines()[0].split(",")
        assert ("InvoiceId" in head) is has
        assert "x_Team" in head
        assert head[0] == "AvailabilityZone"
        assert len(head) == len(set(head))
    assert ledger.billed() == Decimal("1.25")


def test_cells_are_focuss(home, tmp_path):
    imported(home, tmp_path, row(BilledCost="1250.00", EffectiveCost="0", Tags=""))
    assert run(str(tmp_path / "a.csv"), "--period", "2026-10", "--focus-version", "1.0") == 0
    with duckdb.connect() as connection:
        (cells,) = connection.execute(
            f"SELECT BilledCost, EffectiveCost, ChargePeriodStart, Tags FROM read_csv('{tmp_path / 'a.csv'}', all_varchar=true)"
        ).fetchall()
    assert cells == ("1250", "0", "2026-10-05T04:00:00Z", None)


@pytest.mark.parametrize(
    ("arguments", "says", "code"),
    [
        (["a.txt"], "the name must end in .parquet, .csv or .csv.gz", 2),
        (["there.csv"], "is there already: --force replaces it", 2),
        (["a.csv", "--period", "2026-05"], "no imported charge of 2026-05-01 to 2026-06-01 passes", 2),
        (["a.csv", "--where", "service:nothing"], "no imported charge", 2),
        (["file/a.csv"], "cannot be written", 1),
    ],
)
def test_refusals_are_one_line_and_leave_nothing(home, tmp_path, arguments, says, code, capsys):
    imported(home, tmp_path, row())
    (tmp_path / "there.csv").write_text("mine")
    (tmp_path / "file").write_text("mine")
    before = sorted(tmp_path.rglob("*"))
    given = [str(tmp_path / arguments[0]), "--period", "2026-10", *arguments[1:]]
    assert run(*given) == code
    said = capsys.readouterr().err
    assert says in said
    assert len(said.strip().splitlines()) == 1
    assert sorted(tmp_path.rglob("*")) == before
    assert (tmp_path / "there.csv").read_text() == "mine"


def test_all_of_it(home, tmp_path, capsys):
    assert run(str(tmp_path / "a.csv"), "--period", "all") == 2
    assert "no imported billing export" in capsys.readouterr().err
    before = imported(home, tmp_path, row(), row(**NOVEMBER), row(ChargePeriodStart="2026-08-05"))
    assert run(str(tmp_path / "a.csv"), "--period", "all", "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["rows"], Decimal(told["sums"]["USD"]["BilledCost"])) == (3, before.billed())


def test_force_replaces(home, tmp_path):
    imported(home, tmp_path, row())
    (tmp_path / "there.csv").write_text("old")
    assert run(str(tmp_path / "there.csv"), "--period", "2026-10", "--force") == 0
    assert "Amazon" in (tmp_path / "there.csv").read_text()


def test_what_does_not_add_up_is_not_kept(home, tmp_path, monkeypatch):
    from farthing import exporting

    ledger = imported(home, tmp_path, row(), row())
    slices = exporting_slices(ledger)
    whole = exporting._copy

    def loses_a_row(connection, rows, *rest):
        whole(connection, f"SELECT * FROM ({rows}) LIMIT 1", *rest)

    monkeypatch.setattr(exporting, "_copy", loses_a_row)
    october = Query(Period(ledger.slices()[0].days.start, ledger.slices()[0].days.end), ())
    with pytest.raises(ExportError, match="2 rows were read, 1 written; nothing was kept"):
        export(slices, october, tmp_path / "a.csv")
    assert not list(tmp_path.glob("*a.csv*"))


def exporting_slices(ledger: Ledger):
    from farthing.query.sources import ExportSlice

    return [
        ExportSlice(
            one.provider, one.billing_account, one.days, True, one.first_day, one.currencies, frozenset(one.columns),
            tuple(map(str, ledger.exports.paths(one))),
        )
        for one in ledger.slices()
    ]  # fmt: skip


def test_days_of_reports_alone_are_named(home, tmp_path, capsys):
    imported(home, tmp_path, row())
    daily = home / "cost_data" / "daily"
    daily.mkdir(parents=True)
    (daily / "2026-11-02.json").write_text("{}")  # its name is all that is looked at
    assert run(str(tmp_path / "a.csv"), "--start", "2026-10-01", "--end", "2026-12-01") == 0
    assert "1 day of 2026-10-01 to 2026-12-01 known from daily reports alone: not written" in capsys.readouterr().err


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.decimals(min_value=-(10**12), max_value=10**12, places=11), min_size=1, max_size=20))
def test_every_amount_survives(tmp_path_factory, amounts):
    tmp_path = tmp_path_factory.mktemp("law")
    source = tmp_path / "s.csv"
    source.write_text(as_csv(*(row(BilledCost=format(amount, "f")) for amount in amounts)))
    ledger = Ledger(tmp_path / "ledger")
    ledger.take(source)
    slices = exporting_slices(ledger)
    october = Query(ledger.slices()[0].days, ())
    done = export(slices, october, tmp_path / "o.csv")
    assert done.sums["USD"]["BilledCost"] == sum(amounts)
    with duckdb.connect() as connection:
        cells = connection.execute(
            f"SELECT BilledCost FROM read_csv('{tmp_path / 'o.csv'}', all_varchar=true)"
        ).fetchall()
    assert sorted(Decimal(cell) for (cell,) in cells) == sorted(amounts)
    assert "Tags" in columns_of(slices, "1.0")
