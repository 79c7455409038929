"""Lenses: further groupings of the same bill, kept beside it, and what record types let the thresholds see."""

import json
from datetime import timedelta
from decimal import Decimal

import jsonschema
import pytest
from tests.fakes import EC2, PROD, S3, TODAY, ago
from tests.unit.test_collect import Trial, flat
from tests.unit.test_cost_explorer import client_error

from farthing.alerts.rendering import plain_text, slack_message
from farthing.app import open_app
from farthing.cli import run
from farthing.collect import backfill
from farthing.errors import DeliveryError, LedgerError, SettingsError
from farthing.ledger.reports import Reports, lens_prefix
from farthing.model import COST_BEFORE_CREDITS, Period, exact_sum
from farthing.planning import plan_daily, plan_lenses
from farthing.schemas import schema
from farthing.settings import load
from farthing.signals.thresholds import ThresholdRule
from farthing.sources.lenses import lens_of, parse_lens


def with_credits(days=20, used="200", credit="-100", **settings):
    """A bill of which credits pay a part each day: 101 net, 201 before them."""
    trial = Trial(flat(days), lenses=("record-type",), **settings)
    trial.client.lenses["RECORD_TYPE"] = {
        ago(age): {(EC2, "Usage"): used, (EC2, "Credit"): credit, (S3, "Usage"): "1"} for age in range(1, days + 1)
    }
    return trial


def lens_report(trial, name, day):
    return Reports(trial.store, lens_prefix(name)).read(day)


@pytest.mark.parametrize(
    ("text", "name", "column"),
    [
        ("region", "region", "RegionId"),
        ("record-type", "record-type", "x_RecordType"),
        ("tag:team", "tag-team", "Tags/team"),
        ("category:Product", "category-product-b44f1c7f", "x_CostCategories/Product"),
    ],
)
def test_a_lens_has_a_folder_and_a_column(text, name, column):
    lens = parse_lens(text)
    assert lens.name.rpartition("-")[0] == name.rpartition("-")[0]
    assert lens.column == column
    assert lens_of(column) == lens
    assert lens_of("SubAccountId") is None


def test_keys_that_look_alike_have_folders_of_their_own():
    keys = ["team", "Team", "TEAM", "te am", "te/am", "te:am", "té am", "組", "-", "a/../b"]
    names = [parse_lens(f"tag:{key}").name for key in keys]
    assert len({name.casefold() for name in names}) == len(keys)
    assert all(name.isascii() and "/" not in name and not name.startswith(".") for name in names)


@pytest.mark.parametrize("text", ["regions", "tag:", "tag", "category:", "account:1", "region,region"])
def test_an_unknown_lens_is_named_before_any_request(text):
    with pytest.raises(SettingsError, match=r"FARTHING_LENSES .*(write region, record-type, tag:KEY|twice)"):
        load({"FARTHING_LENSES": text})


def test_each_lens_is_one_more_question_and_is_kept_beside_the_days():
    trial = with_credits()
    result = trial.run()
    assert [request["GroupBy"][1]["Key"] for request in trial.client.requests] == ["LINKED_ACCOUNT", "RECORD_TYPE"]
    assert result.record.billed_requests == 2
    assert len(result.record.request_ids) == 2
    (lens,) = result.record.lenses
    assert (lens.name, lens.whole, lens.billed_requests, len(lens.days_written)) == ("record-type", True, 1, 14)
    kept = lens_report(trial, "record-type", ago(3))
    assert kept.source.group_by == ("ServiceName", "x_RecordType")
    assert {charge.keys: kept.amount(charge) for charge in kept.charges} == {
        (EC2, "Usage"): 200,
        (EC2, "Credit"): -100,
        (S3, "Usage"): 1,
    }
    text = trial.store.objects[f"cost_data/lenses/record-type/{ago(3)}.json"]
    jsonschema.validate(json.loads(text), schema("lens-report"))


def test_a_second_run_writes_no_lens_and_a_restated_one_keeps_its_revision():
    trial = with_credits()
    trial.run()
    trial.run()
    assert trial.written("cost_data/lenses/") == []
    trial.client.lenses["RECORD_TYPE"][ago(2)][(EC2, "Credit")] = "-90"
    result = trial.run(days_later=1)
    assert result.record.lenses[0].days_restated == (ago(2),)
    assert lens_report(trial, "record-type", ago(2)).revisions[0].totals["BilledCost"] == 101


