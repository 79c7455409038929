"""Shared costs: nothing is lost, nothing is made up, nobody pays for what is untagged."""

from datetime import UTC, date, datetime
from decimal import Context, Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from farthing.errors import SettingsError, UsageError
from farthing.model import EXACT, ZERO, Period, exact_sum
from farthing.query.allocation import Rule, allocate, divide, largest_rows, overlaps, parse_allocations, questions
from farthing.query.model import Day, Filter, Key, Query, Result, Row, result

OCTOBER = Period(date(2026, 10, 1), date(2026, 11, 1))
NOW = datetime(2026, 11, 24, tzinfo=UTC)
TEAM = "Tags/team"

amounts = st.decimals(min_value=-(10**15), max_value=10**15, places=18, allow_nan=False)
weights = st.dictionaries(
    st.text(min_size=1, max_size=5), st.decimals(min_value="0.01", max_value=10**6, places=2), min_size=1, max_size=9
)


def told(columns, *rows, metrics=("BilledCost",)) -> Result:
    query = Query(OCTOBER, tuple(columns), (), metrics)
    made = [Row(tuple(keys), tuple(map(Decimal, amounts))) for keys, amounts in rows]
    return result(query, metrics, made, currency="USD", days=[Day(OCTOBER.start, "USD", metrics)], now=NOW)


def rule(method="even", shares=None, to=TEAM, name="shared") -> Rule:
    given_ = {key: Decimal(value) for key, value in (shares or {}).items()}
    return Rule(name, (Filter("SubAccountId", ("shared",)),), to, method, given_)


def by_keys(found: Result) -> dict[tuple[Key, ...], object]:
    return {row.keys: row.amounts for row in found.rows}


class TestDividing:
    @given(amounts, weights)
    def test_the_parts_are_the_whole_to_the_last_decimal(self, amount, shares):
        parts = divide(amount, shares)
        assert exact_sum(parts.values()) == amount
        assert set(parts) == set(shares)
        total = exact_sum(shares.values())
        fine = Context(prec=90)
        for name, part in parts.items():
            share = fine.divide(fine.multiply(amount, shares[name]), total)
            assert fine.subtract(part, share).copy_abs() < Decimal("1e-18")
            assert part * amount >= 0

    @given(amounts, weights)
    def test_the_order_of_names_changes_nothing(self, amount, shares):
        assert divide(amount, dict(reversed(shares.items()))) == divide(amount, shares)

    def test_units_left_over_go_to_the_largest_remainders(self):
        tiny = Decimal("0.000000000000000001")
        assert divide(tiny * 5, {"a": Decimal(1), "b": Decimal(1), "c": Decimal(2)}) == {
            "a": tiny,
            "b": tiny,
            "c": tiny * 3,
        }
        assert divide(tiny, {"a": Decimal(1), "b": Decimal(1)}) == {"a": tiny, "b": 0}


