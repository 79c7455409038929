"""The API asked by schemathesis: what its OpenAPI document allows, and what it does not; no answer may contradict it."""

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)

from farthing.dashboard.api import ROUTES
from farthing.dashboard.pages import Pages
from farthing.dashboard.reading import Reading
from farthing.dashboard.server import application
from tests.unit.dashboard.conftest import HOSTS, opened

EXAMPLES = 120
"""Questions to each address."""

CHECKS = [
    not_a_server_error,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
]
"""Texts are not described further by the document, so which of them are refused is no contradiction."""


@pytest.fixture(scope="session")
def document(farthing):
    reading = Reading(opened(farthing.home))
    app = application(Pages(reading), hosts=HOSTS | {"testserver"}, patience=60)
    yield schemathesis.openapi.from_asgi("/api/v1/openapi.json", app)
    reading.close()


@pytest.mark.parametrize("mode", list(GenerationMode))
@pytest.mark.parametrize("path", [route.path for route in ROUTES])
def test_no_answer_contradicts_the_document(document, path, mode):
    asked = []

    @given(case=document[path]["GET"].as_strategy(generation_mode=mode))
    @settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
    def ask(case):
        asked.append(case)
        case.call_and_validate(checks=CHECKS)

    try:
        ask()
    except Unsatisfiable:
        assert mode is GenerationMode.NEGATIVE  # an address without parameters cannot be asked wrongly
    assert asked or mode is GenerationMode.NEGATIVE
