import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from botocore.validate import ParamValidator
from tests.unit.simulator.asking import COSTS, METRICS, TODAY, asked, pages, whole

from farthing.simulator.bill import Bill
from farthing.simulator.client import SimulatedClient
from farthing.simulator.contract import output_shape
from farthing.simulator.cost_explorer import CostExplorerSimulator
from farthing.simulator.faults import KINDS, parse_fault
from farthing.simulator.server import LARGEST_BODY, SimulatorServer, make_server

pytestmark = pytest.mark.loopback

BILL = Bill("small", 1, today=TODAY)
TARGET = "AWSInsightsIndexService.GetCostAndUsage"
REQUEST = asked("2026-11-10", "2026-11-12", "SERVICE")
PERIOD = {"Start": "2026-11-01", "End": "2026-11-23"}
TOKEN = CostExplorerSimulator(BILL, page_size=20).get_cost_and_usage(REQUEST)["NextPageToken"]
HEADERS = {"Authorization": "AWS4-HMAC-SHA256 anything", "X-Amz-Target": TARGET}


@pytest.fixture
def server() -> Iterator[SimulatorServer]:
    running = make_server(CostExplorerSimulator(BILL, page_size=20, hourly=True))
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

    def __init__(self, url: str, attempts: int = 1) -> None:
        self.client = boto3.client(
            "ce",
            endpoint_url=url,
            region_name="us-east-1",
            aws_access_key_id="simulated",
            aws_secret_access_key="simulated",
            config=Config(retries={"mode": "standard", "total_max_attempts": attempts}, proxies={}),
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
        (b"{}", {"X-Amz-Target": "AWSInsightsIndexService.GetAnomalies"}, 400, "UnknownOperationException"),
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
    _, document = post(connection, "{}", **{"X-Amz-Target": "AWSInsightsIndexService.GetAnomalies"})
    assert "GetAnomalies is not simulated; these are: GetCostAndUsage, " in document["message"]


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


# -- the other operations --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("operation", "method", "request_"),
    [
        ("GetCostAndUsage", "get_cost_and_usage", asked("2026-11-10", "2026-11-12", "tag:team", metrics=METRICS)),
        (
            "GetCostAndUsage",
            "get_cost_and_usage",
            asked("2026-11-22T00:00:00Z", "2026-11-23T00:00:00Z", "SERVICE", granularity="HOURLY"),
        ),
        ("GetDimensionValues", "get_dimension_values", {"TimePeriod": PERIOD, "Dimension": "USAGE_TYPE"}),
        ("GetTags", "get_tags", {"TimePeriod": PERIOD, "TagKey": "team"}),
        (
            "GetCostForecast",
            "get_cost_forecast",
            {
                "TimePeriod": {"Start": "2026-11-23", "End": "2026-12-23"},
                "Metric": "AMORTIZED_COST",
                "Granularity": "MONTHLY",
                "PredictionIntervalLevel": 75,
            },
        ),
    ],
)
def test_boto3_reads_every_member_of_every_answer(server, connection, operation, method, request_):
    boto = Boto(server.url)
    answer: dict[str, Any] = dict(getattr(boto.client, method)(**request_))
    boto.client.close()
    assert answer.pop("ResponseMetadata")["HTTPStatusCode"] == 200
    target = {"X-Amz-Target": f"AWSInsightsIndexService.{operation}"}
    status, sent = post(connection, json.dumps(request_), **target)
    assert status == 200
    assert answer == sent == getattr(CostExplorerSimulator(BILL, page_size=20, hourly=True), method)(request_)
    assert ParamValidator().validate(answer, output_shape(operation)).generate_report() == ""
    assert server.simulator.billed_requests == 2


# -- faults ----------------------------------------------------------------------------------------------------


def meets(client: Any, request: dict[str, Any]) -> tuple[str, object]:
    try:
        answer = client.get_cost_and_usage(**request)
    except ClientError as error:
        return type(error).__name__, (error.response["Error"], error.response["ResponseMetadata"]["HTTPStatusCode"])
    except BotoCoreError as error:
        return type(error).__name__, None
    return "answer", {key: value for key, value in answer.items() if key != "ResponseMetadata"}


