"""Reconciling: the pure comparison, the questions, what is read from the ledger, and the command."""

import json
from datetime import timedelta
from decimal import Decimal
from fractions import Fraction

import msgspec
import pytest
from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st
from tests.fakes import DEV, EC2, NOW, PROD, S3, TODAY, MemoryStore, ago, report

from farthing import cli
from farthing.app import App
from farthing.errors import AccessError, AmountError, AnswerError, CurrencyError, RequestCapError
from farthing.ledger.folder import FolderStore
from farthing.ledger.proofs import Reconciled, Unequal, keep, last
from farthing.ledger.reports import Reports, encode_report, key_of, lens_prefix
from farthing.ledger.runs import Runs
from farthing.ledger.totals import last_asked, lens_names, stored_days
from farthing.model import Period, RunRecord, Source
from farthing.reconcile import (
    AskedDay,
    LeftOut,
    RecordType,
    StoredDay,
    UnreadableDay,
    command_for_all,
    compare,
    contradictions,
    left_out,
    prove,
)
from farthing.sources.cost_explorer import COST_METRICS
from farthing.sources.totals import TotalsSource

WEEK = Period(ago(7), TODAY)
COLLECTED = Period(ago(14), TODAY)


def stored(days, amount="10", **changes):
    fields = {
        "day": ago(days),
        "currency": "USD",
        "totals": {"BilledCost": Decimal(amount), "EffectiveCost": Decimal(9)},
        "collected_at": NOW - timedelta(days=1),
        **changes,
    }
    return StoredDay(**fields)


def asked(days, amount="10", currency="USD", **changes):
    totals = {"BilledCost": Decimal(amount), "EffectiveCost": Decimal(9)}
    return AskedDay(**{"day": ago(days), "currency": currency, "estimated": True, "totals": totals, **changes})


def proof_of(ours, theirs, record_types=None, whole=None, days=1, lenses_collected=None):
    day = ago(days)
    if record_types is None:
        record_types = [RecordType("Usage", one.currency, one.totals) for one in theirs]
    return prove(
        Period.of_day(day),
        ours,
        {one.day: one for one in theirs},
        record_types,
        whole,
        now=NOW,
        collected=COLLECTED,
        lenses_collected=lenses_collected or {},
    )


# The pure comparison


def test_equal_days_prove_the_ledger():
    proof = proof_of([stored(1)], [asked(1, "10.00")])
    assert proof.equal
    assert [(day.state, day.why, day.mend) for day in proof.days] == [("equal", "", "")]
    assert {one.metric: one.difference for one in proof.days[0].metrics} == {"BilledCost": 0, "EffectiveCost": 0}


def test_a_difference_in_the_last_decimal_is_found_and_exact():
    proof = proof_of([stored(5, "10.000000000000000001")], [asked(5, "10")], days=5)
    assert not proof.equal
    (day,) = proof.days
    assert day.state == "differs"
    assert {one.metric: (one.state, one.difference) for one in day.metrics} == {
        "BilledCost": ("differs", Decimal("-1E-18")),
        "EffectiveCost": ("equal", Decimal(0)),
    }


def test_a_day_that_the_ledger_lacks_says_what_brings_it():
    (day,) = proof_of([], [asked(1)]).days
    assert (day.state, day.mend) == ("not in the ledger", "farthing collect")
    assert "no run has brought this day" in day.why


def test_a_day_that_was_not_answered_is_not_called_equal_and_nothing_mends_it():
    proof = proof_of([stored(1)], [])
    assert not proof.equal
    assert (proof.days[0].state, proof.days[0].mend) == ("not answered", "")


def test_two_currencies_are_named_and_never_subtracted():
    proof = proof_of([stored(1)], [asked(1, currency="EUR")])
    (day,) = proof.days
    assert day.state == "other currency"
    assert "the ledger has USD, the source answers EUR" in day.why
    assert {one.difference for one in day.metrics} == {None}
    assert proof.sums == ()


def test_a_metric_that_only_one_side_has_is_named():
    ours = stored(3, totals={"BilledCost": Decimal(1), "x_BlendedCost": Decimal(1)})
    theirs = asked(3, totals={"BilledCost": Decimal(1), "EffectiveCost": Decimal(1)})
    state, metrics = compare(ours, theirs)
    assert state == "not in the ledger"
    assert {one.metric: one.state for one in metrics} == {
        "BilledCost": "equal",
        "EffectiveCost": "not in the ledger",
        "x_BlendedCost": "not answered",
    }
    (day,) = proof_of([ours], [theirs], days=3).days
    assert day.why == "the report was written from an answer with other metrics"


