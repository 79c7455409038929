"""Terraform, in a copy of the project's configuration: nothing is written into the checkout, and no AWS is asked."""

import os
import shutil
import subprocess
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CONFIGURATION = ROOT / "terraform"
MIRROR = "registry.terraform.io"
"""The name of the folder in which Terraform keeps the providers of its registry, on whatever machine."""

EXAMPLES = ["minimal", "complete", "vpc", "multi-environment"]
FOLDERS = [
    ".",
    "bootstrap",
    *(f"environments/{name}" for name in ("dev", "staging", "prod")),
    *(f"examples/{name}" for name in EXAMPLES),
]
"""Whatever is initialised by itself and has a lock file."""

MINUTES = 5 * 60

Run = Callable[..., str]


def mirror() -> Path | None:
    """Where the providers are on this machine: TF_PLUGIN_DIR, else a mirror near the root; else None: the registry."""
    named = os.environ.get("TF_PLUGIN_DIR")
    if named:
        return Path(named)
    for depth in range(1, 4):
        for found in Path("/").glob("/".join(["[!.]*"] * depth + [MIRROR])):
            if found.parts[1] not in ("proc", "sys", "dev"):
                return Path(found.parent)
    return None


@pytest.fixture(scope="session")
def configuration(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of terraform/ beside a dist/ with zips that are none."""
    folder = tmp_path_factory.mktemp("checkout")
    copy = folder / "terraform"
    shutil.copytree(CONFIGURATION, copy, ignore=shutil.ignore_patterns(".terraform", "*.tfstate*"))
    (folder / "dist").mkdir()
    for architecture in ("arm64", "x86_64"):
        with zipfile.ZipFile(folder / "dist" / f"farthing-lambda-{architecture}.zip", "w") as file:
            file.writestr("README", "stands in for the function")
    return copy


@pytest.fixture(scope="session")
def terraform(configuration) -> Run:
    """Runs Terraform in a folder of the copy and gives what it said; anything but success fails the test with it."""
    program = shutil.which("terraform")
    if program is None:
        pytest.fail("terraform 1.11 or newer must be on PATH", pytrace=False)
    known = {name: os.environ[name] for name in ("PATH", "LANG", "SYSTEMROOT") if name in os.environ}
    environment = {
        **known,
        "HOME": str(configuration.parent),
        "CHECKPOINT_DISABLE": "1",  # it would ask for a newer Terraform
        "TF_IN_AUTOMATION": "1",
        "AWS_EC2_METADATA_DISABLED": "true",
    }

    def run(folder: str, *arguments: str, **variables: str) -> str:
        command = [program, f"-chdir={configuration / folder}", *arguments]
        said = subprocess.run(
            command,
            env={**environment, **variables},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=MINUTES,
            check=False,
        )
        if said.returncode:
            pytest.fail(f"terraform {' '.join(arguments)} in {folder}:\n{said.stdout}", pytrace=False)
        return said.stdout

    return run


@pytest.fixture(scope="session")
def initialised(terraform) -> Callable[[str], None]:
    """Initialises a folder, from the mirror if there is one; a lock file that would change is an error."""
    plugins = mirror()

    def initialise(folder: str) -> None:
        source = [f"-plugin-dir={plugins}"] if plugins else []
        terraform(folder, "init", "-backend=false", "-lockfile=readonly", "-input=false", "-no-color", *source)

    return initialise
