"""A process that cannot follow the log any more ends in order, and says why afterwards."""

from __future__ import annotations

import asyncio

import pytest
import uvicorn

from infra.processes.http_server import GRACE_S, LOST_GRACE_S, Server
from schemas.codec import NewerRecord
from topics.errors import FatalLogError, LogUnavailable


class Tail:
    """A tail that fails when it is told to."""

    def __init__(self) -> None:
        self.fails: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def failed(self) -> None:
        await self.fails


@pytest.mark.parametrize("error", [NewerRecord(45), FatalLogError("gone"), ValueError("a bug")])
async def test_it_lets_nobody_in_and_gives_those_who_are_there_a_moment(error: Exception) -> None:
    ended: list[str] = []
    server = Server(uvicorn.Config("nobody", timeout_graceful_shutdown=GRACE_S), lambda: ended.append("pushed"))
    first, second = Tail(), Tail()
    async with asyncio.TaskGroup() as tasks:
        for tail in (first, second):
            tasks.create_task(server.end_with(tail))
        await asyncio.sleep(0)
        assert (server.should_exit, server.failure, ended) == (False, None, [])
        first.fails.set_exception(error)
        await asyncio.sleep(0.01)
        assert (server.should_exit, server.failure) == (True, error)
        assert server.config.timeout_graceful_shutdown == LOST_GRACE_S
        second.fails.set_exception(LogUnavailable("because of the first"))
    assert server.failure is error
    assert ended[0] == "pushed"
