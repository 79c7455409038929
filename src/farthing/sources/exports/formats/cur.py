"""CUR 2.0 and the legacy Cost and Usage Report, mapped to FOCUS.

The legacy report's CSV spells ``lineItem/UnblendedCost`` what its Parquet and CUR 2.0 call
``line_item_unblended_cost``;
:func:`farthing.sources.exports.headers.snake` brings both to the latter. CUR 2.0 keeps many columns as keys of maps
(``product``, ``discount``); the legacy report has a column for each.

Costs, as AWS defines amortised cost (https://docs.aws.amazon.com/cur/latest/userguide/Lineitem-columns.html):

- BilledCost is the net unblended cost where the report has it, else the unblended cost, row by row. A savings plan's
  covered usage and its negation therefore both stand there and cancel out: sums are the source's own.
- Where the report has net costs, discounts are within them; a row that is a discount itself and has no net cost counts
  for nothing, or the discount would be taken twice.
- EffectiveCost is the commitment's share: the effective cost of covered usage, the unused part of a recurring fee,
  nothing for upfront fees and negations. Net columns are taken where the report has them. A report whose owner left
  the commitment's columns out cannot say it: there EffectiveCost is BilledCost, for all of these rows, so that they
  still cancel out.
- ListCost is the public on-demand cost; rows without a public price (tax, credits, fees) cost what they cost.

What a line item is, is told by its type. Discounts (EDP, private rates, bundles, ...) are FOCUS's Credit: an amount
taken off by agreement; refunds are its Adjustment, and the only ones that CUR lets us tell for corrections.
"""

from farthing.sources.exports.formats import Format, Keys
from farthing.sources.exports.formats.aws_services import category_of


def _net(kind: str, net: str, gross: str) -> str:
    return f"coalesce({{{kind}:{net}}}, {{{kind}:{gross}}})"


_TYPE = "{text:line_item_line_item_type}"
_DISCOUNTS = (
    "('Discount', 'BundledDiscount', 'EdpDiscount', 'PrivateRateDiscount', 'RiVolumeDiscount', 'SppDiscount', "
    "'DistributorDiscount')"
)
_BILLED = (
    f"CASE WHEN {_TYPE} IN {_DISCOUNTS} AND {{has:line_item_net_unblended_cost}} "
    "THEN coalesce({amount:line_item_net_unblended_cost}, 0) "
    f"ELSE {_net('amount', 'line_item_net_unblended_cost', 'line_item_unblended_cost')} END"
)
_RI_USED = _net("amount", "reservation_net_effective_cost", "reservation_effective_cost")
_RI_UNUSED = (
    "(coalesce("
    "{amount:reservation_net_unused_amortized_upfront_fee_for_billing_period}, "
    "{amount:reservation_unused_amortized_upfront_fee_for_billing_period}, 0) + coalesce("
    "{amount:reservation_net_unused_recurring_fee}, {amount:reservation_unused_recurring_fee}, 0))"
)
_SP_USED = _net("amount", "savings_plan_net_savings_plan_effective_cost", "savings_plan_savings_plan_effective_cost")
_SP_UNUSED = (
    "(coalesce({amount:savings_plan_total_commitment_to_date}, 0) - coalesce({amount:savings_plan_used_commitment}, 0))"
)
_COMMITMENT = "coalesce({text:savings_plan_savings_plan_a_r_n}, {text:reservation_reservation_a_r_n})"

_RI_TOLD = "({has:reservation_effective_cost} OR {has:reservation_net_effective_cost})"
_SP_TOLD = (
    "({has:savings_plan_savings_plan_effective_cost} OR {has:savings_plan_net_savings_plan_effective_cost}) "
    "AND {has:savings_plan_total_commitment_to_date} AND {has:savings_plan_used_commitment}"
)

