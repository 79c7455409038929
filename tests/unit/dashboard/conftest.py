"""A small simulated ledger, made once, and the dashboard over it."""

import pytest
from starlette.testclient import TestClient

from farthing.app import App
from farthing.collect import backfill, collect
from farthing.dashboard.pages import Pages
from farthing.dashboard.reading import Reading
from farthing.dashboard.server import application
from farthing.ledger.folder import FolderStore
from farthing.model import Period
from farthing.settings import load

TODAY = "2026-11-28"
HOSTS = frozenset({"127.0.0.1", "localhost"})


def opened(home, **more):
    settings = load(
        {
            "FARTHING_HOME": str(home),
            "FARTHING_SOURCE": "simulated",
            "FARTHING_SIMULATED_SIZE": "small",
            "FARTHING_TODAY": TODAY,
            **more,
        },
        None,
        "",
        required=(),
    )
    return App(settings, FolderStore(home), lambda text: None)


@pytest.fixture(scope="session")
def filled(tmp_path_factory):
    from datetime import date

    home = tmp_path_factory.mktemp("ledger")
    app = opened(home)
    backfill(
        app.workplace(), Period(date(2026, 9, 1), date(2026, 11, 14)), max_requests=1000, invocation="history"
    ).require_success()
    collect(app.workplace(), invocation="run").require_success()
    return home


@pytest.fixture(scope="session")
def pages(filled):
    reading = Reading(opened(filled))
    yield Pages(reading)
    reading.close()


@pytest.fixture
def client(pages):
    return TestClient(application(pages, hosts=HOSTS, patience=60), base_url="http://127.0.0.1:8321")


@pytest.fixture
def empty(tmp_path):
    return TestClient(
        application(Pages(Reading(opened(tmp_path / "nothing"))), hosts=HOSTS, patience=60), base_url="http://127.0.0.1"
    )