def test_tags_and_categories_are_told_without_their_key():
    trial = Trial(flat(), lenses=("tag:team", "category:Product"))
    trial.client.lenses["team"] = {ago(1): {(EC2, "team$core$web"): "1", (EC2, "team$"): "2"}}
    trial.client.lenses["Product"] = {ago(1): {(EC2, "Product$Shop"): "3"}}
    trial.run()
    values = {charge.keys[1] for charge in lens_report(trial, "tag-team", ago(1)).charges}
    assert values == {"core$web", ""}
    name = parse_lens("category:Product").name
    assert [charge.keys for charge in lens_report(trial, name, ago(1)).charges] == [(EC2, "Shop")]
    assert [request["GroupBy"][1]["Type"] for request in trial.client.requests] == [
        "DIMENSION",
        "TAG",
        "COST_CATEGORY",
    ]


def test_a_lens_that_fails_stops_neither_the_day_nor_the_other_lens_and_a_retry_asks_only_for_it():
    trial = Trial(flat(d1="200"), lenses=("region", "record-type"))
    trial.client.raises[2] = client_error("AccessDeniedException")
    result = trial.run("event")
    assert [str(failure).startswith("the lens region: ") for failure in result.failures] == [True]
    assert (result.record.stage, trial.slack.days) == ("finished", [[ago(1)]])
    assert [(lens.name, lens.whole) for lens in result.record.lenses] == [("region", False), ("record-type", True)]
    asked = len(trial.client.requests)
    assert trial.run("event").failures == ()
    assert [request["GroupBy"][1]["Key"] for request in trial.client.requests[asked:]] == ["REGION"]
    assert lens_report(trial, "region", ago(1)).total() == 201
    assert trial.slack.days == [[ago(1)]]


def test_a_failed_day_asks_no_lens():
    trial = with_credits()
    trial.client.raises[1] = client_error("ExpiredTokenException")
    result = trial.run()
    assert (trial.client.requests, result.record.lenses) == ([], ())


def test_the_request_cap_is_the_whole_runs():
    trial = Trial(flat(), lenses=("region", "record-type"), max_billed_requests=2)
    result = trial.run()
    assert len(trial.client.requests) == result.record.billed_requests == 2
    assert "the lens record-type: the cap of 2 billed requests leaves none for it" in str(result.failures[0])
    assert "raise FARTHING_MAX_BILLED_REQUESTS" in str(result.failures[0])
    assert Reports(trial.store).days() == list(Period(ago(14), TODAY))


def test_a_plan_prices_the_lenses_and_shrinks_them_to_what_is_left():
    trial = Trial(flat(), lenses=("region",), max_billed_requests=20)
    trial.client.page_size = 4
    trial.run()
    trial.settings["max_billed_requests"] = 10
    place = trial.place
    plan = plan_daily(place)
    lens = plan_lenses(place, plan)["region"]
    assert plan.requests == 7
    assert lens.requests <= 3
    assert len(lens.period) < len(plan.period)
    assert lens.caution.startswith("the lens region: only")


def test_a_lens_ledger_of_another_scope_is_refused_and_the_day_is_judged():
    trial = Trial(flat(d1="200"), lenses=("region",))
    trial.run()
    key = f"cost_data/lenses/region/{ago(1)}.json"
    trial.store.objects[key] = trial.store.objects[key].replace(b'"scope":null', b'"scope":"account:111122223333"')
    trial.client.bill[ago(2)][(EC2, PROD)] = "500"
    result = trial.run(days_later=1)
    assert "a ledger never mixes scopes" in str(result.failures[0])
    assert trial.slack.days == [[ago(1)], [ago(2)]]


def test_backfill_brings_the_lenses_too():
    trial = with_credits(days=60)
    period = Period(ago(50), ago(20))
    result = backfill(trial.place, period, max_requests=10, invocation="x")
    assert (result.failures, result.record.billed_requests) == ((), 2)
    assert Reports(trial.store, lens_prefix("record-type")).days() == list(period)
    assert trial.slack.sent == []


def test_what_credits_hide_is_told():
    trial = with_credits()
    trial.run()
    ((alert,),) = trial.slack.sent
    assert (alert.rule, alert.metric) == ("total, before credits", COST_BEFORE_CREDITS)
    assert (alert.actual, alert.overage, alert.credits) == (201, 51, -100)
    assert sum(row.amount for row in alert.services) == alert.actual
    assert alert.accounts == ()
    text = plain_text([alert], "prod")
    assert "AWS cost before credits 51.00 USD (+34.0 %) over its threshold" in text
    assert (
        "Credits and refunds of -100.00 USD: 201.00 USD before them, 101.00 USD after, which is within the threshold."
        in text
    )
    assert "Spent before credits" in str(slack_message([alert], "prod").blocks)
    trial.run()
    assert len(trial.slack.sent) == 1


