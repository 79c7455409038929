import pytest
from hypothesis import given
from hypothesis import strategies as st

from farthing.errors import UsageError
from farthing.query.model import (
    COLUMNS,
    METRICS,
    Filter,
    column_of,
    in_order,
    matches,
    parse_by,
    parse_metrics,
    parse_where,
)


def test_terms_of_one_key_are_alternatives_and_keys_stand_apart():
    assert parse_where("service:EC2 -account:prod service:'Amazon S3' currency:USD 'service:A B'") == (
        Filter("ServiceName", ("EC2", "Amazon Elastic Compute Cloud*", "Amazon S3", "A B")),
        Filter("SubAccountId", ("prod",), exclude=True),
        Filter("BillingCurrency", ("USD",)),
    )


def test_a_value_may_hold_a_colon_and_a_key_any_case_or_its_focus_name():
    assert parse_where("Service:a:b ServiceName:c") == (Filter("ServiceName", ("a:b", "c")),)


@pytest.mark.parametrize("text", ["", "   "])
def test_nothing_filters_nothing(text):
    assert parse_where(text) == ()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("EC2", "'EC2' has no key; write key:value, such as service:EC2"),
        ("-EC2", "such as service:EC2"),
        ("servise:EC2", "'servise' is unknown, the nearest is service"),
        ("acount:x", "the nearest is account"),
        (":x", "'' is unknown"),
        ("service:", "has no value"),
        ("service:O'Brien", "a quote is not closed"),
        ("day:2026-10-01", "--period"),
        ("month:2026-10", "--period"),
    ],
)
def test_wrong_terms_are_named(text, says):
    with pytest.raises(UsageError, match="--where") as raised:
        parse_where(text)
    assert says in str(raised.value)
    assert "\n" not in str(raised.value)


@given(st.text())
def test_any_text_is_filters_or_a_usage_error(text):
    try:
        filters = parse_where(text)
    except UsageError:
        return
    assert all(column_of(term.column) is not None for term in filters)
    assert all(all(term.values) for term in filters if "/" not in term.column)


def test_by_takes_aliases_focus_names_commas_and_repeats():
    assert parse_by(["day,service", "SubAccountId", "date", " account-name "]) == (
        "ChargePeriodStart",
        "ServiceName",
        "SubAccountId",
        "SubAccountName",
    )


def test_an_unknown_column_or_metric_is_answered_with_the_nearest():
    with pytest.raises(UsageError, match=r"--by: 'acount' is unknown, the nearest is account; there are day \("):
        parse_by(["acount"])
    with pytest.raises(UsageError, match="--metric: 'biled' is unknown, the nearest is billed"):
        parse_metrics(["biled"])


def test_metrics_take_aliases_focus_names_and_custom_columns():
    assert parse_metrics(["billed,EffectiveCost", "unblended", "x_Mine"]) == (
        "BilledCost",
        "EffectiveCost",
        "x_UnblendedCost",
        "x_Mine",
    )
    assert parse_metrics([]) is None


def test_known_metrics_come_first():
    assert in_order(["x_b", "x_AmortizedCost", "a", "BilledCost"]) == ("BilledCost", "x_AmortizedCost", "a", "x_b")


def test_no_two_things_share_a_spelling():
    for things in (COLUMNS.values(), METRICS.values()):
        spellings = [spelling.lower() for thing in things for spelling in (thing.name, *thing.aliases)]
        assert len(spellings) == len(set(spellings))


def test_where_takes_what_by_takes():
    assert parse_where("x_CostCentre:core Tags/Env:prod -x_CostCategories/Shop:web") == (
        Filter("x_CostCentre", ("core",)),
        Filter("Tags/Env", ("prod",)),
        Filter("x_CostCategories/Shop", ("web",), exclude=True),
    )
    with pytest.raises(UsageError, match="'x_Week' is no filter"):
        parse_where("x_Week:2026-10-05")


def test_a_message_lists_some_columns_and_says_how_many_more_there_are():
    with pytest.raises(UsageError) as error:
        parse_where("foo:bar")
    assert len(str(error.value)) < 500
    assert "service (ServiceName)" in str(error.value)
    assert f"and {len(COLUMNS) - 3 - 12} more (docs/querying.md)" in str(error.value)


def test_tags_and_categories_are_columns_of_their_own():
    assert parse_by(["tag:team,region", "category:Cost centre", "Tags/Env"]) == (
        "Tags/team",
        "RegionId",
        "x_CostCategories/Cost centre",
        "Tags/Env",
    )
    assert parse_where("tag:team=core tag:team=web -category:Shop= 'tag:cost centre=a=b'") == (
        Filter("Tags/team", ("core", "web")),
        Filter("x_CostCategories/Shop", ("",), exclude=True),
        Filter("Tags/cost centre", ("a=b",)),
    )


@pytest.mark.parametrize("text", ["tag:team", "tag:=core", "category:=core"])
def test_a_tag_without_a_value_is_refused(text):
    with pytest.raises(UsageError, match=r"write (tag|category):NAME=VALUE, such as"):
        parse_where(text)


@pytest.mark.parametrize("text", ["tag:", "Tags/", "tags:team"])
def test_a_column_without_a_key_is_unknown(text):
    with pytest.raises(UsageError, match=r"is unknown.*tag:NAME, category:NAME"):
        parse_by([text])


def test_a_category_without_a_name_is_the_charge_category():
    assert parse_where("-category:Tax category:env=prod") == (
        Filter("ChargeCategory", ("Tax",), exclude=True),
        Filter("x_CostCategories/env", ("prod",)),
    )


@pytest.mark.parametrize(
    ("values", "exclude", "text", "passes"),
    [
        (("USD",), False, "usd", True),
        (("U*",), False, "USD", True),
        (("EUR", "USD"), False, "USD", True),
        (("U",), False, "USD", False),
        (("a.c",), False, "abc", False),
        (("USD",), True, "USD", False),
        (("USD",), True, None, True),
        (("*",), False, None, False),
    ],
)
def test_a_filter_matches_texts_as_the_engines_do(values, exclude, text, passes):
    assert matches(Filter("BillingCurrency", values, exclude), text) is passes
