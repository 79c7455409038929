"""The built wheel, not the tree: what is in it, and that it works where nothing else is."""

import os
import subprocess
import sys
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

pytestmark = [pytest.mark.packaging, pytest.mark.enable_socket]


def run(*command, **options):
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False, **options)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def dist(tmp_path_factory):
    folder = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "build", "--outdir", folder, ROOT)  # the wheel is built from the sdist
    return folder


@pytest.fixture(scope="module")
def installed(dist, tmp_path_factory):
    folder = tmp_path_factory.mktemp("venv")
    venv.create(folder, with_pip=True)
    python = folder / "bin" / "python"
    run(python, "-m", "pip", "install", "-q", "--require-hashes", "-r", ROOT / "requirements" / "run.lock")
    run(python, "-m", "pip", "install", "-q", "--no-deps", next(dist.glob("*.whl")))
    return folder / "bin"


def test_the_wheel_holds_every_module_and_nothing_else(dist):
    names = set(zipfile.ZipFile(next(dist.glob("*.whl"))).namelist())
    source = ROOT / "src"
    modules = {str(path.relative_to(source)) for path in source.rglob("*.py")}
    dashboard = source / "farthing" / "dashboard"
    templates = {str(path.relative_to(source)) for path in (dashboard / "templates").iterdir()}
    # Built, and not in git: a wheel has them wherever it was built.
    assets = {
        f"farthing/dashboard/static/{name}" for name in ("app.js", "app.js.LEGAL.txt", "app.css", "source.sha256")
    }
    wanted = modules | templates | assets | {"farthing/py.typed"}
    assert wanted == {name for name in names if ".dist-info/" not in name}
    assert any(name.endswith("licenses/LICENSE") for name in names)


def test_the_sdist_holds_the_built_assets_and_no_modules_of_others(dist):
    with tarfile.open(next(dist.glob("*.tar.gz"))) as sdist:
        names = {name.partition("/")[2] for name in sdist.getnames()}
    assert {"frontend/build.py", "frontend/package-lock.json", "hatch_build.py"} <= names
    assert "src/farthing/dashboard/static/app.js" in names
    assert not [name for name in names if "node_modules" in name or "/.node/" in name]


def test_the_installed_command_works_without_the_tree(installed, tmp_path):
    environment = {
        **{k: v for k, v in os.environ.items() if not k.startswith("PYTHON")},
        "FARTHING_HOME": str(tmp_path / "h"),
    }
    farthing = installed / "farthing"
    assert run(farthing, "--version", cwd=tmp_path, env=environment).startswith("farthing, version ")
    out = run(farthing, "demo", "--size", "small", "--no-serve", cwd=tmp_path, env=environment)
    assert "over its threshold" in out
    assert '"rows"' in run(farthing, "report", "--json", cwd=tmp_path, env=environment)
    assert "index.html" in run(farthing, "site", tmp_path / "site", cwd=tmp_path, env=environment)
    assert "farthing.daily-report/1" in run(farthing, "schema", "daily-report", cwd=tmp_path, env=environment)