def test_one_message_where_net_is_over_too_and_it_tells_both():
    trial = with_credits(cost_threshold=Decimal(90))
    trial.run()
    ((alert,),) = trial.slack.sent
    assert (alert.rule, alert.actual, alert.credits) == ("total", 101, -100)
    assert "201.00 USD before them, 101.00 USD after" in plain_text([alert], "prod")


def test_without_the_lens_nothing_is_said_of_credits():
    trial = Trial(flat(d1="200"))
    trial.run()
    ((alert,),) = trial.slack.sent
    assert alert.credits is None
    assert "before them" not in plain_text([alert], "prod")


def test_a_refund_in_either_spelling_counts_and_other_record_types_do_not():
    trial = with_credits()
    trial.client.lenses["RECORD_TYPE"][ago(1)] = {
        (EC2, "Usage"): "161",
        (EC2, "Refund"): "-30",
        (EC2, "credit"): "-20",
        (EC2, "SavingsPlanNegation"): "-10",
    }
    trial.run()
    ((alert,),) = trial.slack.sent
    assert (alert.actual, alert.credits) == (151, -50)


def test_a_rule_on_a_service_sees_its_own_credits_and_one_on_an_account_none():
    rules = (
        ThresholdRule("ec2", service=EC2, amount=Decimal(150)),
        ThresholdRule("s3", service=S3, amount=Decimal(150)),
        ThresholdRule("prod", account=PROD, amount=Decimal(150)),
    )
    trial = with_credits(cost_threshold=None, thresholds=rules)
    trial.run()
    ((alert,),) = trial.slack.sent
    assert (alert.rule, alert.actual) == ("ec2, before credits", 200)


def test_a_percentage_before_credits_is_measured_against_days_before_credits():
    rule = ThresholdRule("jump", percent=Decimal(20))
    trial = with_credits(days=40, cost_threshold=None, thresholds=(rule,))
    backfill(trial.place, Period(ago(40), TODAY), max_requests=10, invocation="history")
    trial.run()
    assert trial.slack.sent == []
    # Used 60 more, and credits pay all of it: net does not move.
    trial.client.lenses["RECORD_TYPE"][ago(0)] = {(EC2, "Usage"): "260", (EC2, "Credit"): "-160", (S3, "Usage"): "1"}
    trial.client.bill[ago(0)] = {(EC2, PROD): "100", (S3, PROD): "1"}
    trial.run(days_later=1)
    ((alert,),) = trial.slack.sent
    assert (alert.rule, alert.actual, alert.threshold) == ("jump, before credits", 261, Decimal("241.2"))


def test_a_restated_credit_alone_still_alerts():
    trial = with_credits(cost_threshold=Decimal(250))
    trial.run()
    assert trial.slack.sent == []
    trial.client.lenses["RECORD_TYPE"][ago(3)] = {(EC2, "Usage"): "300", (EC2, "Credit"): "-200", (S3, "Usage"): "1"}
    trial.run(days_later=1)
    ((alert,),) = trial.slack.sent
    assert (alert.day, alert.actual) == (ago(3), 301)


