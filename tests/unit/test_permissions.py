"""The actions that the code declares are those that it calls, that exist, and that the deployment grants."""

import json
from datetime import date, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import boto3
import botocore.client
import pytest
from botocore.loaders import Loader
from moto import mock_aws
from tests.fakes import EC2, PROD, FakeCostExplorer, ago, http_receiver

from farthing.aws_lambda import handler
from farthing.permissions import KEY_ACTIONS, permissions

FUNCTION = Path(__file__).parents[2] / "terraform" / "modules" / "function"
OPERATIONS = {"s3:ListBucket": "ListObjectsV2"}
"""Actions that are not called like the operation they allow."""

DECLARED = {action for actions in permissions().values() for action in actions}


@pytest.mark.parametrize("action", sorted(DECLARED))
def test_each_action_is_an_operation_that_aws_has(action):
    service, _, name = action.partition(":")
    operations = Loader().load_service_model(service, "service-2")["operations"]
    assert OPERATIONS.get(action, name) in operations


def test_no_action_is_a_pattern_or_declared_for_two_purposes():
    declared = [action for actions in permissions().values() for action in actions]
    assert sorted(declared) == sorted(DECLARED)
    assert not any("*" in action for action in declared)


@pytest.mark.loopback
def test_a_daily_run_calls_every_action_that_is_declared_and_no_other(monkeypatch):
    called = set()
    base: Any = botocore.client.BaseClient
    make = base._make_api_call
    bill = {date(2026, 11, 23) - timedelta(days=n): {(EC2, PROD): "150"} for n in range(1, 60)}
    cost_explorer = FakeCostExplorer(bill)

    def recorded(client, operation, request):
        action = next((action for action, name in OPERATIONS.items() if name == operation), None)
        called.add(action or f"{client.meta.service_model.service_name}:{operation}")
        if operation == "GetCostAndUsage":
            return cost_explorer.get_cost_and_usage(**request)
        return make(client, operation, request)

    with mock_aws(config={"core": {"passthrough": {"urls": ["http://127.0.0.1"]}}}), http_receiver() as slack:
        arguments = {"region_name": "us-east-1", "aws_access_key_id": "a", "aws_secret_access_key": "a"}
        client: Any = boto3.client  # one call for any service
        client("s3", **arguments).create_bucket(Bucket="ledger")
        client("secretsmanager", **arguments).create_secret(Name="slack", SecretString=slack.url)
        topic = client("sns", **arguments).create_topic(Name="alerts")["TopicArn"]
        for name, value in {
            "AWS_ACCESS_KEY_ID": "testing",
            "AWS_SECRET_ACCESS_KEY": "testing",
            "AWS_ENDPOINT_URL_COST_EXPLORER": "http://127.0.0.1:9",  # never asked: this test answers
            "AWS_LAMBDA_FUNCTION_NAME": "farthing",
            "AWS_REGION": "us-east-1",
            "BUCKET_NAME": "ledger",
            "COST_THRESHOLD": "100",
            "ENVIRONMENT": "dev",
            "FARTHING_CE_ROLE_ARN": "arn:aws:iam::111122223333:role/reads-bills",
            "FARTHING_SNS_TOPIC_ARN": topic,
            "FARTHING_TODAY": "2026-11-23",
            "SLACK_SECRET_NAME": "slack",
        }.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr(base, "_make_api_call", recorded)
        first = handler({}, SimpleNamespace(aws_request_id="first"))
        cost_explorer.bill[ago(1)] = {(EC2, PROD): "170"}
        second = handler({}, SimpleNamespace(aws_request_id="second"))
    assert (first["alerts_sent"], len(second["days_restated"])) == (2, 1)
    assert called == DECLARED - set(KEY_ACTIONS)


def test_the_deployment_grants_what_is_declared():
    granted = json.loads((FUNCTION / "permissions.json").read_text())
    assert granted == {purpose: list(actions) for purpose, actions in permissions().items()}
    policy = (FUNCTION / "main.tf").read_text()
    assert [purpose for purpose in granted if f"local.permissions.{purpose}\n" not in policy] == []