class TestRules:
    WHOLE = told((TEAM,), (("core",), [30]), (("web",), [10]), ((None,), [13]))
    SHARED = told((TEAM,), ((None,), [8]))

    def test_even(self):
        found, (done,) = allocate(self.WHOLE, [(rule(), self.SHARED)])
        assert by_keys(found) == {("core",): (34,), ("web",): (14,), (None,): (5,)}
        assert found.totals == self.WHOLE.totals
        assert (done.amounts, done.parts) == ((8,), {"core": Decimal("50.0"), "web": Decimal("50.0")})

    def test_in_proportion(self):
        found, (done,) = allocate(self.WHOLE, [(rule("proportional"), self.SHARED)])
        assert by_keys(found) == {("core",): (36,), ("web",): (12,), (None,): (5,)}
        assert done.parts == {"core": Decimal("75.0"), "web": Decimal("25.0")}

    def test_fixed_may_name_somebody_without_a_cost(self):
        found, _ = allocate(self.WHOLE, [(rule("fixed", {"core": "3", "new": "1"}), self.SHARED)])
        assert by_keys(found) == {("core",): (36,), ("web",): (10,), ("new",): (2,), (None,): (5,)}

    def test_a_row_that_was_nothing_but_shared_goes(self):
        whole = told((TEAM, "SubAccountId"), (("core", "1"), [30]), ((None, "shared"), [8]))
        shared = told((TEAM, "SubAccountId"), ((None, "shared"), [8]))
        found, _ = allocate(whole, [(rule(), shared)])
        assert by_keys(found) == {("core", "1"): (30,), ("core", "shared"): (8,)}

    def test_each_metric_by_its_own(self):
        whole = told(
            (TEAM,), (("a",), [1, 9]), (("b",), [3, 1]), ((None,), [4, 10]), metrics=("BilledCost", "ListCost")
        )
        shared = told((TEAM,), ((None,), [4, 10]), metrics=("BilledCost", "ListCost"))
        found, _ = allocate(whole, [(rule("proportional"), shared)])
        assert by_keys(found) == {("a",): (2, 18), ("b",): (6, 2)}

    def test_credits_are_divided_too_and_take_no_part_in_the_proportion(self):
        whole = told((TEAM,), (("a",), [10]), (("b",), [-5]), ((None,), [-2]))
        found, _ = allocate(whole, [(rule("proportional"), self_shared := told((TEAM,), ((None,), [-2])))])
        assert by_keys(found) == {("a",): (8,), ("b",): (-5,)}
        assert self_shared.totals == (-2,)

    def test_an_account_keeps_its_name(self):
        columns = ("SubAccountId", "SubAccountName")
        whole = told(columns, (("1", "one"), [10]), (("9", "shared"), [4]))
        found, _ = allocate(whole, [(rule(to="SubAccountId"), told(columns, (("9", "shared"), [4])))])
        assert by_keys(found) == {("1", "one"): (14,)}

    def test_nobody_to_give_to(self):
        whole = told((TEAM,), ((None,), [8]))
        with pytest.raises(UsageError, match="'shared' has nobody to give to: no tag team has a cost of its own"):
            allocate(whole, [(rule(), self.SHARED)])

    def test_two_rules(self):
        whole = told((TEAM,), (("a",), [1]), (("b",), [1]), ((None,), [6]))
        one, two = told((TEAM,), ((None,), [4])), told((TEAM,), ((None,), [2]))
        found, _ = allocate(whole, [(rule(), one), (rule("fixed", {"a": "1"}, name="two"), two)])
        assert by_keys(found) == {("a",): (5,), ("b",): (3,)}

    @given(
        st.dictionaries(st.sampled_from(["a", "b", "c", None]), amounts, min_size=1),
        st.dictionaries(st.sampled_from(["a", "b", "c", None]), amounts, min_size=1),
        st.sampled_from(["even", "proportional", "fixed"]),
    )
    def test_the_total_stays(self, own, shared, method):
        both = {name: EXACT.add(own.get(name, ZERO), shared.get(name, ZERO)) for name in {**own, **shared}}
        whole = told((TEAM,), *((((name,), [amount])) for name, amount in both.items()))
        part = told((TEAM,), *((((name,), [amount])) for name, amount in shared.items()))
        try:
            found, _ = allocate(whole, [(rule(method, {"a": "1", "z": "2"} if method == "fixed" else None), part)])
        except UsageError:
            return
        assert exact_sum(row.amounts[0] for row in found.rows) == whole.totals[0] == found.totals[0]

    def test_the_largest(self):
        found = largest_rows(self.WHOLE, 1)
        assert by_keys(found) == {("core",): (30,)}
        assert (found.rest.amounts, found.rest_count, found.totals) == ((23,), 2, (53,))


def test_what_is_asked():
    query = Query(OCTOBER, (TEAM,), (Filter("ProviderName", ("AWS",)),), ("BilledCost",), 5)
    (question,) = questions(query, [rule()])
    assert question.shared == Query(OCTOBER, (TEAM,), (*query.filters, *rule().where), ("BilledCost",))
    ((_, _, both),) = overlaps(query, [rule(), rule(name="two")])
    assert (both.group_by, len(both.filters)) == ((), 3)
    with pytest.raises(UsageError, match=r"gives to each tag team: group by it too \(--by tag:team\)"):
        questions(Query(OCTOBER, ("ServiceName",)), [rule()])


@pytest.mark.parametrize(
    ("table", "says"),
    [
        ("oh", "must be a table"),
        ({}, "needs name, a text in quotes"),
        (
            {"name": "a", "where": "account:x", "to": "tag:team", "method": "odd"},
            "must be even, proportional or fixed, not 'odd'",
        ),
        ({"name": "a", "where": "account:x", "to": "tag:team", "method": "fixed"}, "is fixed and needs shares"),
        (
            {"name": "a", "where": "account:x", "to": "tag:team", "method": "even", "shares": {"a": 1}},
            "only the method fixed goes by",
        ),
        (
            {"name": "a", "where": "account:x", "to": "tag:team", "method": "fixed", "shares": {"a": 0}},
            "must be a number above zero, not 0",
        ),
        (
            {"name": "a", "where": "account:x", "to": "tag:team", "method": "fixed", "shares": {"a": True}},
            "must be a number above zero",
        ),
        ({"name": "a", "where": "nonsense", "to": "tag:team", "method": "even"}, "allocation 1 in farthing.toml: "),
        ({"name": "a", "where": "account:x", "to": "nonsense", "method": "even"}, "allocation 1 in farthing.toml: "),
        ({"name": "a", "where": "account:x", "to": "tag:team", "method": "even", "weight": 1}, "unknown key 'weight'"),
    ],
)
def test_wrong_rules_are_named(table, says):
    with pytest.raises(SettingsError) as caught:
        parse_allocations([table], "farthing.toml")
    assert says in str(caught.value)


def test_rules_as_they_are_written():
    table = {
        "name": "a",
        "where": "account:x -category:Tax",
        "to": "team",
        "method": "fixed",
        "shares": {"core": 60, "web": Decimal("40.5")},
    }
    (made,) = parse_allocations([{**table, "to": "tag:team"}], "farthing.toml")
    assert (made.to, made.shares, len(made.where)) == (TEAM, {"core": 60, "web": Decimal("40.5")}, 2)
    with pytest.raises(SettingsError, match=r"two allocations in farthing\.toml are named 'a'"):
        parse_allocations([{**table, "to": "account"}] * 2, "farthing.toml")