def test_the_lenses_of_the_simulated_organisation_add_up_to_its_days(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("FARTHING_SOURCE", "simulated")
    monkeypatch.setenv("FARTHING_SIMULATED_SIZE", "small")
    monkeypatch.setenv("FARTHING_TODAY", str(TODAY))
    monkeypatch.setenv("FARTHING_LENSES", "region,record-type,tag:team,category:business-unit")
    monkeypatch.setenv("COST_THRESHOLD", "100000")
    assert run(["collect", "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert [lens["name"] for lens in record["lenses"]] == [
        "region",
        "record-type",
        "tag-team",
        "category-business-unit",
    ]
    import os

    store = open_app(os.environ, preview=print).store
    for day in Period(TODAY - timedelta(days=14), TODAY):
        whole = Reports(store).read(day)
        for lens in record["lenses"]:
            part = Reports(store, lens_prefix(lens["name"])).read(day)
            assert part.totals == whole.totals
    tags = {charge.keys[1] for charge in Reports(store, lens_prefix("tag-team")).read(ago(1)).charges}
    assert "" in tags
    assert len(tags) > 2
    types = Reports(store, lens_prefix("record-type")).read(ago(1))
    assert exact_sum(types.amount(charge) for charge in types.charges) == types.total()


@pytest.fixture
def lens_ledger(monkeypatch, capsys):
    """A local ledger of the small simulated organisation with two lenses; gives a function that reports on it."""
    monkeypatch.setenv("FARTHING_SOURCE", "simulated")
    monkeypatch.setenv("FARTHING_SIMULATED_SIZE", "small")
    monkeypatch.setenv("FARTHING_TODAY", str(TODAY))
    monkeypatch.setenv("FARTHING_LENSES", "region,tag:team")
    monkeypatch.setenv("COST_THRESHOLD", "100000")
    assert run(["collect"]) == 0
    capsys.readouterr()

    def report(*arguments):
        code = run(["report", "--period", "14d", *arguments])
        out, err = capsys.readouterr()
        return code, out, err

    return report


def test_report_answers_from_the_lens_that_knows_the_column(lens_ledger):
    _, whole, _ = lens_ledger("--json")
    for by, column in (("region", "RegionId"), ("tag:team", "Tags/team")):
        code, out, _ = lens_ledger("--by", by, "--json")
        document = json.loads(out)
        assert code == 0
        assert document["totals"] == json.loads(whole)["totals"]
        assert len({row[column] for row in document["rows"]}) > 1
    values = {row["Tags/team"] for row in document["rows"]}
    team = sorted(values - {""})[0]
    _, out, _ = lens_ledger("--by", "service,day", "--where", f"tag:team={team}", "--json")
    (row,) = [row for row in document["rows"] if row["Tags/team"] == team]
    assert json.loads(out)["totals"]["BilledCost"] == row["BilledCost"]
    _, out, _ = lens_ledger("--by", "tag:team")
    assert "Tag team" in out
    assert "(untagged)" in out


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (("--by", "record-type"), "the ledger does not keep the lens record-type: set FARTHING_LENSES=record-type"),
        (("--by", "region,account"), "no report tells region and account together"),
        (("--by", "region", "--where", "tag:team=core"), "no report tells region and tag:team together"),
    ],
)
def test_what_no_report_tells_is_said(lens_ledger, arguments, problem):
    code, out, err = lens_ledger(*arguments)
    assert (code, out) == (2, "")
    assert problem in err


def test_a_lens_that_is_older_than_the_day_is_not_believed():
    trial = with_credits(cost_threshold=Decimal(250))
    trial.run()
    # The credit is reversed, and the lens's question fails: its 100 belong to figures of yesterday.
    trial.client.bill[ago(2)][(EC2, PROD)] = "200"
    trial.client.raises[4] = client_error("AccessDeniedException")
    result = trial.run(days_later=1)
    assert "the lens record-type" in str(result.failures[0])
    assert trial.slack.sent == []


def test_a_lens_in_another_currency_is_not_believed():
    trial = with_credits()
    trial.run()
    for age in (1, 2):
        key = f"cost_data/lenses/record-type/{ago(age)}.json"
        trial.store.objects[key] = trial.store.objects[key].replace(b'"currency":"USD"', b'"currency":"EUR"')
    trial.slack.sent.clear()
    trial.client.raises[4] = client_error("AccessDeniedException")
    trial.client.bill[ago(2)][(EC2, PROD)] = "100.001"
    trial.run()
    assert trial.slack.sent == []


def test_rounding_between_two_groupings_does_not_matter():
    trial = with_credits()
    for age in range(1, 20):
        trial.client.bill[ago(age)][(EC2, PROD)] = "100.0000000003"
    trial.run()
    ((alert,),) = trial.slack.sent
    assert (alert.actual, alert.credits) == (Decimal("201.0000000003"), -100)


def test_the_largest_rise_before_credits_names_no_account():
    trial = with_credits(days=40)
    backfill(trial.place, Period(ago(40), TODAY), max_requests=10, invocation="history")
    trial.client.lenses["RECORD_TYPE"][ago(1)] = {(EC2, "Usage"): "400", (EC2, "Credit"): "-300", (S3, "Usage"): "1"}
    trial.run()
    alert = trial.slack.sent[0][-1]
    assert alert.cause == f"Largest rise: {EC2}, 200.00 USD above its usual Sunday."


