"""What farthing exports, judged by FOCUS's own validator (1.0 is the newest that it knows)."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.integration.servers import MACHINE
from tests.unit.exports.conftest import as_csv, row

pytestmark = [pytest.mark.integration]

ENVIRONMENT = Path(sys.prefix) / "focus"

OUTDATED = {
    "InvoiceIssuer_Required": "FOCUS 1.0 calls it InvoiceIssuerName",
    "Provider_Required": "FOCUS 1.0 calls it ProviderName",
    "Publisher_Required": "FOCUS 1.0 calls it PublisherName",
    "ResourceID_Required": "FOCUS 1.0 calls it ResourceId",
    "SkuPriceId_Nullable": "it looks for ChargeType, which FOCUS 1.0 calls ChargeCategory, and ends with a KeyError",
}
"""Rules of the validator's set for 1.0 that are about names which FOCUS 1.0 does not have any more."""

COMPLETE = {
    "AvailabilityZone": "eu-central-1a",
    "BillingAccountName": "Payer",
    "ChargeDescription": "$0.0225 an hour, or a part of it",
    "ChargeFrequency": "Usage-Based",
    "CommitmentDiscountCategory": "Spend",
    "CommitmentDiscountId": "arn:aws:savingsplans::1:savingsplan/x",
    "CommitmentDiscountName": "plan",
    "CommitmentDiscountStatus": "Used",
    "CommitmentDiscountType": "Compute",
    "ConsumedQuantity": "1.5",
    "ConsumedUnit": "Hours",
    "ContractedUnitPrice": "0.0001",
    "InvoiceIssuerName": "Amazon Web Services, Inc.",
    "ListUnitPrice": "0.0002",
    "PricingCategory": "Committed",
    "PricingQuantity": "1.5",
    "PricingUnit": "Hours",
    "PublisherName": "Amazon Web Services, Inc.",
    "RegionName": "EU (Frankfurt)",
    "ResourceId": "i-1",
    "ResourceName": "one",
    "ResourceType": "Instance",
    "ServiceCategory": "Storage",
    "SkuId": "ABC",
    "SkuPriceId": "ABC.DEF",
}


def validator_says(path: Path) -> dict[str, str]:
    """The rules that a file fails, with what the validator says of each."""
    folder = next((ENVIRONMENT / "lib").glob("python*/site-packages"))  # it looks for its currencies from here
    command = [str(ENVIRONMENT / "bin" / "focus-validator"), "--data-file", str(path), "--validate-version", "1.0"]
    ended = subprocess.run(command, cwd=folder, env=MACHINE, capture_output=True, text=True, timeout=120, check=False)
    assert "Traceback" not in ended.stderr, ended.stderr
    if ended.stdout.rstrip().endswith("Validation succeeded."):
        return {}
    assert "Validation failed!" in ended.stdout, ended.stdout
    blocks = ended.stdout.partition("Errors encountered:\n")[2].split("\n\n")
    return {block.split(" failed:")[0].strip(): block for block in blocks if " failed:" in block}


@pytest.fixture
def exported(tmp_path):
    def made(*rows):
        source = tmp_path / "source.csv"
        source.write_text(as_csv(*rows), encoding="utf-8")
        environment = {**MACHINE, "FARTHING_HOME": str(tmp_path / "ledger"), "FARTHING_TODAY": "2026-11-24"}
        target = tmp_path / "focus.csv"
        for command in (
            ["import", str(source)],
            ["export", str(target), "--period", "2026-10", "--focus-version", "1.0", "--json"],
        ):
            program = str(Path(sys.executable).with_name("farthing"))
            ended = subprocess.run(
                [program, *command], env=environment, capture_output=True, text=True, timeout=120, check=False
            )
            assert ended.returncode == 0, ended.stderr
        assert json.loads(ended.stdout)["lacking"] == []
        return target

    return made


def test_a_complete_source_passes(exported):
    usage = row(**COMPLETE)
    more = [
        row(**{**COMPLETE, "BilledCost": "-1.00000000001", "Tags": '{"a": "b", "c": "ü, \\"q\\""}'}),
        row(**{**COMPLETE, "ChargeCategory": "Purchase", "ChargeFrequency": "Recurring"}),
        row(**{**COMPLETE, "SubAccountName": 'a, "b"\nc'}),
        # The validator reads CSV without types: a column of nothing but account numbers is a number to it.
        row(**{**COMPLETE, "ProviderName": "Microsoft", "BillingAccountId": "/a/b", "SubAccountId": "s-1"}),
    ]
    assert set(validator_says(exported(usage, *more))) <= set(OUTDATED)


def test_the_validator_would_see_what_is_wrong(exported):
    """Else the test above would show nothing."""
    wrong = row(**{**COMPLETE, "ChargeFrequency": "Sometimes", "BillingCurrency": "XXQ"})
    assert {"ChargeFrequency_Enum", "BillingCurrency_IsCurrencyCode"} <= set(validator_says(exported(wrong)))
