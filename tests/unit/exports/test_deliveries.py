"""What a copy of an AWS export prefix holds, by its manifests."""

import json
from pathlib import Path

import pytest

from farthing.errors import ExportError
from farthing.sources.exports.deliveries import Found, deliveries


def delivered(root: Path, period: str, *files: str, named: tuple[str, ...] | None) -> None:
    """A delivery of Data Exports; ``named`` None: without its manifest."""
    data = root / "focus" / "data" / f"BILLING_PERIOD={period}"
    data.mkdir(parents=True)
    for name in files:
        (data / name).write_text(f"{period} {name}")
    if named is not None:
        folder = root / "focus" / "metadata" / f"BILLING_PERIOD={period}"
        folder.mkdir(parents=True)
        urls = [f"s3://billing/p/focus/data/BILLING_PERIOD={period}/{name}" for name in named]
        (folder / "focus-Manifest.json").write_text(json.dumps({"dataFiles": urls}))


def named(found: Found) -> dict[str, list[str]]:
    return {one.name: [file.name for file in one.files] for one in found.deliveries}


def test_what_the_manifest_names_counts_and_nothing_beside_it(tmp_path):
    delivered(tmp_path, "2026-09", "a.parquet", "b.parquet", "old.parquet", named=("a.parquet", "b.parquet"))
    found = deliveries([tmp_path])
    assert named(found) == {"focus 2026-09": ["a.parquet", "b.parquet"]}
    assert found.left_out == ()


def test_what_is_not_whole_is_left_out_by_name(tmp_path):
    delivered(tmp_path, "2026-08", "a.parquet", named=("a.parquet",))
    delivered(tmp_path, "2026-09", "a.parquet", named=("a.parquet", "b.parquet"))
    delivered(tmp_path, "2026-10", "a.parquet", named=None)
    delivered(tmp_path, "2026-11", "a.parquet", named=())
    found = deliveries([tmp_path])
    assert named(found) == {"focus 2026-08": ["a.parquet"]}
    first, second, third = found.left_out
    assert "2026-09/b.parquet is missing" in first
    assert second.endswith("2026-11/focus-Manifest.json: the delivery is not whole (it names no file)")
    assert third.endswith("focus/data/BILLING_PERIOD=2026-10: the delivery is not whole (it has no manifest)")


def test_nothing_whole_is_refused(tmp_path):
    delivered(tmp_path, "2026-09", "a.parquet", named=("b.parquet",))
    with pytest.raises(ExportError, match=r"no whole delivery: .*b\.parquet is missing"):
        deliveries([tmp_path])


def test_of_a_legacy_report_the_upper_manifest_is_the_current_one(tmp_path):
    month = tmp_path / "report" / "20261001-20261101"
    for version in ("v1", "v2"):
        (month / version).mkdir(parents=True)
        (month / version / "report-1.csv.gz").write_text(version)
        manifest = {"reportKeys": [f"p/report/20261001-20261101/{version}/report-1.csv.gz"]}
        (month / version / "report-Manifest.json").write_text(json.dumps(manifest))
    (month / "report-Manifest.json").write_text(json.dumps(manifest))
    (delivery,) = deliveries([tmp_path]).deliveries
    assert [file.parent.name for file in delivery.files] == ["v2"]


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"dataFiles": "a"}', '{"dataFiles": [1]}'])
def test_what_is_no_manifest_is_said(tmp_path, text):
    (tmp_path / "x-Manifest.json").write_text(text)
    with pytest.raises(ExportError, match=r"x-Manifest\.json is not a manifest"):
        deliveries([tmp_path])
