"""Where the dashboard shows what a message is about. Pure.

The addresses are those of the static site, and the live server answers them too: one setting serves both. What is shown
stands behind the '#', which no server gets to see.
"""

from datetime import timedelta
from urllib.parse import urlencode

from farthing.alerts.rendering.found import ANOMALY, BUDGET, RESTATEMENT
from farthing.model import BILLED_COST, EFFECTIVE_COST, Alert

PAGES = {BUDGET: "budgets", "credits": "budgets", RESTATEMENT: "data"}

LONGEST_LINK = 900
"""Characters; a longer one (of an endless name) could be cut by a channel and would lead nowhere."""

WEEK = timedelta(days=7)
"""What a day is shown against: the same weekday, one week before."""


def link_of(alert: Alert, dashboard: str) -> str:
    """The page that shows it; '' without a dashboard.

    Args:
        alert: the newest of a message.
        dashboard: the address of a dashboard, up to its last '/'; '' where nobody has one.
    """
    if not dashboard:
        return ""
    if alert.kind == ANOMALY and alert.incident is not None:
        return f"{dashboard}incidents.html#{alert.incident.id}"
    if alert.kind in PAGES:
        return f"{dashboard}{PAGES[alert.kind]}.html"
    link = f"{dashboard}explorer.html#{urlencode(_shown(alert))}"
    return link if len(link) <= LONGEST_LINK else f"{dashboard}explorer.html"


def _shown(alert: Alert) -> dict[str, str]:
    """The Explorer's state: the day within the scope, against its weekday a week before."""
    day, after = alert.day, alert.day + timedelta(days=1)
    shown = {"period": f"{day}..{after}", "compare": f"{day - WEEK}..{after - WEEK}"}
    if alert.metric in (BILLED_COST, EFFECTIVE_COST):
        shown["metric"] = alert.metric
    if alert.scope.service_name is not None:
        shown |= {"is.ServiceName": alert.scope.service_name, "by": "SubAccountId"}
    if alert.scope.sub_account_id is not None:
        shown |= {"is.SubAccountId": alert.scope.sub_account_id, "by": "ServiceName"}
    return shown
