"""Which tag keys and cost categories imported bills have."""

import json

from tests.unit.dashboard.conftest import opened
from tests.unit.exports.conftest import as_csv, row

from farthing import exported
from farthing.exported import made_up_columns


def tagged(*tags, **more):
    return [row(Tags=json.dumps(one), **more) for one in tags]


def test_keys_of_the_newest_bills_come_with_the_most_used_first(ledger, tmp_path):
    assert made_up_columns(opened(ledger.root)) == ()
    old = tmp_path / "old.csv"
    old.write_text(as_csv(*tagged({"gone": "x"})))
    ledger.take(old)
    new = tmp_path / "new.csv"
    period = {
        "BillingPeriodStart": "2026-11-01T00:00:00Z",
        "BillingPeriodEnd": "2026-12-01T00:00:00Z",
        "ChargePeriodStart": "2026-11-05T04:00:00Z",
        "ChargePeriodEnd": "2026-11-05T05:00:00Z",
    }
    new.write_text(
        as_csv(*tagged({"env": "dev"}, {"team": "core", "env": "dev"}, {}, {'it\'s "odd"/x': "1"}, **period))
    )
    ledger.take(new)
    assert made_up_columns(opened(ledger.root)) == ("Tags/env", 'Tags/it\'s "odd"/x', "Tags/team")


def test_not_more_than_can_be_chosen_from(ledger, tmp_path, monkeypatch):
    file = tmp_path / "many.csv"
    file.write_text(as_csv(*tagged({f"key{number:03}": "x" for number in range(60)})))
    ledger.take(file)
    monkeypatch.setattr(exported, "KEYS_SHOWN", 3)
    assert made_up_columns(opened(ledger.root)) == ("Tags/key000", "Tags/key001", "Tags/key002")


def test_an_engine_that_may_be_billed_is_not_asked(ledger, tmp_path):
    file = tmp_path / "one.csv"
    file.write_text(as_csv(*tagged({"team": "core"})))
    ledger.take(file)
    assert made_up_columns(opened(ledger.root, FARTHING_ENGINE="athena")) == ()
