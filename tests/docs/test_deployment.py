"""What the pages about the deployment say is so: commands, variables, prices, statements and links exist."""

import json
import re
import shlex
from decimal import ROUND_HALF_EVEN, Decimal
from io import StringIO
from pathlib import Path

import botocore.session
import hcl2
import jmespath  # type: ignore[import-untyped]
import pytest
from click.testing import CliRunner

from farthing.cli import group

ROOT = Path(__file__).parents[2]
TERRAFORM = ROOT / "terraform"
DEPLOY, RUNBOOK, SECURITY = (ROOT / "docs" / f"{name}.md" for name in ("deploy", "runbook", "security-model"))
PAGES = [DEPLOY, RUNBOOK, SECURITY, ROOT / "README.md", TERRAFORM / "README.md"]

FENCE = re.compile(r"^( *)```(\w*)\n(.*?)^\1```$", re.DOTALL | re.MULTILINE)
AWS = re.compile(r"(?<![\w/.-])aws ((?:[\"'$\w*]).*)")
GLOBAL = {"query", "output", "region", "profile", "cli-read-timeout"}
"""Options that every command of the AWS command line takes."""

HIGH_LEVEL = {("s3", "cp")}
"""Commands of the AWS command line's own, with no operation of that name."""


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def _blocks(path: Path, language: str) -> list[str]:
    return [body for _, of, body in FENCE.findall(_read(path)) if of == language]


def _slug(heading: str) -> str:
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def _anchors(path: Path) -> set[str]:
    return {_slug(heading) for heading in re.findall(r"^#+ (.*)$", FENCE.sub("", _read(path)), re.MULTILINE)}


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_links_lead_to_headings(page):
    for target in re.findall(r"\]\(([^)\s]+)\)", _read(page)):
        name, _, anchor = target.partition("#")
        if re.match(r"[a-z]+:", target):
            continue
        path = (page.parent / name).resolve() if name else page
        assert path.exists(), target
        assert not anchor or anchor in _anchors(path), target


# The AWS command line, checked against AWS's own service model


def _aws_commands(text):
    """The words after `aws` of each command in the fenced shell and in the inline code of a page."""
    shell = [line for _, of, body in FENCE.findall(text) if of in ("sh", "console") for line in body.splitlines()]
    inline = [" ".join(code.split()) for code in re.findall(r"`(aws\s[^`]+)`", FENCE.sub("", text))]
    for line in [*shell, *inline]:
        for inner in re.findall(r"\$\((aws [^()]*)\)", line):
            yield shlex.split(inner)[1:]
        # What is left of a command after the commands in it are taken out.
        for command in AWS.findall(re.sub(r"\$\(aws [^()]*\)", "VALUE", line)):
            yield shlex.split(command)


def _wrong(words):
    """What AWS's own model does not know of a command; None if all is well."""
    service, operation, *rest = words
    if (service, operation) in HIGH_LEVEL or (service, operation) == ("sso", "login"):
        return None
    session = botocore.session.Session()
    service = {"s3api": "s3"}.get(service, service)
    if service not in session.get_available_services():
        return f"no service {service}"
    model = session.get_service_model(service)
    found = [name for name in model.operation_names if botocore.xform_name(name, "-") == operation]
    if not found:
        return f"no operation {service} {operation}"
    shape = model.operation_model(found[0]).input_shape
    options = {botocore.xform_name(name, "-") for name in (shape.members if shape else ())}
    given = {word.removeprefix("--") for word in rest if word.startswith("--")}
    if given - options - GLOBAL:
        return f"{service} {operation} has no --{', --'.join(sorted(given - options - GLOBAL))}"
    required = {botocore.xform_name(name, "-") for name in (shape.required_members if shape else ())}
    if rest and required - given:
        return f"{service} {operation} needs --{', --'.join(sorted(required - given))}"
    if "--query" in rest:
        jmespath.compile(rest[rest.index("--query") + 1])
    return None


@pytest.mark.parametrize("page", [DEPLOY, RUNBOOK], ids=lambda path: path.stem)
def test_commands_of_the_aws_command_line_exist(page):
    commands = list(_aws_commands(_read(page)))
    assert len(commands) > 3
    assert {shlex.join(words): wrong for words in commands if (wrong := _wrong(words))} == {}


