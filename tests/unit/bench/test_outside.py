import subprocess
import sys
from pathlib import Path

import pytest
from bench import outside
from bench.detection import __main__ as detection
from bench.forecast import __main__ as forecast

COUNTS = """
import pathlib, sys
name, folder = sys.argv[1:]
with (pathlib.Path(folder) / "calls").open("a") as calls:
    calls.write(name)
if (pathlib.Path(folder) / f"fails-{name}").exists():
    sys.exit(1)
print(name + sys.stdin.read())
"""


@pytest.fixture
def script(tmp_path):
    (tmp_path / "script.py").write_text(COUNTS)
    return tmp_path / "script.py"


def calls(tmp_path):
    return (tmp_path / "calls").read_text()


def asked(tmp_path, names="abcd"):
    return [[name, str(tmp_path)] for name in names]


def python(tmp_path, **options):
    return outside.Outside(Path(sys.executable), tmp_path / "cache", **options)


def test_answers_are_in_the_order_of_the_questions(tmp_path, script, capsys):
    answers = python(tmp_path, workers=3).run_each(script, asked(tmp_path), "!")
    assert answers == ["a!\n", "b!\n", "c!\n", "d!\n"]
    assert sorted(calls(tmp_path)) == list("abcd")
    assert f"  c {tmp_path}: 3 of 4 answered\n" in capsys.readouterr().out


def test_who_was_interrupted_goes_on_where_it_was(tmp_path, script):
    (tmp_path / "fails-c").touch()
    with pytest.raises(subprocess.CalledProcessError):
        python(tmp_path).run_each(script, asked(tmp_path), "")
    (tmp_path / "fails-c").unlink()
    before = calls(tmp_path)
    assert before.startswith("abc")
    assert len(python(tmp_path).run_each(script, asked(tmp_path), "")) == 4
    assert sorted(calls(tmp_path)[len(before) :]) == sorted({*"abcd"} - {*before.replace("c", "")})


def test_half_an_answer_is_none(tmp_path, script, monkeypatch):
    def dies(self, target):
        raise KeyboardInterrupt(self, target)

    monkeypatch.setattr(Path, "replace", dies)
    with pytest.raises(KeyboardInterrupt):
        python(tmp_path).run(script, *asked(tmp_path, "a"), "")
    monkeypatch.undo()
    assert python(tmp_path).run(script, *asked(tmp_path, "a"), "") == "a\n"
    assert calls(tmp_path) == "aa"


def test_when_the_minutes_are_over_only_what_is_known_is_answered(tmp_path, script):
    python(tmp_path, minutes=1).run_each(script, asked(tmp_path, "ab"), "")
    late = python(tmp_path, minutes=-1, workers=2)
    assert late.run_each(script, asked(tmp_path, "ab"), "") == ["a\n", "b\n"]
    with pytest.raises(
        SystemExit, match=r"minutes are over; what was answered is in .*/cache: the same command goes on"
    ):
        late.run_each(script, asked(tmp_path), "")
    assert calls(tmp_path) in ("ab", "ba")


@pytest.mark.parametrize("bench", [detection, forecast])
def test_minutes_need_a_cache(bench, capsys):
    with pytest.raises(SystemExit) as ended:
        bench.main(["--smoke", "--minutes", "5"])
    assert ended.value.code == 2
    assert "--minutes needs --cache" in capsys.readouterr().err


def test_seeds():
    assert outside.seeds_of("1-3") == [1, 2, 3]
    assert outside.seeds_of("101") == [101]
    assert outside.seeds_of("1,4-5") == [1, 4, 5]


def test_others_are_asked_once(tmp_path):
    script = tmp_path / "counts.py"
    script.write_text("import sys, pathlib; p = pathlib.Path(sys.argv[1]); p.write_text(p.read_text() + '.'); print(9)")
    calls = tmp_path / "calls"
    calls.write_text("")
    asked = [str(calls)]
    for _ in range(2):  # the second finds the first's answer in the folder
        other = outside.Outside(Path(sys.executable), tmp_path / "cache")
        assert other.run(script, asked, "same") == other.run(script, asked, "same") == "9\n"
    assert calls.read_text() == "."
    assert outside.Outside(tmp_path / "none").missing
