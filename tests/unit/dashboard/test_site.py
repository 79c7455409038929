"""The static site and the one-file pages."""

import json
import re

import pytest
from click.testing import CliRunner

from farthing.cli import group
from farthing.dashboard.assets import TYPES, asset
from farthing.dashboard.frame import LABELS
from farthing.dashboard.rendering import inline_hash, script_json
from farthing.dashboard.site import write_single, write_site

NASTY = "</script><script>alert(1)</script><!-- \u2028 &"


def test_every_page_and_its_data_are_written(pages, tmp_path):
    files = {re.sub(r"[.][0-9a-f]{12}[.]", ".", path.name) for path in write_site(pages, tmp_path / "out")}
    wanted = {"index.html", *(f"{name}.html" for name in LABELS if name != "overview")}
    assert files == wanted | set(TYPES) | {"cube.data.js", "more.data.js"}
    for path in (tmp_path / "out").glob("*.html"):
        text = path.read_text()
        for name in re.findall(r'(?:href|src)="([^"#]*)', text):
            assert not name or name.startswith("data:") or (tmp_path / "out" / name).is_file(), (path.name, name)
        assert "/api/" not in text


def test_the_data_is_a_script_of_one_call(pages, tmp_path):
    files = {path.name.split(".")[0]: path for path in write_site(pages, tmp_path) if path.name.endswith(".data.js")}
    text = files["cube"].read_text()
    cube = json.loads(text.removeprefix('farthingData("cube", ').removesuffix(");\n"))
    assert cube["schema"] == "farthing.cube/1"
    assert {one["metric"] for one in cube["amounts"]} == {"BilledCost", "EffectiveCost"}
    more = json.loads(files["more"].read_text().removeprefix('farthingData("more", ').removesuffix(");\n"))
    assert "x_UnblendedCost" in {one["metric"] for one in more["amounts"]}


def test_the_one_file_needs_nothing_and_allows_nothing_else(pages, tmp_path):
    text = write_single(pages, tmp_path / "one.html").read_text()
    assert not re.search(r'(?:src|href)="(?!#|data:)', text)
    for element in ("script", "style"):
        (body,) = re.findall(f"<{element}>(.*?)</{element}>", text, re.DOTALL)
        assert inline_hash(body) in text
    assert "Copyright (c) 2013, Baidu Inc." in text
    assert text.count("</script>") == len(re.findall(r"<script[ >]", text))


def test_a_folder_that_cannot_be_written_is_said(filled, tmp_path):
    (tmp_path / "taken").write_text("")
    environment = {"FARTHING_TODAY": "2026-11-28"}
    asked = ["--home", str(filled), "site"]
    for arguments in ([str(tmp_path / "taken")], [str(tmp_path / "taken" / "below")], [str(tmp_path), "--single-file"]):
        done = CliRunner().invoke(group, [*asked, *arguments], env=environment)
        if arguments[-1] == "--single-file":
            assert (tmp_path / "farthing.html").is_file()
        else:
            assert "cannot be written" in str(done.exception) or "is a file" in str(done.exception)


def test_a_report_as_a_page(filled):
    environment = {"FARTHING_TODAY": "2026-11-28"}
    asked = ["--home", str(filled), "report", "--format", "html", "--by", "account", "--period", "mtd"]
    done = CliRunner().invoke(group, asked, env=environment)
    assert done.exit_code == 0, done.exception
    assert '"initial":{"period":"2026-11-01..2026-11-28","by":"SubAccountId"}' in done.stdout
    refused = CliRunner().invoke(group, [*asked, "--allocate", "all"], env=environment)
    assert refused.exit_code != 0


@pytest.mark.parametrize("text", [NASTY, "plain", "\u2029", "<!--", "]]>"])
def test_no_text_ends_the_script_that_holds_it(text):
    told = str(script_json({"name": text}))
    assert not set(told) & set("<>&\u2028\u2029")
    assert json.loads(told) == {"name": text}


def test_the_script_is_below_its_limit():
    import gzip

    assert len(gzip.compress(asset("app.js"))) < 450_000
    assert b"</script" not in asset("app.js")
    assert b"http://" not in asset("app.css")