def test_an_unsent_alert_before_credits_waits_while_nobody_can_look():
    trial = with_credits()
    trial.slack.failing = DeliveryError("down", retryable=False)
    trial.run()
    trial.slack.failing = None
    trial.store.objects[f"cost_data/lenses/record-type/{ago(1)}.json"] = b"{"
    trial.client.raises[4] = client_error("AccessDeniedException")
    trial.run()
    assert trial.slack.days == [[ago(1)]]


def test_an_unsent_alert_before_credits_of_a_lens_that_was_taken_away_is_told():
    trial = with_credits()
    trial.slack.failing = DeliveryError("down", retryable=False)
    trial.run()
    trial.slack.failing = None
    trial.settings["lenses"] = ()
    trial.run()
    assert trial.slack.days == [[ago(1)]]


def test_an_unsent_alert_before_credits_gives_way_to_the_one_net_of_them():
    trial = with_credits()
    trial.slack.failing = DeliveryError("down", retryable=False)
    trial.run()
    trial.slack.failing = None
    trial.client.bill[ago(1)][(EC2, PROD)] = "200"
    trial.client.lenses["RECORD_TYPE"][ago(1)] = {(EC2, "Usage"): "300", (EC2, "Credit"): "-100", (S3, "Usage"): "1"}
    trial.run()
    ((alert,),) = trial.slack.sent
    assert (alert.rule, alert.actual, alert.credits) == ("total", 201, -100)
    prefix = f"cost_data/alerts/{ago(1)}/"
    states = [json.loads(data)["state"] for key, data in trial.store.objects.items() if key.startswith(prefix)]
    assert sorted(states) == ["sent", "suppressed"]


def test_what_was_told_net_is_not_told_again_when_a_credit_pays_it():
    trial = with_credits(used="300", credit="0")
    trial.client.bill = {day: {(EC2, PROD): "300", (S3, PROD): "1"} for day in trial.client.bill}
    trial.run()
    trial.client.bill[ago(1)][(EC2, PROD)] = "100"
    trial.client.lenses["RECORD_TYPE"][ago(1)] = {(EC2, "Usage"): "300", (EC2, "Credit"): "-200", (S3, "Usage"): "1"}
    trial.run()
    assert [alert.rule for message in trial.slack.sent for alert in message] == ["total"]


def test_a_percentage_says_nothing_of_net_that_it_did_not_judge():
    rule = ThresholdRule("jump", percent=Decimal(20))
    trial = with_credits(days=40, used="100", credit="-101", cost_threshold=None, thresholds=(rule,))
    trial.client.bill = {day: {(EC2, PROD): "0"} for day in trial.client.bill}
    backfill(trial.place, Period(ago(40), TODAY), max_requests=10, invocation="history")
    trial.run()
    trial.client.bill[TODAY] = {(EC2, PROD): "900"}
    trial.client.lenses["RECORD_TYPE"][TODAY] = {(EC2, "Usage"): "1000", (EC2, "Credit"): "-100"}
    trial.run(days_later=1)
    text = plain_text(trial.slack.sent[-1], "prod")
    assert "1,000.00 USD before them, 900.00 USD after." in text
    assert "within" not in text


def test_a_message_about_one_service_does_not_tell_the_whole_days_credits():
    rule = ThresholdRule("ec2", service=EC2, amount=Decimal(50))
    trial = with_credits(cost_threshold=None, thresholds=(rule,))
    trial.run()
    ((alert,),) = trial.slack.sent
    assert (alert.rule, alert.credits) == ("ec2", -100)
    assert "Credits and refunds" not in plain_text([alert], "prod")


def test_a_lens_on_an_old_ledger_tells_only_the_newest_day():
    trial = with_credits()
    trial.settings["lenses"] = ()
    trial.run()
    trial.settings["lenses"] = ("record-type",)
    trial.client.bill[TODAY] = {(EC2, PROD): "100", (S3, PROD): "1"}
    trial.client.lenses["RECORD_TYPE"][TODAY] = dict(trial.client.lenses["RECORD_TYPE"][ago(1)])
    trial.run(days_later=1)
    assert trial.slack.days == [[TODAY]]


def test_an_unreadable_day_does_not_stop_the_lenses_nor_a_retry():
    trial = with_credits(cost_threshold=Decimal(250))
    trial.run()
    trial.store.objects[f"cost_data/daily/{ago(9)}.json"] = b"{"
    trial.client.lenses["RECORD_TYPE"][ago(1)] = {(EC2, "Usage"): "400", (EC2, "Credit"): "-300", (S3, "Usage"): "1"}
    result = trial.run("event")
    assert [str(failure).split(" is ")[1][:12] for failure in result.failures] == ["not a readab"]
    assert (result.record.stage, trial.slack.days) == ("finished", [[ago(1)]])
    asked = len(trial.client.requests)
    trial.run("event")
    assert len(trial.client.requests) == asked


