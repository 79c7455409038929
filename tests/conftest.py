"""Every test starts offline, without credentials, settings or a home of the machine's."""

import os

import pytest
from hypothesis import settings

# A law holds or does not; how long one example took says how busy the machine was.
settings.register_profile("farthing", deadline=None)
settings.load_profile("farthing")


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch, tmp_path):
    for name in list(os.environ):
        if name.startswith(("AWS_", "FARTHING_", "POWERTOOLS_")) and name not in KEPT:
            monkeypatch.delenv(name)
    for name in ("BUCKET_NAME", "COST_THRESHOLD", "SLACK_SECRET_NAME", "ENVIRONMENT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("FARTHING_HOME", str(tmp_path / "ledger"))
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.chdir(tmp_path)


KEPT = ("FARTHING_UPDATE_GOLDEN", "FARTHING_SHARED_DATA")


def pytest_runtest_setup(item: pytest.Item) -> None:
    # Only a test that says so may open a socket, and then to loopback alone.
    if item.get_closest_marker("loopback"):
        item.add_marker(pytest.mark.enable_socket)
        item.add_marker(pytest.mark.allow_hosts(["127.0.0.1", "localhost"]))
