from datetime import date
from decimal import Decimal

import pytest
from botocore.exceptions import ClientError, ConnectTimeoutError, EndpointConnectionError, NoCredentialsError
from botocore.parsers import ResponseParserError
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.fakes import DEV, EC2, NOW, PROD, S3, FakeCostExplorer, ago, report

from farthing.errors import (
    AccessError,
    AmountError,
    AnswerError,
    CredentialsError,
    CurrencyError,
    DataUnavailableError,
    RequestCapError,
    RequestError,
    UnreachableError,
)
from farthing.ledger.reports import encode_report
from farthing.model import Period
from farthing.sources.cost_explorer import COLUMNS, COST_METRICS, CostExplorerAnswer, CostExplorerSource

PERIOD = Period(ago(3), ago(0))
BILL = {
    ago(3): {(EC2, PROD): "10.5", (S3, PROD): "0.25", (EC2, DEV): "-1"},
    ago(2): {(EC2, PROD): "11", (S3, DEV): "1E-7"},
    ago(1): {(EC2, PROD): "12", (S3, PROD): "0"},
}


def fetched(client, *, max_requests=100, period=PERIOD):
    answer = CostExplorerSource(client).fetch(period, max_requests=max_requests, on_page=lambda pages, groups: None)
    return answer, list(answer.reports(NOW))


def test_one_query_asks_for_everything():
    client = FakeCostExplorer(BILL)
    answer, reports = fetched(client)
    (request,) = client.requests
    assert request["TimePeriod"] == {"Start": "2026-11-20", "End": "2026-11-23"}
    assert set(request["Metrics"]) == set(COST_METRICS)
    assert [group["Key"] for group in request["GroupBy"]] == ["SERVICE", "LINKED_ACCOUNT"]
    assert (answer.billed_requests, answer.groups, answer.request_ids) == (1, 7, ["request-1"])
    assert [one.date for one in reports] == [ago(3), ago(2), ago(1)]
    assert [one.totals["BilledCost"] for one in reports] == [Decimal("9.75"), Decimal("11.0000001"), 12]
    assert set(reports[0].metrics) == set(COLUMNS)
    assert {charge.sub_account_id: charge.sub_account_name for charge in reports[0].charges} == {
        PROD: "prod",
        DEV: None,
    }


