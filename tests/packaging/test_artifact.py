"""The Lambda artifact: the same bytes from the same files, what is in it, and that it runs where boto3 alone is."""

import hashlib
import json
import os
import re
import shutil
import stat
import subprocess
import sys
import zipfile
from pathlib import Path

import boto3
import pytest
from bench.artifact import MOST_ADDED, architecture, compare
from bench.in_lambda import in_the_runtime
from tests.fakes import http_receiver
from tests.integration.servers import ministack
from tools.build_lambda import check_names, unpacked

ROOT = Path(__file__).parents[2]
MACHINES = {"arm64": 0xB7, "x86_64": 0x3E}
"""What an ELF file for it has at byte 18."""

GLIBC = (2, 17)
"""manylinux2014; python3.11's Amazon Linux 2 has 2.26."""

FORBIDDEN = {
    *("boto3", "botocore", "s3transfer", "urllib3", "duckdb", "sqlglot", "numpy", "pydantic", "pydantic_core", "rich"),
    *("jinja2", "click", "litestar", "filelock", "platformdirs", "pip", "setuptools", "moto", "pytest"),
}
PYTHONS = ("3.11", "3.12", "3.13")
PYENV = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv", "versions")
CREDENTIALS = {"aws_access_key_id": "AKIAPLANTED", "aws_secret_access_key": "planted-aws-key"}

INVOKE = """
import json, sys
from types import SimpleNamespace
sys.path[:0] = sys.argv[1:3]
from farthing.aws_lambda import handler
import boto3, farthing, msgspec
where = [module.__file__ for module in (farthing, msgspec, boto3)]
record = handler({"source": "aws.events"}, SimpleNamespace(aws_request_id=sys.argv[3]))
print(json.dumps({"record": record, "where": where, "modules": sorted(sys.modules)}))
"""

pytestmark = [pytest.mark.packaging, pytest.mark.enable_socket]


def build(root, out, wheels, *arguments, **options):
    command = [sys.executable, root / "tools" / "build_lambda.py", "--out", out, "--wheels", wheels, *arguments]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False, **options)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheels():
    return ROOT / "build" / "lambda-wheels"


@pytest.fixture(scope="module")
def dist(tmp_path_factory, wheels):
    folder = tmp_path_factory.mktemp("artifact")
    (folder / "said").write_text(build(ROOT, folder, wheels))
    return folder


@pytest.fixture(scope="module", params=sorted(MACHINES))
def machine(request):
    return request.param


@pytest.fixture(scope="module")
def zipped(machine, dist):
    with zipfile.ZipFile(dist / f"farthing-lambda-{machine}.zip") as file:
        yield file


@pytest.fixture(scope="module")
def task(dist, tmp_path_factory):
    """This machine's artifact, unpacked."""
    folder = tmp_path_factory.mktemp("task")
    with zipfile.ZipFile(dist / f"farthing-lambda-{architecture()}.zip") as file:
        file.extractall(folder)
    return folder


@pytest.fixture(scope="module")
def boto3_alone(tmp_path_factory):
    """A folder with boto3 and what it needs: what Lambda's runtime has. It is pure Python, so it serves every Python."""
    folder = tmp_path_factory.mktemp("boto3")
    command = [sys.executable, "-m", "pip", "install", "-q", "--target", folder, f"boto3=={boto3.__version__}"]
    subprocess.run(list(map(str, command)), check=True, capture_output=True)
    return folder


def python_of(version):
    """A Python of that version, where `.ci/run` would find it."""
    found = [shutil.which(f"python{version}"), *map(str, PYENV.glob(f"{version}.*/bin/python{version}"))]
    for python in filter(None, found):
        ask = "import ssl, sys; print(sys.executable)"
        done = subprocess.run([python, "-c", ask], capture_output=True, text=True, check=False)
        if done.returncode == 0:
            return done.stdout.strip()
    return pytest.skip(f"no Python {version} on this machine")


# The bytes


