"""Imported billing exports in the ledger: Parquet files, and a catalog that says which of them count.

What a delivery replaces is a slice (docs/adr/0014-billing-exports.md). Files are written under names of their own and
change nothing; the catalog's conditional write is the one step that readers see. Files that it no longer names are
removed by a later import, never by the one that replaced them: somebody may still be reading.
"""

import hashlib
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from datetime import date, datetime
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import msgspec

from farthing.errors import ConflictError, CorruptError, LedgerError
from farthing.jsontext import builtins, encode
from farthing.ledger.store import Store
from farthing.ledger.workplaces import LOCK, abandoned, workplace
from farthing.model import Period

SCHEMA = "farthing.exports/1"
PREFIX = "cost_data/exports/"
CATALOG = f"{PREFIX}catalog.json"
MAX_TRIES = 5
"""How often a catalog that another import wrote meanwhile is read and merged again."""

IMPORTING = ".importing-"
FETCHING = "farthing-import-"
"""What names of workplaces begin with: beside a local ledger's exports, and in the folder for temporary files."""

READ_ACTIONS = ("s3:GetObject", "s3:ListBucket")
WRITE_ACTIONS = ("s3:PutObject", "s3:DeleteObject")
"""What importing into a bucket calls, beside what the ledger itself does; the daily run calls none of it."""


class ParquetFile(msgspec.Struct, frozen=True):
    """A file of a slice: its name in the ledger, bytes, rows."""

    key: str
    size: int
    rows: int


class SourceFile(msgspec.Struct, frozen=True):
    """A file that a slice was made from; ``mark`` changes when it does."""

    name: str
    size: int
    mark: str