@pytest.mark.parametrize(
    ("days", "changes", "told"),
    [
        (1, {}, "still fills up (it is younger than 48 h after its end)"),
        (5, {"collected_at": NOW - timedelta(days=4)}, "last asked for it 4 days ago: most likely AWS has restated it"),
        (5, {"asked_at": NOW - timedelta(hours=20)}, "last asked for it 20 hours ago"),
        (5, {"asked_at": NOW - timedelta(minutes=5)}, "less than an hour ago, too lately for a restatement"),
    ],
)
def test_a_difference_comes_with_its_likely_reason(days, changes, told):
    (day,) = proof_of([stored(days, "11", **changes)], [asked(days)], days=days).days
    assert told in day.why
    assert day.mend == "farthing collect"


@pytest.mark.parametrize(("estimated", "told"), [(True, True), (False, False)])
def test_a_month_that_is_not_invoiced_is_part_of_the_reason(estimated, told):
    (day,) = proof_of([stored(5, "11")], [asked(5, estimated=estimated)], days=5).days
    assert ("its month is not invoiced yet" in day.why) is told


def test_days_that_the_daily_run_does_not_reach_are_mended_by_a_backfill():
    for days, mend in ((14, "farthing collect"), (15, f"farthing backfill --start {ago(15)} --end {ago(14)}")):
        (day,) = proof_of([], [asked(days)], days=days).days
        assert day.mend == mend


def test_one_command_mends_all_that_can_be_mended():
    (reached,) = proof_of([], [asked(1)]).days
    (early,) = proof_of([], [asked(20)], days=20).days
    (unproved,) = proof_of([stored(3)], [], days=3).days
    assert command_for_all([reached, unproved]) == "farthing collect"
    assert command_for_all([reached, early]) == f"farthing backfill --start {ago(20)} --end {TODAY}"
    assert command_for_all([unproved]) == ""
    # The day's own report is within reach of the daily run, that of a lens is not.
    of_lens = msgspec.structs.replace(reached, lens="region", mend="farthing backfill --start a --end b")
    assert command_for_all([of_lens, reached]) == f"farthing backfill --start {ago(1)} --end {TODAY}"


def test_an_unreadable_report_is_named_and_the_other_days_go_on():
    theirs = {ago(1): asked(1), ago(2): asked(2)}
    types = [RecordType("Usage", "USD", {"BilledCost": Decimal(20), "EffectiveCost": Decimal(18)})]
    proof = prove(
        Period(ago(2), TODAY),
        [UnreadableDay(ago(2), "that file is broken"), stored(1)],
        theirs,
        types,
        None,
        now=NOW,
        collected=COLLECTED,
        lenses_collected={},
    )
    assert [(day.state, day.why) for day in proof.days] == [("unreadable", "that file is broken"), ("equal", "")]
    assert not proof.equal


def test_a_lens_that_tells_another_total_is_named():
    same, other = stored(1, lens="region"), stored(1, "10.1", lens="tag-team")
    proof = proof_of([stored(1), same, other], [asked(1)])
    assert [(one.lens, one.state) for one in proof.lenses] == [("tag-team", "differs")]
    assert proof.lenses[0].metrics[0].difference == Decimal("0.1")
    assert proof.lenses_seen == {"region": 1, "tag-team": 1}
    assert not proof.equal
    assert proof_of([stored(1), same], [asked(1)]).equal


@pytest.mark.parametrize(
    ("lens", "state", "why"),
    [
        (UnreadableDay(ago(1), "broken lens", "region"), "unreadable", "broken lens"),
        (stored(1, currency="EUR", lens="region"), "other currency", "the lens is in EUR, the day's report in USD"),
    ],
)
def test_a_lens_that_cannot_be_compared_is_named(lens, state, why):
    (one,) = proof_of([stored(1), lens], [asked(1)]).lenses
    assert (one.state, one.why) == (state, why)


def test_a_lens_of_a_day_that_the_ledger_lacks_is_named():
    (one,) = proof_of([stored(1, lens="region")], [asked(1)]).lenses
    assert one.state == "not in the ledger"


@pytest.mark.parametrize(
    ("days", "window", "mend"),
    [
        (3, Period(ago(3), TODAY), "farthing collect"),
        (3, Period(ago(2), TODAY), f"farthing backfill --start {ago(3)} --end {ago(2)}"),
        (3, None, f"farthing backfill --start {ago(3)} --end {ago(2)}"),
        # The lens would be asked for it again, the day itself would not: the two would differ as before.
        (20, Period(ago(30), TODAY), f"farthing backfill --start {ago(20)} --end {ago(19)}"),
    ],
)
def test_a_lens_is_mended_by_the_daily_run_only_where_it_asks_that_lens_for_the_day(days, window, mend):
    windows = {"region": window} if window else {}
    other = stored(days, "11", lens="region")
    (one,) = proof_of([stored(days), other], [asked(days)], days=days, lenses_collected=windows).lenses
    assert (one.state, one.mend) == ("differs", mend)