def test_the_same_files_give_the_same_bytes_wherever_and_whenever_they_are_built(tmp_path, wheels):
    inputs = list((ROOT / "src").rglob("*.py"))
    inputs += [ROOT / "requirements" / "lambda.lock", ROOT / "tools" / "build_lambda.py", ROOT / "LICENSE"]
    built = []
    for name, umask, zone, when in (("one", 0o022, "Asia/Kathmandu", 1_000_000_000), ("an other", 0o077, "UTC", 2e9)):
        root = tmp_path / name
        for path in sorted(inputs, reverse=name == "one"):
            copy = root / path.relative_to(ROOT)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, copy)
            os.utime(copy, (when, when))
        environment = {
            **os.environ,
            "SOURCE_DATE_EPOCH": "1795000001",
            "TZ": zone,
            "PYTHONHASHSEED": str(umask),
            "LC_ALL": "C" if umask else "C.UTF-8",
        }
        build(root, tmp_path / f"out {name}", wheels, "--commit", "c0ffee", env=environment, umask=umask)
        built.append({path.name: path.read_bytes() for path in (tmp_path / f"out {name}").iterdir()})
    assert built[0].keys() == {f"farthing-lambda-{machine}.zip{end}" for machine in MACHINES for end in ("", ".sha256")}
    assert built[0] == built[1]


def test_each_zip_has_its_checksum_beside_it(dist):
    for machine in MACHINES:
        digest, name = (dist / f"farthing-lambda-{machine}.zip.sha256").read_text().split()
        assert name == f"farthing-lambda-{machine}.zip"
        assert hashlib.sha256((dist / name).read_bytes()).hexdigest() == digest
        assert digest in (dist / "said").read_text()


def test_names_are_sorted_modes_and_times_are_one_and_nothing_is_compressed(zipped):
    entries = zipped.infolist()
    assert [entry.filename for entry in entries] == sorted({entry.filename for entry in entries})
    assert {entry.external_attr >> 16 for entry in entries} == {stat.S_IFREG | 0o644}
    assert len({entry.date_time for entry in entries}) == 1
    assert {entry.compress_type for entry in entries} == {zipfile.ZIP_STORED}
    assert not any(entry.extra for entry in entries)


def test_a_zip_has_at_most_five_megabytes(zipped):
    assert Path(zipped.filename).stat().st_size <= 5_000_000


# What is in it


def test_the_manifest_tells_every_file(zipped, machine):
    told = json.loads(zipped.read("farthing-manifest.json"))
    names = set(zipped.namelist()) - {"farthing-manifest.json"}
    assert told["files"] == {name: hashlib.sha256(zipped.read(name)).hexdigest() for name in sorted(names)}
    assert (told["schema"], told["architecture"]) == ("farthing.artifact/1", machine)
    assert told["handler"] == "farthing.aws_lambda.handler"
    if (ROOT / ".git").exists():
        head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=True)
        assert told["commit"].rstrip("+") == head.stdout.strip()
    locked = dict(
        re.findall(r"^([\w.-]+)==([\w.]+)", (ROOT / "requirements" / "lambda.lock").read_text(), re.MULTILINE)
    )
    assert told["packages"] == locked


def test_nothing_that_is_too_heavy_or_not_used_is_in_it(zipped):
    names = zipped.namelist()
    assert not {name.partition("/")[0].removesuffix(".py") for name in names} & FORBIDDEN
    assert not [
        name for name in names if name.endswith((".pyc", ".pyi", "RECORD", "INSTALLER", "direct_url.json", "WHEEL"))
    ]
    own = {name for name in names if name.startswith("farthing/")}
    assert {"farthing/aws_lambda.py", "farthing/ledger/s3.py", "farthing/simulator/client.py"} <= own
    assert not [name for name in own if "/cli/" in name or name == "farthing/ledger/folder.py"]
    # Budgets and credits choose their charges in the grammar of reports; nothing that answers a question is there.
    assert {name for name in own if "/query/" in name} == {
        f"farthing/query/{name}.py" for name in ("__init__", "model", "selection")
    }


def test_every_module_in_it_is_the_trees(zipped):
    own = [name for name in zipped.namelist() if name.startswith("farthing/")]
    assert all(zipped.read(name) == (ROOT / "src" / name).read_bytes() for name in own)


def test_a_module_that_is_loaded_by_a_name_nobody_listed_fails_the_build():
    known = {"farthing/app.py": b'HOME = "farthing.ledger.s3"'}
    check_names(known, {"farthing.ledger.s3", "farthing.new"})
    with pytest.raises(SystemExit, match=r"app.py names farthing.new"):
        check_names({"farthing/app.py": b'HOME = "farthing.new"'}, {"farthing.ledger.s3", "farthing.new"})


def test_wheels_that_differ_in_a_file_of_one_name_fail_the_build(tmp_path):
    for name in ("one", "other"):
        with zipfile.ZipFile(tmp_path / f"{name}.whl", "w") as file:
            file.writestr("package/__init__.py", name)
    with pytest.raises(SystemExit, match=r"package/__init__.py of other.whl differs"):
        unpacked([tmp_path / "one.whl", tmp_path / "other.whl"])


