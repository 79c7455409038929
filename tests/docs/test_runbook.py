"""Every alarm of the deployment has its section in the runbook, and no section is about an alarm that there is not."""

import re
from io import StringIO
from pathlib import Path

import hcl2
import pytest

ROOT = Path(__file__).parents[2]
TERRAFORM = ROOT / "terraform"
MONITORING = TERRAFORM / "modules" / "monitoring" / "main.tf"
QUESTIONS = ("**Means**", "**How bad**", "**Over when**")
"""What each section answers, in these words."""


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def _alarms(monitoring: str, root: str) -> dict[str, bool]:
    """Each alarm's name, and whether it is urgent: those that are spelled out, and one for each queue of the root module."""
    expression = hcl2.load(StringIO(monitoring))["locals"][0]["alarms"]
    spelled = re.findall(r'"?([\w-]+)"? = \{\s*urgent = (true|false)', expression)
    of_queues = re.findall(r"for what, queue in .*?=> \{\s*urgent = (true|false)", expression)
    assert len(spelled) + len(of_queues) == len(re.findall(r"\burgent =", expression)), (
        "an alarm in a form not known here"
    )
    [urgent] = of_queues
    [queues] = [
        body["dead_letter_queues"]
        for block in hcl2.load(StringIO(root))["module"]
        for name, body in block.items()
        if name.strip('"') == "monitoring"
    ]
    return {name: word == "true" for name, word in spelled} | {
        name.strip('"'): urgent == "true" for name in queues if not name.startswith("__")
    }


def _sections(page: str) -> dict[str, str]:
    """The sections that are headed by an alarm's name."""
    return dict(re.findall(r"^## `([^`]+)`\n(.*?)(?=^## |\Z)", page, re.DOTALL | re.MULTILINE))


@pytest.fixture(scope="module")
def alarms() -> dict[str, bool]:
    return _alarms(_read(MONITORING), _read(TERRAFORM / "main.tf"))


@pytest.fixture(scope="module")
def page() -> str:
    return _read(ROOT / "docs" / "runbook.md")


def test_every_alarm_has_a_section_and_every_section_an_alarm(alarms, page):
    assert set(_sections(page)) == set(alarms)
    assert len(alarms) >= 7


def test_every_section_says_what_it_means_how_bad_it_is_and_when_it_is_over(page):
    for name, text in _sections(page).items():
        assert [question for question in QUESTIONS if question not in text] == [], name
        assert "```sh" in text or re.search(r"\]\(#(the-log|replay-what-was-given-up)\)", text), (
            f"{name}: what to look at"
        )


def test_the_table_says_to_which_topic_each_alarm_goes(alarms, page):
    rows = dict(re.findall(r"^\| \[`([\w-]+)`\]\(#\1\) \|[^|]*\| ([\w ]+) \|", page, re.MULTILINE))
    assert rows == {name: "system health" if urgent else "operational" for name, urgent in alarms.items()}


def test_alarms_are_made_in_one_place():
    made = [path for path in TERRAFORM.rglob("*.tf") if '"aws_cloudwatch_metric_alarm"' in _read(path)]
    assert made == [MONITORING]
    assert _read(MONITORING).count('resource "aws_cloudwatch_metric_alarm"') == 1


def test_an_alarm_without_a_section_would_be_found(page):
    monitoring, root = _read(MONITORING), _read(TERRAFORM / "main.tf")
    more = monitoring.replace(
        "      errors = {", "      too-quiet = {\n        urgent = true\n      }\n      errors = {", 1
    )
    assert set(_alarms(more, root)) - set(_sections(page)) == {"too-quiet"}
    more = root.replace("{ failed-runs =", "{ lost = module.schedule.lost, failed-runs =", 1)
    assert set(_alarms(monitoring, more)) - set(_sections(page)) == {"lost"}
