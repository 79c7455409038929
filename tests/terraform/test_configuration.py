"""What can be read off the files alone: pins, providers, descriptions, permissions, generated tables."""

import re
import subprocess
import sys

import boto3
import hcl2
import pytest
from tests.terraform.conftest import CONFIGURATION, FOLDERS, ROOT

FILES = sorted(path for path in CONFIGURATION.rglob("*.tf") if ".terraform" not in path.parts)
MODULES = [CONFIGURATION, *sorted(path for path in (CONFIGURATION / "modules").iterdir() if path.is_dir())]

# IAM's name of an action is the operation's, but for these.
OTHERWISE = {"s3:ListBucket": "s3:ListObjectsV2", "lambda:InvokeFunction": "lambda:Invoke"}
# Permissions that no single operation has the name of.
NO_OPERATION = {"billing:GetBillingViewData"}


def loaded(path):
    with path.open() as file:
        return hcl2.load(file)


def blocks(path, kind):
    if not path.exists():
        return {}
    return {name.strip('"'): body for block in loaded(path).get(kind, []) for name, body in block.items()}


def test_every_folder_asks_for_the_same_terraform_and_the_same_one_provider():
    found = [path for path in FILES if path.name == "versions.tf"]
    assert len(found) == len(MODULES) + len(FOLDERS) - 1  # the root module is in both
    for path in found:
        [settings] = loaded(path)["terraform"]
        assert settings["required_version"] == '">= 1.11"', path
        [providers] = settings["required_providers"]
        providers.pop("__is_block__", None)
        assert providers == {"aws": {"source": '"hashicorp/aws"', "version": '">= 5.100, < 7"'}}, path


def test_modules_leave_the_provider_to_who_calls_them():
    for folder in MODULES:
        for path in folder.glob("*.tf"):
            assert "provider" not in loaded(path), f"{path}: a provider in a module cannot be replaced or removed"


def test_the_lock_files_pin_one_provider_alike_for_every_platform():
    locks = {(CONFIGURATION / folder / ".terraform.lock.hcl").read_text() for folder in FOLDERS}
    assert len(locks) == 1
    [lock] = locks
    assert re.findall(r'^provider "[^"/]*/(.*)"', lock, re.M) == ["hashicorp/aws"]
    assert len(re.findall(r'"zh:[0-9a-f]{64}"', lock)) > 10, "the sums of the archives of the other platforms"


@pytest.mark.parametrize("folder", [*FOLDERS, *(str(path.relative_to(CONFIGURATION)) for path in MODULES[1:])])
def test_every_variable_and_output_is_described(folder):
    for name, body in blocks(CONFIGURATION / folder / "variables.tf", "variable").items():
        assert "type" in body, name
        assert body["description"].strip('"').endswith("."), name
    for name, body in blocks(CONFIGURATION / folder / "outputs.tf", "output").items():
        assert len(body["description"]) > 10, name


@pytest.mark.parametrize("folder", [".", "bootstrap"])
def test_every_variable_that_can_be_wrong_is_validated(folder):
    # A map of tags with a wrong value and a Boolean are refused by their type.
    unchecked = [
        name
        for name, body in blocks(CONFIGURATION / folder / "variables.tf", "variable").items()
        if "validation" not in body and body["type"] != "bool" and (folder, name) != ("bootstrap", "tags")
    ]
    assert unchecked == []


def test_no_example_or_environment_shares_a_state():
    keys = [
        loaded(CONFIGURATION / "environments" / name / "versions.tf")["terraform"][0]["backend"][0]['"s3"']
        for name in ("dev", "staging", "prod")
    ]
    assert len({key["key"] for key in keys}) == 3
    assert all(key["use_lockfile"] in (True, "true") and key["encrypt"] in (True, "true") for key in keys)


def test_every_allowed_action_is_one_that_aws_has():
    text = "\n".join(path.read_text() for path in FILES)
    text += (CONFIGURATION / "modules" / "function" / "permissions.json").read_text()
    services = "billing|ce|cloudwatch|ec2|lambda|logs|s3|secretsmanager|sns|sqs|sts|xray"
    actions = set(re.findall(rf'"((?:{services}):[A-Z][A-Za-z]+)"', text)) - {"s3:TlsVersion"}
    assert {"ce:GetCostAndUsage", "s3:PutObject", "sqs:SendMessage", "ec2:CreateNetworkInterface"} <= actions
    session = boto3.session.Session()
    known: dict[str, set[str]] = {}
    unknown = []
    for action in actions - NO_OPERATION - {"lambda:SourceFunctionArn"}:
        service, _, operation = OTHERWISE.get(action, action).partition(":")
        if service not in known:
            client = session.client(service, region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="x")
            known[service] = set(client.meta.service_model.operation_names)
        if operation not in known[service]:
            unknown.append(action)
    assert unknown == []


def test_nothing_is_allowed_that_no_code_calls():
    text = "\n".join(path.read_text() for path in FILES)
    text += (CONFIGURATION / "modules" / "function" / "permissions.json").read_text()
    for action in ("ce:GetUsageReport", "s3:PutObjectAcl", "logs:CreateLogGroup", "s3:DeleteObject"):
        assert f'"{action}"' not in text


def test_every_exception_from_the_security_scan_says_why():
    exceptions = [line.strip() for path in FILES for line in path.read_text().splitlines() if "checkov:skip" in line]
    assert exceptions
    for line in exceptions:
        assert re.fullmatch(r"#checkov:skip=CKV2?_AWS_\d+:[A-Z0-9].{30,}\.", line), line


def test_tables_and_permissions_are_what_code_and_variables_say():
    said = subprocess.run(
        [sys.executable, ROOT / "tools" / "terraform_docs.py", "--check"], capture_output=True, text=True, check=False
    )
    assert said.returncode == 0, said.stdout + said.stderr


def resources(path, kind):
    found = {}
    for block in loaded(path)["resource"]:
        for type_, named in block.items():
            if type_.strip('"') == kind:
                found |= {name.strip('"'): body for name, body in named.items()}
    return found


def test_the_private_subnets_reach_out_through_nat_alone():
    """No plan on mocks knows where a route leads."""
    routes = resources(CONFIGURATION / "modules" / "network" / "main.tf", "aws_route")
    assert "aws_nat_gateway.this" in routes["private"]["nat_gateway_id"]
    assert "gateway_id" not in routes["private"]
    assert "aws_internet_gateway.this" in routes["public"]["gateway_id"]


def test_the_first_run_comes_after_all_that_it_needs():
    """A plan does not show an order."""
    (first_run,) = resources(CONFIGURATION / "main.tf", "aws_lambda_invocation").values()
    assert {"module.function", "module.secret", "module.storage", "module.notifications"} <= {
        name.strip("${}") for name in first_run["depends_on"]
    }


def test_a_key_outlives_the_bucket_that_it_encrypts():
    (storage,) = [block['"storage"'] for block in loaded(CONFIGURATION / "main.tf")["module"] if '"storage"' in block]
    assert [name.strip("${}") for name in storage["depends_on"]] == ["module.key"]
