"""The web page and its files. They need no key: they hold no user data, and load it through the API.

An address that nothing is at is the page too, for a browser that visits it: the page says so, with the status 404.
"""

from __future__ import annotations

import re
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from starlette.exceptions import HTTPException

from api.http.errors import not_found
from api.http.providing import provided
from api.page.docs_page import page as docs_page
from api.page.files import WebFile, WebFiles

router = APIRouter(include_in_schema=False)

Web = Annotated[WebFiles, Depends(provided(WebFiles))]
_METHODS = ["GET", "HEAD"]
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
_DOCS_POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_SWITCHED_OFF = (
    "accelerometer",
    "autoplay",
    "camera",
    "clipboard-read",
    "display-capture",
    "encrypted-media",
    "fullscreen",
    "geolocation",
    "gyroscope",
    "hid",
    "idle-detection",
    "magnetometer",
    "microphone",
    "midi",
    "payment",
    "picture-in-picture",
    "publickey-credentials-get",
    "screen-wake-lock",
    "serial",
    "usb",
    "xr-spatial-tracking",
)
_HEADERS = {
    "content-security-policy": _POLICY,
    "cross-origin-opener-policy": "same-origin",
    "permissions-policy": ", ".join(f"{feature}=()" for feature in _SWITCHED_OFF),
    "vary": "accept-encoding",
}
# The page's address stays, so it is asked for again each time; an asset's address is of this one version of it.
_ASK_AGAIN = "no-cache"
_FOR_EVER = "public, max-age=31536000, immutable"
# What browsers, systems and crawlers look for at an address of its own.
_AT_ROOT = {
    "/favicon.ico": "icons/favicon.ico",
    "/apple-touch-icon.png": "icons/touch-180.png",
    "/apple-touch-icon-precomposed.png": "icons/touch-180.png",
    "/manifest.webmanifest": "manifest.webmanifest",
    "/robots.txt": "robots.txt",
    "/sw.js": "sw.js",
}
_CONVERSATION = re.compile(r"[0-9a-f-]{36}")


@router.api_route("/", methods=_METHODS)
@router.api_route("/pulse", methods=_METHODS)
@router.api_route("/admin", methods=_METHODS)
@router.api_route("/admin/{section}", methods=_METHODS)
@router.api_route("/settings", methods=_METHODS)
@router.api_route("/settings/{section}", methods=_METHODS)
@router.api_route("/signin", methods=_METHODS)
async def page(request: Request, web: Web) -> Response:
    """The one page; what it shows is told by its address."""
    return _served(request, web.page, _ASK_AGAIN)


@router.api_route("/c/{conversation}", methods=_METHODS)
async def conversation_page(request: Request, web: Web, conversation: str) -> Response:
    if not _CONVERSATION.fullmatch(conversation):
        raise HTTPException(404)
    return _served(request, web.page, _ASK_AGAIN)


async def at_root(request: Request, web: Web) -> Response:
    file = web.assets.get(_AT_ROOT[request.url.path])
    if file is None:
        raise HTTPException(404)
    return _served(request, file, _ASK_AGAIN)


for _path in _AT_ROOT:
    router.add_api_route(_path, at_root, methods=_METHODS)


@router.get("/docs")
async def docs(request: Request, web: Web) -> Response:
    """The API page."""
    described = docs_page(request.app.openapi(), f"/static/{web.static}")
    return Response(described, headers={"content-security-policy": _DOCS_POLICY}, media_type="text/html")


@router.api_route("/static/{version}/{path:path}", methods=_METHODS)
async def asset(request: Request, web: Web, version: str, path: str) -> Response:
    file = web.assets.get(path) if version == web.static else None
    if file is None:
        raise HTTPException(404) if is_visit(request) else not_found("file")
    return _served(request, file, _FOR_EVER)


def is_visit(request: Request) -> bool:
    """Whether a browser asks for what it will show its user: it names text/html, which no script's request does."""
    kinds = (part.partition(";") for part in request.headers.get("accept", "").lower().split(","))
    return any(kind.strip() == "text/html" and _weight(parameter) > 0 for kind, _, parameter in kinds)


def nothing_here(request: Request) -> Response:
    """The page, for a visit to an address that nothing is at."""
    web: WebFiles = request.app.state.ports[WebFiles]
    return Response(web.page.body, 404, {**_HEADERS, "vary": "accept"}, web.page.media_type)


def _served(request: Request, file: WebFile, caching: str) -> Response:
    headers = {**_HEADERS, "cache-control": caching, "etag": file.etag}
    if _has(request.headers.get("if-none-match", ""), file.etag):
        return Response(status_code=304, headers=headers)
    body = file.body
    if file.compressed is not None and takes_gzip(request.headers.get("accept-encoding", "")):
        body = file.compressed
        headers["content-encoding"] = "gzip"
    headers["content-length"] = str(len(body))
    return Response(b"" if request.method == "HEAD" else body, headers=headers, media_type=file.media_type)


def _has(if_none_match: str, etag: str) -> bool:
    """Whether an If-None-Match header names this tag, weakly compared (RFC 9110 §13.1.2)."""
    tags = {tag.strip().removeprefix("W/") for tag in if_none_match.split(",")}
    return "*" in tags or etag.removeprefix("W/") in tags


def takes_gzip(accept_encoding: str) -> bool:
    """Whether an Accept-Encoding header allows gzip; one that is not there does not."""
    weights: dict[str, float] = {}
    for part in accept_encoding.lower().split(","):
        coding, _, parameter = part.partition(";")
        weights[coding.strip()] = _weight(parameter)
    return weights.get("gzip", weights.get("*", 0.0)) > 0


def _weight(parameter: str) -> float:
    name, _, value = parameter.partition("=")
    if name.strip() != "q":
        return 1.0
    try:
        return float(value)
    except ValueError:
        return 0.0
