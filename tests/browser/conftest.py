"""A simulated ledger, the dashboard over it live and as files, and a Chromium that talks to nobody else."""

import contextlib
import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
from tools.chromium import find, flags

from tests.browser.ledgers import MADE, ODD

# schemathesis is in the environment of `make browser` alone; `make test` leaves out all that is here anyway.
collect_ignore = [] if find_spec("schemathesis") else ["test_api.py"]


ROOT = Path(__file__).parents[2]
AXE = ROOT / "frontend" / "node_modules" / "axe-core" / "axe.min.js"
TODAY = "2026-11-28"
BUDGETS = """
[[budgets]]
name = "all of it"
amount = 11000

[[budgets]]
name = "storage"
amount = 500
where = "service:S3"
"""

# Chromium is driven over pipes and sockets of the test's own; this machine's addresses are all that is reached.
HARMLESS = ("data:", "blob:", "about:")


def pytest_collection_modifyitems(items):
    here = Path(__file__).parent
    for item in items:
        if here in Path(item.path).parents:
            item.add_marker(pytest.mark.browser)
            item.add_marker(pytest.mark.enable_socket)


class Farthing:
    """The command line over one ledger."""

    def __init__(self, home, **environment):
        self.home = home
        own = {"FARTHING_HOME": str(home), "FARTHING_TODAY": TODAY, "COLUMNS": "100"}
        self.environment = {**os.environ, **own, **environment}

    def run(self, *arguments, code=0, **environment):
        command = [sys.executable, "-m", "farthing", *map(str, arguments)]
        known = {**self.environment, **environment}
        done = subprocess.run(command, env=known, capture_output=True, text=True, check=False)
        assert done.returncode == code, done.stderr
        return done.stdout

    def json(self, *arguments):
        return json.loads(self.run(*arguments, "--json"))

    @contextlib.contextmanager
    def served(self):
        command = [sys.executable, "-m", "farthing", "dashboard", "--port", "0", "--no-open"]
        with subprocess.Popen(command, env=self.environment, stdout=subprocess.PIPE, text=True) as process:
            try:
                line = process.stdout.readline()
                yield line.split("dashboard: ")[1].split()[0].rstrip("/")
            finally:
                process.terminate()
                process.wait(20)


@pytest.fixture(scope="session")
def farthing(tmp_path_factory):
    made = Farthing(tmp_path_factory.mktemp("ledger") / "home")
    made.run("demo", "--size", "small", "--no-serve")
    with (made.home / "config" / "farthing.toml").open("a") as configuration:
        configuration.write(BUDGETS)
    return made


@pytest.fixture(scope="session")
def live(farthing):
    with farthing.served() as url:
        yield url


@pytest.fixture(scope="session")
def ledger(tmp_path_factory):
    """The command line over a ledger of `ledgers.MADE` or `ledgers.ODD`, made when first asked for, and where it is served."""
    made = {}
    with contextlib.ExitStack() as stack:

        def get(name):
            if name not in made:
                over = Farthing(tmp_path_factory.mktemp(name.replace(" ", "-")) / "home")
                (MADE | ODD)[name](over)
                made[name] = over, stack.enter_context(over.served())
            return made[name]

        yield get


@pytest.fixture(scope="session")
def empty(tmp_path_factory):
    with Farthing(tmp_path_factory.mktemp("nothing") / "home").served() as url:
        yield url


@pytest.fixture(scope="session")
def site(farthing, tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    farthing.run("site", folder)
    return folder


@pytest.fixture(scope="session")
def single(farthing, tmp_path_factory):
    path = tmp_path_factory.mktemp("single") / "costs.html"
    farthing.run("site", path, "--single-file")
    return path


@pytest.fixture(scope="session")
def chromium():
    from playwright.sync_api import sync_playwright

    program = find()
    assert program, "there is no chromium: make browser installs it"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=flags())
        yield browser
        browser.close()


@pytest.fixture
def opened(chromium):
    """Opens an address; afterwards nothing may have been said on the console, and nobody else been asked."""
    contexts, problems = [], []

    def open_(url, *, width=1280, theme="light", expected=()):
        context = chromium.new_context(
            viewport={"width": width, "height": 900}, color_scheme=theme, reduced_motion="reduce", accept_downloads=True
        )
        contexts.append(context)
        page = context.new_page()
        allowed = url.split("/", 3)[2] if url.startswith("http") else ""

        def asked(request):
            address = request.url
            own = address.startswith(f"http://{allowed}/") if allowed else address.startswith("file:///")
            if not own and not address.startswith(HARMLESS):
                problems.append(f"{url} asked for {address}")

        page.on("request", asked)
        page.on("pageerror", lambda error: problems.append(f"{url}: {error}"))
        page.on(
            "console",
            lambda message: (
                problems.append(f"{url}: {message.text}")
                if message.type in ("error", "warning") and not any(text in message.text for text in expected)
                else None
            ),
        )
        page.goto(url)
        ready(page)
        return page

    yield open_
    for context in contexts:
        context.close()
    assert not problems


def ready(page):
    """Waits until the shown page has its figures, or says why not."""
    page.wait_for_function(
        """() => [...document.querySelectorAll('[data-page]')].filter((one) => !one.closest('[hidden]'))
             .every((one) => one.dataset.state !== 'loading' && one.getAttribute('aria-busy') !== 'true')"""
    )
