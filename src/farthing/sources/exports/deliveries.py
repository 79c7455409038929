"""What a path holds: deliveries, each the files of one bill that replace together.

AWS writes a manifest last, after the files that it names, so that is what counts where there is one: files that it does
not name belong to another version, and a delivery whose files are not all there is not whole yet.

- Data Exports: ``<export>/metadata/BILLING_PERIOD=YYYY-MM/<export>-Manifest.json``, with ``dataFiles``
  (https://docs.aws.amazon.com/cur/latest/userguide/dataexports-export-delivery.html);
- legacy CUR: ``<report>/YYYYMMDD-YYYYMMDD/<report>-Manifest.json``, with ``reportKeys``; each version has a folder
  with a copy of its manifest, and the one above all is the current one
  (https://docs.aws.amazon.com/cur/latest/userguide/understanding-report-versions.html).

Without a manifest all files of a folder are one delivery.
"""

import gzip
import hashlib
import zlib
from collections.abc import Iterable, Sequence
from os import SEEK_END
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO, cast

import msgspec

from farthing.errors import ExportError
from farthing.ledger.exports import SourceFile

SUFFIXES = (".parquet", ".csv", ".csv.gz")
MANIFEST = "-Manifest.json"
BILLING_PERIOD = "BILLING_PERIOD="
BLOCK = 1 << 20
GZIP = b"\x1f\x8b"


class Delivery(msgspec.Struct, frozen=True):
    """Files that replace together; ``name`` is for people."""

    name: str
    files: tuple[Path, ...]
    sources: tuple[SourceFile, ...]


class Found(msgspec.Struct, frozen=True):
    """What a path holds, and what of it is left out and why, a sentence each."""

    deliveries: tuple[Delivery, ...]
    left_out: tuple[str, ...] = ()


def deliveries(paths: Sequence[Path]) -> Found:
    """The deliveries that these paths hold.

    Several files, and folders without manifests, are one delivery together.

    Raises:
        ExportError: a path is not there, or holds nothing that can be imported.
    """
    loose: list[Path] = []
    whole: list[Delivery] = []
    left_out: list[str] = []
    for path in paths:
        try:
            if not path.exists():
                raise ExportError(f"{path}: there is no such file or folder")
            if not path.is_dir():
                loose.append(path)
                continue
            manifests = sorted(path.rglob(f"*{MANIFEST}"))
        except OSError as error:
            raise ExportError(f"{path} cannot be read: {error.strerror or error}") from error
        if manifests:
            found = _by_manifests(path, manifests)
            whole += found.deliveries
            left_out += found.left_out
        else:
            files = [file for file in sorted(path.rglob("*")) if file.is_file() and file.name.endswith(SUFFIXES)]
            files = [file for file in files if not file.name.startswith((".", "_"))]
            if not files:
                raise ExportError(f"{path}: holds no .csv, .csv.gz or .parquet file")
            loose += files
    if loose:
        once, twice = _once(loose)
        left_out += twice
        whole.append(Delivery(_named(paths, once), tuple(once), tuple(map(source_of, once))))
    if not whole:
        why = f": {'; '.join(left_out)}" if left_out else ""
        raise ExportError(f"{', '.join(map(str, paths))}: no whole delivery{why}")
    return Found(tuple(whole), tuple(left_out))


def manifest_files(data: bytes, where: str) -> tuple[str, ...]:
    """The files that a manifest names: keys, or s3:// URLs.

    Raises:
        ExportError: it is no manifest that AWS writes.
    """
    try:
        document: Any = msgspec.json.decode(data)
    except msgspec.DecodeError as error:
        raise ExportError(f"{where} is not a manifest: it is no JSON") from error
    names = None
    if isinstance(document, dict):
        names = document.get("dataFiles", document.get("reportKeys"))
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise ExportError(f"{where} is not a manifest of AWS: it names no dataFiles and no reportKeys")
    return tuple(names)


def current(manifests: Iterable[str]) -> list[str]:
    """Of manifests by path, the current one of each billing period: the copies within version folders are older."""
    chosen: dict[str, str] = {}
    for name in sorted(manifests, key=lambda name: (name.count("/"), name)):
        path = PurePosixPath(name)
        # A version's copy lies one folder below the current one of the same name.
        if str(path.parent.parent / path.name) in chosen.values():
            continue
        chosen[name] = name
    return list(chosen)


def unfinished(names: Iterable[str], manifests: Iterable[str]) -> list[str]:
    """Folders of Data Exports that hold files and have no manifest yet, which AWS writes last."""
    told = {str(PurePosixPath(name).parent) for name in manifests}
    folders = {PurePosixPath(name).parent for name in names if name.endswith(SUFFIXES)}
    return sorted(
        str(folder)
        for folder in folders
        if folder.name.startswith(BILLING_PERIOD)
        and folder.parent.name == "data"
        and str(folder.parent.parent / "metadata" / folder.name) not in told
    )


