"""The documentation says what the code does: pages are up to date, commands parse, examples load."""

import importlib.util
import json
import re
import shlex
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path
from types import ModuleType

import click
import jsonschema
import msgspec
import pytest

from farthing import schemas
from farthing.alerts.channels.slack import FINAL
from farthing.budgeting import rules_of
from farthing.cli import COMMANDS, group
from farthing.ledger.reports import decode_report, encode_report
from farthing.model import DailyReport, RunRecord, exact_sum
from farthing.settings import SETTINGS, load
from farthing.signals.budget_tables import KEYS as BUDGET_KEYS
from farthing.signals.budgets import DEFAULT_ACTUAL, DEFAULT_FORECAST
from farthing.signals.credit_tables import KEYS as CREDIT_KEYS
from farthing.signals.credits import DEFAULT_WARN
from farthing.signals.thresholds import ThresholdRule

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
FENCE = re.compile(r"^( *)```(\w*)\n(.*?)^\1```$", re.DOTALL | re.MULTILINE)
INDENTED = re.compile(r"^    \$ farthing (.*)$", re.MULTILINE)
INLINE = re.compile(r"`(farthing [^`\n]+)`")
LINK = re.compile(r"\]\(([^)\s]+)\)")
PLACEHOLDER = re.compile(r"<[^>]*>|\.\.\.|(?<= )[A-Z][A-Z|.:/]*(?= |$)")
END_OF_COMMAND = {"|", "||", "&&", ";", "&", ">", "2>", ">>"}


