import pytest
from tests.fakes import NOW, FakeCostExplorer, MemoryStore
from tests.unit.test_cost_explorer import BILL, PERIOD

from farthing.errors import ScopeError, SettingsError
from farthing.ledger.reports import Reports
from farthing.settings import load
from farthing.sources.cost_explorer import CostExplorerSource
from farthing.sources.scope import parse_scope, scope_filter

ONE = "account:111122223333"
TWO = "tag:team=web,core account:444455556666,111122223333"


def test_a_scope_has_one_spelling():
    assert parse_scope(TWO) == "account:111122223333,444455556666 tag:team=core,web"
    assert parse_scope(parse_scope('"category:Cost centre=R and D"')) == "'category:Cost centre=R and D'"
    assert load({"FARTHING_SCOPE": TWO}).scope == parse_scope(TWO)
    assert load({}).scope is None


def test_a_filter_has_one_root():
    assert scope_filter(ONE) == {"Dimensions": {"Key": "LINKED_ACCOUNT", "Values": ["111122223333"]}}
    assert scope_filter(parse_scope(TWO)) == {
        "And": [
            {"Dimensions": {"Key": "LINKED_ACCOUNT", "Values": ["111122223333", "444455556666"]}},
            {"Tags": {"Key": "team", "Values": ["core", "web"]}},
        ]
    }
    assert scope_filter("category:P=Shop") == {"CostCategories": {"Key": "P", "Values": ["Shop"]}}


@pytest.mark.parametrize(
    "text", ["team=core", "tag:team", "tag:=x", "account:12", "account:", "region:x", '"open', f"{ONE} {ONE}"]
)
def test_a_wrong_scope_is_a_wrong_setting(text):
    with pytest.raises(SettingsError, match="FARTHING_SCOPE"):
        load({"FARTHING_SCOPE": text})


def test_the_scope_is_asked_for_recorded_and_never_mixed():
    client, store = FakeCostExplorer(BILL), MemoryStore()
    for scope in (ONE, None):
        source = CostExplorerSource(client, scope=scope)
        answer = source.fetch(PERIOD, max_requests=9, on_page=lambda pages, groups: None)
        reports = list(answer.reports(NOW))
        assert {report.source.scope for report in reports} == {scope}
        if scope:
            assert client.requests[0]["Filter"] == scope_filter(ONE)
            Reports(store).write(reports[0])
        else:
            assert "Filter" not in client.requests[1]
            with pytest.raises(ScopeError, match="never mixes scopes"):
                Reports(store).write(reports[0])
