"""`farthing dashboard`: where it listens, and what it asks of readers."""

import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

import pytest

from farthing.cli import run

pytestmark = pytest.mark.loopback


def started(home, *arguments, **variables):
    environment = {**os.environ, "FARTHING_HOME": str(home), "FARTHING_TODAY": "2026-11-28", **variables}
    command = [sys.executable, "-m", "farthing", "dashboard", "--port", "0", "--no-open", *arguments]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)


def address(process):
    return process.stdout.readline().split("dashboard: ")[1].split()[0]


def status(url):
    try:
        while True:
            with urllib.request.urlopen(url) as answer:
                if answer.status != 202:  # the first page of a busy machine may follow one that says so
                    return answer.status
            time.sleep(0.05)
    except urllib.error.HTTPError as error:
        return error.code


def test_it_answers_at_the_address_that_it_prints(tmp_path):
    with started(tmp_path) as process:
        try:
            url = address(process)
            assert status(url) == 200
            assert status(f"{url}healthz") == 200
        finally:
            process.terminate()
    assert process.returncode in (0, 130)


def test_beyond_this_machine_it_asks_for_a_token(tmp_path):
    with started(tmp_path, "--host", "0.0.0.0") as process:
        try:
            url, _, token = address(process).partition("?token=")
            assert len(token) >= 16
            local = url.replace("0.0.0.0", "127.0.0.1")
            assert status(local) == 401
            request = urllib.request.Request(local, headers={"Authorization": f"Bearer {token}"})
            with urllib.request.urlopen(request) as answer:
                assert answer.status == 200
        finally:
            process.terminate()


def test_a_taken_port_and_a_short_token_are_said(tmp_path, capsys, monkeypatch):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        assert run(["--home", str(tmp_path), "dashboard", "--port", port, "--no-open"]) == 2
    assert "take another --port" in capsys.readouterr().err
    monkeypatch.setenv("FARTHING_DASHBOARD_TOKEN", "short")
    assert run(["--home", str(tmp_path), "dashboard", "--port", "0", "--no-open"]) == 2
    assert "FARTHING_DASHBOARD_TOKEN has fewer than 16 characters" in capsys.readouterr().err
