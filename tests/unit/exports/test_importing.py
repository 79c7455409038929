"""What an import makes of deliveries: slices that replace themselves, at once or not at all."""

import csv
import os
import subprocess
import sys
import textwrap
from collections import defaultdict
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from farthing.errors import ConflictError, CorruptError, ExportError, LedgerError
from farthing.importing import _connected
from farthing.ledger.exports import CATALOG, IMPORTING, Exports, FolderFiles
from farthing.ledger.folder import FolderStore
from farthing.ledger.workplaces import LOCK, workplace
from farthing.model import exact_sum
from farthing.sources.exports.deliveries import deliveries

from .conftest import Ledger, as_csv, row

SHARED = Path(os.environ.get("FARTHING_SHARED_DATA") or Path(__file__).parents[4] / "shared" / "data")
SAMPLE = SHARED / "focus-1.0-sample-1000.csv"


def write(path: Path, *rows: dict[str, str | None]) -> Path:
    path.write_text(as_csv(*rows))
    return path


NOVEMBER = {"BillingPeriodStart": "2026-11-01T00:00:00Z", "ChargePeriodStart": "2026-11-03T00:00:00Z"}


class TestSlices:
    def test_one_file_of_several_bills_becomes_a_slice_each(self, ledger, tmp_path):
        azure = {"ProviderName": "Microsoft", "BillingAccountId": "/a/b", "BillingCurrency": "EUR"}
        imported = ledger.take(
            write(tmp_path / "a.csv", row(), row(**NOVEMBER), row(**azure), row(**azure, BilledCost="2"))
        )
        assert [(str(one), one.rows, one.currencies) for one in ledger.slices()] == [
            ("2026-10 of AWS 123456789012", 1, ("USD",)),
            ("2026-11 of AWS 123456789012", 1, ("USD",)),
            ("2026-10 of Microsoft /a/b", 2, ("EUR",)),
        ]
        assert imported.sums["EUR"]["BilledCost"] == Decimal("3.25")
        assert ledger.slices()[2].sums["EUR"]["BilledCost"] == Decimal("3.25")
        assert {len(one.files) for one in ledger.slices()} == {1}

    def test_a_month_that_comes_again_replaces_itself_and_nothing_else(self, ledger, tmp_path):
        ledger.take(write(tmp_path / "a.csv", row(), row(**NOVEMBER)))
        again = ledger.take(write(tmp_path / "b.csv", row(BilledCost="5"), row(BilledCost="6")))
        assert [(str(one), one.rows) for one in again.replaced] == [("2026-10 of AWS 123456789012", 1)]
        assert ledger.billed() == Decimal("12.25")

    def test_two_currencies_in_one_slice_stay_apart(self, ledger, tmp_path):
        ledger.take(write(tmp_path / "a.csv", row(), row(BillingCurrency="EUR", BilledCost="9")))
        (one,) = ledger.slices()
        assert {currency: sums["BilledCost"] for currency, sums in one.sums.items()} == {
            "EUR": 9,
            "USD": Decimal("1.25"),
        }

    def test_rows_are_sorted_by_day_account_and_service(self, ledger, tmp_path):
        rows = [
            row(ChargePeriodStart=f"2026-10-{day:02}T01:00:00Z", SubAccountId=str(account))
            for day in (9, 2, 5)
            for account in (3, 1)
        ]
        ledger.take(write(tmp_path / "a.csv", *rows))
        (path,) = ledger.exports.paths(ledger.slices()[0])
        with duckdb.connect() as connection:
            found = connection.execute(f"SELECT day(ChargePeriodStart), SubAccountId FROM '{path}'").fetchall()
        assert found == [(2, "1"), (2, "3"), (5, "1"), (5, "3"), (9, "1"), (9, "3")]

    def test_other_columns_are_kept_as_text(self, ledger, tmp_path):
        ledger.take(write(tmp_path / "a.csv", row(x_Mine="a", select="b")))
        assert ledger.rows('"x_Mine", "select"') == [("a", "b")]

    def test_files_with_different_columns_are_one_delivery(self, ledger, tmp_path):
        folder = tmp_path / "export"
        folder.mkdir()
        write(folder / "a.csv", row(x_Mine="a"))
        write(folder / "b.csv", row(ListCost=None, BilledCost="2"))
        imported = ledger.take(folder)
        assert (imported.rows_read, ledger.billed()) == (2, Decimal("3.25"))
        assert ledger.rows('"x_Mine", ListCost') == [("a", Decimal("1.5")), (None, None)]

    def test_files_that_have_not_changed_are_not_read_again(self, ledger, tmp_path):
        path = write(tmp_path / "a.csv", row())
        ledger.take(path)
        (delivery,) = deliveries([path]).deliveries
        assert ledger.importer.is_unchanged(delivery)
        path.write_text(as_csv(row(), row()))
        (delivery,) = deliveries([path]).deliveries
        assert not ledger.importer.is_unchanged(delivery)


