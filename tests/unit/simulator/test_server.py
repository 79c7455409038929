import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from tests.unit.simulator.asking import COSTS, TODAY, asked, pages, whole

from farthing.simulator.bill import Bill
from farthing.simulator.cost_explorer import CostExplorerSimulator
from farthing.simulator.server import LARGEST_BODY, SimulatorServer, make_server

pytestmark = pytest.mark.loopback

BILL = Bill("small", 1, today=TODAY)
TARGET = "AWSInsightsIndexService.GetCostAndUsage"
REQUEST = asked("2026-11-10", "2026-11-12", "SERVICE")
HEADERS = {"Authorization": "AWS4-HMAC-SHA256 anything", "X-Amz-Target": TARGET}


@pytest.fixture
def server() -> Iterator[SimulatorServer]:
    running = make_server(CostExplorerSimulator(BILL, page_size=20))
    thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield running
    running.shutdown()
    running.server_close()
    thread.join(5)
    assert not thread.is_alive()


@pytest.fixture
def connection(server) -> Iterator[http.client.HTTPConnection]:
    host, port = server.server_address
    opened = http.client.HTTPConnection(host, port, timeout=5)
    yield opened
    opened.close()


def post(connection: http.client.HTTPConnection, body: bytes | str, **headers: str) -> tuple[int, dict[str, Any]]:
    connection.request("POST", "/", body=body, headers={**HEADERS, **headers})
    response = connection.getresponse()
    document = json.loads(response.read())
    assert response.getheader("x-amzn-RequestId")
    assert response.getheader("Content-Type") == "application/x-amz-json-1.1"
    if response.status != 200:
        assert response.getheader("x-amzn-ErrorType") == document["__type"]
        assert document["message"]
    return response.status, document


class Boto:
    """boto3's client, asked like the simulator itself."""

    def __init__(self, url: str) -> None:
        self.client = boto3.client(
            "ce",
            endpoint_url=url,
            region_name="us-east-1",
            aws_access_key_id="simulated",
            aws_secret_access_key="simulated",
            config=Config(retries={"total_max_attempts": 1}, proxies={}),
        )

    def get_cost_and_usage(self, request: dict[str, Any], /) -> dict[str, Any]:
        answer: Any = self.client.get_cost_and_usage(**request)
        return dict(answer)


def test_boto3_gets_what_the_core_answers(server):
    request = asked("2026-11-01", "2026-11-08", "SERVICE", "LINKED_ACCOUNT", metrics=COSTS)
    boto = Boto(server.url)
    parts = list(pages(boto, request))
    assert len(parts) > 10
    assert parts[0]["ResponseMetadata"]["RequestId"]
    assert whole(boto, request) == whole(CostExplorerSimulator(BILL), request)
    assert server.simulator.billed_requests == 2 * len(parts)
    boto.client.close()


def test_boto3_knows_the_errors(server):
    boto = Boto(server.url)
    with pytest.raises(ClientError, match="historical data beyond 14 months") as caught:
        boto.get_cost_and_usage(asked("2020-01-01", "2020-02-01"))
    assert caught.value.response["Error"]["Code"] == "ValidationException"
    with pytest.raises(boto.client.exceptions.InvalidNextTokenException):
        boto.get_cost_and_usage({**REQUEST, "NextPageToken": "nonsense"})
    token = boto.get_cost_and_usage(REQUEST)["NextPageToken"]
    with pytest.raises(boto.client.exceptions.RequestChangedException):
        boto.get_cost_and_usage({**REQUEST, "Metrics": ["AmortizedCost"], "NextPageToken": token})
    boto.client.close()


