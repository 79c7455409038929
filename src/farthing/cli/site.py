"""`farthing site`: the dashboard as files."""

from pathlib import Path

import click

from farthing.cli._context import current_app


@click.command("site", short_help="The dashboard as a static site.")
@click.argument("target", metavar="DIR", type=click.Path(path_type=Path))
@click.option("--single-file", is_flag=True, help="One HTML file that needs nothing else: DIR may name it (*.html).")
def command(target: Path, single_file: bool) -> int:
    """Write the dashboard into DIR: it opens from there, from a web server or from a bucket, and asks for nothing.

    \b
    farthing site public
    farthing site costs.html --single-file
    """  # noqa: D301 - \b is click's, for lines that stay as they are
    from farthing.dashboard.pages import Pages
    from farthing.dashboard.reading import Reading
    from farthing.dashboard.site import SINGLE_NAME, write_single, write_site

    pages = Pages(Reading(current_app()))
    try:
        if single_file:
            path = target if target.suffix.lower() in (".html", ".htm") else target / SINGLE_NAME
            files = [write_single(pages, path)]
        else:
            files = write_site(pages, target)
    finally:
        pages.reading.close()
    size = sum(path.stat().st_size for path in files)
    opened = files[0] if single_file else target / "index.html"
    click.echo(f"wrote {len(files)} {'file' if len(files) == 1 else 'files'}, {size / 1e6:,.1f} MB: open {opened}")
    return 0