class TestWhole:
    def test_the_real_sample_to_the_last_decimal(self, ledger):
        if not SAMPLE.exists():
            pytest.skip(f"{SAMPLE} is not there")
        imported = ledger.take(SAMPLE)
        with SAMPLE.open(newline="") as file:
            rows = list(csv.DictReader(file))
        expected = defaultdict(Decimal)
        for one in rows:
            for cost in ("BilledCost", "EffectiveCost", "ListCost", "ContractedCost"):
                if one[cost] not in ("", "NULL"):
                    expected[cost] += Decimal(one[cost])
        assert (imported.rows_read, imported.rows_kept, imported.rows_rejected) == (1000, 1000, 0)
        assert imported.sums["USD"] == expected
        assert len(ledger.rows()) == 1000
        services = dict(ledger.rows("ServiceName, count(*) FILTER (true) OVER (PARTITION BY ServiceName)"))
        for name in {one["ServiceName"] for one in rows}:
            assert services[name] == sum(one["ServiceName"] == name for one in rows)

    @settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(
        amounts=st.lists(
            st.decimals(min_value=-(10**19), max_value=10**19, allow_nan=False, allow_infinity=False, places=18),
            min_size=1,
            max_size=8,
        ),
        names=st.lists(
            st.text(st.characters(codec="utf-8", exclude_characters="\x00\r"), max_size=20), min_size=8, max_size=8
        ),
        delimiter=st.sampled_from([",", ";", "\t", "|"]),
        end=st.sampled_from(["\n", "\r\n"]),
    )
    def test_whatever_is_in_a_file_its_sum_is_kept(self, tmp_path_factory, amounts, names, delimiter, end):
        folder = tmp_path_factory.mktemp("law")
        ledger = Ledger(folder / "ledger")
        path = folder / "a.csv"
        rows = [
            row(BilledCost=format(amount, "f"), RegionId=name) for amount, name in zip(amounts, names, strict=False)
        ]
        path.write_bytes(as_csv(*rows, delimiter=delimiter, end=end).encode())
        imported = ledger.take(path, allow_rejects=True)
        assert (imported.rows_kept, imported.rows_rejected) == (len(rows), 0)
        assert ledger.billed() == exact_sum(amounts)

    @settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(places=st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255)), min_size=1, max_size=4))
    def test_a_damaged_file_is_read_or_refused_and_never_short_in_silence(self, tmp_path_factory, places):
        folder = tmp_path_factory.mktemp("damage")
        ledger = Ledger(folder / "ledger")
        data = bytearray(as_csv(*(row(RegionId=str(number)) for number in range(4))).encode())
        for where, byte in places:
            data[int(where * (len(data) - 1))] = byte
        path = folder / "a.csv"
        path.write_bytes(bytes(data))
        problem = ""
        try:
            imported = ledger.take(path, allow_rejects=True)
        except ExportError as error:
            problem = str(error)
        if problem:
            assert "\n" not in problem
            return
        assert imported.rows_kept + imported.rows_rejected == imported.rows_read
        assert len(ledger.rows()) == (imported.rows_kept if imported.committed else 0)


