"""A Slack that fails in each way that HTTP knows: the alert is kept, and the next run delivers it once."""

from datetime import timedelta

import pytest
from msgspec.structs import replace
from tests.drills import places
from tests.drills.places import BREACHES
from tests.drills.planted import require_clean
from tests.fakes import FakeCostExplorer, workplace

from farthing.alerts.channels import slack as channel
from farthing.alerts.channels.slack import SlackChannel
from farthing.collect import collect
from farthing.ledger.folder import FolderStore
from farthing.settings import Secret

pytestmark = pytest.mark.loopback

FAULTS = {
    "500": ((500, {}), "HTTP 500"),
    "429 with a short pause": ((429, {"Retry-After": "1"}), "HTTP 429"),
    "429 with a long pause": ((429, {"Retry-After": "3600"}), "HTTP 429"),
    "404": ((404, {}), "HTTP 404"),
    "the connection breaks off": ("reset", "cannot be reached"),
    "no answer in time": ("hang", "cannot be reached"),
    "taken without an answer": ("close", "cannot be reached"),
}
FINAL = {"404", "429 with a long pause"}


@pytest.fixture
def slack():
    with places.slack() as receiver:
        yield receiver


class Trial:
    """A ledger whose runs tell this Slack; the pauses between two tries are not waited for."""

    def __init__(self, home, slack):
        self.home = home
        self.slack = slack
        self.runs = 0

    def run(self, minutes):
        self.runs += 1
        pauses = []
        place = workplace(
            FakeCostExplorer(places.after()),
            FolderStore(self.home),
            SlackChannel(lambda: Secret(self.slack.url), "dev"),
            clock=lambda: places.TOMORROW + timedelta(minutes=minutes),
            **places.SETTINGS,
        )
        result = collect(replace(place, sleep=pauses.append), invocation=f"run {self.runs}")
        return result, pauses


@pytest.fixture
def trial(tmp_path, slack, monkeypatch):
    monkeypatch.setattr(channel, "TIMEOUT_SECONDS", 0.1)
    return Trial(places.filled(tmp_path / "ledger"), slack)


@pytest.mark.parametrize("name", FAULTS)
def test_what_slack_does_not_take_is_kept_and_the_next_run_delivers_it_once(name, trial, slack, caplog):
    fault, words = FAULTS[name]
    caplog.set_level("INFO")
    tries = 1 if name in FINAL else 3
    slack.faults.extend([fault] * 2 * tries)
    result, pauses = trial.run(0)
    assert len(slack.got) == 2 * tries, "one message for each rule, each tried as often as it makes sense"
    assert slack.confirmed == []
    assert places.states(trial.home) == dict.fromkeys(BREACHES, "failed")
    assert places.reports(trial.home) == places.expected_reports(), "the data does not wait for Slack"
    assert (result.record.alerts_sent, result.record.alerts_failed) == (0, len(BREACHES))
    assert [words in str(failure) for failure in result.failures] == [True, True]
    assert all("kept, the next run tries again" in str(failure) for failure in result.failures)
    assert all(pause <= 10 for pause in pauses)

    assert trial.run(1)[0].failures == ()
    assert slack.alerts(confirmed=True) == sorted(BREACHES)
    assert places.states(trial.home) == dict.fromkeys(BREACHES, "sent")
    assert trial.run(2)[0].failures == ()
    assert slack.alerts(confirmed=True) == sorted(BREACHES)
    assert require_clean(failures=list(result.failures), log=caplog.text, ledger=trial.home) > 0


@pytest.mark.parametrize("name", sorted(set(FAULTS) - FINAL))
def test_a_fault_that_passes_is_not_even_a_failure(name, trial, slack):
    slack.faults.append(FAULTS[name][0])
    result, pauses = trial.run(0)
    assert result.failures == ()
    assert pauses == [1.0]
    assert slack.alerts(confirmed=True) == sorted(BREACHES)
    assert places.states(trial.home) == dict.fromkeys(BREACHES, "sent")


def test_a_rule_whose_message_fails_does_not_hold_up_the_other(trial, slack):
    slack.faults.append((404, {}))
    result, _ = trial.run(0)
    assert len(result.failures) == 1
    told = set(slack.alerts(confirmed=True))
    assert len(told) == 2
    assert places.states(trial.home) == {alert: "sent" if alert in told else "failed" for alert in BREACHES}
    assert trial.run(1)[0].failures == ()
    assert slack.alerts(confirmed=True) == sorted(BREACHES)