def _read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def _name(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def _blocks(text: str, language: str) -> list[str]:
    return [body for _, of, body in FENCE.findall(text) if of == language]


@pytest.fixture(scope="module")
def generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("generate_docs", ROOT / "tools" / "generate_docs.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


# The generated pages


def test_generated_pages_are_up_to_date():
    # A process of its own: click remembers a command's help option from whoever asked for it first.
    done = subprocess.run(
        [sys.executable, ROOT / "tools" / "generate_docs.py", "--check"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr + "run `make docs`"


@pytest.mark.parametrize("columns", ["40", "300"])
def test_generated_pages_do_not_depend_on_the_terminal(generator, monkeypatch, columns):
    before = generator.pages()
    monkeypatch.setenv("COLUMNS", columns)
    assert generator.pages() == before


def test_check_names_the_stale_pages_and_writes_nothing(generator, monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(generator, "PAGES", tmp_path)
    for name, text in generator.pages().items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    (tmp_path / "settings.md").write_text("old", encoding="utf-8")
    monkeypatch.setattr(generator, "stale", lambda folder=tmp_path, real=generator.stale: real(folder))
    assert generator.main(["--check"]) == 1
    assert "settings.md" in capsys.readouterr().err
    assert (tmp_path / "settings.md").read_text(encoding="utf-8") == "old"
    assert generator.main([]) == 0
    assert generator.main(["--check"]) == 0


def test_every_setting_is_documented():
    page = _read("docs/reference/settings.md")
    for setting in SETTINGS:
        assert f"| `{setting.name}` |" in page
    assert "| `FARTHING_CONFIG` |" in page


def test_every_command_is_documented(generator):
    page = _read("docs/reference/commands.md")
    names = [name for name, _, _ in generator.commands()]
    assert {f"farthing {name}" for name in COMMANDS} < set(names)
    for name in names:
        assert f"## {name}\n" in page


# What a person writes by hand


def test_every_threshold_key_is_documented():
    page, readme = _read("docs/alerts.md"), "\n".join(_blocks(_read("README.md"), "toml"))
    for field in ThresholdRule.__struct_fields__:
        assert f"| `{field}` |" in page
        assert re.search(rf"^{field} = ", readme, re.MULTILINE), f"README's example lacks {field}"


def test_the_documented_defaults_are_those_of_the_code():
    page = _read("docs/alerts.md")
    defaults = ThresholdRule(name="any")
    for name in ("weeks", "min_days", "min_increase"):
        assert re.search(rf"^\| `{name}` \|.*\| {getattr(defaults, name)} \|$", page, re.MULTILINE), name


def test_every_key_of_budgets_and_credits_is_documented_with_its_default():
    budgets, _, credits_ = _read("docs/budgets.md").partition("\n## Credits\n")
    for page, keys in ((budgets, BUDGET_KEYS), (credits_, CREDIT_KEYS)):
        for key in keys:
            assert re.search(rf"^\| `{key}` \|", page, re.MULTILINE), key
    defaults = {"actual": DEFAULT_ACTUAL, "forecast": DEFAULT_FORECAST}
    for key, numbers in defaults.items():
        assert re.search(
            rf"^\| `{key}` \|.*\| `{list(map(int, numbers))}` \|$".replace("[", "\\["), budgets, re.MULTILINE
        )
    assert f"`{list(map(int, DEFAULT_WARN))}`" in credits_


def test_the_examples_of_budgets_and_credits_are_right():
    for text in _blocks(_read("docs/budgets.md"), "toml"):
        rules = rules_of(load({}, text))
        assert rules.budgets or rules.credits


def test_every_answer_of_slack_is_documented():
    page = _read("docs/errors.md")
    assert [said for said in FINAL if f"`{said}`" not in page] == []


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_links_lead_to_files(page):
    for target in LINK.findall(page.read_text(encoding="utf-8")):
        if re.match(r"[a-z]+:", target) or target.startswith("#"):
            continue
        path = page.parent / target.partition("#")[0]
        assert path.exists(), f"{_name(page)} links to {target}"
        assert path.resolve().is_relative_to(ROOT), f"{_name(page)} links out of the repository: {target}"


def _commands(text: str) -> Iterator[list[str]]:
    """The arguments of each `farthing ...` in the code of a page; those with placeholders are for people only."""
    for _, _, body in FENCE.findall(text):
        for line in body.replace("\\\n", " ").splitlines():
            found = re.search(r"(?:^|[\s/(])farthing (?!=)(.*)", line.strip())
            if found and re.match(r"(\$ |\. |[A-Z_]+=|[\d*/ ]+|[\w$./-]*farthing )", line.strip()):
                yield _arguments(found[1])
    for line in INDENTED.findall(text):
        yield _arguments(line)
    for code in INLINE.findall(FENCE.sub("", text)):
        if not PLACEHOLDER.search(code):
            yield _arguments(code.removeprefix("farthing "))


def _arguments(text: str) -> list[str]:
    arguments: list[str] = []
    for word in shlex.split(text, comments=True):
        if word in END_OF_COMMAND:
            break
        arguments.append(word)
    return arguments


def _parse(command: click.Command, arguments: list[str], parent: click.Context | None = None) -> None:
    """Click's own parsing, down to the last subcommand; nothing is run."""
    context = click.Context(command, parent=parent, info_name=command.name)
    if not isinstance(command, click.Group):
        with command.make_context(command.name, arguments, parent=parent):
            return
    _, rest, _ = command.make_parser(context).parse_args(list(arguments))
    if rest:
        _, inner, rest = command.resolve_command(context, rest)
        assert inner is not None
        _parse(inner, rest, context)


PAGES_WITH_COMMANDS = [page for page in PAGES if next(_commands(page.read_text(encoding="utf-8")), None) is not None]


@pytest.mark.parametrize("page", PAGES_WITH_COMMANDS, ids=_name)
def test_commands_parse(page):
    for arguments in _commands(page.read_text(encoding="utf-8")):
        try:
            _parse(group, arguments)
        except click.exceptions.Exit:
            continue  # --help, --version
        except click.ClickException as error:
            pytest.fail(f"{_name(page)}: farthing {shlex.join(arguments)}: {error.format_message()}")


def test_commands_are_found_in_the_pages():
    found = [arguments for page in PAGES_WITH_COMMANDS for arguments in _commands(page.read_text(encoding="utf-8"))]
    assert {arguments[0] for arguments in found if arguments} >= set(COMMANDS)
    assert ["collect", "--dry-run"] in found
    assert ["-v", "collect"] in found


@pytest.mark.parametrize("arguments", [["reprot"], ["report", "--perod", "mtd"], ["alerts", "lst"], ["--hom", "x"]])
def test_a_wrong_command_would_be_found(arguments):
    with pytest.raises(click.ClickException):
        _parse(group, arguments)


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_toml_examples_load(page):
    for text in _blocks(page.read_text(encoding="utf-8"), "toml"):
        load({}, text)


def test_the_example_of_the_readme_means_what_it_says():
    (text,) = _blocks(_read("README.md"), "toml")
    settings = load({}, text)
    assert settings.cost_threshold == Decimal(1000)
    rules = {rule.name: rule for rule in settings.thresholds}
    assert set(rules) == {"sandbox", "ec2-jump", "prod-s3"}
    assert rules["prod-s3"].amount == Decimal("120.50")
    assert rules["ec2-jump"].percent == Decimal(40)


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_json_examples_are_json(page):
    for text in _blocks(page.read_text(encoding="utf-8"), "json"):
        json.loads(text)


# The example of the ledger's page


@pytest.fixture(scope="module")
def example() -> str:
    (text,) = _blocks(_read("docs/ledger.md"), "json")
    return text


def test_the_report_example_is_valid(example):
    schema = schemas.schema("daily-report")
    jsonschema.Draft202012Validator(schema, format_checker=jsonschema.FormatChecker()).validate(json.loads(example))


def test_the_report_example_is_what_farthing_writes(example):
    report = decode_report(example.encode(), "docs/ledger.md")
    assert report.date == date(2026, 11, 20)
    assert encode_report(report) == msgspec.json.format(example.encode(), indent=-1) + b"\n"


def test_an_earlier_state_comes_back_as_the_page_describes(example, monkeypatch, tmp_path):
    (code,) = _blocks(_read("docs/ledger.md"), "python")
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "cost_data" / "daily" / "2026-11-20.json"
    path.parent.mkdir(parents=True)
    path.write_text(example, encoding="utf-8")
    names: dict[str, object] = {}
    exec(compile(code, "docs/ledger.md", "exec"), names)
    assert names["total"] == Decimal("143.94438")
    report = decode_report(example.encode(), "docs/ledger.md")
    state = {charge.keys: charge for charge in report.charges} | {
        charge.keys: charge for charge in report.revisions[0].charges
    }
    for index, metric in enumerate(report.metrics):
        assert exact_sum(charge.amounts[index] for charge in state.values()) == report.revisions[0].totals[metric]


def test_every_field_of_a_report_and_every_stage_is_explained():
    page = _read("docs/ledger.md")
    for field in schemas.DAILY_REPORT["properties"]:
        assert re.search(rf"^\| `{field}` \|", page, re.MULTILINE), field
    for stage in schemas.schema("run")["properties"]["stage"]["enum"]:
        assert f"| `{stage}` |" in page
    assert set(schemas.DAILY_REPORT["properties"]) - {"schema"} == set(DailyReport.__struct_fields__) - {"metrics"}
    assert "stage" in RunRecord.__struct_fields__


def test_every_delivery_state_is_explained():
    page = _read("docs/alerts.md")
    for state in schemas.schema("alert")["properties"]["state"]["enum"]:
        assert f"| `{state}` |" in page


# The pictures


def test_the_readme_shows_a_screenshot_of_the_dashboard():
    assert "](docs/dashboard.png)" in _read("README.md")
    body = (ROOT / "docs" / "dashboard.png").read_bytes()
    assert body.startswith(b"\x89PNG")
    assert len(body) < 250_000, "a page that people wait for"


def test_the_picture_is_readable_in_light_and_dark_and_loads_nothing():
    text = _read("docs/picture.svg")
    root = ET.fromstring(text)
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    assert "prefers-color-scheme: dark" in text
    assert re.findall(r"@import|url\((?!#)|href=|<script|<image", text) == []
