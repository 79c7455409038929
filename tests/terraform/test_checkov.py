"""checkov, which looks for what is unsafe: nothing is found that the code does not explain."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from tests.terraform.conftest import CONFIGURATION

pytestmark = pytest.mark.terraform

CHECKOV = Path(sys.prefix) / "checkov" / "bin" / "checkov"
"""In an environment of its own within this one: it needs old versions of what farthing needs new."""


@pytest.fixture(scope="session")
def findings():
    if not CHECKOV.exists():
        pytest.fail(f"{CHECKOV} is missing: `make terraform` installs it", pytrace=False)
    command = [str(CHECKOV), "--directory", str(CONFIGURATION), "--framework", "terraform", "--skip-download"]
    done = subprocess.run([*command, "--output", "json", "--quiet"], capture_output=True, text=True, timeout=300)
    assert done.stdout.strip(), done.stderr
    found = json.loads(done.stdout)
    assert found["summary"]["resource_count"] > 50, "it looked at the resources"
    return found


def test_nothing_unsafe_is_unexplained(findings):
    failed = [
        f"{one['check_id']} {one['resource']}: {one['check_name']}" for one in findings["results"]["failed_checks"]
    ]
    assert failed == []
    assert findings["summary"]["parsing_errors"] == 0


def test_each_exception_has_its_reason():
    skips = [
        match
        for path in sorted(CONFIGURATION.rglob("*.tf"))
        for match in re.findall(r"#checkov:skip=(\w+)(?::(.*))?", path.read_text())
    ]
    assert skips
    assert [name for name, reason in skips if len(reason.split()) < 5] == []
