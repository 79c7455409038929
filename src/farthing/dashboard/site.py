"""The dashboard as files: a static site that opens from a disk or a bucket, or one HTML file for a mail."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from farthing.dashboard.assets import TYPES, asset
from farthing.dashboard.frame import LABELS, Frame
from farthing.dashboard.pages import BASE_METRICS, Pages
from farthing.dashboard.rendering import render, render_single, script_json
from farthing.dashboard.views.cube import Cube, only
from farthing.errors import UsageError
from farthing.model import Period
from farthing.query.model import Filter

HOME = "overview"
SINGLE_NAME = "farthing.html"
CUBE, MORE = "cube.data.js", "more.data.js"


def write_site(pages: Pages, folder: Path) -> list[Path]:
    """Writes every page, the assets and the data; what else is in the folder is left alone.

    Returns:
        The files.

    Raises:
        UsageError: the folder cannot be written.
    """
    source = {**pages.source("static"), "files": {"cube": CUBE, "more": MORE}}
    frame = _frame(pages, source, single=False)
    cube = pages.cube(pages.base_period(), pages.base_columns())
    files: dict[str, bytes] = {name: asset(name) for name in TYPES}
    for name in LABELS:
        files[_file(name)] = render(name, frame, pages.told(name)).encode()
    rest = tuple(one.metric for one in cube.amounts if one.metric not in BASE_METRICS)
    files[CUBE] = _script("cube", only(cube, source["base"]))
    files[MORE] = _script("more", only(cube, rest))
    return [_write(folder / name, data) for name, data in files.items()]


def write_single(pages: Pages, path: Path) -> Path:
    """Writes all pages as one file that needs nothing else.

    Raises:
        UsageError: it cannot be written.
    """
    cube = pages.cube(pages.base_period(), pages.base_columns(), pages.source("single")["base"])
    return _write(path, single(pages, cube, tuple(LABELS), {}).encode())


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
    frame = _frame(pages, source, single=True, shown=shown)
    told: dict[str, Any] = {}
    for name in shown:
        told |= pages.told(name)
    return render_single(shown, frame, told, cube)


def _frame(pages: Pages, source: Mapping[str, Any], *, single: bool, shown: Sequence[str] = tuple(LABELS)) -> Frame:
    return pages.frame(
        href=lambda name: f"#{name}" if single else _file(name),
        asset=lambda name: asset(name).decode() if single else name,
        source=source,
        single=single,
        shown=shown,
    )


def _file(page: str) -> str:
    return "index.html" if page == HOME else f"{page}.html"


def _script(name: str, value: object) -> bytes:
    """Data that a page loads as a script: from file:// a browser fetches nothing else."""
    return f'farthingData("{name}", {script_json(value)});\n'.encode()


def _write(path: Path, data: bytes) -> Path:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror or error}") from error
    return path
