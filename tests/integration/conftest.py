"""A local AWS and simulated Cost Explorers for the whole session."""

from collections.abc import Iterator
from itertools import count
from typing import Any

import boto3
import pytest
from botocore.config import Config

from tests.integration.servers import Server, ministack, simulator

CREDENTIALS = {"aws_access_key_id": "AKIAPLANTED", "aws_secret_access_key": "planted-aws-key"}
REGION = "us-east-1"
TODAY = "2026-11-23"

shown: list[Server] = []
"""Servers whose last lines are printed below a test that fails."""
phases: list[tuple[str, float]] = []
"""What took how many seconds, in order; printed at the end of the run."""

_buckets = count(1)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Any:
    report = yield
    if report.failed:
        for server in shown:
            last = "\n".join(server.log.read_text(errors="replace").splitlines()[-60:])
            report.sections.append((f"{server.log.stem} at {server.url}", last))
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if phases:
        terminalreporter.section("seconds, by phase of the deployed system")
        for name, seconds in phases:
            terminalreporter.line(f"{seconds:6.1f}  {name}")


@pytest.fixture(scope="session")
def aws(tmp_path_factory) -> Iterator[Server]:
    """MiniStack."""
    with ministack(tmp_path_factory.mktemp("ministack")) as server:
        shown.append(server)
        yield server
        shown.remove(server)


@pytest.fixture(scope="session")
def cost_explorer(tmp_path_factory) -> Iterator[Server]:
    """A simulated Cost Explorer whose answers fit one page."""
    with simulator(tmp_path_factory.mktemp("simulate"), "--size", "small", "--today", TODAY) as server:
        shown.append(server)
        yield server
        shown.remove(server)


def new_client(service: str, url: str) -> Any:
    """boto3's client for a server. No proxy and no second try: what the server says is what a test sees."""
    config = Config(retries={"total_max_attempts": 1}, proxies={}, max_pool_connections=32)
    client: Any = boto3.client
    return client(service, endpoint_url=url, region_name=REGION, config=config, **CREDENTIALS)


class Clients:
    """boto3's clients, each made once."""

    def __init__(self) -> None:
        self._made: dict[tuple[str, str], Any] = {}

    def __call__(self, service: str, url: str) -> Any:
        if (service, url) not in self._made:
            self._made[service, url] = new_client(service, url)
        return self._made[service, url]

    def close(self) -> None:
        for client in self._made.values():
            client.close()


@pytest.fixture(scope="session")
def clients() -> Iterator[Clients]:
    made = Clients()
    yield made
    made.close()


@pytest.fixture
def s3(aws, clients) -> Any:
    return clients("s3", aws.url)


@pytest.fixture
def bucket(s3) -> str:
    """A bucket of this test's own."""
    name = f"ledger-{next(_buckets)}"
    s3.create_bucket(Bucket=name)
    return name


@pytest.fixture(scope="session")
def kms_key(aws, clients) -> str:
    arn: str = clients("kms", aws.url).create_key()["KeyMetadata"]["Arn"]
    return arn