class TestCatalog:
    def test_of_two_imports_at_once_both_count(self, ledger, tmp_path):
        ledger.take(write(tmp_path / "a.csv", row()))
        other = Ledger(ledger.root)
        (october,) = ledger.slices()
        fired = []
        store = FolderStore(ledger.root)
        exports = Exports(store, FolderFiles(ledger.root))
        read = store.read

        def read_then_be_overtaken(key):
            found = read(key)
            if key == CATALOG and not fired:
                fired.append(True)
                other.take(write(tmp_path / "b.csv", row(**NOVEMBER)))
            return found

        store.read = read_then_be_overtaken  # type: ignore[method-assign]
        exports.switch([october])
        assert [str(one) for one in ledger.slices()] == ["2026-10 of AWS 123456789012", "2026-11 of AWS 123456789012"]

    def test_a_catalog_that_is_none_is_said_and_left_alone(self, ledger, tmp_path):
        path = ledger.root / CATALOG
        path.parent.mkdir(parents=True)
        path.write_text("{}")
        with pytest.raises(CorruptError, match=r"catalog\.json is not a catalog"):
            ledger.take(write(tmp_path / "a.csv", row()))
        path.write_text('{"schema": "farthing.exports/9", "slices": []}')
        with pytest.raises(CorruptError, match=r"farthing\.exports/9"):
            ledger.slices()

    def test_a_file_that_is_gone_is_said(self, ledger, tmp_path):
        ledger.take(write(tmp_path / "a.csv", row()))
        (path,) = ledger.exports.paths(ledger.slices()[0])
        path.unlink()
        with pytest.raises(LedgerError, match="import its month again"):
            ledger.exports.paths(ledger.slices()[0])

    def test_old_files_that_nothing_names_go_and_young_ones_stay(self, ledger, tmp_path):
        ledger.take(write(tmp_path / "a.csv", row()))
        (old,) = ledger.exports.paths(ledger.slices()[0])
        ledger.take(write(tmp_path / "b.csv", row(BilledCost="2")))
        assert old.exists()  # somebody may still read it
        os.utime(old, (0, 0))
        left = ledger.root / "cost_data" / "exports" / ".importing-dead"
        left.mkdir()
        os.utime(left, (0, 0))
        ledger.take(write(tmp_path / "c.csv", row(BilledCost="3")))
        assert not old.exists()
        assert not left.exists()
        assert ledger.billed() == 3

    def test_what_a_killed_import_left_goes_and_what_a_running_one_has_stays(self, ledger, tmp_path):
        folder = ledger.root / "cost_data" / "exports"
        dead = folder / ".importing-dead"
        dead.mkdir(parents=True)
        (dead / LOCK).touch()
        with workplace(folder, IMPORTING) as running:
            ledger.take(write(tmp_path / "a.csv", row()))
            assert not dead.exists()
            assert running.exists()
        assert not list(folder.glob(".importing-*"))

    def test_a_delivery_of_which_a_bill_was_replaced_is_read_again(self, ledger, tmp_path):
        september = {"BillingPeriodStart": "2026-09-01", "BillingPeriodEnd": "2026-10-01"}
        both = write(tmp_path / "both.csv", row(BilledCost="1"), row(BilledCost="2", **september))
        ledger.take(both)
        (delivery,) = deliveries([both]).deliveries
        assert ledger.importer.is_unchanged(delivery)
        ledger.take(write(tmp_path / "october.csv", row(BilledCost="4")))
        assert not ledger.importer.is_unchanged(delivery)
        ledger.take(both)
        assert ledger.billed() == 3
        assert ledger.importer.is_unchanged(delivery)


class TestProgress:
    def test_a_statement_that_runs_is_counted_and_nothing_is_printed(self, tmp_path, capfd):
        with _connected(tmp_path, 1) as connection:
            found = connection.execute("SELECT sum(one.range + other.range) FROM range(3000) one, range(3000) other")
            assert connection.query_progress() > 0
            found.fetchall()
        assert capfd.readouterr() == ("", "")

    def test_none_where_nothing_is_imported(self, ledger, tmp_path):
        assert ledger.importer.progress() == 0
        ledger.take(write(tmp_path / "a.csv", row()))
        assert ledger.importer.progress() == 0


class TestFaults:
    def test_a_full_disk_is_said_before_anything_is_written(self, ledger, tmp_path, monkeypatch):
        import shutil

        monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(10, 10, 0))
        with pytest.raises(ExportError, match="free disk"):
            ledger.take(write(tmp_path / "a.csv", row()))
        assert ledger.slices() == ()

    def test_a_conflict_that_does_not_end_changes_nothing(self, ledger, tmp_path):
        ledger.take(write(tmp_path / "a.csv", row()))
        store = FolderStore(ledger.root)

        def taken(*_):
            raise ConflictError("taken")

        store.replace = taken  # type: ignore[method-assign]
        with pytest.raises(ConflictError, match="again and again"):
            Exports(store, FolderFiles(ledger.root)).switch(ledger.slices())
        assert ledger.billed() == Decimal("1.25")


