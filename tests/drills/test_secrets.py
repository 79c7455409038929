"""No planted secret is found in whatever a run leaves behind; and the search does find one that was leaked on purpose."""

import base64
import json
import logging
from types import SimpleNamespace
from urllib.parse import quote

import boto3
import pytest
from moto import mock_aws
from tests.drills import places
from tests.drills.planted import (
    ENVIRONMENT,
    PLANTED,
    SECRET_KEY,
    SECRET_NOTE,
    SESSION_TOKEN,
    WEBHOOK_TOKEN,
    LeakedError,
    require_clean,
)

from farthing import cli
from farthing.aws_lambda import handler
from farthing.errors import FarthingError

WEBHOOK = f"https://hooks.slack.com/services/{WEBHOOK_TOKEN}"


# The search itself


@pytest.mark.parametrize("secret", PLANTED)
def test_the_search_finds_a_secret_in_every_spelling(secret, tmp_path):
    spellings = [
        secret,
        f"https://hooks.slack.com/services/{quote(secret, safe='')}",
        json.dumps({"value": secret}),
        base64.b64encode(secret.encode()).decode(),
        repr(secret),
        f"cut short: {secret[:18]}...",
    ]
    for number, text in enumerate(spellings):
        with pytest.raises(LeakedError, match="is in log"):
            require_clean(log=f"a line\n{text}\nanother")
        with pytest.raises(LeakedError):
            require_clean(log=text.encode())
        folder = tmp_path / str(number)
        (folder / "deep").mkdir(parents=True)
        (folder / "deep" / "object.json").write_text(text)
        with pytest.raises(LeakedError, match=r"object\.json"):
            require_clean(ledger=folder)
    with pytest.raises(LeakedError):
        require_clean(objects={"a": [{"b": secret}]})
    with pytest.raises(LeakedError):
        require_clean(objects={f"cost_data/{secret}": b""})


def test_the_search_finds_a_secret_behind_an_error():
    def from_none():
        try:
            raise OSError(f"cannot open {WEBHOOK}")
        except OSError:
            raise FarthingError("Slack cannot be reached") from None

    def noted():
        error = FarthingError("fine")
        error.add_note(SECRET_KEY)
        raise error

    def kept():
        error = FarthingError("fine")
        vars(error)["response"] = {"token": SESSION_TOKEN}
        raise error

    for act in (from_none, noted, kept):
        with pytest.raises(FarthingError) as caught:
            act()
        with pytest.raises(LeakedError):
            require_clean(error=caught.value)


def test_the_search_needs_something_to_search(tmp_path):
    with pytest.raises(FileNotFoundError):
        require_clean(ledger=tmp_path / "gone")
    assert require_clean(log="", ledger=tmp_path) == 0
    assert require_clean(log="nothing here") == len("nothing here")


# What leaves a run: a Lambda with the webhook in Secrets Manager, and the command line


@pytest.fixture
def planted(monkeypatch):
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    monkeypatch.setenv("ENVIRONMENT", "dev")
    monkeypatch.setenv("COST_THRESHOLD", "100")
    monkeypatch.setenv("FARTHING_SOURCE", "simulated")
    monkeypatch.setenv("FARTHING_SIMULATED_SIZE", "small")
    monkeypatch.setenv("FARTHING_TODAY", "2026-11-23")
    monkeypatch.setenv("SLACK_SECRET_NAME", "slack")


@pytest.fixture
def secret():
    with mock_aws(config={"core": {"passthrough": {"urls": ["http://127.0.0.1"]}}}):
        client = boto3.client("secretsmanager", region_name="us-east-1")

        def stored(**value):
            client.create_secret(Name="slack", **value)

        yield stored


def _invoke(capfd, tmp_path, caplog):
    """Runs the handler and searches everything that it left; gives its error, if it failed."""
    failure = None
    try:
        handler({}, SimpleNamespace(aws_request_id="1"))
    except FarthingError as error:
        failure = error
    said = capfd.readouterr()
    assert "RunSucceeded" in said.out
    require_clean(out=said.out, err=said.err, log=caplog.text, error=failure or "", ledger=tmp_path)
    return failure