@pytest.mark.parametrize("fault", [*sorted(set(KINDS) - {"latency"}), "garbage:status=502", "latency:seconds=0.05"])
def test_boto3_meets_over_http_what_the_client_in_process_gives(server, fault):
    boto = Boto(server.url)
    inner = SimulatedClient(CostExplorerSimulator(BILL, page_size=20))
    for simulator in (server.simulator, inner.simulator):
        simulator.set_faults(parse_fault(fault))
    for request in (REQUEST, {**REQUEST, "NextPageToken": TOKEN}, {**REQUEST, "NextPageToken": TOKEN}):
        assert meets(boto.client, request) == meets(inner, request)
    assert server.simulator.billed_requests == inner.simulator.billed_requests
    assert server.simulator.failed_requests == inner.simulator.failed_requests
    assert server.simulator.faults() == inner.simulator.faults()
    assert meets(inner, REQUEST)[0] == ("ClientError" if fault in ("access-denied", "expired-token") else "answer")
    boto.client.close()


def test_boto3_retries_what_can_be_retried_and_gets_its_answer(server):
    server.simulator.set_faults(*map(parse_fault, ["throttle", "status-503", "reset"]))
    boto = Boto(server.url, attempts=4)
    assert boto.get_cost_and_usage(REQUEST)["ResponseMetadata"]["RetryAttempts"] == 3
    assert (server.simulator.billed_requests, server.simulator.failed_requests) == (1, 3)
    boto.client.close()


def test_a_truncated_answer_is_shorter_than_it_says_and_ends_the_connection(server, connection):
    server.simulator.set_faults(parse_fault("truncated"))
    connection.request("POST", "/", body=json.dumps(REQUEST), headers=HEADERS)
    response = connection.getresponse()
    with pytest.raises(http.client.IncompleteRead) as caught:
        response.read()
    assert len(caught.value.partial) == int(response.headers["Content-Length"]) // 2
    with pytest.raises(ValueError, match=r"Expecting|Unterminated"):
        json.loads(caught.value.partial)
    connection.close()
    assert post(connection, json.dumps(REQUEST))[0] == 200


def test_a_reset_is_a_reset(server, connection):
    server.simulator.set_faults(parse_fault("reset"))
    connection.request("POST", "/", body=json.dumps(REQUEST), headers=HEADERS)
    with pytest.raises(ConnectionResetError):
        connection.getresponse()
    connection.close()
    assert post(connection, json.dumps(REQUEST))[0] == 200


def test_garbage_is_html(server, connection):
    server.simulator.set_faults(parse_fault("garbage:status=502"))
    connection.request("POST", "/", body=json.dumps(REQUEST), headers=HEADERS)
    response = connection.getresponse()
    assert (response.status, response.getheader("Content-Type")) == (502, "text/html; charset=utf-8")
    assert response.read().startswith(b"<!DOCTYPE html>")
    assert post(connection, json.dumps(REQUEST))[0] == 200


def control(connection: http.client.HTTPConnection, method: str, document: Any = None) -> tuple[int, dict[str, Any]]:
    body = None if document is None else document if isinstance(document, bytes) else json.dumps(document)
    connection.request(method, "/_farthing/faults", body=body)
    response = connection.getresponse()
    return response.status, json.loads(response.read())


def test_faults_are_set_listed_and_cleared_while_it_runs(server, connection):
    faults = ["throttle:times=2", {"kind": "latency", "seconds": 0, "times": 1}]
    listed = [
        {"fault": "throttle:on=1,times=2", "happened": 0},
        {"fault": "latency:on=1,times=1,seconds=0", "happened": 0},
    ]
    assert control(connection, "POST", {"faults": faults}) == (200, {"faults": listed})
    assert post(connection, json.dumps(REQUEST))[1]["__type"] == "ThrottlingException"
    assert [each["happened"] for each in control(connection, "GET")[1]["faults"]] == [1, 1]
    assert control(connection, "DELETE") == (200, {"faults": []})
    assert control(connection, "GET") == (200, {"faults": []})
    assert post(connection, json.dumps(REQUEST))[0] == 200
    assert (server.simulator.billed_requests, server.simulator.failed_requests) == (1, 1)


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ({"faults": ["throttle", "throtle"]}, "'throtle' is no fault; there are access-denied, "),
        ({"faults": [{"kind": "latency", "seconds": "long"}]}, "seconds is 'long', not a number from 0 to 600"),
        ({"faults": "throttle"}, 'send {"faults": [...]}'),
        ({"fault": ["throttle"]}, 'send {"faults": [...]}'),
        (["throttle"], 'send {"faults": [...]}'),
        (b"{", "not valid JSON"),
    ],
)
def test_wrong_faults_are_refused_and_none_of_them_is_set(server, connection, document, message):
    status, answer = control(connection, "POST", document)
    assert status == 400
    assert message in answer["message"]
    assert server.simulator.faults() == []
    assert server.simulator.failed_requests == 0