class Slice(msgspec.Struct, frozen=True, kw_only=True):
    """One provider's bill of one billing account for one billing period.

    ``columns`` are those that its files have; a canonical one that is not among them is NULL in every row.
    ``sums`` are by currency and cost; ``first_day`` and ``last_day`` are of its charges. ``ends`` is the day after the
    billing period, None where the source does not say it. ``bills`` counts the slices that its delivery had, 0 where
    that was not noted.
    """

    provider: str
    billing_account: str
    period: date
    format: str
    rows: int
    rows_rejected: int
    sums: Mapping[str, Mapping[str, Decimal]]
    first_day: date
    last_day: date
    columns: tuple[str, ...]
    origin: str
    sources: tuple[SourceFile, ...]
    imported_at: datetime
    files: tuple[ParquetFile, ...]
    ends: date | None = None
    bills: int = 0

    @property
    def identity(self) -> tuple[str, str, date]:
        """What a later delivery replaces."""
        return self.provider, self.billing_account, self.period

    @property
    def currencies(self) -> tuple[str, ...]:
        """What its rows are in, sorted."""
        return tuple(sorted(self.sums))

    @property
    def days(self) -> Period:
        """The days of its billing period: at least until its calendar month ends.

        Some bills run from the 12th to the 12th, or for a quarter; and some sources give the last day for the end.
        """
        month = self.period.year * 12 + self.period.month
        end = date(month // 12, month % 12 + 1, 1)
        return Period(self.period, max(end, self.ends or end))

    def __str__(self) -> str:
        return f"{self.period:%Y-%m} of {self.provider} {self.billing_account}"


class Catalog(msgspec.Struct, frozen=True):
    """Every slice that counts, sorted."""

    schema: str
    slices: tuple[Slice, ...] = ()


class Files(Protocol):
    """Where the Parquet files are."""

    def workplace(self) -> Any:
        """A context that gives an empty folder, on the disk that the files end on where they are local."""

    def keep(self, path: Path, key: str) -> None:
        """Takes a finished file out of the workplace, durably, under its name.

        Raises:
            LedgerError: it cannot be written.
        """

    def paths(self, files: Iterable[ParquetFile]) -> list[Path]:
        """Local files to read; those of a bucket are fetched once and then kept in the cache.

        Raises:
            LedgerError: one is missing or cannot be read.
        """

    def sweep(self, keep: set[str], before: datetime) -> None:
        """Removes files that are not to be kept, if they are older than ``before``."""


class Exports:
    """The imported exports of one ledger.

    Args:
        store: the ledger's home.
        files: where their Parquet files are.
    """

    def __init__(self, store: Store, files: Files) -> None:
        self._store = store
        self.files = files

    def slices(self) -> tuple[Slice, ...]:
        """Every slice, sorted by provider, billing account and period.

        Raises:
            CorruptError: the catalog cannot be read.
        """
        return self._read()[0].slices

    def paths(self, one: Slice) -> list[Path]:
        """A slice's Parquet files, to be read where they are."""
        return self.files.paths(one.files)

    def switch(self, fresh: Sequence[Slice]) -> tuple[Slice, ...]:
        """Makes these slices count instead of those that they replace; returns the latter.

        Raises:
            LedgerError: the catalog cannot be written; nothing changed.
        """
        identities = {one.identity for one in fresh}
        for _ in range(MAX_TRIES):
            catalog, etag = self._read()
            replaced = tuple(one for one in catalog.slices if one.identity in identities)
            kept = [one for one in catalog.slices if one.identity not in identities]
            changed = Catalog(SCHEMA, tuple(sorted([*kept, *fresh], key=lambda one: one.identity)))
            try:
                if etag is None:
                    self._store.create(CATALOG, encode(changed))
                else:
                    self._store.replace(CATALOG, encode(changed), etag)
            except ConflictError:
                continue
            return replaced
        raise ConflictError(
            f"{self._store.locate(CATALOG)} is being written by another import again and again; run again"
        )

    def sweep(self, before: datetime) -> None:
        """Removes what no slice names and nobody has used since ``before``."""
        named = {file.key for one in self.slices() for file in one.files}
        self.files.sweep(named, before)

    def _read(self) -> tuple[Catalog, str | None]:
        stored = self._store.read(CATALOG)
        if stored is None:
            return Catalog(SCHEMA), None
        where = self._store.locate(CATALOG)
        try:
            catalog = msgspec.json.decode(stored.data, type=Catalog)
        except msgspec.DecodeError as error:
            raise CorruptError(
                f"{where} is not a catalog of exports ({error}): move it away and import again"
            ) from error
        if catalog.schema != SCHEMA:
            raise CorruptError(f"{where} has the schema {catalog.schema!r}, this version reads {SCHEMA!r}")
        return catalog, stored.etag


def key_of(provider: str, billing_account: str, period: date, generation: str, number: int) -> str:
    """The name of a slice's file: readable, and different for any two slices and imports."""
    mark = hashlib.sha256(f"{provider}\0{billing_account}".encode()).hexdigest()[:12]
    readable = re.sub(r"[^a-z0-9]+", "-", provider.lower()).strip("-") or "provider"
    return f"{PREFIX}{readable[:32]}-{mark}/{period.isoformat()}/{generation}-{number}.parquet"


def described(one: Slice) -> dict[str, Any]:
    """A slice as it stands in ``--json``."""
    told: dict[str, Any] = builtins(one)
    return told


class FolderFiles:
    """Parquet files below the local ledger's folder."""

    def __init__(self, root: Path) -> None:
        self._root = root

    @contextmanager
    def workplace(self) -> Iterator[Path]:  # noqa: D102 - the port says it
        folder, stack = self._root / PREFIX, ExitStack()
        try:
            folder.mkdir(parents=True, exist_ok=True)
            made = stack.enter_context(workplace(folder, IMPORTING))
        except OSError as error:
            raise LedgerError(f"{folder} cannot be written: {error.strerror or error}") from error
        with stack:
            yield made

    def keep(self, path: Path, key: str) -> None:  # noqa: D102
        target = self._root / key
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            with path.open("rb") as file:
                os.fsync(file.fileno())
            path.replace(target)
        except OSError as error:
            raise LedgerError(f"{target} cannot be written: {error.strerror or error}") from error

    def paths(self, files: Iterable[ParquetFile]) -> list[Path]:  # noqa: D102
        found = [self._root / file.key for file in files]
        for path in found:
            if not path.is_file():
                raise LedgerError(f"{path} is missing, though the catalog names it: import its month again")
        return found

    def sweep(self, keep: set[str], before: datetime) -> None:  # noqa: D102
        folder = self._root / PREFIX
        for path in sorted(folder.glob("*/*/*.parquet")) if folder.is_dir() else []:
            if path.relative_to(self._root).as_posix() not in keep and _older(path, before):
                path.unlink(missing_ok=True)
        old = [left for left in folder.glob(f"{IMPORTING}*") if _older(left, before) and not (left / LOCK).exists()]
        for left in (*abandoned(folder, IMPORTING), *old):
            shutil.rmtree(left, ignore_errors=True)


class BucketFiles:
    """Parquet files in the ledger's bucket; what is read is kept in a local cache, under the same names.

    Args:
        client: a boto3 S3 client.
        bucket: the bucket's name.
        prefix: what stands before every key.
        cache: a local folder.
        encryption: arguments of an upload, such as ServerSideEncryption.
    """

    def __init__(self, client: Any, bucket: str, prefix: str, cache: Path, encryption: Mapping[str, str]) -> None:
        self._client = client
        self._bucket = bucket
        self._prefix = prefix
        self._cache = cache / bucket / prefix.strip("/")
        self._encryption = dict(encryption)

    @contextmanager
    def workplace(self) -> Iterator[Path]:  # noqa: D102
        parent = Path(tempfile.gettempdir())
        for left in abandoned(parent, FETCHING):
            shutil.rmtree(left, ignore_errors=True)
        with workplace(parent, FETCHING) as made:
            yield made

    def keep(self, path: Path, key: str) -> None:  # noqa: D102
        self._asked(
            lambda: self._client.upload_file(str(path), self._bucket, self._prefix + key, ExtraArgs=self._encryption),
            WRITE_ACTIONS[0],
        )
        path.unlink()

    def paths(self, files: Iterable[ParquetFile]) -> list[Path]:  # noqa: D102
        found = []
        for file in files:
            path = self._cache / file.key
            if not path.is_file() or path.stat().st_size != file.size:
                path.parent.mkdir(parents=True, exist_ok=True)
                fetching = path.with_suffix(f".{os.getpid()}.fetching")
                self._fetch(file.key, fetching)
                fetching.replace(path)
            found.append(path)
        return found

    def sweep(self, keep: set[str], before: datetime) -> None:  # noqa: D102
        pages = self._client.get_paginator("list_objects_v2")

        def old() -> list[str]:
            return [
                entry["Key"]
                for page in pages.paginate(Bucket=self._bucket, Prefix=self._prefix + PREFIX)
                for entry in page.get("Contents", [])
                if entry["Key"].endswith(".parquet")
                and entry["Key"].removeprefix(self._prefix) not in keep
                and entry["LastModified"] < before
            ]

        for key in self._asked(old, READ_ACTIONS[1]):
            self._asked(partial(self._client.delete_object, Bucket=self._bucket, Key=key), WRITE_ACTIONS[1])
        for path in self._cache.glob(f"{PREFIX}*/*/*.parquet") if self._cache.is_dir() else []:
            if path.relative_to(self._cache).as_posix() not in keep and _older(path, before):
                path.unlink(missing_ok=True)

    def _fetch(self, key: str, to: Path) -> None:
        self._asked(lambda: self._client.download_file(self._bucket, self._prefix + key, str(to)), READ_ACTIONS[0])

    def _asked(self, ask: Callable[[], Any], action: str) -> Any:
        from boto3.exceptions import S3UploadFailedError

        from farthing.aws import AWS_ERRORS, explain

        try:
            return ask()
        except (*AWS_ERRORS, S3UploadFailedError) as error:
            raise explain(error, f"S3 (bucket {self._bucket})", action) from error
        except OSError as error:
            raise LedgerError(
                f"{error.filename or self._cache} cannot be written: {error.strerror or error}"
            ) from error


def _older(path: Path, before: datetime) -> bool:
    try:
        return path.stat().st_mtime < before.timestamp()
    except OSError:
        return False
