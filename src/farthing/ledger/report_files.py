"""Daily reports as local files, for engines that read files: each with the ETag of the state that it is of."""

from collections.abc import Callable, Collection, Mapping
from datetime import date
from pathlib import Path

import msgspec

from farthing.errors import LedgerError
from farthing.ledger.reports import Reports, key_of
from farthing.ledger.store import Store
from farthing.model import Period


class ReportFiles(msgspec.Struct, frozen=True):
    """The reports of some days, oldest first.

    Attributes:
        etags: the state of each day's report.
        fetch: local files of the named days, fetched if they are elsewhere; a report that is gone is left out.
        temporary: what is fetched is of no use to anybody else: who has read it deletes it.
        copies: a folder in which what was read once may be kept in a form that is faster to read; None: nowhere.
        progress: is told of how many months an engine has read, and how many there are.
    """

    etags: Mapping[date, str]
    fetch: Callable[[Collection[date]], dict[date, Path]]
    copies: Path | None = None
    temporary: bool = False
    progress: Callable[[int, int], None] | None = None

    def within(self, period: Period) -> "ReportFiles":
        """Those of a period."""
        return msgspec.structs.replace(self, etags={day: etag for day, etag in self.etags.items() if day in period})


def files_in(folder: Path) -> ReportFiles:
    """A folder's files named YYYY-MM-DD.json; others are left alone. Nothing is kept.

    Raises:
        LedgerError: it cannot be listed.
    """
    days = days_in(folder)
    return ReportFiles(dict.fromkeys(days, ""), lambda wanted: {day: folder / f"{day}.json" for day in wanted})


def files_of(store: Store, prefix: str, folder: Callable[[], Path], copies: Path | None) -> ReportFiles:
    """The reports of a ledger.

    Args:
        store: its home.
        prefix: the key below which they stand.
        folder: where to put those that are not on this machine; asked for when there is one to fetch.
        copies: see :class:`ReportFiles`.

    Raises:
        LedgerError: the ledger cannot be read.
    """
    root = getattr(store, "root", None)

    def fetch(days: Collection[date]) -> dict[date, Path]:
        if isinstance(root, Path):
            return {day: root / key_of(day, prefix) for day in days}
        there = folder() if days else Path()
        fetched: dict[date, Path] = {}
        for day, stored in zip(days, store.read_many([key_of(day, prefix) for day in days]), strict=True):
            if stored is not None:
                fetched[day] = there / f"{day}.json"
                fetched[day].write_bytes(stored.data)
        return fetched

    return ReportFiles(Reports(store, prefix).etags(), fetch, copies, temporary=not isinstance(root, Path))


def days_in(folder: Path) -> tuple[date, ...]:
    """The days that a folder has report files of, oldest first; none if there is no folder.

    Raises:
        LedgerError: it cannot be listed.
    """
    try:
        names = [path.name for path in folder.iterdir()]
    except FileNotFoundError:
        return ()
    except OSError as error:
        raise LedgerError(f"{folder} cannot be listed: {error.strerror or error}") from error
    return tuple(sorted(day for name in names if (day := _day(name))))


def _day(name: str) -> date | None:
    """The day that a report's file is named after; None for what is not ours: an editor's backup, say."""
    stem = name.removesuffix(".json")
    try:
        day = date.fromisoformat(stem)
    except ValueError:
        return None
    return day if name == f"{day.isoformat()}.json" else None
