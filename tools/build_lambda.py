"""Builds the Lambda artifact: `dist/farthing-lambda-arm64.zip` and `dist/farthing-lambda-x86_64.zip`.

Each holds what `farthing.aws_lambda` can import, of this package and of the packages that `requirements/lambda.lock`
pins, and nothing else. The same commit gives the same bytes on any machine. Reasons: docs/adr/0013-artifact.md.
"""

import argparse
import ast
import calendar
import hashlib
import json
import os
import re
import stat
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import grimp

ROOT = Path(__file__).resolve().parent.parent
LOCK = ROOT / "requirements" / "lambda.lock"
ENTRY = "farthing.aws_lambda"
MANIFEST = "farthing-manifest.json"
SCHEMA = "farthing.artifact/1"

MACHINES = {"arm64": "aarch64", "x86_64": "x86_64"}
"""Lambda's names of the architectures, and those of Python's wheels."""

PYTHONS = ("3.11", "3.12", "3.13")
"""One zip serves them all: a compiled module's file name tells its Python, so they stand side by side."""

LIMIT_BYTES = 5_000_000
EARLIEST = calendar.timegm((1980, 1, 1, 0, 0, 0))
"""A zip knows no earlier time, in seconds since 1970."""

LOADED_BY_NAME = {"farthing.ledger.s3": True, "farthing.ledger.folder": False}
"""Modules that the code names in a text and loads when wanted; False: never in Lambda, whose ledger is a bucket."""

NEVER_READ = re.compile(r".*\.pyi|(.*/)?py\.typed|aws_lambda_powertools/event_handler/openapi/swagger_ui/.*")
"""Files of the packages that are no modules and that nothing here reads: type stubs, and a web page of Powertools'."""

ABOUT = re.compile(r"[^/]+\.dist-info/(METADATA|(licenses/)?LICEN[CS]E[^/]*|(licenses/)?NOTICE[^/]*)")
"""What is kept of a package's description: name and version (scanners of artifacts look for them) and its licence."""


class Origin(NamedTuple):
    """What the zip is made from: the commit ('' if unknown), with a '+' if files differ from it, and its time."""

    commit: str
    epoch: int


def main() -> None:
    """Builds both zips and says what they are."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--out", type=Path, default=ROOT / "dist", help="where the zips go")
    parser.add_argument("--wheels", type=Path, default=ROOT / "build" / "lambda-wheels", help="where wheels are kept")
    parser.add_argument("--commit", help="the commit, where there is no git to ask")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    origin = origin_of(arguments.commit)
    for architecture, machine in MACHINES.items():
        packages = unpacked(wheels(machine, arguments.wheels))
        files = {**imported(packages), **licence_of_farthing()}
        files[MANIFEST] = manifest(architecture, origin, files)
        data = archive(files, origin.epoch)
        if len(data) > LIMIT_BYTES:
            raise SystemExit(f"the zip for {architecture} has {len(data):,} bytes, more than {LIMIT_BYTES:,}")
        path = arguments.out / f"farthing-lambda-{architecture}.zip"
        digest = hashlib.sha256(data).hexdigest()
        path.write_bytes(data)
        path.with_name(f"{path.name}.sha256").write_bytes(f"{digest}  {path.name}\n".encode())
        print(f"{path}: {len(files)} files, {len(data):,} bytes, sha256 {digest}, commit {origin.commit or 'unknown'}")


def origin_of(commit: str | None) -> Origin:
    """The commit that is checked out, and when it was made; SOURCE_DATE_EPOCH (seconds) stands above its time."""
    found, when = commit or "", ""
    if commit is None and (ROOT / ".git").exists():
        found, when = _git("log", "-1", "--format=%H %ct").split()
        inputs = ("src/farthing", "requirements/lambda.lock", "tools/build_lambda.py", "LICENSE")
        found += "+" if _git("status", "--porcelain", "--", *inputs) else ""
    epoch = int(os.environ.get("SOURCE_DATE_EPOCH") or when or EARLIEST)
    return Origin(found, max(epoch, EARLIEST))


def _git(*arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=ROOT, check=True, capture_output=True, text=True).stdout  # noqa: S607


def wheels(machine: str, kept: Path) -> list[Path]:
    """The locked packages' wheels for every Python, downloaded unless they are kept from before."""
    locked = hashlib.sha256(LOCK.read_bytes()).hexdigest()[:12]
    found: list[Path] = []
    for python in PYTHONS:
        folder = kept / f"{locked}-{machine}-{python}"
        # pip looks at the hashes of those that are already there, too.
        command = [
            *(sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"),
            *("--require-hashes", "--no-deps", "--only-binary", ":all:", "--platform", f"manylinux2014_{machine}"),
            *("--implementation", "cp", "--python-version", python, "--dest", str(folder), "-r", str(LOCK)),
        ]
        subprocess.run(command, check=True)
        found += sorted(folder.glob("*.whl"))
    return found


def unpacked(paths: Iterable[Path]) -> dict[str, bytes]:
    """What the wheels hold, by path; of a package that comes once for each Python, all compiled modules.

    Two wheels may not differ in a file of one name: then one zip could not serve every Python.
    """
    files: dict[str, bytes] = {}
    for path in paths:
        with zipfile.ZipFile(path) as wheel:
            for name in wheel.namelist():
                if name.endswith("/") or (".dist-info/" in name and not ABOUT.fullmatch(name)):
                    continue
                if files.setdefault(name, wheel.read(name)) != wheel.read(name):
                    raise SystemExit(f"{name} of {path.name} differs from another wheel's")
    return files


def imported(packages: Mapping[str, bytes]) -> dict[str, bytes]:
    """The files that the entry can import, of farthing and of the packages, and the packages' licences."""
    source = ROOT / "src"
    tops = sorted({name.partition("/")[0] for name in packages if re.fullmatch(r"\w+/__init__\.py", name)})
    with tempfile.TemporaryDirectory() as folder:
        for name, data in packages.items():
            path = Path(folder, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        sys.path[:0] = [str(source), folder]
        try:
            graph = grimp.build_graph(
                "farthing", *tops, include_external_packages=True, exclude_type_checking_imports=True, cache_dir=None
            )
        finally:
            del sys.path[:2]
    own = {str(path.relative_to(source)): path.read_bytes() for path in (source / "farthing").rglob("*.py")}
    available = {**packages, **own}
    files: dict[str, bytes] = {}
    for module in closure(graph):
        base = module.replace(".", "/")
        for name in (f"{base}.py", f"{base}/__init__.py"):
            if name in available:
                files[name] = available[name]
    check_names(files, set(graph.modules))
    used = {name.partition("/")[0] for name in files} | {name.removesuffix(".py") for name in files}
    for name, data in packages.items():
        if name.endswith(".so") and f"{name.rpartition('/')[0]}/__init__.py" in files:
            files[name] = data  # no graph of source files sees what a package's compiled module is for
        elif ABOUT.fullmatch(name) and name.partition("-")[0].lower() in {top.lower() for top in used}:
            files[name] = data
        elif not (name.endswith((".py", ".so")) or ABOUT.fullmatch(name) or NEVER_READ.fullmatch(name)):
            raise SystemExit(f"{name} is neither a module nor known to be unused: is it read? say so in {__file__}")
    return files


def closure(graph: grimp.ImportGraph) -> Iterator[str]:
    """Every module that the entry imports, at once or later, and the packages that each is in."""
    waiting = [ENTRY, *(name for name, wanted in LOADED_BY_NAME.items() if wanted)]
    seen: set[str] = set()
    while waiting:
        module = waiting.pop()
        if module in seen:
            continue
        seen.add(module)
        yield module
        waiting += [module.rpartition(".")[0]] if "." in module else []
        waiting += graph.find_modules_directly_imported_by(module)


def check_names(files: Mapping[str, bytes], modules: set[str]) -> None:
    """A module of ours that is loaded by a name in a text must be known here, or it would be missing in Lambda."""
    for path, data in files.items():
        if not path.startswith("farthing/"):
            continue
        texts = {node.value for node in ast.walk(ast.parse(data)) if isinstance(node, ast.Constant)}
        names = {text for text in texts if isinstance(text, str) and text.startswith("farthing.") and text in modules}
        if unknown := names - set(LOADED_BY_NAME):
            raise SystemExit(
                f"{path} names {', '.join(sorted(unknown))}: say in LOADED_BY_NAME whether Lambda loads it"
            )


def licence_of_farthing() -> dict[str, bytes]:
    """The project's own licence, where the packages' stand."""
    return {f"farthing-{version()}.dist-info/licenses/LICENSE": (ROOT / "LICENSE").read_bytes()}


def version() -> str:
    """The version of farthing."""
    text = (ROOT / "src" / "farthing" / "__init__.py").read_text()
    found = re.search(r'^__version__ = "([^"]+)"', text, re.MULTILINE)
    if found is None:
        raise SystemExit("src/farthing/__init__.py has no __version__")
    return found[1]


def manifest(architecture: str, origin: Origin, files: Mapping[str, bytes]) -> bytes:
    """What the zip is and holds, as JSON."""
    pins = re.findall(r"^([\w.-]+)==([\w.]+)", LOCK.read_text(), re.MULTILINE)
    document = {
        "schema": SCHEMA,
        "version": version(),
        "commit": origin.commit,
        "architecture": architecture,
        "python": list(PYTHONS),
        "handler": f"{ENTRY}.handler",
        "packages": {name: pin for name, pin in pins if f"{name.replace('-', '_')}-{pin}.dist-info/METADATA" in files},
        "files": {name: hashlib.sha256(files[name]).hexdigest() for name in sorted(files)},
    }
    return (json.dumps(document, indent=1) + "\n").encode()


def archive(files: Mapping[str, bytes], epoch: int) -> bytes:
    """The zip: sorted names, one time, one mode. Stored, because what deflate gives depends on the zlib at hand."""
    with tempfile.TemporaryFile() as file:
        with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as zipped:
            for name in sorted(files):
                entry = zipfile.ZipInfo(name, time.gmtime(epoch)[:6])
                entry.create_system = 3  # Unix: the mode counts
                entry.external_attr = (stat.S_IFREG | 0o644) << 16  # readable by the user that Lambda runs as
                zipped.writestr(entry, files[name])
        file.seek(0)
        return file.read()


if __name__ == "__main__":
    main()
