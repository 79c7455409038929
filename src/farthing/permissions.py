"""What the daily run is allowed to do on AWS: each adapter declares what it calls, here it is collected.

The deployment's policy is made from this, and a test compares the two.
"""

from collections.abc import Mapping

from farthing.alerts.channels import sns
from farthing.app import ROLE_ACTIONS, SECRET_ACTIONS
from farthing.ledger import s3
from farthing.sources import cost_explorer

KEY_ACTIONS = ("kms:Decrypt", "kms:GenerateDataKey")
"""On a KMS key of one's own that encrypts bucket, secret or topic: their services use it in the function's name."""


def permissions() -> Mapping[str, tuple[str, ...]]:
    """The IAM actions of the daily run, by what they are for; each purpose has resources of its own."""
    return {
        "alerts_topic": sns.IAM_ACTIONS,
        "cost_explorer": cost_explorer.IAM_ACTIONS,
        "key": KEY_ACTIONS,
        "ledger_list": s3.LIST_ACTIONS,
        "ledger_read": s3.READ_ACTIONS,
        "ledger_write": s3.WRITE_ACTIONS,
        "payer_role": ROLE_ACTIONS,
        "slack_secret": SECRET_ACTIONS,
    }
