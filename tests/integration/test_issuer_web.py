"""Issuers over real HTTP: a good one, and those that are slow, gone, endless or lead elsewhere."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from aiohttp import web

from infra.issuers.errors import CodeRefused, IssuerUnavailable
from infra.issuers.fetching import MAX_BYTES, HttpWeb
from infra.issuers.issuer import Issuer
from infra.settings.issuers import IssuerSettings
from tests.oidc_issuer import AUDIENCE, CLIENT, SECRET, TestIssuer, served

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@pytest.fixture
async def http() -> AsyncIterator[HttpWeb]:
    made = HttpWeb(timeout_s=5.0)
    yield made
    await made.aclose()


async def test_a_token_is_checked_with_what_the_issuer_serves(http: HttpWeb) -> None:
    with served(TestIssuer()) as theirs:
        settings = IssuerSettings.model_validate(
            {
                "name": "local",
                "issuer": theirs.address,
                "client_id": CLIENT,
                "client_secret": SECRET,
                "audiences": [AUDIENCE],
            }
        )
        issuer = Issuer(settings, http)
        _, claims = await issuer.claims(theirs.token(), settings.algorithms)
        assert claims["sub"] == theirs.person["sub"]
        with pytest.raises(CodeRefused, match="invalid_grant"):
            await issuer.redeemed("never made", "http://verbatim.test/back", "v" * 43)
        theirs.away = True
        with pytest.raises(IssuerUnavailable, match="the issuer local answered with status 503"):
            await Issuer(settings, http).provider()


async def _redirect(request: web.Request) -> web.StreamResponse:
    return web.Response(status=302, headers={"Location": "http://127.0.0.1:9/"})


async def _huge(request: web.Request) -> web.StreamResponse:
    return web.Response(body=b'{"a": "' + b"x" * MAX_BYTES + b'"}')


async def _endless(request: web.Request) -> web.StreamResponse:
    answer = web.StreamResponse()
    await answer.prepare(request)
    while True:
        await answer.write(b" " * 65_536)


async def _bomb(request: web.Request) -> web.StreamResponse:
    return web.Response(body=gzip.compress(b" " * 10_000_000), headers={"Content-Encoding": "gzip"})


async def _silent(request: web.Request) -> web.StreamResponse:
    await asyncio.sleep(3600)
    return web.Response()


async def _page(request: web.Request) -> web.StreamResponse:
    return web.Response(text="<!doctype html>")


async def _list(request: web.Request) -> web.StreamResponse:
    return web.json_response([1])


async def _deep(request: web.Request) -> web.StreamResponse:
    return web.Response(text="[" * 200_000)


BAD: dict[str, tuple[Handler, str]] = {
    "redirect": (_redirect, "a redirect, which is not followed"),
    "huge": (_huge, f"more than {MAX_BYTES} bytes"),
    "endless": (_endless, f"more than {MAX_BYTES} bytes"),
    "bomb": (_bomb, "compressed, which was not asked for"),
    "silent": (_silent, "did not answer within 0.5 s"),
    "page": (_page, "something that is not JSON"),
    "list": (_list, "JSON that is not an object"),
    "deep": (_deep, "something that is not JSON"),
}


@pytest.mark.parametrize("name", BAD)
async def test_a_bad_answer_is_bounded_and_told(name: str) -> None:
    handler, reason = BAD[name]
    app = web.Application()
    app.router.add_route("*", "/", handler)
    runner = web.AppRunner(app, shutdown_timeout=0, handler_cancellation=True)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    http = HttpWeb(timeout_s=0.5 if name == "silent" else 30.0)
    try:
        url = f"http://127.0.0.1:{port}/"
        asks: list[Callable[[], Awaitable[object]]] = [
            lambda: http.get("x", url),
            lambda: http.post("x", url, {}, None),
        ]
        for asked in asks:
            with pytest.raises(IssuerUnavailable) as refused:
                await asked()
            assert reason in str(refused.value)
    finally:
        await http.aclose()
        await runner.cleanup()


async def test_nobody_there_is_told(http: HttpWeb) -> None:
    with pytest.raises(IssuerUnavailable, match="the issuer x cannot be reached"):
        await http.get("x", "http://127.0.0.1:1/")
