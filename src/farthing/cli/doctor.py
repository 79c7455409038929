"""`farthing doctor`: what is well, and how to mend what is not."""

import platform
import shutil
import socket
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import click

from farthing.app import (
    CONFIG_KEY,
    CONFIG_NAME,
    App,
    decoded,
    open_store,
    read_config,
    region_of,
    utc_clock,
    webhook_in,
)
from farthing.doctor import Found, Software, Surroundings, examine, exit_code, settings_as_far_as_right
from farthing.errors import FarthingError
from farthing.jsontext import builtins, pretty
from farthing.ledger.store import Store
from farthing.planning import Plan, plan_daily, plan_lenses
from farthing.settings import Settings, unknown
from farthing.wording import several
from farthing.workplace import Workplace

STYLES = {"ok": "green", "warning": "yellow", "failed": "bold red", "not needed": "dim", "not checked": "dim"}


@click.command("doctor", short_help="Configuration, access, reachability, freshness: each ok or how to mend it.")
@click.option("--json", "as_json", is_flag=True, help="Every finding as JSON.")
def command(as_json: bool) -> int:
    """Look at settings, software, the ledger's home, AWS, Slack and the freshness of the ledger.

    Nothing is changed, sent or billed: Cost Explorer is asked a question that it refuses, which costs nothing. Ends
    with 0 if all is well (warnings allowed), 1 if something failed, 2 if the settings are wrong.
    """
    place = surroundings(click.get_current_context().find_root().obj["environment"])
    found: list[Found] = []
    for one in examine(place):
        found.append(one)
        if not as_json:
            _show(one)
    code = exit_code(found)
    if as_json:
        click.echo(pretty({"ok": code == 0, "checks": builtins(found)}))
        return code
    failed, warned = (sum(one.state == state for one in found) for state in ("failed", "warning"))
    if failed or warned:
        click.echo(f"{failed} failed, {several(warned, 'warning')}")
    else:
        click.echo("all is well")
    return code


def _show(one: Found) -> None:
    from rich.text import Text

    from farthing.cli._tables import console, printable

    line = Text.assemble((f"{one.state:<13}", STYLES[one.state]), f"{one.check:<15}", printable(one.says))
    # Not wrapped: what stands in a line can be copied whole.
    to = console()
    to.print(line, soft_wrap=True)
    if one.mend:
        to.print(Text(f"{'':<13}-> {printable(one.mend)}", style="bold"), soft_wrap=True)


def surroundings(environment: Mapping[str, str]) -> Surroundings:
    """The real world, as :func:`farthing.app.open_app` would find it; what is wrong with it is kept as sentences.

    Every client gives up soon, so that an unreachable network is a finding and not a wait.
    """
    import boto3
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError

    from farthing.aws import explain

    soon = Config(retries={"mode": "standard", "total_max_attempts": 2}, connect_timeout=3, read_timeout=5)
    settings, problems, hints, configuration = _configured(environment, soon)

    @cache
    def session() -> boto3.session.Session:
        try:
            return boto3.session.Session()
        except BotoCoreError as error:  # a profile that does not exist
            raise explain(error, "any check", "") from error

    def client(service: Any, **credentials: str) -> Any:
        options: dict[str, Any] = {"config": soon, "region_name": region, **credentials}
        return session().client(service, **options)

    def has_credentials() -> bool:
        try:
            return session().get_credentials() is not None
        except BotoCoreError as error:
            raise explain(error, "any check", "") from error

    try:
        region = region_of(session())
        partition = session().get_partition_for_region(region)
    except (FarthingError, BotoCoreError):
        region, partition = "us-east-1", ""

    return Surroundings(
        environment=environment,
        settings=settings,
        problems=problems,
        hints=hints,
        configuration=configuration,
        store=lambda: _store(settings, soon),
        client=client,
        has_credentials=has_credentials,
        region=region,
        partition=partition,
        clock=utc_clock(settings.today),
        machine_clock=lambda: datetime.now(UTC),
        connect=_connect,
        free_bytes=lambda folder: shutil.disk_usage(folder).free,
        software=_software(),
        webhook_in=webhook_in,
        workplace=lambda store: App(settings, store, lambda _: None).workplace(),
        plans=_plans,
    )


def _configured(environment: Mapping[str, str], config: Any) -> tuple[Settings, tuple[str, ...], tuple[str, ...], str]:
    """The settings as far as they are right, what is wrong, what is doubtful, and where farthing.toml is."""
    hints = unknown(environment)
    settings, problems = settings_as_far_as_right(environment, None, CONFIG_NAME)
    named = environment.get("FARTHING_CONFIG", "").strip()
    name, text = named or CONFIG_NAME, None
    try:
        if named or Path(CONFIG_NAME).is_file():
            text = read_config(name)
        else:
            store = _store(settings, config)
            name = store.locate(CONFIG_KEY)
            stored = store.read(CONFIG_KEY)
            text = decoded(stored.data, name) if stored else None
    except FarthingError as error:
        hints.append(f"{name} could not be looked for, so what follows is without it: {error}")
    if text is not None:
        settings, problems = settings_as_far_as_right(environment, text, name)
    return settings, problems, tuple(hints), name if text is not None else ""


def _store(settings: Settings, config: Any) -> Store:
    from botocore.exceptions import BotoCoreError

    from farthing.aws import explain

    try:
        return open_store(settings, config)
    except BotoCoreError as error:  # a profile that does not exist
        raise explain(error, "the ledger's bucket", "s3:ListBucket") from error


def _plans(place: Workplace) -> list[Plan]:
    daily = plan_daily(place)
    return [daily, *plan_lenses(place, daily).values()]


def _software() -> Software:
    import boto3
    from botocore.loaders import Loader

    # The service's own model tells what this SDK can send; no client and no credentials are needed to look.
    shapes = Loader().load_service_model("s3", "service-2")["shapes"]
    knows = {"IfMatch", "IfNoneMatch"} <= set(shapes["PutObjectRequest"]["members"])
    return Software(platform.python_version(), boto3.__version__, knows)


def _connect(host: str, port: int, seconds: float) -> None:
    socket.create_connection((host, port), timeout=seconds).close()
