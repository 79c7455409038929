"""The built script and stylesheet: which there are, and their bytes."""

from functools import cache
from hashlib import sha256
from importlib.resources import files

from farthing.errors import FarthingError

TYPES = {
    "app.js": "text/javascript; charset=utf-8",
    "app.css": "text/css; charset=utf-8",
    "app.js.LEGAL.txt": "text/plain; charset=utf-8",
}
"""Every file that is served, and as what; nothing else in the folder is."""


@cache
def asset(name: str) -> bytes:
    """A file's bytes.

    Raises:
        FarthingError: the assets were not built.
    """
    path = files("farthing.dashboard") / "static" / name
    if name not in TYPES or not path.is_file():
        raise FarthingError(
            f"the dashboard's {name} is missing from this installation: install farthing anew, or, in a source tree, "
            "run `python frontend/build.py`"
        )
    return path.read_bytes()


@cache
def tag(name: str) -> str:
    """Names the file's state, for caches."""
    return sha256(asset(name)).hexdigest()[:16]