@pytest.mark.parametrize(
    ("amount", "state", "equal"),
    [("10.0000000001", "rounding", True), ("9.990000001", "rounding", True), ("10.01", "differs", False)],
)
def test_a_lens_that_differs_by_less_than_a_cent_was_rounded_and_is_no_failure(amount, state, equal):
    proof = proof_of([stored(3), stored(3, amount, lens="region")], [asked(3)], days=3)
    (one,) = proof.lenses
    assert one.state == state
    assert proof.equal is equal
    assert (one.mend == "") is equal


def test_a_metric_that_a_lens_lacks_is_not_taken_for_rounding():
    lens = stored(3, totals={"BilledCost": Decimal("10.001")}, lens="region")
    proof = proof_of([stored(3), lens], [asked(3)], days=3)
    assert [one.state for one in proof.lenses] == ["differs"]
    assert not proof.equal


def test_a_lens_of_a_day_that_cannot_be_read_is_not_named_beside_it():
    proof = proof_of([UnreadableDay(ago(1), "broken"), stored(1, lens="region")], [asked(1)])
    assert [day.state for day in proof.days] == ["unreadable"]
    assert proof.lenses == ()


def test_record_types_that_do_not_add_up_are_a_contradiction():
    wrong = [RecordType("Usage", "USD", {"BilledCost": Decimal("9.5"), "EffectiveCost": Decimal(9)})]
    proof = proof_of([stored(1)], [asked(1)], wrong)
    assert not proof.equal
    assert proof.contradictions == contradictions([asked(1)], wrong)
    assert "add up to 9.5 USD BilledCost, the ungrouped total is 10 USD" in proof.contradictions[0]
    assert len(proof.contradictions) == 1


def test_what_a_scope_leaves_out_is_listed_to_the_last_decimal():
    def type_(name, amount):
        return RecordType(name, "USD", {"BilledCost": Decimal(amount)})

    whole = [type_("Usage", "10.0000000001"), type_("Tax", "2"), type_("Credit", "-3"), type_("RIFee", "4")]
    assert left_out(whole, [type_("Usage", "10"), type_("RIFee", "4")]) == (
        LeftOut("Usage", "USD", False, {"BilledCost": Decimal("0.0000000001")}),
        LeftOut("Tax", "USD", True, {"BilledCost": Decimal(2)}),
        LeftOut("Credit", "USD", True, {"BilledCost": Decimal(-3)}),
    )


amounts = st.decimals(min_value=-(10**12), max_value=10**12, places=18, allow_nan=False, allow_infinity=False)
sides = st.dictionaries(
    st.integers(1, 7), st.tuples(st.sampled_from(["USD", "EUR"]), amounts, st.sampled_from(["BilledCost", "x_More"]))
)


@given(ours=sides, theirs=sides)
def test_differences_add_up(ours, theirs):
    left = [stored(n, currency=c, totals={m: a, "EffectiveCost": a}) for n, (c, a, m) in ours.items()]
    right = {ago(n): asked(n, currency=c, totals={m: a, "EffectiveCost": a}) for n, (c, a, m) in theirs.items()}
    proof = prove(WEEK, left, right, [], None, now=NOW, collected=COLLECTED, lenses_collected={})
    assert len(proof.days) == 7
    for one in proof.sums:
        compared = [
            metric
            for day in proof.days
            if day.stored_currency == day.asked_currency == one.currency
            for metric in day.metrics
            if metric.metric == one.metric and metric.stored is not None and metric.asked is not None
        ]
        # Fractions never round: Decimal's own context would, at 28 digits.
        assert Fraction(one.difference) == sum((Fraction(metric.difference) for metric in compared), Fraction(0))
        assert Fraction(one.asked) == Fraction(one.stored) + Fraction(one.difference)
        assert Fraction(one.stored) == sum((Fraction(metric.stored) for metric in compared), Fraction(0))
    both = {n for n in ours if n in theirs and ours[n][0] == theirs[n][0]}
    assert {one.currency for one in proof.sums} == {ours[n][0] for n in both}


# The questions


class FakeTotals:
    """Adds a bill up by itself: day -> record type -> amount. With a filter only ``kept`` types are there."""

    def __init__(self, bill, page_size=100, kept=("Usage",), currency="USD"):
        self.bill, self.page_size, self.kept, self.currency = bill, page_size, kept, currency
        self.requests = []
        self.metrics: tuple[str, ...] = COST_METRICS
        self.raises = {}

    def get_cost_and_usage(self, **request):
        number = len(self.requests) + 1
        if number in self.raises:
            raise self.raises[number]
        self.requests.append(request)
        flat = []
        for day, types in sorted(self.bill.items()):
            if not request["TimePeriod"]["Start"] <= day.isoformat() < request["TimePeriod"]["End"]:
                continue
            types = {name: text for name, text in types.items() if "Filter" not in request or name in self.kept}
            result = {
                "TimePeriod": {"Start": day.isoformat(), "End": "-"},
                "Estimated": True,
                "Groups": [],
                "Total": {},
            }
            if "GroupBy" not in request:
                flat.append({**result, "Total": self._spelled(sum(map(Decimal, types.values()), Decimal(0)))})
                continue
            for name, text in sorted(types.items()):
                flat.append({**result, "Groups": [{"Keys": [name], "Metrics": self._spelled(text)}]})
        place = int(request.get("NextPageToken", 0))
        answer = {
            "ResultsByTime": flat[place : place + self.page_size],
            "ResponseMetadata": {"RequestId": f"r{number}"},
        }
        more = place + self.page_size < len(flat)
        return {**answer, "NextPageToken": str(place + self.page_size)} if more else answer

    def _spelled(self, amount):
        return {metric: {"Amount": str(amount), "Unit": self.currency} for metric in self.metrics}


