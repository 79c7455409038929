"""The columns of FOCUS 1.2 as farthing keeps the rows of a billing export, whatever the export's own format. Pure.

Every import writes these columns, in this order and of these types, then the source's other columns as text; every
engine reads them. https://focus.finops.org/focus-specification/v1-2/
"""

from collections.abc import Mapping
from typing import Literal

import msgspec

Kind = Literal["text", "amount", "time", "map"]

SQL_TYPES: Mapping[Kind, str] = {
    "text": "VARCHAR",
    "amount": "DECIMAL(38,18)",
    "time": "TIMESTAMP",
    "map": "MAP(VARCHAR, VARCHAR)",
}
"""Kind -> DuckDB's type. Times are UTC without zone; a map without a key is empty, never NULL."""


class FocusColumn(msgspec.Struct, frozen=True):
    """One column. ``mandatory``: an export without it, or a row without a value in it, cannot be kept."""

    name: str
    kind: Kind = "text"
    mandatory: bool = False


_KINDS: Mapping[str, Kind] = {"amount": "amount", "time": "time", "map": "map"}


def _column(text: str) -> FocusColumn:
    name, *words = text.split()
    kinds = [_KINDS[word] for word in words if word in _KINDS]
    return FocusColumn(name, kinds[0] if kinds else "text", "mandatory" in words)


FOCUS_COLUMNS: Mapping[str, FocusColumn] = {
    column.name: column
    for column in map(
        _column,
        (
            "BillingPeriodStart time mandatory",
            "BillingPeriodEnd time",
            "ChargePeriodStart time mandatory",
            "ChargePeriodEnd time",
            "ProviderName mandatory",
            "PublisherName",
            "InvoiceIssuerName",
            "InvoiceId",
            "BillingAccountId mandatory",
            "BillingAccountName",
            "BillingAccountType",
            "BillingCurrency mandatory",
            "SubAccountId",
            "SubAccountName",
            "SubAccountType",
            "ServiceName mandatory",
            "ServiceCategory",
            "ServiceSubcategory",
            "ChargeCategory mandatory",
            "ChargeClass",
            "ChargeFrequency",
            "ChargeDescription",
            "RegionId",
            "RegionName",
            "AvailabilityZone",
            "ResourceId",
            "ResourceName",
            "ResourceType",
            "SkuId",
            "SkuPriceId",
            "SkuMeter",
            "SkuPriceDetails map",
            "BilledCost amount mandatory",
            "EffectiveCost amount",
            "ListCost amount",
            "ContractedCost amount",
            "ListUnitPrice amount",
            "ContractedUnitPrice amount",
            "PricingCategory",
            "PricingCurrency",
            "PricingCurrencyContractedUnitPrice amount",
            "PricingCurrencyEffectiveCost amount",
            "PricingCurrencyListUnitPrice amount",
            "PricingQuantity amount",
            "PricingUnit",
            "ConsumedQuantity amount",
            "ConsumedUnit",
            "CapacityReservationId",
            "CapacityReservationStatus",
            "CommitmentDiscountCategory",
            "CommitmentDiscountId",
            "CommitmentDiscountName",
            "CommitmentDiscountQuantity amount",
            "CommitmentDiscountStatus",
            "CommitmentDiscountType",
            "CommitmentDiscountUnit",
            "Tags map",
            "x_CostCategories map",
            "x_Discounts map",
            "x_Operation",
            "x_ServiceCode",
            "x_UsageType",
            "x_RecordType",
            "x_LineItemId",
        ),
    )
}
"""Name -> column, in the order in which they are written. Those with x_ are AWS's or farthing's own."""

FOCUS_1_0 = (
    *("AvailabilityZone", "BilledCost", "BillingAccountId", "BillingAccountName", "BillingCurrency"),
    *("BillingPeriodEnd", "BillingPeriodStart", "ChargeCategory", "ChargeClass", "ChargeDescription"),
    *("ChargeFrequency", "ChargePeriodEnd", "ChargePeriodStart", "CommitmentDiscountCategory"),
    *("CommitmentDiscountId", "CommitmentDiscountName", "CommitmentDiscountStatus", "CommitmentDiscountType"),
    *("ConsumedQuantity", "ConsumedUnit", "ContractedCost", "ContractedUnitPrice", "EffectiveCost"),
    *("InvoiceIssuerName", "ListCost", "ListUnitPrice", "PricingCategory", "PricingQuantity", "PricingUnit"),
    *("ProviderName", "PublisherName", "RegionId", "RegionName", "ResourceId", "ResourceName", "ResourceType"),
    *("ServiceCategory", "ServiceName", "SkuId", "SkuPriceId", "SubAccountId", "SubAccountName", "Tags"),
)
"""The columns of FOCUS 1.0. https://focus.finops.org/focus-specification/v1-0/"""

SLICE = ("ProviderName", "BillingAccountId", "BillingPeriodStart")
"""What a delivery replaces: one provider's bill of one billing account for one billing period."""

SORTED_BY = ("ChargePeriodStart", "SubAccountId", "ServiceName")
"""The order of rows within a slice (ChargePeriodStart by day), so that a query skips what it does not need."""
