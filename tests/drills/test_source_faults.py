"""A Cost Explorer that fails at any page: complete days are kept, the run fails clearly, the next one completes."""

import json
from datetime import timedelta

import pytest
from botocore.exceptions import (
    ClientError,
    EndpointConnectionError,
    IncompleteReadError,
    NoCredentialsError,
    ReadTimeoutError,
    SSLError,
)
from botocore.parsers import ResponseParserError
from tests.drills import places
from tests.drills.places import BREACHES
from tests.drills.planted import require_clean
from tests.fakes import FakeCostExplorer, RecordingChannel, ago, workplace
from tests.unit.test_cost_explorer import client_error

from farthing import errors
from farthing.collect import collect
from farthing.ledger.folder import FolderStore

URL = "https://ce.us-east-1.amazonaws.com/"
FAULTS = {
    "throttled": (client_error("ThrottlingException"), errors.UnreachableError),
    "limit exceeded": (client_error("LimitExceededException"), errors.UnreachableError),
    "service broken": (client_error("InternalFailure"), errors.UnreachableError),
    "expired": (client_error("ExpiredTokenException"), errors.CredentialsError),
    "denied": (client_error("AccessDeniedException"), errors.AccessError),
    "no data": (client_error("DataUnavailableException"), errors.DataUnavailableError),
    "page lost": (client_error("RequestChangedException"), errors.AnswerError),
    "token lost": (client_error("InvalidNextTokenException"), errors.AnswerError),
    "no credentials": (NoCredentialsError(), errors.CredentialsError),
    "no network": (EndpointConnectionError(endpoint_url=URL), errors.UnreachableError),
    "no answer": (ReadTimeoutError(endpoint_url=URL), errors.UnreachableError),
    "no trust": (SSLError(endpoint_url=URL, error="certificate verify failed"), errors.UnreachableError),
    "a proxy's page": (ResponseParserError("Unable to parse response: '<html>'"), errors.AnswerError),
    "half a body": (IncompleteReadError(actual_bytes=10, expected_bytes=99), errors.SourceError),
}
PAGES = 3
"""14 rows of a window of 7 days, 5 to a page."""


@pytest.fixture
def home(tmp_path):
    return places.filled(tmp_path / "ledger")


def _run(home, slack, raises, minutes=0):
    client = FakeCostExplorer(places.after(), page_size=5)
    client.raises = raises
    place = workplace(
        client,
        FolderStore(home),
        slack,
        clock=lambda: places.TOMORROW + timedelta(minutes=minutes),
        **places.SETTINGS,
    )
    return collect(place, invocation="the event"), client


@pytest.mark.parametrize("page", range(1, PAGES + 1))
@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_at_any_page_keeps_complete_days_and_the_next_run_completes(home, name, page, caplog):
    fault, kind = FAULTS[name]
    caplog.set_level("DEBUG")
    slack = RecordingChannel()
    before = places.reports(home)
    result, client = _run(home, slack, {page: fault})
    assert isinstance(result.failures[0], kind)
    with pytest.raises(kind) as caught:
        result.require_success()
    assert caught.value.__cause__ is fault
    assert "\n" not in str(caught.value)
    assert result.record.stage == "started"
    assert result.record.billed_requests == len(client.requests) == page - 1

    now = places.reports(home)
    expected = places.expected_reports()
    written = {day for day in now if now[day] != before.get(day)}
    assert all(now[day] == expected[day] for day in written), "a day is as it was, or whole"
    # Pages of 5 rows: the second holds the days up to 20 November whole, only the third ends the newest day.
    assert written == ({ago(3)} if page == 3 else set())
    told = {(alert.rule, alert.day) for message in slack.sent for alert in message}
    assert told == {alert for alert in BREACHES if alert[1] in written}, "what is stored is judged, and told"
    (record,) = [path for path in (home / "cost_data" / "runs").iterdir() if "20261124" in path.name]
    assert json.loads(record.read_bytes())["errors"] == [str(result.failures[0])]

    again, client = _run(home, slack, {}, minutes=2)
    assert again.failures == ()
    assert again.record.billed_requests == len(client.requests) == PAGES, "nothing was stored as a whole: all is asked"
    assert places.reports(home) == expected
    assert places.states(home) == dict.fromkeys(BREACHES, "sent")
    everything = sorted((alert.rule, alert.day) for message in slack.sent for alert in message)
    assert everything == sorted(BREACHES)
    assert require_clean(errors=list(result.failures), log=caplog.text, ledger=home) > 0


def test_an_answer_that_no_list_knows_is_still_one_clear_line(home):
    strange = ClientError({"Error": {"Code": "Odd", "Message": "two\nlines"}}, "GetCostAndUsage")
    result, _ = _run(home, RecordingChannel(), {1: strange})
    assert str(result.failures[0]) == "Cost Explorer refuses the request (Odd): two lines"
