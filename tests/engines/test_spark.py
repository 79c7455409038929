"""The contract of engines on Spark: a session in this process, a standalone cluster, and Spark Connect."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from farthing.app import open_app
from farthing.asking import Question, open_engine
from farthing.importing import Importer
from farthing.ledger.exports import Exports, FolderFiles
from farthing.ledger.folder import FolderStore
from farthing.query.engines.spark import session
from farthing.sources.exports.deliveries import deliveries
from tests.contract.engines import AUTUMN, NOW, QUESTIONS, check, write_exports
from tests.integration.servers import members

pytestmark = [pytest.mark.engines, pytest.mark.loopback, pytest.mark.filterwarnings("default")]

START_SECONDS = 90


@pytest.fixture(scope="session")
def home(tmp_path_factory):
    root = tmp_path_factory.mktemp("ledger")
    importer = Importer(Exports(FolderStore(root), FolderFiles(root)), root / "rejects", lambda: NOW, threads=2)
    for path in write_exports(tmp_path_factory.mktemp("exports")):
        (delivery,) = deliveries([path]).deliveries
        importer.run(delivery)
    return root


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


@contextmanager
def process(command: list[str], log: Path, environment: dict[str, str], port: int) -> Iterator[None]:
    """A server of Spark's; ready when it listens."""
    with (
        log.open("w") as said,
        subprocess.Popen(command, env=environment, stdout=said, stderr=said, start_new_session=True) as started,
    ):
        try:
            deadline = time.monotonic() + START_SECONDS
            while True:
                if started.poll() is not None or time.monotonic() > deadline:
                    pytest.fail(f"{command[-1]} did not start: {log.read_text()[-2000:]}", pytrace=False)
                with socket.socket() as tried:
                    if tried.connect_ex(("127.0.0.1", port)) == 0:
                        break
                time.sleep(0.2)
            yield
        finally:
            started.terminate()
            started.wait(30)
            for left in members(started.pid):
                os.kill(left, signal.SIGKILL)


def spark_home() -> Path:
    import pyspark  # type: ignore[import-not-found,unused-ignore]

    return Path(pyspark.__file__).parent


def environment(folder: Path) -> dict[str, str]:
    return {
        **{name: os.environ[name] for name in ("PATH", "JAVA_HOME", "LANG") if name in os.environ},
        "SPARK_HOME": str(spark_home()),
        "SPARK_LOCAL_IP": "127.0.0.1",
        "SPARK_NO_DAEMONIZE": "1",
        "PYSPARK_PYTHON": sys.executable,
        "HOME": str(folder),
    }


@contextmanager
def cluster(folder: Path) -> Iterator[str]:
    """A standalone master with one worker."""
    port, pages, worker = free_port(), free_port(), free_port()
    start = str(spark_home() / "bin" / "spark-class")
    deploy = "org.apache.spark.deploy"
    master = [start, f"{deploy}.master.Master", "--host", "127.0.0.1", "--port", str(port), "--webui-port", str(pages)]
    url = f"spark://127.0.0.1:{port}"
    slave = [start, f"{deploy}.worker.Worker", "--host", "127.0.0.1", "--port", str(worker), "--cores", "2"]
    slave += ["--memory", "1g", "--webui-port", str(free_port()), "--work-dir", str(folder / "work"), url]
    with (
        process(master, folder / "master.log", environment(folder), port),
        process(slave, folder / "worker.log", environment(folder), worker),
    ):
        yield url


@contextmanager
def connect(folder: Path) -> Iterator[str]:
    """A server of Spark Connect."""
    port = free_port()
    start = str(spark_home() / "bin" / "spark-submit")
    server = [start, "--class", "org.apache.spark.sql.connect.service.SparkConnectServer", "--master", "local[2]"]
    server += [
        "--conf",
        f"spark.connect.grpc.binding.port={port}",
        "--conf",
        "spark.connect.grpc.binding.address=127.0.0.1",
    ]
    server += ["--conf", "spark.ui.enabled=false", "spark-internal"]
    with process(server, folder / "connect.log", environment(folder), port):
        yield f"sc://127.0.0.1:{port}"


@contextmanager
def local(_folder: Path) -> Iterator[str]:
    yield "local[2]"


@pytest.fixture(scope="module", params=[local, cluster, connect], ids=["local", "cluster", "connect"])
def engine(request, home, tmp_path_factory):
    folder = tmp_path_factory.mktemp(request.param.__name__)
    with pytest.MonkeyPatch.context() as patch, request.param(folder) as master:
        patch.setenv("SPARK_LOCAL_IP", "127.0.0.1")
        patch.setenv("PYSPARK_PYTHON", sys.executable)
        settings = {
            "FARTHING_HOME": str(home),
            "FARTHING_TODAY": "2026-11-24",
            "FARTHING_ENGINE": "spark",
            "FARTHING_SPARK_MASTER": master,
        }
        with open_engine(Question(open_app(settings, preview=print), AUTUMN)) as opened:
            yield opened
        session(master).stop()


@pytest.mark.parametrize("name", QUESTIONS)
def test_a_question(engine, name):
    check(engine.run, QUESTIONS[name])
