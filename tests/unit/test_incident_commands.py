"""The commands about incidents and about the past, over a simulated ledger with an incident that a run has told."""

import json
from datetime import date
from pathlib import Path

import pytest
from click.testing import CliRunner
from tests.fakes import report

from farthing import cli
from farthing.ledger.folder import FolderStore
from farthing.ledger.reports import Reports
from farthing.model import Source

EC2 = "Amazon Elastic Compute Cloud - Compute"
ACCOUNT = "111122223333"


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Runs a command on a ledger of fifty quiet days, then one of 900 instead of 100 on 22 November."""
    home = tmp_path / "home"
    for name, value in {"FARTHING_HOME": str(home), "FARTHING_TODAY": "2026-11-23"}.items():
        monkeypatch.setenv(name, value)
    for name in ("COST_THRESHOLD", "BUCKET_NAME", "FARTHING_CONFIG"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    reports = Reports(FolderStore(home))
    for ordinal in range(date(2026, 10, 4).toordinal(), date(2026, 11, 23).toordinal()):
        day = date.fromordinal(ordinal)
        amount = "900" if day == date(2026, 11, 22) else "100"
        source = Source("simulated", ("ServiceName", "SubAccountId"))
        reports.write(report(day, {(EC2, ACCOUNT): amount}, source=source))

    def command(*arguments: str):
        return CliRunner().invoke(cli.group, [*arguments], standalone_mode=False)

    return command


def incident(run, *more):
    (found,) = json.loads(run("anomalies", "--json", *more).stdout)
    return found


def decisions(tmp_path: Path):
    return [json.loads(path.read_bytes()) for path in sorted((tmp_path / "home").rglob("decision-*.json"))]


def test_an_incident_is_acknowledged_by_the_first_digits_of_its_id(run, tmp_path):
    told = incident(run)
    assert (told["state"], "decided" in told) == ("open", False)
    result = run("anomalies", "ack", told["incident"][:8], "--by", "ada", "--note", "load test")
    assert result.exception is None
    assert f"{told['incident'][:12]}: acknowledge, by ada" in result.stderr
    (kept,) = decisions(tmp_path)
    assert (kept["schema"], kept["action"], kept["by"], kept["note"]) == (
        "farthing.decision/1",
        "acknowledge",
        "ada",
        "load test",
    )
    after = incident(run)
    assert (after["state"], after["decided"]["by"], after["decided"]["note"]) == ("acknowledged", "ada", "load test")
    assert "acknowledged" in run("anomalies").stdout


def test_a_mute_has_an_end_and_shows_it(run):
    told = incident(run)
    assert run("anomalies", "mute", told["incident"], "--until", "2026-12-01", "--by", "ada").exception is None
    after = incident(run)
    assert (after["state"], after["decided"]["until"]) == ("muted", "2026-12-01")
    passed = run("anomalies", "mute", told["incident"], "--until", "2026-11-01", "--by", "ada")
    assert "that day has passed" in str(passed.exception)
    assert "until" in str(run("anomalies", "mute", told["incident"]).exception)


def test_what_is_no_anomaly_is_no_longer_found(run):
    told = incident(run)
    assert run("anomalies", "not-an-anomaly", told["incident"][:12], "--by", "ada").exception is None
    assert json.loads(run("anomalies", "--json", "--all").stdout) == []


def test_what_is_resolved_is_shown_with_all(run):
    told = incident(run)
    assert run("anomalies", "resolve", told["incident"][:12], "--by", "ada").exception is None
    assert json.loads(run("anomalies", "--json").stdout) == []
    assert incident(run, "--all")["state"] == "resolved"


def test_the_last_word_counts(run, tmp_path):
    id_ = incident(run)["incident"]
    run("anomalies", "ack", id_, "--by", "ada")
    run("anomalies", "expected", id_, "--until", "2026-12-24", "--by", "bob")
    assert [one["by"] for one in decisions(tmp_path)] != []
    assert len(decisions(tmp_path)) == 2
    assert json.loads(run("anomalies", "--json", "--all").stdout) == []


def test_who_decides_is_the_login_unless_told(run, tmp_path, monkeypatch):
    monkeypatch.setenv("LOGNAME", "grace")
    assert run("anomalies", "ack", incident(run)["incident"]).exception is None
    assert [one["by"] for one in decisions(tmp_path)] == ["grace"]


def test_an_unknown_incident_is_one_line(run):
    error = run("anomalies", "ack", "ffffffffffff", "--by", "ada").exception
    assert "no incident begins with 'ffffffffffff'" in str(error)


def test_a_replay_shows_what_would_have_been_told(run, tmp_path):
    before = {path: path.read_bytes() for path in (tmp_path / "home" / "cost_data").rglob("*.json")}
    result = run("alerts", "replay", "--from", "2026-11-10", "--to", "2026-11-24", "--json")
    told = json.loads(result.stdout)
    assert told["period"] == {"start": "2026-11-10", "end": "2026-11-24"}
    fired = [(day["date"], alert["rule"], alert["actual"]) for day in told["days"] for alert in day["alerts"]]
    assert fired == [("2026-11-23", "anomalies", "900")]
    table = run("alerts", "replay", "--from", "2026-11-10", "--to", "2026-11-24")
    assert "anomalies" in table.stdout
    assert "+800.00 USD" in table.stdout  # over what was expected, as its message says it
    assert "1 alert in 14 daily runs" in table.stderr
    assert before == {path: path.read_bytes() for path in (tmp_path / "home" / "cost_data").rglob("*.json")}


def test_a_replay_of_other_rules_and_of_suggested_ones(run, tmp_path):
    (tmp_path / "other.toml").write_text('cost_threshold = 50\nsignals = ["thresholds"]\n')
    period = ("--from", "2026-11-10", "--to", "2026-11-24", "--config", str(tmp_path / "other.toml"))
    told = json.loads(run("alerts", "replay", *period, "--json").stdout)
    assert sum(len(day["alerts"]) for day in told["days"]) == 14
    suggested = json.loads(run("alerts", "replay", *period, "--suggest", "2", "--json").stdout)["suggestions"]
    assert [(one["rule"], one["amount"], one["alerts"]) for one in suggested] == [
        ("total", "50", 14),
        ("total", "100", 1),
        ("total", "900", 0),
    ]
    assert "total (as it is)" in run("alerts", "replay", *period, "--suggest", "2").stdout


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        (("--from", "2026-11-10", "--to", "2026-11-10"), "has to be after"),
        (("--from", "2027-11-10", "--to", "2027-11-12"), "still to come"),
        (("--from", "2026-11-10", "--to", "2026-11-12", "--suggest", "many"), "not a number of alerts"),
        (("--from", "2026-11-10", "--to", "2026-11-12", "--config", "none.toml"), "cannot be read"),
    ],
)
def test_a_replay_that_makes_no_sense_is_refused(run, arguments, match):
    assert match in str(run("alerts", "replay", *arguments).exception)


def test_a_wrong_budget_stops_a_replay_with_one_line_that_names_its_file(run, tmp_path):
    (tmp_path / "other.toml").write_text("[[budgets]]\namount = 1\n")
    for more in ((), ("--suggest", "2")):
        result = run("alerts", "replay", "--from", "2026-11-10", "--to", "2026-11-12", "--config", "other.toml", *more)
        assert str(result.exception) == "1 setting is wrong: budget 1 in other.toml needs name, a text in quotes"


def test_a_table_of_incidents_keeps_every_figure_whole_in_eighty_columns(run, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    told = incident(run)
    run("anomalies", "mute", told["incident"], "--until", "2026-12-24", "--by", "ada")
    table = run("anomalies").stdout.rpartition(f"{EC2} in {ACCOUNT}: 900.00")[0]
    for text in (told["incident"][:12], "2026-11-22", "900.00", "100.00", "+800.00", "+800.0 %", "until", "2026-12-24"):
        assert text in table
    assert max(map(len, table.splitlines())) <= 80