_EFFECTIVE = f"""CASE
    WHEN {_TYPE} IN ('SavingsPlanNegation', 'SavingsPlanUpfrontFee') AND {_SP_TOLD} THEN 0
    WHEN {_TYPE} = 'SavingsPlanCoveredUsage' AND {_SP_TOLD} THEN coalesce({_SP_USED}, {_BILLED})
    WHEN {_TYPE} = 'SavingsPlanRecurringFee' AND {_SP_TOLD} THEN {_SP_UNUSED}
    WHEN {_TYPE} = 'DiscountedUsage' AND {_RI_TOLD} THEN coalesce({_RI_USED}, {_BILLED})
    WHEN {_TYPE} = 'RIFee' AND {_RI_TOLD} THEN {_RI_UNUSED}
    WHEN {_TYPE} = 'Fee' AND {_RI_TOLD} AND {{text:reservation_reservation_a_r_n}} IS NOT NULL THEN 0
    ELSE {_BILLED} END"""

_USED = "('Usage', 'DiscountedUsage', 'SavingsPlanCoveredUsage')"

CUR = Format(
    name="cur",
    title="Cost and Usage Report",
    needs=(
        *("bill_billing_period_start_date", "bill_payer_account_id", "line_item_currency_code"),
        *("line_item_line_item_type", "line_item_unblended_cost", "line_item_usage_start_date"),
    ),
    tells=("line_item_unblended_cost", "line_item_usage_start_date", "line_item_line_item_type"),
    columns={
        "BillingPeriodStart": "{time:bill_billing_period_start_date}",
        "BillingPeriodEnd": "{time:bill_billing_period_end_date}",
        "ChargePeriodStart": "{time:line_item_usage_start_date}",
        "ChargePeriodEnd": "{time:line_item_usage_end_date}",
        "ProviderName": "'AWS'",
        "PublisherName": "coalesce({text:line_item_legal_entity}, {text:bill_billing_entity})",
        "InvoiceIssuerName": "coalesce({text:bill_invoicing_entity}, {text:bill_billing_entity})",
        "InvoiceId": "{text:bill_invoice_id}",
        "BillingAccountId": "{text:bill_payer_account_id}",
        "BillingAccountName": "{text:bill_payer_account_name}",
        "BillingCurrency": "{text:line_item_currency_code}",
        "SubAccountId": "{text:line_item_usage_account_id}",
        "SubAccountName": "{text:line_item_usage_account_name}",
        "ServiceName": (
            "coalesce({text:product_product_name}, {text:line_item_product_code}, {text:product_servicecode})"
        ),
        "ServiceCategory": category_of("{text:line_item_product_code}"),
        "ChargeCategory": f"""CASE
            WHEN {_TYPE} IN ('Usage', 'DiscountedUsage', 'SavingsPlanCoveredUsage', 'SavingsPlanNegation') THEN 'Usage'
            WHEN {_TYPE} IN ('Fee', 'RIFee', 'SavingsPlanUpfrontFee', 'SavingsPlanRecurringFee') THEN 'Purchase'
            WHEN {_TYPE} = 'Tax' THEN 'Tax'
            WHEN {_TYPE} = 'Credit' OR {_TYPE} IN {_DISCOUNTS} THEN 'Credit'
            ELSE 'Adjustment' END""",
        "ChargeClass": f"CASE WHEN {_TYPE} = 'Refund' THEN 'Correction' ELSE NULL END",
        "ChargeFrequency": f"""CASE
            WHEN {_TYPE} IN ('RIFee', 'SavingsPlanRecurringFee') THEN 'Recurring'
            WHEN {_TYPE} IN ('Fee', 'SavingsPlanUpfrontFee', 'Credit', 'Refund') THEN 'One-Time'
            ELSE 'Usage-Based' END""",
        "ChargeDescription": "{text:line_item_line_item_description}",
        "RegionId": "coalesce({text:product_region_code}, {text:product_region})",
        "RegionName": "{text:product_location}",
        "AvailabilityZone": "{text:line_item_availability_zone}",
        "ResourceId": "{text:line_item_resource_id}",
        "SkuId": "{text:product_sku}",
        "SkuPriceId": "coalesce({text:pricing_rate_code}, {text:pricing_rate_id})",
        "BilledCost": _BILLED,
        "EffectiveCost": _EFFECTIVE,
        "ListCost": f"""CASE
            WHEN {_TYPE} = 'SavingsPlanNegation' THEN 0
            WHEN {_TYPE} IN {_USED} THEN coalesce({{amount:pricing_public_on_demand_cost}}, {_BILLED})
            ELSE {_BILLED} END""",
        "ContractedCost": f"""CASE
            WHEN {_TYPE} = 'SavingsPlanNegation' THEN 0
            WHEN {_TYPE} = 'DiscountedUsage' THEN coalesce({{amount:pricing_public_on_demand_cost}}, {_BILLED})
            ELSE {_BILLED} END""",
        "ListUnitPrice": "{amount:pricing_public_on_demand_rate}",
        "ContractedUnitPrice": _net("amount", "line_item_net_unblended_rate", "line_item_unblended_rate"),
        "PricingCategory": f"""CASE
            WHEN {_TYPE} IN ('DiscountedUsage', 'SavingsPlanCoveredUsage') THEN 'Committed'
            WHEN {{text:pricing_term}} = 'Spot' THEN 'Dynamic'
            WHEN {_TYPE} = 'Usage' THEN 'Standard' ELSE NULL END""",
        "PricingQuantity": "{amount:line_item_usage_amount}",
        "PricingUnit": "{text:pricing_unit}",
        "ConsumedQuantity": f"CASE WHEN {_TYPE} IN {_USED} THEN {{amount:line_item_usage_amount}} ELSE NULL END",
        "ConsumedUnit": f"CASE WHEN {_TYPE} IN {_USED} THEN {{text:pricing_unit}} ELSE NULL END",
        "CommitmentDiscountCategory": """CASE
            WHEN {text:savings_plan_savings_plan_a_r_n} IS NOT NULL THEN 'Spend'
            WHEN {text:reservation_reservation_a_r_n} IS NOT NULL THEN 'Usage' ELSE NULL END""",
        "CommitmentDiscountId": _COMMITMENT,
        "CommitmentDiscountType": """CASE
            WHEN {text:savings_plan_savings_plan_a_r_n} IS NOT NULL THEN 'Savings Plan'
            WHEN {text:reservation_reservation_a_r_n} IS NOT NULL THEN 'Reserved' ELSE NULL END""",
        "CommitmentDiscountStatus": f"""CASE
            WHEN {_TYPE} IN ('DiscountedUsage', 'SavingsPlanCoveredUsage') THEN 'Used'
            WHEN {_TYPE} IN ('RIFee', 'SavingsPlanRecurringFee') THEN 'Unused' ELSE NULL END""",
        "Tags": "{map:resource_tags}",
        "x_CostCategories": "{map:cost_category}",
        "x_Discounts": "{map:discount}",
        "x_Operation": "{text:line_item_operation}",
        "x_ServiceCode": "{text:line_item_product_code}",
        "x_UsageType": "{text:line_item_usage_type}",
        "x_RecordType": _TYPE,
        "x_LineItemId": "{text:identity_line_item_id}",
    },
    keys={
        # What AWS puts before a user's own keys goes, so that a tag has the same name as in AWS's FOCUS exports. An
        # export may have one map 'tags' in place of the two; tags of accounts and users keep their prefix there.
        "resource_tags": Keys(
            ("resource_tags_", "resourcetags/"), ("user:", "user_"), "tags", "resourceTags/", without="costCategory/"
        ),
        "cost_category": Keys(("cost_category_", "costcategory/"), (), "tags", "costCategory/"),
    },
    spread=("product", "discount"),
)
"""https://docs.aws.amazon.com/cur/latest/userguide/table-dictionary-cur2.html"""
