"""The default engine keeps the contract; the others do in tests/integration/test_athena.py and tests/engines."""

import pytest

from farthing.app import open_app
from farthing.asking import Question, open_engine
from farthing.importing import Importer
from farthing.ledger.exports import Exports, FolderFiles
from farthing.ledger.folder import FolderStore
from farthing.query.model import Query, parse_where
from farthing.sources.exports.deliveries import deliveries

from .engines import AUTUMN, NOW, QUESTIONS, check, write_exports


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    root = tmp_path_factory.mktemp("ledger")
    importer = Importer(Exports(FolderStore(root), FolderFiles(root)), root / "rejects", lambda: NOW, threads=2)
    for path in write_exports(tmp_path_factory.mktemp("exports")):
        (delivery,) = deliveries([path]).deliveries
        importer.run(delivery)
    return root


@pytest.fixture(scope="module")
def engine(home):
    app = open_app({"FARTHING_HOME": str(home), "FARTHING_TODAY": "2026-11-24"}, preview=print)
    with open_engine(Question(app, AUTUMN)) as opened:
        yield opened


@pytest.mark.parametrize("name", QUESTIONS)
def test_a_question(engine, name):
    check(engine.run, QUESTIONS[name])


def test_the_values_of_columns(engine):
    assert engine.values(Query(AUTUMN), "RegionId") == ("eu-central-1", "us-east-1", "westeurope")
    assert engine.values(Query(AUTUMN), "SubAccountName") == ("Azure", "acc-1", "acc-2", "acc-3", "new")
    assert engine.values(Query(AUTUMN, (), parse_where("region:x")), "ProviderName") == ("AWS", "Microsoft")