@pytest.mark.skipif(shutil.which("aws") is None, reason="the AWS CLI is not on PATH")
def test_the_aws_cli_works_against_it(server, tmp_path):
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "AWS_ENDPOINT_URL_COST_EXPLORER": server.url,
        "AWS_ACCESS_KEY_ID": "simulated",
        "AWS_SECRET_ACCESS_KEY": "simulated",
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_PAGER": "",
    }
    command = "aws ce get-cost-and-usage --output json --granularity MONTHLY --metrics UnblendedCost"
    command += " --time-period Start=2026-10-01,End=2026-11-01 --group-by Type=DIMENSION,Key=LINKED_ACCOUNT"
    run = subprocess.run(command.split(), env=environment, capture_output=True, text=True, timeout=60)
    if "Python" in run.stderr and "not found" in run.stderr:
        pytest.skip("the AWS CLI on PATH does not start")
    assert run.returncode == 0, run.stderr
    assert len(json.loads(run.stdout)["ResultsByTime"][0]["Groups"]) == 5
    assert len(json.loads(run.stdout)["DimensionValueAttributes"]) == 5


def test_the_status_tells_what_was_asked(server, connection):
    post(connection, json.dumps(REQUEST))
    post(connection, "{")
    post(connection, json.dumps({**REQUEST, "Metrics": []}))
    connection.request("GET", "/_farthing/status")
    assert json.loads(connection.getresponse().read()) == {
        "billed_requests": 1,
        "failed_requests": 2,
        "today": "2026-11-23",
        "size": "small",
        "seed": 1,
    }


@pytest.mark.parametrize(
    ("body", "headers", "status", "code"),
    [
        (b"{", {}, 400, "SerializationException"),
        (b"\xff\xfe\x00", {}, 400, "SerializationException"),
        (b"[" * 200_000, {}, 400, "SerializationException"),
        (b"", {}, 400, "SerializationException"),
        (b"{}", {"X-Amz-Target": ""}, 400, "UnknownOperationException"),
        (b"{}", {"X-Amz-Target": "AWSInsightsIndexService.GetTags"}, 400, "UnknownOperationException"),
        (b"{}", {"X-Amz-Target": "DynamoDB_20120810.ListTables"}, 400, "UnknownOperationException"),
        (b"{}", {"Authorization": ""}, 403, "MissingAuthenticationToken"),
        (b"{}", {}, 400, "ValidationException"),
    ],
)
def test_malformed_requests_are_refused_and_the_connection_lives_on(connection, body, headers, status, code):
    assert post(connection, body, **headers)[0] == status
    first = connection.sock
    answered, document = post(connection, body, **headers)
    assert (answered, document["__type"]) == (status, code)
    assert post(connection, json.dumps(REQUEST))[0] == 200
    assert connection.sock is first is not None


def test_an_operation_that_is_not_simulated_is_named(connection):
    _, document = post(connection, "{}", **{"X-Amz-Target": "AWSInsightsIndexService.GetTags"})
    assert "GetTags is not simulated" in document["message"]


def test_a_body_that_is_too_large_is_not_read(connection):
    connection.putrequest("POST", "/")
    connection.putheader("Content-Length", str(LARGEST_BODY + 1))
    connection.putheader("Authorization", "x")
    connection.endheaders()
    response = connection.getresponse()
    assert response.status == 413
    assert json.loads(response.read())["__type"] == "RequestEntityTooLarge"


@pytest.mark.parametrize(
    "raw",
    [
        b"nonsense\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: -5\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: many\r\n\r\n",
        b"POST / HTTP/1.1\r\n\r\n",
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"DELETE / HTTP/1.1\r\n\r\n",
        b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 200 + b"\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: 10\r\n\r\nshort",
        b"",
        b"\x00\x01\x02\r\n\r\n",
    ],
)
def test_no_input_ends_the_server(server, connection, raw, capfd):
    with socket.create_connection(server.server_address, timeout=5) as broken:
        broken.sendall(raw)
        broken.shutdown(socket.SHUT_WR)
        while broken.recv(65536):
            pass
    assert post(connection, json.dumps(REQUEST))[0] == 200
    assert capfd.readouterr() == ("", "")


