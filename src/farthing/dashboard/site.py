"""The dashboard as files: a static site that opens from a disk or a bucket, or one HTML file for a mail.

Scripts, styles and figures have their hash in their names: a page never meets those of another state, whoever copies or
caches them, and whatever dies while they are written.
"""

from collections.abc import Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

from farthing.dashboard.assets import TYPES, asset
from farthing.dashboard.folder import write_file, write_files
from farthing.dashboard.frame import LABELS
from farthing.dashboard.pages import BASE_METRICS, Pages
from farthing.dashboard.rendering import render, render_single, script_json
from farthing.dashboard.views.cube import Cube, only
from farthing.model import Period
from farthing.query.model import Filter

HOME = "overview"
SINGLE_NAME = "farthing.html"


def write_site(pages: Pages, folder: Path) -> list[Path]:
    """Writes every page, the assets and the data.

    Returns:
        The files.

    Raises:
        UsageError: the folder holds something else than a site.
        FarthingError: it cannot be written.
    """
    files = site(pages)
    write_files(folder, files)
    return [folder / name for name in files]


def site(pages: Pages) -> dict[str, bytes]:
    """Every file of the site, by its name.

    Raises:
        FarthingError: the ledger cannot be read.
    """
    source = pages.source("static")
    cube = pages.cube(pages.base_period(), pages.base_columns())
    rest = tuple(one.metric for one in cube.amounts if one.metric not in BASE_METRICS)
    files: dict[str, bytes] = {}
    named: dict[str, str] = {}
    for name, metrics in (("cube", source["base"]), ("more", rest)):
        body = _script(name, only(cube, metrics))
        named[name] = f"{name}.{_hash(body)}.data.js"
        files[named[name]] = body
    assets = {name: name.replace("app.", f"app.{_hash(asset(name))}.", 1) for name in TYPES}
    files |= {file: asset(name) for name, file in assets.items()}
    frame = pages.frame(href=_file, asset=assets.__getitem__, source={**source, "files": named})
    return files | {_file(name): render(name, frame, _told(pages, name)).encode() for name in LABELS}


def write_single(pages: Pages, path: Path) -> Path:
    """Writes all pages as one file that needs nothing else.

    Raises:
        UsageError: a folder has its name.
        FarthingError: it cannot be written.
    """
    cube = pages.cube(pages.base_period(), pages.base_columns(), pages.source("single")["base"])
    write_file(path, single(pages, cube, tuple(LABELS), {}).encode())
    return path


def report_page(
    pages: Pages,
    period: Period,
    against: Period | None,
    columns: Sequence[str],
    filters: Sequence[Filter],
    metrics: Sequence[str] | None,
) -> str:
    """One HTML file with the Explorer over what a report asks."""
    reach = period if against is None else Period(min(period.start, against.start), max(period.end, against.end))
    grains = {"ChargePeriodStart": "day", "x_Week": "week", "BillingPeriodStart": "month"}
    named = tuple(name for name in columns if name not in grains) or ("ServiceName",)
    cube = pages.cube(reach, named, metrics, filters)
    initial = {"period": f"{period.start}..{period.end}", "by": named[0]}
    grain = next((grain for name, grain in grains.items() if name in columns), None)
    initial |= {"grain": grain} if grain else {}
    initial |= {"compare": f"{against.start}..{against.end}"} if against else {}
    initial |= {"metric": cube.amounts[0].metric} if metrics and cube.amounts else {}
    return single(pages, cube, ("explorer",), {"initial": initial})


def single(pages: Pages, cube: Cube, shown: Sequence[str], more: Mapping[str, Any]) -> str:
    """Pages as one document."""
    source = {**pages.source("single"), **more}
    source["metrics"] = [{"value": one.metric, "label": one.label} for one in cube.amounts]
    source["columns"] = [{"value": one.column, "label": one.label} for one in cube.dimensions]
    frame = pages.frame(href=lambda name: f"#{name}", asset=_inline, source=source, single=True, shown=shown)
    told: dict[str, Any] = {}
    for name in shown:
        told |= _told(pages, name)
    return render_single(shown, frame, told, cube)


def _told(pages: Pages, name: str) -> dict[str, Any]:
    """The data of a page, with what a live one would ask the server."""
    return {**pages.told(name), **({"why": pages.explained_ahead()} if name == "why" else {})}


def _inline(name: str) -> str:
    """An asset as it stands in the document; the script keeps the licence that its file has beside it."""
    text = asset(name).decode()
    if name != "app.js":
        return text
    licences = asset("app.js.LEGAL.txt").decode().replace("*/", "* /")
    return f"/*\n{licences}*/\n{text}"


def _file(page: str) -> str:
    return "index.html" if page == HOME else f"{page}.html"


def _script(name: str, value: object) -> bytes:
    """Data that a page loads as a script: from file:// a browser fetches nothing else."""
    return f'farthingData("{name}", {script_json(value)});\n'.encode()


def _hash(body: bytes) -> str:
    return sha256(body).hexdigest()[:12]