BILL = {
    ago(2): {"Usage": "10.0000000001", "Tax": "1.5"},
    ago(1): {"Usage": "20", "Credit": "-3", "SavingsPlan Upfront Fee": "7"},
}
TWO_DAYS = Period(ago(2), TODAY)


def test_totals_are_asked_ungrouped_and_over_all_pages():
    client = FakeTotals(BILL, page_size=1)
    source = TotalsSource(client, billing_view_arn="arn:view")
    days = source.days(TWO_DAYS, max_requests=10)
    assert {day: one.totals["BilledCost"] for day, one in days.items()} == {
        ago(2): Decimal("11.5000000001"),
        ago(1): Decimal(24),
    }
    assert source.billed_requests == 2
    assert source.request_ids == ["r1", "r2"]
    assert all("GroupBy" not in request and "Filter" not in request for request in client.requests)
    assert all(request["BillingViewArn"] == "arn:view" for request in client.requests)
    assert client.requests[1]["NextPageToken"] == "1"
    assert client.requests[0]["Metrics"] == list(COST_METRICS)


def test_record_types_are_summed_over_days_and_pages_as_aws_spells_them():
    source = TotalsSource(FakeTotals(BILL, page_size=2))
    types = source.record_types(TWO_DAYS, scoped=True, max_requests=10)
    assert {one.name: one.totals["BilledCost"] for one in types} == {
        "Credit": Decimal(-3),
        "SavingsPlan Upfront Fee": Decimal(7),
        "Tax": Decimal("1.5"),
        "Usage": Decimal("30.0000000001"),
    }


def test_the_scope_is_the_filter_unless_the_whole_bill_is_meant():
    client = FakeTotals(BILL)
    source = TotalsSource(client, scope="tag:team=core")
    assert [one.name for one in source.record_types(TWO_DAYS, scoped=True, max_requests=10)] == ["Usage"]
    assert len(source.record_types(TWO_DAYS, scoped=False, max_requests=10)) == 4
    assert client.requests[0]["Filter"] == {"Tags": {"Key": "team", "Values": ["core"]}}
    assert "Filter" not in client.requests[1]


def test_gross_metrics_stand_in_where_net_ones_are_absent():
    client = FakeTotals(BILL)
    client.metrics = ("UnblendedCost",)
    days = TotalsSource(client).days(TWO_DAYS, max_requests=10)
    assert days[ago(1)].totals == {"BilledCost": Decimal(24), "x_UnblendedCost": Decimal(24)}


def test_a_day_without_a_total_is_not_answered():
    client = FakeTotals(BILL)
    client.metrics = ()
    assert TotalsSource(client).days(TWO_DAYS, max_requests=10) == {}


def test_a_part_of_an_answer_proves_nothing():
    source = TotalsSource(FakeTotals(BILL, page_size=1))
    with pytest.raises(RequestCapError, match=r"more than 1 billed request would .* \(\$0.01 each\)"):
        source.days(TWO_DAYS, max_requests=1)
    assert source.billed_requests == 1
    with pytest.raises(RequestCapError, match=r"more than 1 free request would .*_REQUESTS$"):
        TotalsSource(FakeTotals(BILL, page_size=1), kind="simulated").days(TWO_DAYS, max_requests=1)


def test_the_cap_counts_all_questions_together():
    source = TotalsSource(FakeTotals(BILL))
    source.days(TWO_DAYS, max_requests=1)
    with pytest.raises(RequestCapError):
        source.record_types(TWO_DAYS, scoped=True, max_requests=1)


def test_a_refusal_is_explained_and_not_counted():
    client = FakeTotals(BILL)
    client.raises[1] = ClientError({"Error": {"Code": "AccessDeniedException", "Message": "no"}}, "GetCostAndUsage")
    source = TotalsSource(client)
    with pytest.raises(AccessError, match="payer account"):
        source.days(TWO_DAYS, max_requests=10)
    assert source.billed_requests == 0


class Canned:
    def __init__(self, *pages):
        self.pages = list(pages)

    def get_cost_and_usage(self, **request):
        return self.pages.pop(0)


def total(day, amount="1", unit="USD", **more):
    metrics = {"UnblendedCost": {"Amount": amount, "Unit": unit}, **more}
    return {"TimePeriod": {"Start": str(day)}, "Total": metrics}


