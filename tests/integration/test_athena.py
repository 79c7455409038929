"""The contract of engines on Athena: a bucket, Glue and Athena of a local AWS.

Its Athena is DuckDB, so that every statement is parsed as Trino's too (tests/unit/query/test_athena.py).
"""

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from farthing.app import open_app
from farthing.asking import Question, open_engine
from farthing.exported import exports_of
from farthing.importing import Importer
from farthing.model import Period
from farthing.query.engines.athena import AthenaEngine
from farthing.query.model import Query
from farthing.sources.exports.deliveries import deliveries
from tests.contract.engines import AUTUMN, NOW, QUESTIONS, check, write_exports

from .conftest import CREDENTIALS, REGION, new_client
from .servers import Server, mended_ministack

pytestmark = [pytest.mark.integration, pytest.mark.loopback]

BUCKET = "farthing-athena"


@pytest.fixture(scope="module")
def cloud(tmp_path_factory) -> Iterator[Server]:
    with mended_ministack(tmp_path_factory.mktemp("ministack")) as server:
        yield server


class World:
    """A ledger in a bucket, opened with the engine athena."""

    def __init__(self, url: str, folder: Path) -> None:
        self.environment = {
            "BUCKET_NAME": BUCKET,
            "FARTHING_PREFIX": "team/",
            "FARTHING_ENGINE": "athena",
            "FARTHING_TODAY": "2026-11-24",
        }
        self.aws = {"AWS_ENDPOINT_URL": url, "AWS_REGION": REGION, **_named(CREDENTIALS)}
        self.said: list[str] = []
        self.folder = folder

    def engine(self, period: Period = AUTUMN) -> AthenaEngine:
        app = open_app(self.environment, preview=print)
        engine = open_engine(Question(app, period, tell=self.said.append))
        assert isinstance(engine, AthenaEngine)
        return engine

    def take(self, path: Path) -> None:
        app = open_app(self.environment, preview=print)
        importer = Importer(exports_of(app), self.folder / "rejects", lambda: NOW, threads=2)
        (delivery,) = deliveries([path]).deliveries
        importer.run(delivery)


def _named(credentials: Any) -> dict[str, str]:
    names = {"aws_access_key_id": "AWS_ACCESS_KEY_ID", "aws_secret_access_key": "AWS_SECRET_ACCESS_KEY"}
    return {names[key]: value for key, value in credentials.items()}


@pytest.fixture(scope="module")
def world(cloud, tmp_path_factory) -> World:
    new_client("s3", cloud.url).create_bucket(Bucket=BUCKET)
    made = World(cloud.url, tmp_path_factory.mktemp("world"))
    with pytest.MonkeyPatch.context() as patch:
        for name, value in made.aws.items():
            patch.setenv(name, value)
        for path in write_exports(tmp_path_factory.mktemp("exports")):
            made.take(path)
    return made


@pytest.fixture(autouse=True)
def _aws(world, monkeypatch):
    for name, value in world.aws.items():
        monkeypatch.setenv(name, value)


@pytest.mark.parametrize("name", QUESTIONS)
def test_a_question(world, name):
    with world.engine() as engine:
        check(engine.run, QUESTIONS[name])


def test_what_it_costs_is_said_before_and_after(world):
    world.said.clear()
    with world.engine() as engine:
        engine.run(Query(AUTUMN, ("ServiceName",), (), ("BilledCost",)))
    before, after = world.said
    assert before.startswith("asking Athena: at most ")
    assert after.startswith("Athena scanned ")
    assert "$0.0000" in after  # ten megabytes at least: $0.00005


def test_a_month_that_came_again_counts_once_and_a_new_column_is_added(world, cloud, tmp_path):
    """Files of the import before stay in the bucket for a while: none of their rows is answered."""
    glue = new_client("glue", cloud.url)
    october = Query(Period(date(2026, 10, 1), date(2026, 11, 1)), ("ProviderName",), (), ("BilledCost",))
    with world.engine() as engine:
        first = engine.run(october)
    for path in write_exports(tmp_path):
        if path.name.startswith("Microsoft"):
            lines = path.read_text().splitlines()
            lines = [f"{lines[0]},x_Extra", *(f"{line},e" for line in lines[1:])]
            path.write_text("\n".join(lines) + "\n")
            world.take(path)
    with world.engine() as engine:
        assert engine.run(october) == first
        extra = engine.run(Query(AUTUMN, ("x_Extra",), (), ("BilledCost",)))
        table = engine._table
    assert {row.keys for row in extra.rows} == {("e",), (None,)}
    columns = glue.get_table(DatabaseName=table.database, Name=table.name)["Table"]["StorageDescriptor"]["Columns"]
    assert "x_extra" in {column["Name"] for column in columns}


def test_a_failure_is_one_line(world, monkeypatch):
    from farthing.errors import LedgerError
    from farthing.query.engines import athena

    monkeypatch.setattr(athena, "statement", lambda *_: "SELECT nonsense(")
    with world.engine() as engine, pytest.raises(LedgerError, match=r"^Athena could not answer: .+") as caught:
        engine.run(Query(AUTUMN, ("ServiceName",), (), ("BilledCost",)))
    assert "\n" not in str(caught.value)
