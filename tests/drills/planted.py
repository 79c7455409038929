"""Secrets planted where a run meets them, and a search for them in whatever the run leaves behind."""

import base64
import json
import traceback
from pathlib import Path
from urllib.parse import quote

WEBHOOK_TOKEN = "pLantedWebhookT0ken/x9"
SECRET_KEY = "pLantedSecretAccessKey+/0123456789abcdef"
SESSION_TOKEN = "pLantedSessionToken//FwoGZXIvYXdzE=="
SECRET_NOTE = "pLantedNoteBesideTheUrl"
"""Another value of the JSON secret that holds the webhook: nobody asked for it, so nobody may show it."""

PLANTED = (WEBHOOK_TOKEN, SECRET_KEY, SESSION_TOKEN, SECRET_NOTE)

ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "AKIAPLANTEDPLANTED00",  # an id, not a secret: logs may name it
    "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
    "AWS_SESSION_TOKEN": SESSION_TOKEN,
}


def _spellings(secret: str) -> set[bytes]:
    """How a secret may stand in a log, a URL, a JSON text or a header."""
    texts = {secret, secret[::-1], quote(secret, safe=""), quote(secret), json.dumps(secret)[1:-1]}
    texts |= {secret.replace("/", "\\/")}
    # Its beginning alone is enough to find a secret that was cut short.
    texts |= {secret[:16]}
    coded = base64.b64encode(secret.encode())
    return {text.encode() for text in texts} | {coded.rstrip(b"=")}


SPELLINGS = {spelling: secret for secret in PLANTED for spelling in _spellings(secret)}


class LeakedError(AssertionError):
    """A planted secret was found where none may be."""


def everything_of(error: BaseException) -> str:
    """All that a log, a debugger or a crash report could take from an error and those behind it."""
    texts = ["".join(traceback.format_exception(error))]
    seen: set[int] = set()
    todo: list[BaseException | None] = [error]
    while todo:
        one = todo.pop()
        if one is None or id(one) in seen:
            continue
        seen.add(id(one))
        texts += [str(one), repr(one), repr(one.args), repr(vars(one)), *getattr(one, "__notes__", [])]
        todo += [one.__cause__, one.__context__]
    return "\n".join(texts)


def _texts(thing: object, name: str) -> list[tuple[str, bytes]]:
    if isinstance(thing, bytes):
        return [(name, thing)]
    if isinstance(thing, str):
        return [(name, thing.encode())]
    if isinstance(thing, BaseException):
        return [(name, everything_of(thing).encode())]
    if isinstance(thing, Path):
        if not thing.exists():
            raise FileNotFoundError(f"{thing} should be searched for secrets but is not there")
        files = sorted(path for path in thing.rglob("*") if path.is_file()) if thing.is_dir() else [thing]
        # A name of a file is an object's key: it may not hold one either.
        return [found for path in files for found in ((str(path), str(path).encode()), (str(path), path.read_bytes()))]
    if isinstance(thing, dict):
        return [
            found for key, value in thing.items() for found in (_texts(str(key), name) + _texts(value, f"{name} {key}"))
        ]
    if isinstance(thing, list | tuple | set):
        return [found for place, value in enumerate(thing) for found in _texts(value, f"{name}[{place}]")]
    return [(name, repr(thing).encode())]


def require_clean(**things: object) -> int:
    """Searches texts, bytes, files, folders, errors and collections of them; returns how many bytes were searched.

    Raises:
        LeakedError: a planted secret is in one of them, in whatever spelling.
    """
    searched = 0
    seen: set[bytes] = set()  # hundreds of ledgers are copies of one
    for name, thing in things.items():
        for place, text in _texts(thing, name):
            searched += len(text)
            if text in seen:
                continue
            seen.add(text)
            for spelling, secret in SPELLINGS.items():
                if spelling in text:
                    at = text.index(spelling)
                    around = text[max(0, at - 80) : at + len(spelling) + 40]
                    raise LeakedError(f"{secret!r} is in {place}: ...{around!r}...")
    return searched