KILLED = """
    import os, signal, sys
    from pathlib import Path
    sys.path.insert(0, sys.argv[1])
    from farthing.cli import run
    steps = int(sys.argv[3])
    count = 0

    def watch(event, args):
        global count
        if event in ("os.mkdir", "os.rename", "os.remove", "os.rmdir", "shutil.rmtree", "os.utime") or (
            event == "open" and isinstance(args[1], str) and set(args[1]) & set("wax+")
        ):
            count += 1
            if count == steps:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(watch)
    code = run(["import", sys.argv[2]])
    print(count)
    sys.exit(code)
"""


def test_killed_at_any_step_and_started_again_it_is_the_same_ledger(tmp_path):
    """Each change of the file system that an import makes is once the last thing that it does."""
    source = str(Path(__file__).parents[3] / "src")
    script = tmp_path / "killed.py"
    script.write_text(textwrap.dedent(KILLED))
    export = write(tmp_path / "a.csv", row(), row(**NOVEMBER, BilledCost="3"))
    whole = subprocess.run(
        [sys.executable, str(script), source, str(export), "0"],
        env={**os.environ, "FARTHING_HOME": str(tmp_path / "whole")},
        capture_output=True,
        text=True,
        check=True,
    )
    steps = int(whole.stdout.split()[-1])
    assert steps > 5
    expected = Ledger(tmp_path / "whole")
    for step in range(1, steps + 1):
        home = tmp_path / f"killed-{step}"
        environment = {**os.environ, "FARTHING_HOME": str(home)}
        killed = subprocess.run(
            [sys.executable, str(script), source, str(export), str(step)],
            env=environment,
            capture_output=True,
            check=False,
        )
        assert killed.returncode == -9
        dead = Ledger(home)
        assert dead.slices() == () or dead.rows() == expected.rows()
        subprocess.run(
            [sys.executable, str(script), source, str(export), "0"], env=environment, capture_output=True, check=True
        )
        again = Ledger(home)
        assert again.rows() == expected.rows()
        assert [(one.identity, one.rows, one.sums) for one in again.slices()] == [
            (one.identity, one.rows, one.sums) for one in expected.slices()
        ]


class TestManyBills:
    """Bills that Parquet's statistics tell apart are written one by one, others together: the ledger is the same."""

    MONTHS = ("2026-08-01", "2026-09-01", "2026-10-01")

    def rows(self, number: int) -> list[dict[str, str | None]]:
        return [
            row(
                BillingPeriodStart=f"{month}T00:00:00Z",
                ChargePeriodStart=f"{month[:8]}{place % 28 + 1:02}T00:00:00Z",
                BilledCost=f"{place}.125",
                Tags=f'{{"n": "{place}"}}',
            )
            for month in self.MONTHS
            for place in range(number)
        ]

    def parquet(self, path: Path, rows: list[dict[str, str | None]], order: str, more: str = "") -> Path:
        source = write(path.with_suffix(".csv"), *rows)
        with duckdb.connect() as connection:
            connection.execute("SET threads = 1")
            connection.execute(
                f"COPY (SELECT * REPLACE (CAST(BillingPeriodStart AS TIMESTAMP) AS BillingPeriodStart){more} FROM "
                f"read_csv('{source}', all_varchar=true) ORDER BY {order}) TO '{path}' (FORMAT parquet, ROW_GROUP_SIZE 2048)"
            )
        source.unlink()
        return path

    @pytest.mark.parametrize(("order", "one_by_one"), [("BillingPeriodStart", True), ("hash(Tags)", False)])
    def test_one_file(self, ledger, tmp_path, order, one_by_one, monkeypatch):
        from farthing import importing

        together: list[int] = []
        whole = importing._write_together

        def noted(*given):
            together.append(1)
            return whole(*given)

        monkeypatch.setattr(importing, "_write_together", noted)
        ledger.take(self.parquet(tmp_path / "a.parquet", self.rows(4_096), order))
        assert [(str(one), one.rows, one.sums["USD"]["BilledCost"]) for one in ledger.slices()] == [
            (f"{month[:7]} of AWS 123456789012", 4_096, Decimal("8387072")) for month in self.MONTHS
        ]
        assert together == ([] if one_by_one else [1])

    def test_files_of_a_month_each_with_columns_of_their_own(self, ledger, tmp_path):
        folder = tmp_path / "export"
        folder.mkdir()
        rows = self.rows(100)
        self.parquet(folder / "a.parquet", rows[:100], "1", ", 'x' AS x_Extra")
        self.parquet(folder / "b.parquet", rows[100:], "1")
        ledger.take(folder)
        assert [one.rows for one in ledger.slices()] == [100, 100, 100]
        assert all("x_Extra" in one.columns for one in ledger.slices())