SECRETS = {
    "JSON without a url": {"SecretString": json.dumps({"webhook": WEBHOOK, "note": SECRET_NOTE})},
    "JSON with another url": {"SecretString": json.dumps({"url": f"ftp://x/{WEBHOOK_TOKEN}", "note": SECRET_NOTE})},
    "JSON that is none": {"SecretString": json.dumps({"url": WEBHOOK, "note": SECRET_NOTE})[:-1]},
    "JSON of another kind": {"SecretString": json.dumps({"url": {"url": WEBHOOK}, "note": SECRET_NOTE})},
    "no URL": {"SecretString": f"slack: {WEBHOOK_TOKEN}"},
    "no secure URL": {"SecretString": f"http://hooks.slack.com/{WEBHOOK_TOKEN}"},
    "a URL that cannot be parsed": {"SecretString": f"https://[{WEBHOOK_TOKEN}"},
    "bytes": {"SecretBinary": WEBHOOK.encode()},
}


@pytest.mark.parametrize("name", SECRETS)
def test_a_wrong_secret_is_named_but_not_told(name, planted, secret, capfd, tmp_path, caplog):
    secret(**SECRETS[name])
    failure = _invoke(capfd, tmp_path, caplog)
    assert "the secret slack" in str(failure)


@pytest.mark.loopback
@pytest.mark.parametrize("fault", [None, (500, {}), (404, {}), "reset", "close"], ids=str)
def test_a_webhook_from_a_secret_is_used_and_not_told(fault, planted, secret, capfd, tmp_path, caplog, monkeypatch):
    with places.slack() as slack:
        monkeypatch.setattr("time.sleep", lambda seconds: None)
        slack.faults.extend([] if fault is None else [fault] * 3)
        secret(SecretString=json.dumps({"url": slack.url, "note": SECRET_NOTE}))
        failure = _invoke(capfd, tmp_path, caplog)
        assert slack.got, "the secret was read and used"
        assert (failure is None) is (fault is None)


@pytest.mark.loopback
def test_a_function_that_logs_at_debug_tells_no_secret(planted, secret, capfd, tmp_path, caplog):
    # Lambda's log level is a setting of the function: DEBUG makes every library talk, also about what it sends.
    with places.slack() as slack:
        secret(SecretString=json.dumps({"url": slack.url, "note": SECRET_NOTE}))
        caplog.set_level(logging.DEBUG)
        caplog.clear()  # what the drill itself asked of boto3
        assert _invoke(capfd, tmp_path, caplog) is None
        assert slack.got


@pytest.mark.parametrize(
    "arguments", [["-v", "collect"], ["-v", "collect", "--json"], ["-v", "alerts", "test"]], ids=lambda value: value[1]
)
def test_the_command_line_tells_no_secret_however_the_webhook_is_wrong(
    arguments, planted, capfd, tmp_path, monkeypatch
):
    monkeypatch.delenv("SLACK_SECRET_NAME")
    for url in (f"http://hooks.slack.com/{WEBHOOK_TOKEN}", f"https://[{WEBHOOK_TOKEN}", WEBHOOK_TOKEN, f"<{WEBHOOK}>"):
        monkeypatch.setenv("FARTHING_SLACK_WEBHOOK_URL", url)
        assert cli.run(arguments) == 2
        said = capfd.readouterr()
        assert "FARTHING_SLACK_WEBHOOK_URL" in said.err
        require_clean(out=said.out, err=said.err, ledger=tmp_path)


def test_a_webhook_in_the_place_of_the_secrets_name_is_not_told(planted, capfd, tmp_path, monkeypatch):
    # A likely mistake: the URL itself where the name of its secret belongs.
    monkeypatch.setenv("SLACK_SECRET_NAME", WEBHOOK)
    with mock_aws():
        assert cli.run(["-v", "collect"]) != 0
    said = capfd.readouterr()
    assert "SLACK_SECRET_NAME" in said.err
    require_clean(out=said.out, err=said.err, ledger=tmp_path)


def test_a_webhook_in_the_configuration_file_is_not_told(planted, capfd, tmp_path, monkeypatch):
    monkeypatch.delenv("SLACK_SECRET_NAME")
    config = tmp_path / "farthing.toml"
    for text in (
        f'slack_webhook_url = "{WEBHOOK}"',
        f"slack_webhook_url = {WEBHOOK}",
        f'slack_secret_name = ["{WEBHOOK}"]',
    ):
        config.write_text(text)
        assert cli.run(["-v", "collect"]) == 2
        said = capfd.readouterr()
        assert "farthing.toml" in said.err
        require_clean(out=said.out, err=said.err)
