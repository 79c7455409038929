from decimal import Decimal

import pytest

from farthing.app import webhook_in
from farthing.errors import SettingsError
from farthing.settings import LAMBDA_REQUIRED, SETTINGS, TABLES, Secret, Settings, load
from farthing.signals import SIGNALS

WEBHOOK = "https://hooks.slack.com/services/T000/B000/plantedsecret"


def test_every_setting_has_a_row_and_every_row_a_field():
    assert {setting.field for setting in SETTINGS} | {"thresholds", "toml_name", *TABLES} == set(
        Settings.__struct_fields__
    )


def test_defaults_need_nothing():
    settings = load({})
    assert settings.source == "cost-explorer"
    assert settings.max_billed_requests == 10
    assert settings.cost_threshold is None


def test_the_environment_wins_over_the_file_and_an_empty_value_is_unset():
    toml = 'cost_threshold = 10.10\nwindow_days = 20\nsignals = ["thresholds"]\n'
    settings = load({"FARTHING_WINDOW_DAYS": "30", "COST_THRESHOLD": " "}, toml)
    assert settings.window_days == 30
    assert settings.cost_threshold == Decimal("10.10")


def test_all_wrong_settings_come_in_one_error():
    environment = {"COST_THRESHOLD": "-1", "ENVIRONMENT": "prodd", "FARTHING_WINDOW_DAYS": "x"}
    with pytest.raises(SettingsError) as caught:
        load(environment, "cost_treshold = 1\n[[thresholds]]\nservise = 'x'\n", "my.toml")
    text = str(caught.value)
    assert caught.value.exit_code == 2
    assert text.startswith("6 settings are wrong")
    for part in (
        "COST_THRESHOLD must not be negative",
        "ENVIRONMENT must be one of dev, staging, prod, not 'prodd' (did you mean prod?)",
        "FARTHING_WINDOW_DAYS must be a whole number",
        "my.toml has an unknown key 'cost_treshold' (did you mean cost_threshold?)",
        "unknown key 'servise' (did you mean service?)",
        "needs either amount or percent",
    ):
        assert part in text
    assert "\n" not in text


@pytest.mark.parametrize(
    "toml",
    [
        "not toml",
        "thresholds = 3",
        "[[thresholds]]\namount = 1\npercent = 2",
        "[[thresholds]]\namount = -1",
        '[[thresholds]]\nname = "total"\namount = 1',
        "[[thresholds]]\namount = true",
        "[[thresholds]]\namount = 1\nservice = 3",
        "[[thresholds]]\npercent = 1\nweeks = 0",
        "[[thresholds]]\namount = 1\n[[thresholds]]\namount = 2",
        "cost_threshold = 'much'",
        "cost_threshold = nan",
    ],
)
def test_a_wrong_file_is_one_error(toml):
    with pytest.raises(SettingsError) as caught:
        load({}, toml, "my.toml")
    assert "my.toml" in str(caught.value)


def test_rules_of_the_file():
    toml = """
    [[thresholds]]
    service = "Amazon S3"
    amount = 12.5
    [[thresholds]]
    name = "prod"
    account = "111122223333"
    percent = 40
    min_increase = 5
    """
    first, second = load({}, toml).thresholds
    assert (first.name, first.amount, first.percent) == ("Amazon S3/amount", Decimal("12.5"), None)
    assert (second.name, second.percent, second.min_increase, second.weeks) == ("prod", 40, 5, 8)


def test_the_lambda_needs_its_four():
    with pytest.raises(SettingsError) as caught:
        load({}, required=LAMBDA_REQUIRED)
    assert len(caught.value.problems) == 4
    for name in LAMBDA_REQUIRED:
        assert f"{name} is not set" in str(caught.value)


@pytest.mark.parametrize(
    "url", ["http://hooks.slack.com/plantedsecret", "ftp://x/plantedsecret", "plantedsecret", "https://"]
)
def test_a_wrong_webhook_is_refused_without_repeating_it(url):
    with pytest.raises(SettingsError) as caught:
        load({"FARTHING_SLACK_WEBHOOK_URL": url})
    assert "plantedsecret" not in str(caught.value)


def test_a_webhook_is_never_shown():
    settings = load({"FARTHING_SLACK_WEBHOOK_URL": WEBHOOK})
    assert "plantedsecret" not in repr(settings)
    assert settings.slack_webhook_url == Secret(WEBHOOK)


def test_a_secret_is_a_url_or_json_with_one():
    assert webhook_in(WEBHOOK + "\n", "name").reveal() == WEBHOOK
    assert webhook_in(f'{{"url": "{WEBHOOK}"}}', "name").reveal() == WEBHOOK
    for wrong in ("plantedsecret", '{"plantedsecret": 1}', "{plantedsecret"):
        with pytest.raises(SettingsError, match="the secret name") as caught:
            webhook_in(wrong, "name")
        assert "plantedsecret" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "signals"),
    [
        ("all", SIGNALS),
        ("anomalies", ("anomalies",)),
        (" thresholds , budgets ", ("thresholds", "budgets")),
        ("", SIGNALS),
    ],
)
def test_signals_are_chosen_by_name(text, signals):
    assert load({"FARTHING_SIGNALS": text}).signals == tuple(signals)


def test_an_unknown_signal_is_refused_with_the_nearest():
    with pytest.raises(SettingsError, match=r"FARTHING_SIGNALS must be one of thresholds, .*did you mean anomalies\?"):
        load({"FARTHING_SIGNALS": "thresholds,anomalys"})