def test_closing_ends_a_latency_at_once():
    running = make_server(CostExplorerSimulator(BILL, faults=[parse_fault("latency:seconds=600")]))
    thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    opened = http.client.HTTPConnection(running.url.removeprefix("http://"), timeout=10)
    opened.request("POST", "/", body=json.dumps(REQUEST), headers=HEADERS)
    while not running.simulator.faults()[0]["happened"]:
        time.sleep(0.01)
    running.shutdown()
    running.server_close()
    thread.join(5)
    assert not thread.is_alive()
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


def test_boto3_needs_nothing_but_what_is_printed(tmp_path):
    """The exports alone, in an environment without a home: no region and no credentials come from elsewhere."""
    script = (
        "import boto3; ce = boto3.client('ce'); print(ce.meta.endpoint_url); "
        "print(len(ce.get_tags(TimePeriod={'Start': '2026-11-01', 'End': '2026-11-23'})['Tags']))"
    )
    arguments = ["--port", "0", "--size", "small", "--today", "2026-11-23"]
    with subprocess.Popen(simulate(*arguments), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        url = process.stdout.readline().rstrip("\n")
        hint = [process.stderr.readline() for _ in range(4)]
        exports = [line.split()[1:] for line in hint if line.startswith("  export ")]
        printed = dict(pair.split("=", 1) for pairs in exports for pair in pairs)
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(tmp_path),
            "AWS_EC2_METADATA_DISABLED": "true",
            **printed,
        }
        run = subprocess.run(
            [sys.executable, "-c", script], env=environment, capture_output=True, text=True, timeout=30
        )
        process.terminate()
        process.communicate(timeout=10)
    assert run.returncode == 0, run.stderr
    assert run.stdout.split() == [url, "2"]
    assert printed["AWS_REGION"] == printed["AWS_DEFAULT_REGION"] == "us-east-1"


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
    for seed in ("-1", str(2**31)):
        run = subprocess.run(simulate("--seed", seed), capture_output=True, text=True, timeout=20)
        assert (run.returncode, run.stdout) == (2, "")
        assert "'--seed'" in run.stderr.splitlines()[-1]
        assert "0<=x<=2147483647" in run.stderr.splitlines()[-1]
    code, message = failed("--fault", "throtle")
    assert (code, "'throtle' is no fault; there are access-denied, " in message) == (2, True)
    code, message = failed("--from", str(tmp_path / "nowhere.csv"))
    assert (code, "nowhere.csv: there is no such file" in message) == (2, True)
    code, message = failed("--from", str(tmp_path), "--replay", str(broken))
    assert (code, "--from brings its own bill" in message) == (2, True)
    code, message = failed("--from", str(tmp_path), "--hourly")
    assert (code, "tell nothing of hours" in message) == (2, True)
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


def test_the_command_answers_from_a_focus_export_with_faults(tmp_path):
    path = tmp_path / "focus.csv"
    path.write_text(
        "BilledCost,BillingCurrency,ChargeCategory,ChargePeriodStart,ServiceName\n"
        "0.000000000001,EUR,Usage,2026-03-01T05:00:00Z,AWS Lambda\n"
        "2,EUR,Tax,2026-03-03T00:00:00Z,Tax\n"
    )
    arguments = ["--port", "0", "--from", str(path), "--today", "2026-03-03", "--fault", "throttle", "--fault", "reset"]
    with subprocess.Popen(simulate(*arguments), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        boto = Boto(process.stdout.readline().strip())
        request = asked("2026-03-01", "2026-03-03")
        assert meets(boto.client, request)[0] == "ClientError"
        assert meets(boto.client, request)[0] == "ConnectionClosedError"
        answer = boto.get_cost_and_usage(request)
        boto.client.close()
        process.terminate()
        _, err = process.communicate(timeout=10)
    assert [result["Total"]["UnblendedCost"] for result in answer["ResultsByTime"]] == [
        {"Amount": "0.000000000001", "Unit": "EUR"},
        {"Amount": "0", "Unit": "EUR"},
    ]
    assert "its today is 2026-03-03" in err
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
