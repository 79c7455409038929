"""`farthing report --allocate` and `--per`, over an imported export."""

import json

import pytest

from farthing.cli import run

from .conftest import Ledger, as_csv, row

TOML = """
[[allocations]]
name = "platform"
where = "account:shared"
to = "tag:team"
method = "proportional"

[[allocations]]
name = "tax"
where = "category:Tax"
to = "tag:team"
method = "fixed"
shares = { core = 60, web = 40 }
"""


@pytest.fixture
def ledger(tmp_path, monkeypatch):
    monkeypatch.setenv("FARTHING_HOME", str(tmp_path / "ledger"))
    monkeypatch.setenv("FARTHING_TODAY", "2026-11-24")
    (tmp_path / "farthing.toml").write_text(TOML)
    shared = {"SubAccountId": "9", "SubAccountName": "shared", "Tags": ""}
    path = tmp_path / "a.csv"
    path.write_text(
        as_csv(
            row(BilledCost="30"),
            row(BilledCost="10", Tags='{"team": "web"}', ChargePeriodStart="2026-10-06T00:00:00Z"),
            row(BilledCost="8", **shared),
            row(BilledCost="5", Tags=""),
            row(BilledCost="1", Tags="", ChargeCategory="Tax"),
        )
    )
    made = Ledger(tmp_path / "ledger")
    made.take(path)
    return made


def asked(capsys, *arguments: str):
    code = run(["report", "--period", "2026-10", *arguments])
    told = capsys.readouterr()
    return code, told.out, told.err


def test_shared_costs_are_divided_and_the_total_stays(ledger, capsys):
    code, out, _ = asked(capsys, "--by", "tag:team", "--allocate", "all", "--metric", "billed", "--json")
    told = json.loads(out)
    assert code == 0
    assert {one["Tags/team"]: one["BilledCost"] for one in told["rows"]} == {"core": "36.6", "web": "12.4", None: "5"}
    assert told["totals"]["BilledCost"] == "54"
    assert [(one["name"], one["amounts"]["BilledCost"], one["percent"]) for one in told["allocations"]] == [
        ("platform", "8", {"core": "75", "web": "25"}),
        ("tax", "1", {"core": "60", "web": "40"}),
    ]


def test_the_table_says_what_was_divided_and_what_is_untagged(ledger, capsys):
    _, out, _ = asked(capsys, "--by", "tag:team", "--allocate", "platform")
    assert "(untagged)" in out
    assert "allocated by platform (proportional): 8.00 USD among 2 (core 75.0 %, web 25.0 %)" in out


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--by", "service", "--allocate", "tax"], "gives to each tag team: group by it too (--by tag:team)"),
        (["--by", "tag:team", "--allocate", "taxi"], "there is no allocation 'taxi' (did you mean tax?)"),
        (["--per", "none.csv"], "none.csv cannot be read: No such file or directory"),
        (["--per", "none.csv", "--top", "3"], "--per and --top are not for one report"),
    ],
)
def test_refusals_are_one_line(ledger, capsys, arguments, says):
    code, out, err = asked(capsys, *arguments)
    assert (code, out) == (2, "")
    assert says in err
    assert len(err.strip().splitlines()) == 1


def test_two_rules_that_take_the_same_charge(ledger, tmp_path, capsys):
    (tmp_path / "farthing.toml").write_text(TOML.replace("category:Tax", "-category:Usage account:*"))
    code, _, _ = asked(capsys, "--by", "tag:team", "--allocate", "all")
    assert code == 0  # they do not meet
    (tmp_path / "farthing.toml").write_text(TOML.replace("category:Tax", "account:shar*"))
    code, _, err = asked(capsys, "--by", "tag:team", "--allocate", "all")
    assert code == 2
    assert "'platform' and 'tax' take the same charges" in err


def test_cost_per_unit(ledger, tmp_path, capsys):
    (tmp_path / "orders.csv").write_text("ChargePeriodStart,orders\n2026-10-05,10\n")
    code, out, err = asked(capsys, "--by", "tag:team", "--per", "orders.csv", "--json")
    told = json.loads(out)
    assert code == 0
    assert told["unit"] == "orders"
    assert {one["Tags/team"]: (one["BilledCost"], one["per_unit"]) for one in told["rows"]} == {
        "core": ("30", "3"),
        None: ("14", "1.4"),
    }
    assert told["totals"] == {"BilledCost": "44", "quantity": "10", "per_unit": "4.4"}
    assert told["days_without"] == ["2026-10-06"]
    assert "1 day with a cost has no number of orders and is left out" in err
    for form, says in (("table", "Per orders (USD)"), ("csv", "BilledCost per orders"), ("md", "| core |")):
        assert says in asked(capsys, "--by", "tag:team", "--per", "orders.csv", "--format", form)[1]
