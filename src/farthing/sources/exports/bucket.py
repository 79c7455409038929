"""Deliveries in an S3 bucket: listed once, judged by their manifests, fetched one at a time."""

from collections.abc import Callable
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import urlsplit

import msgspec

from farthing.errors import ExportError, UsageError
from farthing.ledger.exports import SourceFile
from farthing.sources.exports.deliveries import (
    BILLING_PERIOD,
    MANIFEST,
    SUFFIXES,
    Delivery,
    current,
    manifest_files,
    unfinished,
)

IAM_ACTIONS = ("s3:ListBucket", "s3:GetObject")
"""On the bucket of the export; the daily run calls none of them."""


class RemoteDelivery(msgspec.Struct, frozen=True):
    """A delivery before it is fetched; ``keys`` run like ``sources``."""

    name: str
    bucket: str
    keys: tuple[str, ...]
    sources: tuple[SourceFile, ...]


def remote_deliveries(client: Any, url: str) -> tuple[tuple[RemoteDelivery, ...], tuple[str, ...]]:
    """What lies below an s3:// URL: deliveries, and what is left out and why.

    Raises:
        UsageError: the URL names no bucket.
        FarthingError: the bucket cannot be listed.
        ExportError: there is nothing to import.
    """
    parts = urlsplit(url)
    bucket, prefix = parts.netloc, parts.path.lstrip("/")
    if not bucket:
        raise UsageError(f"{url} names no bucket: write s3://bucket/prefix")
    objects = _listed(client, bucket, prefix)
    manifests = {key for key in objects if key.endswith(MANIFEST)}
    found: list[RemoteDelivery] = []
    left_out: list[str] = []
    if not manifests:
        keys = tuple(sorted(key for key in objects if key.endswith(SUFFIXES)))
        if not keys:
            raise ExportError(f"{url}: holds no manifest and no .csv, .csv.gz or .parquet file")
        return (RemoteDelivery(url, bucket, keys, tuple(objects[key] for key in keys)),), ()
    for manifest in current(manifests):
        named = [
            _key(bucket, name) for name in manifest_files(_read(client, bucket, manifest), f"s3://{bucket}/{manifest}")
        ]
        missing = [key for key in named if key not in objects and not _is_there(client, bucket, key, objects)]
        if missing or not named:
            what = f"s3://{bucket}/{missing[0]} is missing" if missing else "it names no file"
            left_out.append(f"s3://{bucket}/{manifest}: the delivery is not whole ({what})")
            continue
        path = PurePosixPath(manifest)
        name = f"{path.name.removesuffix(MANIFEST)} {path.parent.name.removeprefix(BILLING_PERIOD)}"
        found.append(RemoteDelivery(name, bucket, tuple(named), tuple(objects[key] for key in named)))
    left_out += [
        f"s3://{bucket}/{folder}: the delivery is not whole (it has no manifest)"
        for folder in unfinished(objects, manifests)
    ]
    if not found:
        raise ExportError(f"{url}: no whole delivery: {'; '.join(left_out)}")
    return tuple(found), tuple(left_out)


def fetched(client: Any, remote: RemoteDelivery, folder: Path, on_bytes: Callable[[int], None]) -> Delivery:
    """Brings a delivery's files into a folder.

    Raises:
        FarthingError: one cannot be fetched, or changed since it was listed.
    """
    files = []
    for number, (key, source) in enumerate(zip(remote.keys, remote.sources, strict=True)):
        path = folder / f"{number}-{PurePosixPath(key).name}"
        fetch = partial(client.download_file, remote.bucket, key, str(path), Callback=on_bytes)
        _asked(fetch, remote.bucket, IAM_ACTIONS[1])
        if path.stat().st_size != source.size:
            raise ExportError(f"{source.name} changed while it was fetched: a new delivery has begun; import again")
        files.append(path)
    return Delivery(remote.name, tuple(files), remote.sources)


def _listed(client: Any, bucket: str, prefix: str) -> dict[str, SourceFile]:
    def ask() -> dict[str, SourceFile]:
        pages = client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
        return {
            entry["Key"]: SourceFile(f"s3://{bucket}/{entry['Key']}", entry["Size"], entry["ETag"])
            for page in pages
            for entry in page.get("Contents", [])
        }

    found: dict[str, SourceFile] = _asked(ask, bucket, IAM_ACTIONS[0])
    return found


def _is_there(client: Any, bucket: str, key: str, objects: dict[str, SourceFile]) -> bool:
    """A manifest may name files outside the prefix that was asked for."""
    found = _listed(client, bucket, key)
    if key in found:
        objects[key] = found[key]
    return key in found


def _read(client: Any, bucket: str, key: str) -> bytes:
    data: bytes = _asked(lambda: client.get_object(Bucket=bucket, Key=key)["Body"].read(), bucket, IAM_ACTIONS[1])
    return data


def _key(bucket: str, name: str) -> str:
    """A file's key: Data Exports name s3:// URLs, the legacy report keys."""
    return name.removeprefix(f"s3://{bucket}/").lstrip("/")


def _asked(ask: Callable[[], Any], bucket: str, action: str) -> Any:
    from farthing.aws import AWS_ERRORS, explain

    try:
        return ask()
    except AWS_ERRORS as error:
        raise explain(error, f"S3 (bucket {bucket})", action) from error
    except OSError as error:
        raise ExportError(
            f"{error.filename or 'a temporary file'} cannot be written: {error.strerror or error}"
        ) from error
