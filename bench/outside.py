"""Runs other people's libraries with an interpreter of their own: farthing's environment never imports them."""

import argparse
import hashlib
import os
import subprocess
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

PYTHON = Path(".venv/baselines/bin/python")
"""Where `make` installs the dependency group `baselines`."""


class Outside:
    """That interpreter. It is asked the same once: its answers are remembered, and kept in a folder if there is one.

    Args:
        python: the interpreter.
        cache: the folder. Only whole answers are there, so whoever is interrupted goes on where it was.
        minutes: after so many no question is begun that has no answer yet; None: however long it takes.
        workers: how many processes at once answer questions that are asked together.
    """

    def __init__(
        self, python: Path, cache: Path | None = None, *, minutes: float | None = None, workers: int = 1
    ) -> None:
        self._python = python
        self._cache = cache
        self._minutes = minutes
        self._until = None if minutes is None else time.monotonic() + 60 * minutes
        self._workers = workers
        self._told: dict[str, str] = {}

    @property
    def missing(self) -> bool:
        """Whether there is no such interpreter."""
        return not self._python.exists()

    def run(self, script: Path, arguments: Sequence[str], given: str) -> str:
        """What the script prints.

        Args:
            script: a file.
            arguments: its own.
            given: what it reads from its standard input.

        Raises:
            subprocess.CalledProcessError: it failed; what it said is on standard error.
            SystemExit: the minutes are over.
        """
        parts = [script.read_text(encoding="utf-8"), *arguments, given]
        digest = hashlib.sha256("\0".join(parts).encode()).hexdigest()[:24]
        name = f"{script.parent.name}-{arguments[0]}-{digest}"
        if name not in self._told:
            self._told[name] = self._kept(name, [str(self._python), str(script), *arguments], given)
        return self._told[name]

    def run_each(self, script: Path, questions: Sequence[Sequence[str]], given: str) -> list[str]:
        """What the script prints for each list of arguments, in their order; some at once. How far it is, is printed.

        Raises:
            subprocess.CalledProcessError, SystemExit: as `run` does; the other questions are not begun.
        """
        answers = []
        with ThreadPoolExecutor(self._workers) as at_once:
            asked = at_once.map(lambda arguments: self.run(script, arguments, given), questions)
            for number, (arguments, answer) in enumerate(zip(questions, asked, strict=True), 1):
                answers.append(answer)
                print(f"  {' '.join(arguments)}: {number} of {len(questions)} answered", flush=True)
        return answers

    def _kept(self, name: str, command: Sequence[str], given: str) -> str:
        file = self._cache / name if self._cache else None
        if file and file.exists():
            return file.read_text(encoding="utf-8")
        if self._until is not None and time.monotonic() > self._until:
            raise SystemExit(
                f"{self._minutes:g} minutes are over; what was answered is in {self._cache}: "
                "the same command goes on from there"
            )
        answer = subprocess.run(command, input=given, stdout=subprocess.PIPE, text=True, check=True).stdout
        if file:
            file.parent.mkdir(parents=True, exist_ok=True)
            partial = Path(f"{file}.{os.getpid()}.partial")
            partial.write_text(answer, encoding="utf-8")
            partial.replace(file)
        return answer


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options of every bench that asks others."""
    parser.add_argument("--python", type=Path, default=PYTHON, help=f"the baselines' interpreter; default {PYTHON}")
    parser.add_argument("--cache", type=Path, help="a folder that keeps what the baselines answered")
    parser.add_argument(
        "--minutes", type=float, help="begin no new question to the baselines after so many; needs --cache, to go on"
    )


def of_options(parser: argparse.ArgumentParser, arguments: argparse.Namespace, workers: int = 1) -> Outside:
    """The interpreter as the options want it; minutes without a cache end the program: all would be lost."""
    if arguments.minutes is not None and arguments.cache is None:
        parser.error("--minutes needs --cache, which keeps what was answered until then")
    return Outside(arguments.python, arguments.cache, minutes=arguments.minutes, workers=workers)


def seeds_of(text: str) -> list[int]:
    """Understands `1-9`, `101`, `1,3,5-7`."""
    seeds: list[int] = []
    for part in text.split(","):
        first, _, last = part.partition("-")
        seeds += range(int(first), int(last or first) + 1)
    return seeds
