"""FOCUS 1.0 to 1.4, of any provider: the columns are canonical already, but for what versions and providers renamed."""

from farthing.focus import FOCUS_COLUMNS
from farthing.sources.exports.formats import Format

_ISSUER = "coalesce({text:invoiceissuername}, {text:invoiceissuer})"

_OWN = {
    # 1.4 renames the two. A row that names no provider (AWS says that it leaves some empty) is told by who invoices
    # it; AWS invoices through a company in each country, and its rows must stay in one bill.
    "ProviderName": (
        "coalesce({text:providername}, {text:serviceprovidername}, "
        f"CASE WHEN {_ISSUER} LIKE 'Amazon %' THEN 'AWS' ELSE {_ISSUER} END)"
    ),
    "PublisherName": "coalesce({text:publishername}, {text:hostprovidername})",
    "InvoiceIssuerName": _ISSUER,
    "SubAccountId": "{text:subaccountid}",
    "Tags": "{map:tags}",
    # 1.0 of some vendors has Region instead of the two.
    "RegionId": "coalesce({text:regionid}, {text:region})",
    "RegionName": "coalesce({text:regionname}, {text:region})",
}


def _identity(name: str, kind: str) -> str:
    return f"{{{kind}:{name.lower()}}}"


FOCUS = Format(
    name="focus",
    title="FOCUS",
    needs=(
        *("billedcost", "billingaccountid", "billingcurrency", "billingperiodstart", "chargecategory"),
        *("chargeperiodstart", "providername|serviceprovidername|invoiceissuername|invoiceissuer", "servicename"),
    ),
    tells=("billedcost", "effectivecost", "chargeperiodstart", "billingperiodstart", "chargecategory"),
    columns={name: _OWN.get(name) or _identity(name, column.kind) for name, column in FOCUS_COLUMNS.items()},
)
"""https://focus.finops.org/focus-specification/"""