@pytest.mark.parametrize(
    ("pages", "error", "told"),
    [
        ([{"ResultsByTime": [total(ago(1)), total(ago(1))]}], AnswerError, "twice"),
        ([{"ResultsByTime": [], "NextPageToken": "a"}, {"ResultsByTime": [], "NextPageToken": "a"}], AnswerError, "same page"),
        ([{}], AnswerError, "ResultsByTime"),
        ([{"ResultsByTime": [{"Total": {}}]}], AnswerError, "without a day"),
        ([{"ResultsByTime": [total(ago(1), "1e-19")]}], AmountError, "18 decimals"),
        ([{"ResultsByTime": [total(ago(1), BlendedCost={"Amount": "1", "Unit": "EUR"})]}], CurrencyError, "EUR and USD"),
        ([{"ResultsByTime": [total(ago(1), BlendedCost={"Unit": "USD"})]}], AnswerError, "documented fields"),
    ],
)  # fmt: skip
def test_an_answer_that_contradicts_itself_is_an_error(pages, error, told):
    with pytest.raises(error, match=told):
        TotalsSource(Canned(*pages)).days(TWO_DAYS, max_requests=10)


@pytest.mark.parametrize(
    ("groups", "told"),
    [
        ([{"Keys": ["Tax"], "Metrics": {}}, {"Keys": ["Tax"], "Metrics": {}}], "the record type Tax of .* twice"),
        ([{"Keys": [], "Metrics": {}}], "documented fields"),
    ],
)
def test_groups_that_contradict_themselves_are_an_error(groups, told):
    page = {"ResultsByTime": [{"TimePeriod": {"Start": str(ago(1))}, "Groups": groups}]}
    with pytest.raises(AnswerError, match=told):
        TotalsSource(Canned(page)).record_types(TWO_DAYS, scoped=True, max_requests=10)


# The ledger's side


def run_record(window, at, **changes):
    source = Source("cost-explorer", ("ServiceName", "SubAccountId"))
    fields = {
        "id": "",
        "command": "collect",
        "started_at": at,
        "stage": "finished",
        "source": source,
        "window": window,
        "groups": 5,
        **changes,
    }
    return RunRecord(**fields)


def test_reports_of_the_ledger_and_of_its_lenses_are_read_and_broken_ones_named():
    store = MemoryStore()
    good = report(ago(2), {(EC2, PROD): "5"})
    Reports(store).write(good)
    lens = msgspec.structs.replace(good, source=Source("cost-explorer", ("ServiceName", "RegionId")))
    Reports(store, lens_prefix("region")).write(lens)
    store.create(
        key_of(ago(1)),
        encode_report(report(ago(1), {(S3, DEV): "3"})).replace(b'"BilledCost":"3"', b'"BilledCost":"4"', 1),
    )
    store.create(key_of(ago(9)), b"outside of the period")
    Reports(store, lens_prefix("gone")).write(lens)
    store.create("cost_data/lenses/notes.txt", b"no lens")
    assert lens_names(store) == ["gone", "region"]
    found = list(stored_days(store, TWO_DAYS, ["region"]))
    assert [(one.day, one.lens) for one in found] == [(ago(2), ""), (ago(1), ""), (ago(2), "region")]
    assert found[0].totals["BilledCost"] == 5
    assert isinstance(found[1], UnreadableDay)
    assert f"{ago(1)}.json" in found[1].problem
    assert "add up" in found[1].problem


def test_the_last_question_about_a_day_is_found_in_the_runs():
    store = MemoryStore()
    runs = Runs(store)
    hour = timedelta(hours=1)
    runs.start(run_record(TWO_DAYS, NOW - 4 * hour), "a")
    runs.start(run_record(TWO_DAYS, NOW - 3 * hour, days_missing=(ago(1),)), "b")
    runs.start(run_record(TWO_DAYS, NOW - 2 * hour, groups=0), "only delivered")
    runs.start(run_record(TWO_DAYS, NOW - hour, stage="started"), "broke off")
    assert last_asked(store, TWO_DAYS) == {ago(2): NOW - 3 * hour, ago(1): NOW - 4 * hour}


# The command


@pytest.fixture
def home(tmp_path):
    return tmp_path / "ledger"


@pytest.fixture
def client(monkeypatch):
    fake = FakeTotals(BILL)
    monkeypatch.setattr(App, "cost_explorer", lambda self: fake)
    monkeypatch.setenv("FARTHING_TODAY", TODAY.isoformat())
    return fake


@pytest.fixture
def kept(home):
    """The ledger holds just what the bill says."""
    reports = Reports(FolderStore(home))
    metrics = ("BilledCost", "EffectiveCost", "x_AmortizedCost", "x_BlendedCost", "x_UnblendedCost")
    for day, types in BILL.items():
        day_report = report(day, {(EC2, PROD): str(sum(map(Decimal, types.values())))})
        (charge,) = day_report.charges
        charge = msgspec.structs.replace(charge, amounts=charge.amounts[:1] * 5)
        totals = dict.fromkeys(metrics, charge.amounts[0])
        reports.write(msgspec.structs.replace(day_report, metrics=metrics, totals=totals, charges=(charge,)))
    return home / "cost_data" / "daily"


