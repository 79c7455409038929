"""Bodies as they are sent: what is meant to arrive, half of it, and what does not come from Cost Explorer at all."""

from __future__ import annotations

import json

from farthing.simulator.errors import ServiceError

AWS_JSON = "application/x-amz-json-1.1"


def encode(document: object) -> bytes:
    """JSON without spaces."""
    return json.dumps(document, separators=(",", ":")).encode()


def refusal(error: ServiceError) -> bytes:
    """An error's body."""
    return encode({"__type": error.code, "message": error.message})


def cut(body: bytes) -> bytes:
    """The half that is sent before the connection ends: never valid JSON."""
    return body[: len(body) // 2]


def garbage() -> bytes:
    """A proxy's HTML page."""
    return (
        b"<!DOCTYPE html>\n<html><head><title>Proxy</title></head>"
        b"<body><h1>This is not Cost Explorer</h1><p>Please sign in to the network.</p></body></html>\n"
    )