@given(
    st.dictionaries(
        st.sampled_from([ago(days) for days in (1, 2, 3)]),
        st.dictionaries(
            st.tuples(st.sampled_from("abcdef"), st.sampled_from([PROD, DEV])),
            st.decimals(-1000, 1000, places=10).map(lambda amount: format(amount, "f")),
        ),
        min_size=1,
    ),
    st.integers(1, 9),
    st.booleans(),
)
@settings(deadline=None)
def test_any_page_size_and_any_order_of_days_give_the_same_files(bill, page_size, reverse):
    whole = [encode_report(one) for one in fetched(FakeCostExplorer(bill))[1]]
    client = FakeCostExplorer(bill, page_size)
    client.reverse = reverse
    answer, reports = fetched(client)
    assert [encode_report(one) for one in reports] == whole
    assert (
        answer.billed_requests
        == len(client.requests)
        == max(1, -(-sum(max(1, len(d)) for d in bill.values()) // page_size))
    )


def test_every_page_after_the_first_repeats_the_request_with_its_token():
    client = FakeCostExplorer(BILL, page_size=2)
    answer, _ = fetched(client)
    first, *others = client.requests
    assert answer.billed_requests == 4
    assert answer.page_size_seen == 2
    for number, request in enumerate(others, 1):
        assert request == {**first, "NextPageToken": str(number * 2)}


def test_the_cap_keeps_complete_days_only():
    answer, reports = fetched(FakeCostExplorer(BILL, page_size=2), max_requests=2)
    assert isinstance(answer.failure, RequestCapError)
    assert "FARTHING_MAX_BILLED_REQUESTS" in str(answer.failure)
    assert answer.billed_requests == 2
    assert [one.date for one in reports] == [ago(3)]


def test_a_failure_between_pages_keeps_complete_days_only():
    client = FakeCostExplorer(BILL, page_size=2)
    client.raises[3] = client_error("ThrottlingException", 400)
    answer, reports = fetched(client)
    assert isinstance(answer.failure, UnreachableError)
    assert [one.date for one in reports] == [ago(3)]
    unordered = FakeCostExplorer(BILL, page_size=2)
    unordered.reverse = True
    unordered.raises[4] = client_error("ThrottlingException", 400)
    assert fetched(unordered)[1] == []


def client_error(code, status=400):
    answer = {"Error": {"Code": code, "Message": f"AWS says\n {code}."}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(answer, "GetCostAndUsage")


@pytest.mark.parametrize(
    ("raised", "kind", "words"),
    [
        (NoCredentialsError(), CredentialsError, "AWS_PROFILE"),
        (client_error("ExpiredTokenException"), CredentialsError, "expired"),
        (client_error("UnrecognizedClientException"), CredentialsError, "does not know"),
        (client_error("AccessDeniedException"), AccessError, "ce:GetCostAndUsage"),
        (client_error("DataUnavailableException"), DataUnavailableError, "24 h"),
        (client_error("BillingViewHealthStatusException"), DataUnavailableError, "no data"),
        (client_error("BillExpirationException"), RequestError, "later start"),
        (client_error("ValidationException"), RequestError, "AWS says ValidationException"),
        (client_error("ResourceNotFoundException"), RequestError, "ResourceNotFoundException"),
        (client_error("LimitExceededException"), UnreachableError, "busy"),
        (client_error("SomethingNew", 503), UnreachableError, "busy"),
        (client_error("InvalidNextTokenException"), AnswerError, "run again"),
        (client_error("RequestChangedException"), AnswerError, "run again"),
        (EndpointConnectionError(endpoint_url="https://ce"), UnreachableError, "network"),
        (ConnectTimeoutError(endpoint_url="https://ce"), UnreachableError, "network"),
        (ResponseParserError("Unable to parse response (no element found), invalid XML"), AnswerError, "proxy"),
    ],
)
def test_each_error_is_one_sentence_with_the_way_out(raised, kind, words):
    client = FakeCostExplorer(BILL)
    client.raises[1] = raised
    with pytest.raises(kind) as caught:
        fetched(client)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)
    assert caught.value.__cause__ is raised
    assert client.requests == []


class _Answers:
    """Answers these pages, one after the other."""

    def __init__(self, *pages):
        self._pages = list(pages)

    def get_cost_and_usage(self, **_):
        return self._pages.pop(0)


def page(groups, day="2026-11-22", **extra):
    rows = [
        {
            "Keys": [service, account],
            "Metrics": {metric: {"Amount": amount, "Unit": unit} for metric, amount, unit in metrics},
        }
        for service, account, metrics in groups
    ]
    period = {"Start": day, "End": "2026-11-23"}
    return {"ResultsByTime": [{"TimePeriod": period, "Groups": rows, "Total": {}, "Estimated": False}], **extra}


def test_gross_stands_in_where_net_is_absent_and_what_was_not_recorded_is_left_out():
    _, (one,) = fetched(_Answers(page([("a", PROD, [("UnblendedCost", "3.25", "USD")])])))
    assert one.metrics == ("BilledCost", "x_UnblendedCost")
    assert one.charges[0].amounts == (Decimal("3.25"), Decimal("3.25"))
    assert one.estimated is False


def test_net_comes_before_gross():
    metrics = [("UnblendedCost", "3", "USD"), ("NetUnblendedCost", "2", "USD"), ("NetAmortizedCost", "1", "USD")]
    _, (one,) = fetched(_Answers(page([("a", PROD, metrics)])))
    assert (one.total("BilledCost"), one.total("EffectiveCost"), one.total("x_UnblendedCost")) == (2, 1, 3)


UNBLENDED = [("UnblendedCost", "1", "USD")]


@pytest.mark.parametrize(
    ("pages", "kind", "words"),
    [
        (
            [page([("a", PROD, UNBLENDED), ("a", PROD, UNBLENDED)])],
            AnswerError,
            "a in 111122223333 on 2026-11-22 twice",
        ),
        ([page([("a", PROD, UNBLENDED), ("b", PROD, [("BlendedCost", "1", "USD")])])], AnswerError, "with the metrics"),
        ([page([("a", PROD, [("BlendedCost", "1", "USD")])])], AnswerError, "neither"),
        ([page([("a", PROD, [("UnblendedCost", "1E-19", "USD")])])], AmountError, "a in 111122223333 on 2026-11-22"),
        ([page([("a", PROD, UNBLENDED), ("b", PROD, [("UnblendedCost", "1", "EUR")])])], CurrencyError, "EUR and USD"),
        ([{}], AnswerError, "documented fields"),
        ([{"ResultsByTime": [{"TimePeriod": {"Start": "soon"}}]}], AnswerError, "documented fields"),
        ([page([("a", PROD, UNBLENDED)], NextPageToken="t")] * 2, AnswerError, "same page twice"),
    ],
)
def test_an_answer_that_contradicts_itself_is_refused_and_its_requests_counted(pages, kind, words):
    answer = CostExplorerSource(_Answers(*pages)).fetch(PERIOD, max_requests=9, on_page=lambda pages, groups: None)

    def read():
        if answer.failure:
            raise answer.failure
        kept = list(answer.reports(NOW))
        if answer.refused:
            raise answer.refused[0]
        return kept

    with pytest.raises(kind) as caught:
        read()
    assert words in str(caught.value)
    assert answer.billed_requests == len(pages)


def test_a_day_without_charges_is_a_report_of_zero():
    _, reports = fetched(FakeCostExplorer({ago(1): {}}))
    assert [(one.total(), one.currency, one.charges) for one in reports] == [(0, "USD", ())]


def test_the_billing_view_is_asked_for():
    client = FakeCostExplorer(BILL)
    source = CostExplorerSource(client, billing_view_arn="arn:aws:billing::1:billingview/x")
    source.fetch(PERIOD, max_requests=1, on_page=lambda pages, groups: None)
    assert client.requests[0]["BillingViewArn"] == "arn:aws:billing::1:billingview/x"


def test_an_answer_takes_pages_without_a_client():
    answer = CostExplorerAnswer(report(date(2026, 1, 1), {}).source)
    answer.add(page([("a", PROD, UNBLENDED)]), last=False)
    answer.add(page([("b", PROD, UNBLENDED)]), last=True)
    (one,) = answer.reports(NOW)
    assert [charge.service_name for charge in one.charges] == ["a", "b"]
