"""The live dashboard: pages, API and assets over HTTP, read-only, for this machine unless told otherwise.

Every answer carries a content security policy without inline script; nothing on a page comes from elsewhere.
"""

import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from functools import partial
from typing import Any
from urllib.parse import urlencode

import msgspec
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from farthing.dashboard import api
from farthing.dashboard.assets import TYPES, asset, tag
from farthing.dashboard.frame import LABELS, Frame
from farthing.dashboard.guard import Guard
from farthing.dashboard.pages import Pages
from farthing.dashboard.rendering import render, render_error, render_waiting
from farthing.dashboard.working import Working
from farthing.errors import FarthingError, MoneyError, UsageError

HOME = "overview"
"""The page at '/'."""

PATIENCE_SECONDS = 0.7
"""How long a page may take; then one that says so comes first, and the page itself when it is ready."""

GZIP_BYTES = 1024
"""Answers below this are not worth compressing."""


def application(
    pages: Pages, *, hosts: frozenset[str], token: str | None = None, patience: float = PATIENCE_SECONDS
) -> Starlette:
    """The server's application.

    Args:
        pages: over the ledger.
        hosts: names in the Host header that are answered.
        token: what a reader must show, None for nothing (on loopback).
        patience: seconds that a page may take, see ``PATIENCE_SECONDS``.

    Returns:
        The application; whoever runs it calls ``state.working.end()`` when it is to end.
    """
    working = Working()

    def page(name: str) -> Callable[[Request], Awaitable[Response]]:
        return _page(pages, working, patience, name)

    routes = [
        Route("/", page(HOME)),
        *(Route(f"/{name}", page(name)) for name in LABELS if name != HOME),
        Route(f"/{HOME}", page(HOME)),
        # As the static site's pages are called: a message's link opens in both.
        Route("/index.html", page(HOME)),
        *(Route(f"/{name}.html", page(name)) for name in LABELS),
        Route("/healthz", _health),
        Route("/static/{name}", _static),
        Route("/api/v1/openapi.json", _openapi),
        *(Route(route.path, _answer(pages, working, route)) for route in api.ROUTES),
        Route(api.DECISIONS, _decided(pages), methods=["POST"]),
    ]

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        yield
        await working.close()

    made = Starlette(
        routes=routes,
        lifespan=lifespan,
        middleware=[
            Middleware(Guard, hosts=hosts, token=token),
            Middleware(GZipMiddleware, minimum_size=GZIP_BYTES, compresslevel=4),
        ],
        exception_handlers={
            FarthingError: _failed(pages),
            HTTPException: _failed(pages),
            Exception: _failed(pages),
        },
    )
    made.state.working = working
    return made


def _page(pages: Pages, working: Working, patience: float, name: str) -> Callable[[Request], Awaitable[Response]]:
    def made() -> str:
        return render(name, _frame(pages), pages.told(name, whole=False))

    async def answer(request: Request) -> Response:
        del request
        told = await working.shared(name, made, patience)
        if told is not None:
            return Response(told, media_type="text/html")
        waiting = await run_in_threadpool(lambda: render_waiting(name, _bare_frame(pages)))
        return Response(waiting, 202, media_type="text/html")

    return answer


def _frame(pages: Pages) -> Frame:
    source = {**pages.source("live"), "url": "/api/v1/cube"}
    if source["start"] < source["end"]:
        asked = [(key, source[key]) for key in ("start", "end")]
        asked += [("metric", name) for name in source["base"]] + [("by", name) for name in source["baseColumns"]]
        source["cube"] = f"{source['url']}?{urlencode(asked)}"
    return _framed(pages, source)


def _bare_frame(pages: Pages) -> Frame:
    """The frame without what only the figures tell."""
    return _framed(pages, {"mode": "waiting", "version": pages.reading.version()})


def _framed(pages: Pages, source: Mapping[str, Any]) -> Frame:
    return pages.frame(
        href=lambda name: "/" if name == HOME else f"/{name}",
        asset=lambda name: f"/static/{name}?v={tag(name)}",
        source=source,
    )


def _answer(pages: Pages, working: Working, route: api.Route) -> Callable[[Request], Awaitable[Response]]:
    async def answer(request: Request) -> Response:
        asked = api.parsed(request.query_params.multi_items(), route.asked)
        work = partial(route.answer, pages, asked)
        # Whether anything changed is no question to the engine, and does not wait behind those that are.
        at_once = route.answers is api.LedgerState
        told = await (run_in_threadpool(work) if at_once else working.for_request(request, work))
        return Response(told, media_type="application/json")

    return answer


def _decided(pages: Pages) -> Callable[[Request], Awaitable[Response]]:
    async def answer(request: Request) -> Response:
        # A form of a foreign page cannot send JSON, and a script of it may not; see Guard for the rest.
        if request.headers.get("content-type", "").partition(";")[0].strip() != "application/json":
            raise HTTPException(415)
        body = await request.body()
        told = await run_in_threadpool(api.decided, pages, request.path_params["incident"], body)
        return Response(told, media_type="application/json")

    return answer


def _health(request: Request) -> Response:
    del request
    return Response(b'{"status":"ok"}', media_type="application/json")


def _openapi(request: Request) -> Response:
    del request
    return Response(msgspec.json.encode(api.openapi()), media_type="application/json")


def _static(request: Request) -> Response:
    name = request.path_params["name"]
    if name not in TYPES:
        raise HTTPException(404)
    return Response(
        asset(name), media_type=TYPES[name], headers={"cache-control": "public, max-age=31536000, immutable"}
    )


STATUS = {
    415: "Send it as application/json",
    404: "There is no such page",
    405: "That is not how this address is asked",
}


def _failed(pages: Pages) -> Callable[[Request, Exception], Awaitable[Response]]:
    async def answer(request: Request, error: Exception) -> Response:
        code, message = _worded(error)
        if request.url.path.startswith("/api/"):
            return Response(msgspec.json.encode(api.Problem(message)), code, media_type="application/json")
        try:
            told = await run_in_threadpool(lambda: render_error(_bare_frame(pages), "This cannot be shown", message))
            return Response(told, code, media_type="text/html")
        except FarthingError:
            # The frame itself reads the ledger: where that cannot be read, the sentence alone must do.
            return Response(f"farthing: {message}\n", code, media_type="text/plain")

    return answer


def _worded(error: Exception) -> tuple[int, str]:
    if isinstance(error, HTTPException):
        return error.status_code, STATUS.get(error.status_code, error.detail)
    if isinstance(error, UsageError):
        return 400, " ".join(str(error).split())
    if isinstance(error, MoneyError):
        return 422, " ".join(str(error).split())
    if isinstance(error, FarthingError):
        return 503, " ".join(str(error).split())
    logging.getLogger("farthing").error("the dashboard failed", exc_info=error)
    return 500, "an unexpected error, which the server's output tells more of; please report it"