@pytest.fixture
def farthing(capsys):
    def run(*arguments):
        capsys.readouterr()
        code = cli.run(["reconcile", *arguments])
        said = capsys.readouterr()
        return code, said.out, said.err

    return run


PERIOD = ("--start", str(ago(2)), "--end", str(TODAY))


def test_an_equal_ledger_ends_with_0_and_tells_what_was_billed(farthing, client, kept):
    code, out, err = farthing(*PERIOD, "--yes")
    assert code == 0, out + err
    assert "2 billed requests, about 0.02 USD" in err
    assert "equal to the last decimal: 2 days, BilledCost 35.5000000001 USD" in out
    assert "excluded: none (the ledger has no scope)" in out
    assert "SavingsPlan Upfront Fee" in out
    assert out.rstrip().endswith("2 billed requests, 0.02 USD")


def test_without_a_terminal_and_yes_nothing_is_asked(farthing, client, kept):
    code, out, err = farthing(*PERIOD)
    assert code == 2
    assert "nothing was asked: say --yes" in err
    assert client.requests == []
    assert out == ""


def test_nothing_is_written_but_the_result(farthing, client, kept, home):
    before = {path: path.read_bytes() for path in home.rglob("*") if path.is_file()}
    farthing(*PERIOD, "--yes")
    after = {path: path.read_bytes() for path in home.rglob("*") if path.is_file()}
    assert [path.relative_to(home).as_posix() for path in after.keys() - before.keys()] == [
        "state/reconciled/cost-explorer.json"
    ]
    assert before.items() <= after.items()


def test_the_last_result_is_kept_without_asking_again(farthing, client, kept, home):
    store = FolderStore(home)
    assert last(store) == []
    farthing(*PERIOD, "--yes")
    (found,) = last(store)
    assert (found.against, found.equal, found.period, found.unequal, found.mend) == (
        "cost-explorer",
        True,
        Period(ago(2), TODAY),
        (),
        "",
    )
    assert found.verdict.startswith("equal to the last decimal: 2 days")
    path = kept / f"{ago(2)}.json"
    path.write_text(path.read_text().replace('"11.5000000001"', '"11.5000000002"'))
    farthing(*PERIOD, "--yes")
    (found,) = last(store)
    assert not found.equal
    assert [(one.day, one.state) for one in found.unequal] == [(ago(2), "differs")]
    assert found.mend == "farthing collect"
    assert found.verdict.startswith("not equal: 1 day differs")


def test_a_day_that_differs_is_not_forgotten_when_other_days_are_held_against():
    store = MemoryStore()

    def proved(period, *days):
        keep(store, Reconciled(
            against="cost-explorer", at=NOW, period=period, equal=not days, verdict="so it is",
            unequal=tuple(Unequal(day, "restated", "why") for day in days), mend="farthing backfill" if days else "",
        ))  # fmt: skip
        (found,) = last(store)
        return found.equal, [one.day for one in found.unequal], found.mend

    assert proved(Period(ago(14), ago(7)), ago(9)) == (False, [ago(9)], "farthing backfill")
    assert proved(Period(ago(7), TODAY)) == (False, [ago(9)], "farthing backfill")
    assert proved(Period(ago(7), TODAY), ago(2)) == (False, [ago(2), ago(9)], "farthing backfill")
    assert "1 day differed when last looked at" in last(store)[0].verdict
    assert proved(Period(ago(14), TODAY)) == (True, [], "")


def test_a_result_that_cannot_be_kept_or_read_spoils_no_proof(farthing, client, kept, home, capsys):
    place = home / "state" / "reconciled"
    place.parent.mkdir()
    place.write_text("")  # a file where the folder should be
    code, out, _ = farthing(*PERIOD, "--yes")
    assert code == 0
    assert "equal to the last decimal" in out
    place.unlink()
    place.mkdir()
    (place / "exports.json").write_text("{")
    assert last(FolderStore(home)) == []
    assert "reconcile again" in capsys.readouterr().err


def test_a_tampered_a_broken_and_a_missing_day_are_told_apart(farthing, client, kept):
    client.bill = {**BILL, ago(4): {"Usage": "1"}, ago(3): {"Usage": "1"}}
    path = kept / f"{ago(2)}.json"
    path.write_text(path.read_text().replace('"11.5000000001"', '"11.5000000002"'))
    (kept / f"{ago(3)}.json").write_text("{")
    code, out, _ = farthing("--start", str(ago(4)), "--end", str(TODAY), "--yes")
    assert code == 1
    assert "differs by -0.0000000001" in out
    assert f"{ago(3)} cannot be read: " in out
    assert f"{ago(4)} is not in the ledger: no run has brought this day into the ledger" in out
    assert "Bring 2 days up to date: `farthing collect`" in out
    assert "not equal: 1 day is not in the ledger; 1 day cannot be read; 1 day differs; 1 of 4 days equal" in out


