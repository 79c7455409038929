"""Sources of costs. Each answers :class:`CostSource`, which is all that the daily run knows of it."""

from collections.abc import Callable, Iterator
from datetime import datetime
from decimal import Decimal
from typing import Protocol

from farthing.errors import FarthingError, SourceError
from farthing.model import DailyReport, Period, Source

PRICE_PER_REQUEST = Decimal("0.01")
"""USD for each request that Cost Explorer answers; every page is one, a refused one is free.
https://aws.amazon.com/aws-cost-management/pricing/"""

HISTORY_MONTHS = 13
"""Months before the current one that Cost Explorer keeps by day."""

OnPage = Callable[[int, int], None]
"""Called after each page with the pages and the groups so far."""


class Fetched(Protocol):
    """What one question brought.

    Attributes:
        billed_requests: how many requests were answered, and so billed.
        request_ids: the service's ids of them, in order.
        groups: rows over all pages.
        page_size_seen: rows of the largest page that was followed by another; 0 if there was only one page.
        failure: why the answer is not whole; None if it is.
        refused: why single days could not be kept, filled while :meth:`reports` is read.
    """

    billed_requests: int
    request_ids: list[str]
    groups: int
    page_size_seen: int
    failure: SourceError | None
    refused: list[FarthingError]

    def reports(self, collected_at: datetime) -> Iterator[DailyReport]:
        """The complete days, oldest first, each as a report that was first seen at ``collected_at``.

        A day whose figures cannot be kept is left out and named in ``refused``; the others are not lost for it.
        """


class CostSource(Protocol):
    """Where a day's figures come from. ``source`` is recorded in every report."""

    source: Source

    def fetch(self, period: Period, *, max_requests: int, on_page: OnPage) -> Fetched:
        """Asks one question about the period, all pages.

        Raises:
            SourceError: nothing at all was answered. What breaks later is the result's ``failure``.
        """
