"""Requests to issuers. Every one is bounded: in time, in bytes, in how many run at once; no redirect is followed.

An issuer is another's server. It may be slow, gone, or in the wrong hands: what it answers is JSON of a bounded size,
or an error that says what was wrong and holds nothing of the answer.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import aiohttp

from infra.issuers.errors import IssuerUnavailable

TIMEOUT_S = 5.0
MAX_BYTES = 512 * 1024
MAX_AT_ONCE = 16


@dataclass(frozen=True, slots=True)
class Answer:
    """What an issuer answered: a status below 500 that leads nowhere else, and a JSON object."""

    status: int
    body: Mapping[str, Any]


class Web(Protocol):
    """How issuers are asked. Every method raises IssuerUnavailable; `issuer`: how the error names it."""

    async def get(self, issuer: str, url: str) -> Answer: ...
    async def post(self, issuer: str, url: str, form: Mapping[str, str], basic: tuple[str, str] | None) -> Answer: ...


class HttpWeb:
    """The Web, over HTTP. Proxies and cookies of the environment are not used."""

    def __init__(self, timeout_s: float = TIMEOUT_S, most_bytes: int = MAX_BYTES, most_at_once: int = MAX_AT_ONCE):
        self._timeout_s = timeout_s
        self._most_bytes = most_bytes
        self._room = asyncio.Semaphore(most_at_once)
        self._client: aiohttp.ClientSession | None = None

    async def get(self, issuer: str, url: str) -> Answer:
        return await self._ask(issuer, "GET", url, None, None)

    async def post(self, issuer: str, url: str, form: Mapping[str, str], basic: tuple[str, str] | None) -> Answer:
        return await self._ask(issuer, "POST", url, form, basic)

    async def aclose(self) -> None:
        if self._client is not None:
            await self._client.close()

    async def _ask(
        self, issuer: str, method: str, url: str, form: Mapping[str, str] | None, basic: tuple[str, str] | None
    ) -> Answer:
        try:
            async with asyncio.timeout(self._timeout_s), self._room:
                return await self._asked(issuer, method, url, form, basic)
        except TimeoutError:
            raise IssuerUnavailable(issuer, f"did not answer within {self._timeout_s:g} s") from None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise IssuerUnavailable(issuer, f"cannot be reached ({type(error).__name__})") from None

    async def _asked(
        self, issuer: str, method: str, url: str, form: Mapping[str, str] | None, basic: tuple[str, str] | None
    ) -> Answer:
        # Compressed answers are refused: a small one could grow without end.
        headers = {"Accept": "application/json", "Accept-Encoding": "identity"}
        if basic is not None:
            headers["Authorization"] = aiohttp.encode_basic_auth(*basic)
        async with self._session().request(method, url, data=form, headers=headers, allow_redirects=False) as answer:
            if 300 <= answer.status < 400:
                raise IssuerUnavailable(issuer, "answered with a redirect, which is not followed")
            if answer.status >= 500:
                raise IssuerUnavailable(issuer, f"answered with status {answer.status}")
            if answer.headers.get("Content-Encoding", "identity") != "identity":
                raise IssuerUnavailable(issuer, "answered compressed, which was not asked for")
            content = bytearray()
            async for piece in answer.content.iter_any():
                content += piece
                if len(content) > self._most_bytes:
                    raise IssuerUnavailable(issuer, f"answered with more than {self._most_bytes} bytes")
            return Answer(answer.status, _object(issuer, bytes(content)))

    def _session(self) -> aiohttp.ClientSession:
        if self._client is None:
            # Made here: it belongs to the loop that runs.
            self._client = aiohttp.ClientSession(
                cookie_jar=aiohttp.DummyCookieJar(), auto_decompress=False, trust_env=False
            )
        return self._client


def _object(issuer: str, content: bytes) -> Mapping[str, Any]:
    try:
        found = json.loads(content)
    except (ValueError, RecursionError):
        raise IssuerUnavailable(issuer, "answered with something that is not JSON") from None
    if not isinstance(found, dict):
        raise IssuerUnavailable(issuer, "answered with JSON that is not an object")
    return found
