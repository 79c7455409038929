"""Page tokens: stateless, and sealed so that a changed one is noticed. Pure."""

from __future__ import annotations

import base64
import binascii
import struct
from hashlib import blake2b

from farthing.simulator.errors import ServiceError

_KEY = b"farthing simulator page token"


def bad_token() -> ServiceError:
    """What a token that was not given out is refused with."""
    return ServiceError("InvalidNextTokenException", "The pagination token is invalid.")


def write_token(digest: bytes, index: int, offset: int) -> str:
    """The request's digest (16 bytes) and the place at which the next page begins."""
    body = digest + struct.pack(">II", index, offset)
    return base64.urlsafe_b64encode(body + _seal(body)).decode()


def read_token(token: str | None, digest: bytes) -> tuple[int, int]:
    """(period, group) at which the page begins; (0, 0) without a token.

    Raises ServiceError: InvalidNextTokenException, or RequestChangedException for another request's token.
    """
    if token is None:
        return 0, 0
    try:
        raw = base64.b64decode(token.encode(), altchars=b"-_", validate=True)
    except (binascii.Error, UnicodeEncodeError):
        raise bad_token() from None
    body, seal = raw[:24], raw[24:]
    if len(body) != 24 or seal != _seal(body):
        raise bad_token()
    if body[:16] != digest:
        raise ServiceError("RequestChangedException", "The request parameters changed between pages.")
    index, offset = struct.unpack(">II", body[16:])
    return int(index), int(offset)


def _seal(body: bytes) -> bytes:
    return blake2b(body, digest_size=12, key=_KEY).digest()
