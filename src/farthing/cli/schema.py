"""`farthing schema`: the published JSON Schemas."""

import click

from farthing.jsontext import pretty
from farthing.schemas import NAMES, schema


@click.command("schema", short_help="The JSON Schemas of what farthing keeps.")
@click.argument("name", type=click.Choice(NAMES))
@click.option("--json", "as_json", is_flag=True, help="JSON, which it is anyway.")
def command(name: str, as_json: bool) -> int:
    """Print the JSON Schema of a daily report, an alert, a run record or the catalog of exports."""
    del as_json
    click.echo(pretty(schema(name)))
    return 0
