"""The departures of one leaf: when one begins, when it is the last one going on, and what people allowed."""

from collections.abc import Sequence

from farthing.signals.anomalies.calendar import Days
from farthing.signals.anomalies.episode import Allowance, Episode, Figures
from farthing.signals.anomalies.limits import Limits


class Episodes:
    """All of them so far.

    Attributes:
        all: oldest first.
        going_on: the one that is neither over nor has become what is expected.
        calm_until: the place up to which a departure on the last one's side is that one going on.
    """

    __slots__ = ("_allowances", "_days", "_limits", "all", "calm_until", "going_on")

    def __init__(self, days: Days, limits: Limits, allowances: Sequence[Allowance]) -> None:
        self.all: list[Episode] = []
        self.going_on: Episode | None = None
        self.calm_until = 0
        self._days = days
        self._limits = limits
        self._allowances = allowances

    def begin(self, kind: str, first: int, level: float, figures: Figures, *, rises: bool) -> Episode | None:
        """A departure begins, or the last one goes on after a breath.

        Args:
            kind: one of ``limits.KINDS``.
            first: the place of the first day that was out.
            level: money a day, before it.
            figures: of the day on which it is told.
            rises: above or below what was expected.

        Returns:
            The one to be told, None if it is none or people allowed it.
        """
        last = self.all[-1] if self.all else None
        allowed = self.allows(figures, rises=rises)
        goes_on = False
        if last is not None and last.rises == rises:
            soon = figures.at - last.days[-1].at <= self._limits.breath_days + 1
            if soon and (allowed or not last.muted):
                last.ended = False
                last.days.append(figures)
                self.going_on = last
                return None
            goes_on = figures.at < self.calm_until
        muted = allowed or goes_on
        self.going_on = episode = Episode(kind, first, level, figures, rises=rises, muted=muted)
        self.all.append(episode)
        return None if muted else episode

    def end(self) -> Episode | None:
        """The one going on is over."""
        episode, self.going_on = self.going_on, None
        if episode is not None:
            episode.ended = True
        return episode

    def is_more_than_allowed(self, episode: Episode, figures: Figures) -> bool:
        """Whether a muted departure is further out on a day than people said it may be."""
        return episode.muted and bool(self._allowances) and not self.allows(figures, rises=episode.rises)

    def allows(self, figures: Figures, *, rises: bool) -> bool:
        """Whether people said that a day may be like this."""
        day = self._days.ordinal[figures.at]
        size = abs(figures.actual - figures.expected)
        return any(a.rises == rises and a.start <= day < a.end and size <= a.most for a in self._allowances)