def test_every_package_in_it_has_its_licence(zipped):
    names = zipped.namelist()
    licences = {name.partition("-")[0] for name in names if re.search(r"\.dist-info/(licenses/)?LICEN[CS]E", name)}
    packages = {name.partition("/")[0].removesuffix(".py") for name in names if name.endswith(".py")}
    assert packages == licences


def test_compiled_modules_are_for_the_architecture_and_for_an_old_glibc(zipped, machine):
    compiled = [name for name in zipped.namelist() if ".so" in name]
    assert {match[1] for name in compiled if (match := re.search(r"cpython-(\d+)-", name))} == {"311", "312", "313"}
    for name in compiled:
        data = zipped.read(name)
        assert (data[:4], data[18]) == (b"\x7fELF", MACHINES[machine])
        # Every version of a symbol that it asks for stands by name in its string table.
        versions = {tuple(map(int, found.split(b"."))) for found in re.findall(rb"\0GLIBC_(\d[\d.]*)(?=\0)", data)}
        assert versions
        assert max(versions) <= GLIBC, name


# That it runs


@pytest.fixture(scope="module")
def aws(tmp_path_factory):
    with ministack(tmp_path_factory.mktemp("ministack")) as server:
        yield server


@pytest.fixture
def slack():
    with http_receiver() as receiver:
        yield receiver


@pytest.fixture
def deployed(aws, slack, request):
    """The environment of a function whose bucket and secret are there; the figures are simulated."""
    name = re.sub(r"[^a-z0-9]", "-", request.node.name.lower())[-40:].strip("-")
    arguments = {"endpoint_url": aws.url, "region_name": "us-east-1", **CREDENTIALS}
    boto3.client("s3", **arguments).create_bucket(Bucket=name)
    boto3.client("secretsmanager", **arguments).create_secret(Name=name, SecretString=slack.url)
    return {
        "AWS_ACCESS_KEY_ID": CREDENTIALS["aws_access_key_id"],
        "AWS_SECRET_ACCESS_KEY": CREDENTIALS["aws_secret_access_key"],
        "AWS_ENDPOINT_URL": aws.url,
        "AWS_LAMBDA_FUNCTION_NAME": "farthing",
        "AWS_REGION": "us-east-1",
        "BUCKET_NAME": name,
        "COST_THRESHOLD": "100",
        "ENVIRONMENT": "dev",
        "FARTHING_SIMULATED_SIZE": "small",
        "FARTHING_SOURCE": "simulated",
        "FARTHING_TODAY": "2026-11-23",
        "SLACK_SECRET_NAME": name,
    }


def days_in(deployed):
    arguments = {"endpoint_url": deployed["AWS_ENDPOINT_URL"], "region_name": "us-east-1", **CREDENTIALS}
    listed = boto3.client("s3", **arguments).list_objects_v2(Bucket=deployed["BUCKET_NAME"], Prefix="cost_data/daily/")
    return listed["KeyCount"]


@pytest.mark.parametrize("version", PYTHONS)
def test_a_daily_run_from_the_zip_with_boto3_alone_beside_it(version, task, boto3_alone, deployed, slack):
    # -I and -S: neither this machine's packages nor its settings; -B: /var/task takes no bytecode.
    command = [python_of(version), "-B", "-I", "-S", "-W", "error", "-c", INVOKE, task, boto3_alone, "a-request"]
    done = subprocess.run(list(map(str, command)), env=deployed, cwd=task, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert [str(task), str(task), str(boto3_alone)] == [
        where[: len(str(folder))] for where, folder in zip(found["where"], (task, task, boto3_alone), strict=True)
    ]
    assert not set(found["modules"]) & (FORBIDDEN - {"boto3", "botocore", "s3transfer", "urllib3"})
    assert len(found["record"]["days_written"]) == days_in(deployed) == 14
    assert found["record"]["errors"] == []
    assert (found["record"]["alerts_sent"], len(slack.bodies)) == (1, 1)


def test_it_runs_under_awss_own_runtime_client(task, deployed, slack):
    cold, warm = in_the_runtime(task, deployed)
    assert days_in(deployed) == 14
    assert len(slack.bodies) == 1, "the warm invocation has nothing new to say"
    assert warm.wall < cold.wall
    assert cold.memory < 256


def test_importing_it_adds_little_to_boto3(task):
    reference, handler = compare(task, rounds=7)
    assert handler.cpu / reference.cpu - 1 <= MOST_ADDED
