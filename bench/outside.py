"""Runs other people's libraries with an interpreter of their own: farthing's environment never imports them."""

import hashlib
import subprocess
from collections.abc import Sequence
from pathlib import Path

PYTHON = Path(".venv/baselines/bin/python")
"""Where `make` installs the dependency group `baselines`."""


class Outside:
    """That interpreter. It is asked the same once: its answers are remembered, and kept in a folder if there is one.

    Args:
        python: the interpreter.
        cache: the folder.
    """

    def __init__(self, python: Path, cache: Path | None = None) -> None:
        self._python = python
        self._cache = cache
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
        """
        parts = [script.read_text(encoding="utf-8"), *arguments, given]
        digest = hashlib.sha256("\0".join(parts).encode()).hexdigest()[:24]
        name = f"{script.parent.name}-{arguments[0]}-{digest}"
        if name not in self._told:
            self._told[name] = self._kept(name, [str(self._python), str(script), *arguments], given)
        return self._told[name]

    def _kept(self, name: str, command: Sequence[str], given: str) -> str:
        file = self._cache / name if self._cache else None
        if file and file.exists():
            return file.read_text(encoding="utf-8")
        answer = subprocess.run(command, input=given, stdout=subprocess.PIPE, text=True, check=True).stdout
        if file:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(answer, encoding="utf-8")
        return answer


def seeds_of(text: str) -> list[int]:
    """Understands `1-9`, `101`, `1,3,5-7`."""
    seeds: list[int] = []
    for part in text.split(","):
        first, _, last = part.partition("-")
        seeds += range(int(first), int(last or first) + 1)
    return seeds