def test_json_holds_the_exact_proof(farthing, client, kept):
    path = kept / f"{ago(2)}.json"
    path.write_text(path.read_text().replace('"11.5000000001"', '"11.5000000002"'))
    code, out, _ = farthing(*PERIOD, "--yes", "--json")
    document = json.loads(out)
    assert code == 1
    assert document["equal"] is False
    assert document["billed_requests"] == 2
    assert document["request_ids"] == ["r1", "r2"]
    assert document["period"] == {"start": str(ago(2)), "end": str(TODAY)}
    first, second = document["days"]
    assert (first["state"], second["state"]) == ("differs", "equal")
    assert first["metrics"]["BilledCost"] == {
        "state": "differs",
        "ledger": "11.5000000002",
        "source": "11.5000000001",
        "difference": "-0.0000000001",
    }
    assert {one["metric"]: one["difference"] for one in document["sums"]}["BilledCost"] == "-0.0000000001"
    assert {one["record_type"] for one in document["record_types"]} == {
        "Credit",
        "SavingsPlan Upfront Fee",
        "Tax",
        "Usage",
    }


def test_with_a_scope_everything_that_it_leaves_out_is_listed(farthing, client, home, monkeypatch):
    monkeypatch.setenv("FARTHING_SCOPE", "tag:team=core")
    source = Source("cost-explorer", ("ServiceName", "SubAccountId"), "tag:team=core")
    day_report = report(ago(2), {(EC2, PROD): "10.0000000001"}, source=source)
    Reports(FolderStore(home)).write(day_report)
    client.metrics = ("NetUnblendedCost", "NetAmortizedCost")
    code, out, err = farthing("--start", str(ago(2)), "--end", str(ago(1)), "--yes")
    assert code == 0, out
    assert "3 billed requests" in err
    assert "excluded by the scope tag:team=core:" in out
    assert "Nothing at all is in the scope of: Tax." in out
    assert "typically fall out of such a scope" in out
    code, out, _ = farthing("--start", str(ago(2)), "--end", str(ago(1)), "--yes", "--json")
    assert json.loads(out)["excluded"] == [
        {
            "record_type": "Tax",
            "currency": "USD",
            "entirely": True,
            "totals": {"BilledCost": "1.5", "EffectiveCost": "1.5"},
        }
    ]


def test_another_scope_than_the_ledgers_is_refused_before_anything_is_billed(farthing, client, kept, monkeypatch):
    monkeypatch.setenv("FARTHING_SCOPE", "tag:team=core")
    code, _, err = farthing(*PERIOD, "--yes")
    assert code == 1
    assert "never mixes scopes" in err
    assert client.requests == []


def test_a_period_that_the_ledger_has_nothing_of_is_not_asked_for(farthing, client, kept):
    code, _, err = farthing("--period", "2026-01", "--yes")
    assert code == 1
    assert "the ledger has no day of 2026-01-01 to 2026-02-01" in err
    assert client.requests == []


@pytest.mark.parametrize("period", ["2026-11-23", "2027"])
def test_days_that_are_not_over_are_not_asked_for(farthing, client, kept, period):
    code, _, err = farthing("--period", period, "--yes")
    assert code == 2
    assert "no day before today" in err


def test_a_period_into_the_future_ends_today(farthing, client, kept):
    code, _, _ = farthing("--start", str(ago(2)), "--end", "2026-12-01", "--yes")
    assert code == 0
    assert client.requests[0]["TimePeriod"] == {"Start": str(ago(2)), "End": str(TODAY)}


def test_the_default_is_the_window_of_the_daily_run(farthing, client, kept):
    farthing("--yes")
    assert client.requests[0]["TimePeriod"] == {"Start": str(ago(14)), "End": str(TODAY)}


def test_what_was_billed_is_told_also_when_a_later_question_fails(farthing, client, kept):
    client.raises[2] = ClientError({"Error": {"Code": "ThrottlingException", "Message": "slow"}}, "GetCostAndUsage")
    code, out, err = farthing(*PERIOD, "--yes")
    assert code == 1
    assert "1 billed request, 0.01 USD" in err
    assert "Cost Explorer is busy" in err
    assert out == ""


def test_two_currencies_stand_beside_their_amounts(farthing, client, kept):
    client.currency = "EUR"
    code, out, _ = farthing(*PERIOD, "--yes")
    assert code == 1
    assert "24.00 USD" in out
    assert "24.00 EUR" in out
    assert "2 days are in another currency" in out
    assert "differs by" not in out