def test_a_home_that_cannot_be_written_ends_the_questions():
    trial = with_credits()
    trial.settings["lenses"] = ("region", "record-type")
    creating = trial.store.create

    def create(key, data):
        if key.startswith("cost_data/lenses/"):
            raise LedgerError("the disk is full")
        return creating(key, data)

    trial.store.create = create
    result = trial.run()
    assert [request["GroupBy"][1]["Key"] for request in trial.client.requests] == ["LINKED_ACCOUNT", "REGION"]
    assert [lens.name for lens in result.record.lenses] == ["region"]


def test_a_lens_leaves_a_request_for_those_that_wait():
    trial = Trial(flat(), lenses=("region", "record-type"), max_billed_requests=3)
    trial.client.lenses["REGION"] = {ago(age): {(EC2, "us-east-1"): "1", (S3, "eu"): "1"} for age in range(1, 15)}
    trial.client.bill = {ago(1): {(EC2, PROD): "1"}}
    trial.client.lenses["RECORD_TYPE"] = {ago(1): {(EC2, "Usage"): "1"}}
    trial.client.page_size = 2
    result = trial.run()
    assert [(lens.name, lens.billed_requests) for lens in result.record.lenses] == [("region", 1), ("record-type", 1)]
    assert "the lens region: the answer has more than 1 pages" in str(result.failures[0])


def test_a_new_lens_is_planned_with_the_page_size_of_the_daily_question():
    trial = Trial(flat(), max_billed_requests=100)
    trial.client.page_size = 4
    trial.run()
    trial.settings["lenses"] = ("region",)
    trial.run()
    trial.client.page_size = 1000
    place = trial.place
    for key in [key for key in trial.store.objects if key.startswith("cost_data/runs/")]:
        record = json.loads(trial.store.objects[key])
        for lens in record["lenses"]:
            lens["page_size_seen"] = 0
        trial.store.objects[key] = json.dumps(record).encode()
    plan = plan_daily(place)
    assert plan_lenses(place, plan)["region"].requests == plan.requests == 7


def test_a_plan_says_that_the_cap_leaves_nothing():
    trial = Trial(flat(), lenses=("region",), max_billed_requests=1)
    place = trial.place
    caution = plan_lenses(place, plan_daily(place))["region"].caution
    assert caution == "the lens region: the request cap leaves none for it: raise FARTHING_MAX_BILLED_REQUESTS"


def test_a_lens_of_another_scope_is_refused_before_it_is_billed():
    trial = Trial(flat(), lenses=("region",))
    trial.run()
    key = f"cost_data/lenses/region/{ago(1)}.json"
    trial.store.objects[key] = trial.store.objects[key].replace(b'"scope":null', b'"scope":"account:111122223333"')
    asked = len(trial.client.requests)
    trial.run(days_later=1)
    assert len(trial.client.requests) == asked + 1


def test_a_rule_cannot_take_the_name_of_one_before_credits():
    with pytest.raises(SettingsError, match="'total, before credits': names that end so are kept"):
        load({}, '[[thresholds]]\nname = "total, before credits"\namount = 1\n')


def test_many_percentages_read_each_day_once():
    rules = tuple(ThresholdRule(f"jump {n}", percent=Decimal(n)) for n in range(20, 25))
    trial = with_credits(days=80, cost_threshold=None, thresholds=rules)
    backfill(trial.place, Period(ago(80), TODAY), max_requests=10, invocation="history")
    reads = []
    reading = trial.store.read

    def read(key):
        reads.append(key)
        return reading(key)

    trial.store.read = read
    trial.run()
    days = [key for key in reads if key.startswith("cost_data/daily/")]
    # To plan, to merge, to judge and as an earlier day of the weekday; never once for each rule.
    assert max(days.count(key) for key in set(days)) <= 4


def test_judging_lists_nothing_for_each_day():
    trial = with_credits()
    trial.run()
    listed = []
    listing = trial.store.keys

    def keys(prefix, after=""):
        listed.append(prefix)
        return listing(prefix, after)

    trial.store.keys = keys
    trial.run()
    assert listed.count("cost_data/lenses/record-type/") <= 3
