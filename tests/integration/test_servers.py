import sys

import pytest

from tests.integration.servers import LOOPBACK, listening

pytestmark = [pytest.mark.integration, pytest.mark.loopback]


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize("name", ["aws", "cost_explorer"])
def test_nothing_listens_beyond_loopback(name, request):
    assert listening(request.getfixturevalue(name).pid) == {LOOPBACK}