@pytest.mark.parametrize(
    "command",
    ["sqs purge-queues --queue-url x", "sqs purge-queue --url x", "sqs purge-queue --query x", "sns3 list-topics"],
)
def test_a_command_that_does_not_exist_would_be_found(command):
    assert _wrong(shlex.split(command)) is not None


# Terraform


def _names(folder, kind):
    path = TERRAFORM / folder / f"{kind}s.tf"
    return {name.strip('"') for block in hcl2.load(StringIO(_read(path))).get(kind, []) for name in block}


def test_hcl_examples_name_variables_that_exist():
    seen = set()
    for page in (DEPLOY, TERRAFORM / "README.md", TERRAFORM / "modules" / "payer-role" / "README.md"):
        for text in _blocks(page, "hcl"):
            loaded = hcl2.load(StringIO(text))
            for block in loaded.pop("module", []):
                for name, body in block.items():
                    folder = "modules/payer-role" if name.strip('"') == "payer_role" else "."
                    given = {key for key in body if not key.startswith("__")} - {"source", "providers"}
                    assert given <= _names(folder, "variable"), page
                    seen.add(folder)
            loaded.pop("output", None)
            assert {key for key in loaded if not key.startswith("__")} <= _names("environments/prod", "variable"), page
    assert seen == {".", "modules/payer-role"}


def test_settings_in_the_pages_are_variables_of_the_module():
    known = _names(".", "variable") | _names("environments/prod", "variable")
    for page in (DEPLOY, RUNBOOK, SECURITY):
        assert set(re.findall(r"`([a-z_]+) = ", _read(page))) <= known, page


def test_the_readme_deploys_in_five_commands_or_fewer():
    [section] = re.findall(r"^## Deploy it\n(.*?)^## ", _read(ROOT / "README.md"), re.DOTALL | re.MULTILINE)
    [body] = [body for _, of, body in FENCE.findall(section) if of == "sh"]
    commands = [command for line in body.splitlines() for command in re.split(r"&&|;|\|", line) if command.strip()]
    assert 1 < len(commands) <= 5
    targets = set(re.findall(r"^([a-z-]+):", _read(ROOT / "Makefile"), re.MULTILINE))
    assert {command.split()[1] for command in commands if command.startswith("make ")} <= targets


# Permissions and prices


def test_every_statement_of_the_functions_policy_is_explained():
    sids = set(re.findall(r'Sid\s+= "(\w+)"', _read(TERRAFORM / "modules" / "function" / "main.tf")))
    rows = dict(re.findall(r"^\| `(\w+)` \| ([^|]*) \|", _read(SECURITY), re.MULTILINE))
    assert set(rows) == sids - {"OnlyOverTls"}  # the queue's
    allowed = json.loads(_read(TERRAFORM / "modules" / "function" / "permissions.json"))
    actions = {action for purpose in allowed.values() for action in purpose}
    assert actions - set(re.findall(r"`([\w-]+:\w+)`", "".join(rows.values()))) == set()


def test_the_prices_are_those_that_farthing_tells(tmp_path, monkeypatch):
    monkeypatch.setenv("FARTHING_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("FARTHING_SNS_TOPIC_ARN", "arn:aws:sns:us-east-1:111122223333:farthing-prod-cost-alerts")
    rows = re.findall(r"^\| (.*`(?:farthing price )?--.*`) \| ([\d.]+) \| ([\d.]+) \|$", _read(DEPLOY), re.MULTILINE)
    assert len(rows) == 5
    for what, listed, not_free in rows:
        options = what.partition("`")[2].rstrip("`").removeprefix("farthing price --deployment").split()
        monkeypatch.setenv("FARTHING_SOURCE", "simulated" if "simulated" in what else "cost-explorer")
        result = CliRunner().invoke(group, ["price", "--deployment", "--json", *options])
        assert result.exit_code == 0, result.output
        told = json.loads(result.stdout)
        cents = [
            str(Decimal(told[key]).quantize(Decimal("0.01"), ROUND_HALF_EVEN))
            for key in ("per_month", "per_month_beyond_free")
        ]
        assert cents == [listed, not_free], what
