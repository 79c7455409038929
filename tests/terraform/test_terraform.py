"""What Terraform itself says of the configuration: its form, its types, its own tests, a plan of every example."""

import json
import re
from pathlib import Path

import pytest
from tests.terraform.conftest import CONFIGURATION, EXAMPLES, FOLDERS

pytestmark = pytest.mark.terraform

EXAMPLE = Path(__file__).parent / "example.tftest.hcl"
PAYER = """
mock_provider "aws" {
  alias  = "payer"
  source = "../../tests/mocks"
}
"""
"""The second account of the complete example."""


def test_the_configuration_has_terraforms_form(terraform):
    terraform(".", "fmt", "-check", "-recursive", "-diff")


@pytest.mark.parametrize("folder", FOLDERS)
def test_is_valid(terraform, initialised, folder):
    initialised(folder)
    said = json.loads(terraform(folder, "validate", "-json"))
    assert said["valid"]
    assert said["diagnostics"] == [], "a warning today is an error of the next provider"


def test_the_configurations_own_tests_pass(terraform, initialised):
    initialised(".")
    said = terraform(".", "test", "-no-color")
    [passed] = map(int, re.findall(r"(\d+) passed, 0 failed\.", said))
    written = sum(
        len(re.findall(r'^run "', path.read_text(), re.M)) for path in CONFIGURATION.glob("tests/*.tftest.hcl")
    )
    assert passed == written > 50


@pytest.mark.parametrize("example", EXAMPLES)
def test_an_example_can_be_planned(terraform, initialised, configuration, example):
    test = EXAMPLE.read_text()
    if example == "complete":
        test += PAYER
    # Before it is initialised: what the test needs is installed with the rest.
    (configuration / "examples" / example / "plan.tftest.hcl").write_text(test)
    initialised(f"examples/{example}")
    said = terraform(f"examples/{example}", "test", "-no-color", "-verbose")
    assert "1 passed, 0 failed" in said
    assert "aws_lambda_function.this" in said