def test_a_simulated_ledger_is_proved_for_nothing_with_its_lenses(capsys, monkeypatch):
    monkeypatch.setenv("FARTHING_TODAY", TODAY.isoformat())
    monkeypatch.setenv("FARTHING_SOURCE", "simulated")
    monkeypatch.setenv("FARTHING_SIMULATED_SIZE", "small")
    monkeypatch.setenv("FARTHING_LENSES", "region,record-type")
    assert cli.run(["backfill", "--start", str(ago(3)), "--yes"]) == 0
    capsys.readouterr()
    assert cli.run(["reconcile", "--start", str(ago(3))]) == 0
    said = capsys.readouterr()
    assert "2 free requests, nothing (simulated)" in said.err
    assert "billed request" not in said.out + said.err
    assert "equal to the last decimal: 3 days and 6 lens reports" in said.out
    assert "2 free requests, nothing was billed" in said.out


def test_a_lens_with_another_total_is_told(capsys, monkeypatch, home):
    test_a_simulated_ledger_is_proved_for_nothing_with_its_lenses(capsys, monkeypatch)
    raise_lens(home, 1, 1)
    assert cli.run(["reconcile", "--start", str(ago(3))]) == 1
    out = capsys.readouterr().out
    assert f"the lens region of {ago(1)} (BilledCost) differs: " in out
    assert "Bring 1 day up to date: `farthing collect`" in out
    assert "not equal: 1 lens report not the same as the day's; 3 of 3 days equal" in out


def raise_lens(home, days, by):
    path = home / "cost_data" / "lenses" / "region" / f"{ago(days)}.json"
    lens = json.loads(path.read_text())
    for place in (lens["totals"], lens["charges"][0]):
        place["BilledCost"] = str(Decimal(place["BilledCost"]) + Decimal(by))
    path.write_text(json.dumps(lens))


def test_a_lens_that_is_kept_no_more_is_said_once_and_not_compared(capsys, monkeypatch, home):
    test_a_simulated_ledger_is_proved_for_nothing_with_its_lenses(capsys, monkeypatch)
    raise_lens(home, 1, 1)
    monkeypatch.setenv("FARTHING_LENSES", "record-type")
    assert cli.run(["reconcile", "--start", str(ago(3))]) == 0
    out = capsys.readouterr().out
    assert out.count("region") == 1
    assert "not compared, because FARTHING_LENSES names them no more: region" in out
    assert "equal to the last decimal: 3 days and 3 lens reports" in out
    assert cli.run(["reconcile", "--start", str(ago(3)), "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["lens_reports"], document["lenses_not_kept"]) == ({"record-type": 3}, ["region"])


def test_rounding_of_a_lens_is_one_line_and_no_failure(capsys, monkeypatch, home):
    test_a_simulated_ledger_is_proved_for_nothing_with_its_lenses(capsys, monkeypatch)
    raise_lens(home, 1, "0.0000000003")
    raise_lens(home, 2, "-0.0000000004")
    assert cli.run(["reconcile", "--start", str(ago(3))]) == 0
    out = capsys.readouterr().out
    told = "the lens region: 2 reports differ from their days by rounding only, at most 0.0000000004 USD: Cost Explorer"
    assert told in out
    assert "3 days and 6 lens reports (2 of them but for rounding)" in out
    assert "Bring" not in out


@pytest.mark.parametrize("left", ["early", "capped"])
def test_the_advice_for_a_lens_works(capsys, monkeypatch, home, left):
    """`farthing collect` would not ask the lens for that day, so the backfill that does is named, and mends it."""
    monkeypatch.setenv("FARTHING_TODAY", TODAY.isoformat())
    monkeypatch.setenv("FARTHING_SOURCE", "simulated")
    monkeypatch.setenv("FARTHING_SIMULATED_SIZE", "small")
    monkeypatch.setenv("FARTHING_LENSES", "region")
    days = 20 if left == "early" else 2
    assert cli.run(["backfill", "--start", str(ago(days + 1)), "--yes"]) == 0
    if left == "capped":
        monkeypatch.setenv("FARTHING_MAX_BILLED_REQUESTS", "1")  # the day itself takes it, none is left for the lens
    raise_lens(home, days, 1)
    capsys.readouterr()
    assert cli.run(["reconcile", "--start", str(ago(days + 1))]) == 1
    out = capsys.readouterr().out
    command = f"farthing backfill --start {ago(days)} --end {ago(days - 1)}"
    assert f"Bring 1 day up to date: `{command}`" in out
    assert cli.run([*command.split()[1:], "--yes"]) == 0
    assert cli.run(["reconcile", "--start", str(ago(days + 1))]) == 0


def test_a_lens_without_a_readable_report_does_not_stop_the_proof(capsys, monkeypatch, home):
    test_a_simulated_ledger_is_proved_for_nothing_with_its_lenses(capsys, monkeypatch)
    for path in (home / "cost_data" / "lenses" / "region").iterdir():
        path.write_text("{")
    assert cli.run(["reconcile", "--start", str(ago(3))]) == 1
    out = capsys.readouterr().out
    assert f"the lens region of {ago(1)} cannot be read" in out
    assert "3 of 3 days equal" in out
