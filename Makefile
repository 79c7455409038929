# The commands of the house. `make demo` and `make test` set up all they need in .venv and can be run again.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
TOOLS := $(VENV)/tools
CHECKOV := $(VENV)/checkov
BASELINES := $(VENV)/baselines
FOCUS := $(VENV)/focus
ENGINES := $(VENV)/engines
BROWSER := $(VENV)/browser
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet

# The dashboard's script and stylesheet; git does not keep them. Node is fetched where there is none.
ASSETS := src/farthing/dashboard/static/source.sha256
AXE := frontend/node_modules/axe-core/axe.min.js
FRONTEND := frontend/package.json frontend/package-lock.json frontend/build.py $(wildcard frontend/src/*)

.DEFAULT_GOAL := help
.PHONY: help demo test browser picture terraform integration lint format types bench bench-large engines package state docs lock clean

help:  ## what can be made
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

demo: $(VENV)/.run $(ASSETS)  ## the main job on a simulated organisation: no AWS, no account, no key
	$(BIN)/farthing demo $(ARGS)

test: $(VENV)/.dev $(ASSETS)  ## unit, contract, golden, Hypothesis and docs tests
	$(BIN)/python -m pytest -n auto --dist worksteal -m "not packaging and not integration and not terraform and not engines and not browser" $(ARGS)

terraform: $(VENV)/.dev $(CHECKOV)/.checkov  ## the deployment's form, types, own tests and a plan of every example; no AWS
	$(BIN)/python -m pytest -m terraform tests/terraform $(ARGS)

integration: $(VENV)/.dev $(TOOLS)/.tools $(FOCUS)/.focus  ## the zip deployed by Terraform to a local AWS, drills there; foreign tools on the simulator
	$(BIN)/python tools/build_lambda.py
	$(BIN)/python -m pytest -m integration tests/integration $(ARGS)

engines: $(ENGINES)/.engines  ## the contract of engines on Spark: a session, a standalone cluster, Connect; needs Java 17
	$(ENGINES)/bin/python -m pytest -m engines -p no:xdist tests/engines $(ARGS)

browser: $(BROWSER)/.browser $(TOOLS)/.tools $(ASSETS) $(AXE)  ## every page in Chromium: both themes, three widths, axe, numbers against the command line
	$(BROWSER)/bin/python tools/chromium.py
	$(BROWSER)/bin/python -m pytest -m browser -p no:xdist tests/browser $(ARGS)

picture: $(BROWSER)/.browser $(ASSETS)  ## takes the README's picture, docs/dashboard.png, anew from the demo
	$(BROWSER)/bin/python tools/chromium.py
	$(BROWSER)/bin/python -m tools.screenshot

lint: $(VENV)/.dev  ## ruff, mypy strict, the walls between the rooms
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(VENV)/.dev  ## ruff's formatter and its safe fixes
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(VENV)/.dev $(TOOLS)/.tools  ## speed and memory, each against a named reference in the same run
	$(BIN)/python -m bench $(ARGS)

bench-large: $(VENV)/.dev $(BASELINES)/.baselines  ## imports and queries of up to 50 million rows into docs/exports-speed.md; half an hour, 15 GB
	$(BIN)/python -m bench.large $(ARGS)

package: $(VENV)/.dev $(TOOLS)/.tools  ## the Lambda artifact into dist/; tests of it, of the wheel and of the sdist
	$(BIN)/python tools/build_lambda.py
	$(BIN)/python -m pytest -m packaging -p no:xdist tests/packaging $(ARGS)

state:  ## once for an AWS account: the bucket of Terraform's states, and where it is for terraform/environments
	terraform -chdir=terraform/bootstrap init
	terraform -chdir=terraform/bootstrap apply $(ARGS)
	terraform -chdir=terraform/bootstrap output -raw backend > terraform/environments/account.hcl

docs: $(VENV)/.dev  ## writes the generated pages of docs/reference anew
	$(BIN)/python tools/generate_docs.py

lock: $(VENV)/.dev  ## pins every dependency anew from pyproject.toml
	$(PIP) install uv
	$(BIN)/python tools/lock.py

clean:  ## takes away what the other targets made
	rm -rf $(VENV) dist build .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

$(ASSETS): $(FRONTEND) | $(VENV)/bin/python
	$(BIN)/python frontend/build.py
	@touch $@

# The stamps: a new lock or a new pyproject.toml installs anew, nothing else does.
$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "farthing needs Python 3.11 or newer; $(PYTHON) is $$($(PYTHON) --version 2>&1). Try: make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.run: requirements/run.lock pyproject.toml | $(VENV)/bin/python
	$(PIP) install --require-hashes -r requirements/run.lock
	$(PIP) install --no-deps --editable .
	@touch $@

$(VENV)/.dev: requirements/dev.lock pyproject.toml | $(VENV)/bin/python
	$(PIP) install --require-hashes -r requirements/dev.lock
	$(PIP) install --no-deps --editable .
	@touch $(VENV)/.run $@

# Programs that the integration tests run, apart from farthing: one of them pins a botocore of its own.
$(TOOLS)/.tools: requirements/tools.lock | $(VENV)/bin/python
	$(BIN)/python -m venv $(TOOLS)
	$(TOOLS)/bin/python -m pip --disable-pip-version-check --quiet install --require-hashes -r requirements/tools.lock
	@touch $@

$(CHECKOV)/.checkov: requirements/checkov.lock | $(VENV)/bin/python
	$(BIN)/python -m venv $(CHECKOV)
	$(CHECKOV)/bin/python -m pip --disable-pip-version-check --quiet install --require-hashes -r requirements/checkov.lock
	@touch $@

# What the benches compare farthing with; large, and only for `bench-large` and for the tables of the detector and the forecast.
$(BASELINES)/.baselines: requirements/baselines.lock | $(VENV)/bin/python
	$(BIN)/python -m venv $(BASELINES)
	$(BASELINES)/bin/python -m pip --disable-pip-version-check --quiet install --require-hashes -r requirements/baselines.lock
	@touch $@

$(ENGINES)/.engines: requirements/engines.lock pyproject.toml | $(VENV)/bin/python
	@command -v java >/dev/null || { echo "Spark needs Java 17: install a JRE, such as openjdk-17-jre-headless" >&2; exit 1; }
	$(BIN)/python -m venv $(ENGINES)
	$(ENGINES)/bin/python -m pip --disable-pip-version-check --quiet install --require-hashes -r requirements/engines.lock
	$(ENGINES)/bin/python -m pip --disable-pip-version-check --quiet install --no-deps --editable .
	@touch $@

$(BROWSER)/.browser: requirements/browser.lock pyproject.toml | $(VENV)/bin/python
	$(BIN)/python -m venv $(BROWSER)
	$(BROWSER)/bin/python -m pip --disable-pip-version-check --quiet install --require-hashes -r requirements/browser.lock
	$(BROWSER)/bin/python -m pip --disable-pip-version-check --quiet install --no-deps --editable .
	@touch $@

# What judges the pages; it comes with the frontend's locked modules.
$(AXE): frontend/package-lock.json | $(VENV)/bin/python
	$(BIN)/python frontend/build.py --modules
	@touch $@

$(FOCUS)/.focus: requirements/focus.lock | $(VENV)/bin/python
	$(BIN)/python -m venv $(FOCUS)
	$(FOCUS)/bin/python -m pip --disable-pip-version-check --quiet install --require-hashes -r requirements/focus.lock
	@touch $@
