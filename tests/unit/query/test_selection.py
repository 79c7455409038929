import pytest

from farthing.errors import UsageError
from farthing.query.selection import parse_selection, passes


@pytest.mark.parametrize(
    ("where", "service", "account", "name", "expected"),
    [
        ("", "Amazon S3", "1", None, True),
        ("service:EC2", "Amazon Elastic Compute Cloud - Compute", "1", None, True),
        ("service:EC2", "Amazon Simple Storage Service", "1", None, False),
        ("service:S3 service:EC2", "Amazon Simple Storage Service", "1", None, True),
        ("account:prod", "Amazon S3", "111122223333", "prod", True),
        ("account:111122223333", "Amazon S3", "111122223333", "prod", True),
        ("account:prod", "Amazon S3", "111122223333", None, False),
        ("-account:sandbox", "Amazon S3", "111122223333", "sandbox", False),
        ("-account:111122223333", "Amazon S3", "111122223333", "sandbox", False),
        ("-account:sandbox", "Amazon S3", "111122223333", "prod", True),
        ("-account:sandbox", "Amazon S3", "111122223333", None, True),
        ("service:S3 -account:sand*", "Amazon Simple Storage Service", "1", "sandbox", False),
        ("service:S3 -account:sand*", "Amazon Simple Storage Service", "1", "prod", True),
        ("account-name:prod", "Amazon S3", "prod", "other", False),
    ],
)
def test_what_passes(where, service, account, name, expected):
    assert passes(parse_selection(where), service, account, name) is expected


@pytest.mark.parametrize("where", ["region:eu-west-1", "tag:team=core", "category:Tax", "currency:USD"])
def test_what_daily_reports_do_not_tell_is_refused(where):
    with pytest.raises(UsageError, match="is not told here; ask by service, account, account name"):
        parse_selection(where)
