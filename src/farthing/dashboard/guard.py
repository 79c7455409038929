"""What stands before every request: the Host header, the token, limits; and the headers of every answer."""

import hmac
from urllib.parse import parse_qs, urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

MOST_QUERY_BYTES = 8_192
"""Of an address's query."""

MOST_BODY_BYTES = 65_536
"""Of what is posted."""

COOKIE = "farthing_token"

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
}
OPEN = ("/healthz",)
"""Answered without a token: a probe has none, and it tells nothing."""


class Guard:
    """Refuses what should not be answered.

    A browser that a foreign page leads here by a name of its own (DNS rebinding) sends that name as Host: only the
    names in ``hosts`` are answered. With a ``token``, a reader shows it as ``Authorization: Bearer``, or once as
    ``?token=``, which becomes a cookie that scripts cannot read.
    """

    def __init__(self, app: ASGIApp, hosts: frozenset[str], token: str | None) -> None:
        self._app = app
        self._hosts = hosts
        self._token = token

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def sent(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
                headers.setdefault("cache-control", "no-store")
            await send(message)

        refusal = self._refusal(Request(scope))
        await (refusal or self._app)(scope, receive, sent)

    def _refusal(self, request: Request) -> Response | None:
        headers = request.headers
        if host_of(headers) not in self._hosts:
            return _text(421, "this server does not answer to that name; name it with --allow-host")
        if len(request.scope.get("query_string", b"")) > MOST_QUERY_BYTES:
            return _text(414, f"the address is longer than {MOST_QUERY_BYTES} bytes")
        if request.method not in ("GET", "HEAD") and not _own(headers):
            return _text(403, "this was sent from another page")
        length = headers.get("content-length", "0")
        if "transfer-encoding" in headers or not length.isdigit() or int(length) > MOST_BODY_BYTES:
            return _text(413, f"more than {MOST_BODY_BYTES} bytes, or of unknown length")
        return None if self._token is None or request.url.path in OPEN else self._unknown(request, self._token)

    def _unknown(self, request: Request, token: str) -> Response | None:
        given = request.headers.get("authorization", "").removeprefix("Bearer ") or request.cookies.get(COOKIE, "")
        if given and hmac.compare_digest(given.encode(), token.encode()):
            return None
        query = parse_qs(request.url.query)
        offered = query.get("token", [""])[0]
        if offered and hmac.compare_digest(offered.encode(), token.encode()):
            answer = Response(status_code=303, headers={"location": request.url.path})
            # Lax: a link in a message leads here from another site. What changes something is posted, and refused from
            # any page that is not this server's own.
            answer.set_cookie(COOKIE, token, httponly=True, samesite="lax", secure=request.url.scheme == "https")
            return answer
        return _text(401, "this dashboard asks for its token: open the address that `farthing dashboard` printed")


def host_of(headers: Headers) -> str:
    """The name in the Host header, without its port, in lower case."""
    try:
        return urlsplit(f"//{headers.get('host', '')}").hostname or ""
    except ValueError:
        return ""


def _own(headers: Headers) -> bool:
    """Whether what changes something comes from a page of this server, or from no page at all."""
    origin, site = headers.get("origin"), headers.get("sec-fetch-site")
    same = origin is None or origin.partition("://")[2] == headers.get("host")
    return same and site in (None, "same-origin", "none")


def _text(code: int, message: str) -> Response:
    return Response(f"farthing: {message}\n", code, media_type="text/plain")