def test_closing_ends_idle_connections_at_once():
    running = make_server(CostExplorerSimulator(BILL))
    thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    opened = http.client.HTTPConnection(running.url.removeprefix("http://"), timeout=5)
    assert post(opened, json.dumps(REQUEST))[0] == 200
    running.shutdown()
    running.server_close()
    thread.join(2)
    assert not thread.is_alive()
    assert opened.sock is not None
    assert opened.sock.recv(1) == b""
    opened.close()


# -- the command -----------------------------------------------------------------------------------------------


def simulate(*arguments: str) -> list[str]:
    return [sys.executable, "-c", "from farthing.cli.simulate import command; command()", *arguments]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_command_prints_its_url_first_and_ends_cleanly(tmp_path, number):
    arguments = ["--port", "0", "--size", "small", "--today", "2026-11-23", "--truth", str(tmp_path / "truth.json")]
    with subprocess.Popen(simulate(*arguments), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        url = process.stdout.readline().rstrip("\n")
        boto = Boto(url)
        assert boto.get_cost_and_usage(REQUEST)["ResultsByTime"][0]["Groups"]
        boto.client.close()
        process.send_signal(number)
        out, err = process.communicate(timeout=10)
    assert process.returncode == 0
    assert url.startswith("http://127.0.0.1:")
    assert out == ""
    assert f"AWS_ENDPOINT_URL_COST_EXPLORER={url}" in err
    assert "Traceback" not in err
    assert json.loads((tmp_path / "truth.json").read_text())["incidents"][-1]["id"] == "showcase"
    assert [path.name for path in tmp_path.iterdir()] == ["truth.json"]


def failed(*arguments: str) -> tuple[int, str]:
    run = subprocess.run(simulate(*arguments), capture_output=True, text=True, timeout=20)
    assert run.stdout == ""
    assert len(run.stderr.splitlines()) == 1, run.stderr
    return run.returncode, run.stderr


def test_a_port_in_use_is_one_clear_line(server):
    code, message = failed("--size", "small", "--port", str(server.server_address[1]))
    assert code == 1
    assert "Address already in use" in message


def test_wrong_use_is_one_clear_line(tmp_path):
    broken = tmp_path / "broken.json"
    broken.write_text("{")
    code, message = failed("--replay", str(broken))
    assert (code, "not JSON" in message) == (2, True)
    assert str(broken) in message
    code, message = failed("--host", "0.0.0.0")
    assert (code, "loopback" in message) == (2, True)
    code, message = failed("--today", "2020-01-01", "--anchor", "2026-01-01")
    assert (code, "first day" in message) == (2, True)
    code, message = failed("--replay", str(broken), "--today", "2020-01-01")
    assert (code, "brings its own days" in message) == (2, True)
    code, message = failed("--port", "0", "--size", "small", "--truth", str(tmp_path / "no" / "truth.json"))
    assert (code, "cannot write" in message) == (1, True)


def test_the_command_replays_a_recording(tmp_path):
    recording = tmp_path / "answer.json"
    day = {"TimePeriod": {"Start": "2026-01-01", "End": "2026-01-02"}, "Estimated": False}
    groups = [{"Keys": ["Tax"], "Metrics": {"UnblendedCost": {"Amount": "3.30", "Unit": "USD"}}}]
    recording.write_text(json.dumps({"ResultsByTime": [{**day, "Total": {}, "Groups": groups}]}))
    with subprocess.Popen(
        simulate("--port", "0", "--replay", str(recording)), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        boto = Boto(process.stdout.readline().strip())
        answer = boto.get_cost_and_usage(asked("2026-01-01", "2026-01-02", "SERVICE"))
        boto.client.close()
        process.terminate()
        process.communicate(timeout=10)
    assert answer["ResultsByTime"][0]["Groups"] == groups
    assert process.returncode == 0


def test_the_module_is_light():
    """The command line shows its help without the simulator."""
    code = "import sys, farthing.cli.simulate; print([m for m in sys.modules if m.startswith('farthing.simulator')])"
    source = str(Path(__file__).parents[3] / "src")
    run = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": source},
    )
    assert run.stdout.strip() == "[]"
