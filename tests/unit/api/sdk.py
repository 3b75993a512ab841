"""The official client, at an application in memory: every answer is validated as strictly as it can be."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx2
import openai

from tests.unit.api.world import World


@asynccontextmanager
async def sdk(world: World, name: str = "alice", letter: str = "a") -> AsyncIterator[openai.AsyncOpenAI]:
    transport = httpx2.ASGITransport(world.app, raise_app_exceptions=False)
    async with (
        httpx2.AsyncClient(transport=transport) as http,
        openai.AsyncOpenAI(
            api_key=world.add_key(name, letter),
            base_url="http://verbatim/v1",
            http_client=http,
            max_retries=0,
            _strict_response_validation=True,
        ) as client,
    ):
        yield client