def source_of(file: Path, name: str | None = None) -> SourceFile:
    """How a file is recognised when it comes again.

    Raises:
        ExportError: it cannot be looked at.
    """
    try:
        status = file.stat()
    except OSError as error:
        raise ExportError(f"{file} cannot be read: {error.strerror or error}") from error
    return SourceFile(name or str(file.resolve()), status.st_size, f"{status.st_mtime_ns:x}")


def _by_manifests(root: Path, manifests: Sequence[Path]) -> Found:
    by_name = {path.relative_to(root).as_posix(): path for path in manifests}
    whole = []
    left_out = []
    for name in current(by_name):
        path = by_name[name]
        try:
            named = manifest_files(path.read_bytes(), str(path))
        except OSError as error:
            raise ExportError(f"{path} cannot be read: {error.strerror or error}") from error
        found = {key: _beside(path, root, key) for key in named}
        missing = [key for key, file in found.items() if file is None]
        if missing or not named:
            what = f"{missing[0]} is missing" if missing else "it names no file"
            left_out.append(f"{path}: the delivery is not whole ({what})")
            continue
        files = tuple(file for file in found.values() if file is not None)
        whole.append(Delivery(_period_of(path), files, tuple(map(source_of, files))))
    names = [file.relative_to(root).as_posix() for file in root.rglob("*") if file.is_file()]
    left_out += [
        f"{root / folder}: the delivery is not whole (it has no manifest)" for folder in unfinished(names, by_name)
    ]
    return Found(tuple(whole), tuple(left_out))


def _beside(manifest: Path, root: Path, key: str) -> Path | None:
    """The file that a manifest's key means in a copy of the bucket's tree: the longest end of it that is there."""
    parts = PurePosixPath(key.removeprefix("s3://")).parts
    for start in range(len(parts)):
        tail = Path(*parts[start:])
        folder = manifest.parent
        while True:
            if (folder / tail).is_file():
                return folder / tail
            if folder in (root.parent, folder.parent):
                break
            folder = folder.parent
    return None


def _period_of(manifest: Path) -> str:
    return f"{manifest.name.removesuffix(MANIFEST)} {manifest.parent.name.removeprefix(BILLING_PERIOD)}"


def _once(files: Sequence[Path]) -> tuple[list[Path], list[str]]:
    """Each content once: a folder often holds a file and its copy, or what was packed beside the pack."""
    sizes: dict[int, list[Path]] = {}
    kept: list[Path] = []
    twice = []
    for file in dict.fromkeys(files):
        alike = sizes.setdefault(_size(file), [])
        same = next((one for one in alike if _digest(one) == _digest(file)), None)
        if same is None:
            alike.append(file)
            kept.append(file)
        else:
            twice.append(f"{file} is the same file as {same}: it is read once")
    return kept, twice


def _size(file: Path) -> int:
    """Bytes of the content, modulo 2**32, as gzip notes them at its end."""
    try:
        with file.open("rb") as opened:
            if opened.read(2) != GZIP:
                return file.stat().st_size % 2**32
            opened.seek(-4, SEEK_END)
            return int.from_bytes(opened.read(4), "little")
    except OSError as error:
        raise ExportError(f"{file} cannot be read: {error.strerror or error}") from error


def _digest(file: Path) -> bytes:
    """Of the content; of a damaged gzip file of the file itself, which its reader will refuse by name."""
    try:
        with file.open("rb") as opened:
            packed = opened.read(2) == GZIP
        return _digested(cast("BinaryIO", gzip.open(file)) if packed else file.open("rb"))
    except (EOFError, zlib.error, gzip.BadGzipFile):
        return _digested(file.open("rb"))
    except OSError as error:
        raise ExportError(f"{file} cannot be read: {error.strerror or error}") from error


def _digested(content: BinaryIO) -> bytes:
    digest = hashlib.blake2b()
    with content:
        while block := content.read(BLOCK):
            digest.update(block)
    return digest.digest()


def _named(paths: Sequence[Path], files: Sequence[Path]) -> str:
    if len(paths) == 1:
        return str(paths[0])
    return f"{paths[0]} and {len(files) - 1} more"


def unchanged(sources: Sequence[SourceFile], known: Iterable[Sequence[SourceFile]]) -> bool:
    """Whether just these files, as they are, were imported already."""
    wanted = {(source.name, source.size, source.mark) for source in sources}
    return any(wanted == {(one.name, one.size, one.mark) for one in earlier} for earlier in known)
