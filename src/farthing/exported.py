"""The imported billing exports of a ledger, as commands use them. The Lambda has no use for any of it."""

import os
from datetime import timedelta
from pathlib import Path
from typing import Any

from farthing.app import App
from farthing.ledger.exports import BucketFiles, Exports, FolderFiles
from farthing.ledger.folder import default_cache
from farthing.model import Period
from farthing.query.sources import ExportSlice


def exports_of(app: App) -> Exports:
    """The exports of the app's ledger, in its folder or its bucket."""
    root = getattr(app.store, "root", None)
    if isinstance(root, Path):
        return Exports(app.store, FolderFiles(root))
    key = app.settings.kms_key_id
    encryption = {"ServerSideEncryption": "AES256"}
    if key:
        encryption = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": key}
    bucket = app.settings.bucket_name or ""
    files = BucketFiles(s3_client(app), bucket, app.settings.prefix, default_cache() / "exports", encryption)
    return Exports(app.store, files)


def export_slices(app: App, period: Period, *, local: bool = True) -> tuple[ExportSlice, ...]:
    """The slices that reach into a period, ready to be read.

    Args:
        app: whose ledger.
        period: the days.
        local: files of a bucket are fetched, once, and named on this machine; else they are named by their URL.
    """
    exports = exports_of(app)
    found = []
    for one in exports.slices():
        end = min(one.last_day + timedelta(days=1), one.days.end)
        days = Period(one.period, max(end, one.period))
        if min(one.first_day, days.start) < period.end and period.start <= max(days.end, one.last_day):
            found.append(
                ExportSlice(
                    provider=one.provider,
                    billing_account=one.billing_account,
                    days=days,
                    whole=days.end == one.days.end,
                    first_day=one.first_day,
                    last_day=one.last_day,
                    currencies=one.currencies,
                    columns=frozenset(one.columns),
                    files=tuple(map(str, exports.paths(one)))
                    if local
                    else tuple(app.store.locate(file.key) for file in one.files),
                    sizes=tuple(file.size for file in one.files),
                )
            )
    return tuple(found)


def exported_days(app: App) -> Period | None:
    """From the first to the last day that imported exports tell of; None where there are none."""
    slices = exports_of(app).slices()
    if not slices:
        return None
    return Period(min(one.first_day for one in slices), max(one.last_day for one in slices) + timedelta(days=1))


KEYS_SEEN = 200_000
"""Charges of each file that :func:`made_up_columns` looks at: what is used at all is in these."""

KEYS_SHOWN = 20
"""Tag keys and cost categories that it names, of each the ones on most charges."""


def made_up_columns(app: App) -> tuple[str, ...]:
    """A column for each tag key and cost category of the newest bills, those on the most charges first.

    Only DuckDB is asked: another engine may be billed for what it reads.
    """
    exports = exports_of(app)
    slices = exports.slices() if app.settings.engine == "duckdb" else ()
    newest = max((one.period for one in slices), default=None)
    found: dict[str, int] = {}
    for one in slices:
        if one.period == newest and one.files:
            for kind in ("Tags", "x_CostCategories"):
                if kind in one.columns:
                    for name, count in _keys(exports.paths(one)[0], kind):
                        found[name] = found.get(name, 0) + count
    order = sorted(found, key=lambda name: (-found[name], name))
    of_kind = [[name for name in order if name.startswith(kind)] for kind in ("Tags/", "x_CostCategories/")]
    return tuple(name for names in of_kind for name in names[:KEYS_SHOWN])


def _keys(file: str | Path, kind: str) -> list[tuple[str, int]]:
    """The columns that a file's map makes, and on how many of the charges that are looked at each has a value."""
    import duckdb

    with duckdb.connect() as connection:
        rows = connection.execute(
            f'SELECT key, count(*) FROM (SELECT unnest(map_keys("{kind}")) AS key FROM '  # noqa: S608 - one of two names
            f'(SELECT "{kind}" FROM read_parquet(?) LIMIT {KEYS_SEEN})) GROUP BY key ORDER BY ALL',
            [str(file)],
        ).fetchall()
    most = sorted(rows, key=lambda row: (-row[1], row[0]))[:KEYS_SHOWN]
    return [(f"{kind}/{key}", count) for key, count in most if key]


def rejects_folder(app: App) -> Path:
    """Where rows that an import cannot read are kept: beside a local ledger, else in the user's cache."""
    root = getattr(app.store, "root", None)
    return (root if isinstance(root, Path) else default_cache()) / "rejects"


def s3_client(app: App) -> Any:
    """A client for billing exports in a bucket."""
    from farthing.aws import AWS_ERRORS, CONFIG, explain

    try:
        return app.session().client("s3", config=CONFIG, region_name=os.environ.get("AWS_REGION") or None)
    except AWS_ERRORS as error:  # a profile that does not exist
        raise explain(error, "S3", "s3:GetObject") from error
