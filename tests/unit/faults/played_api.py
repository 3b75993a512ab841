"""An API that answers as it is told, also with connections that break."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx


class Torn(httpx.AsyncByteStream):
    """A body whose connection breaks after `pieces`."""

    def __init__(self, *pieces: bytes) -> None:
        self._pieces = pieces

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self._pieces:
            yield piece
        raise httpx.ReadError("torn")


def error(status: int, code: str = "nothing", **headers: str) -> httpx.Response:
    return httpx.Response(status, json={"error": {"code": code}}, headers=headers)


class Api:
    """Answers one request after the other as told; an exception is a connection that fails."""

    def __init__(self, *answers: httpx.Response | Exception) -> None:
        self._answers = list(answers)
        self.requests: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer
