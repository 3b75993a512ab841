"""The api process, what it stands on and what answers its prompts, for the length of a block."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from infra.settings import Settings
from tests.fakes.cassandra_rows import own_keyspace
from tests.integration.api_agents import Agents, running_agents
from tests.integration.api_process import ApiProcess, make_key, running_api
from topics.admin import create_topics
from topics.catalogue import catalogue


@dataclass(frozen=True)
class Running:
    """`key` is Alice's, `other_key` Bob's."""

    settings: Settings
    agents: Agents
    api: ApiProcess
    key: str
    other_key: str

    def client(self) -> httpx.AsyncClient:
        """Alice's client."""
        return self.api.client(self.key)


@asynccontextmanager
async def whole_api(servers: Settings, log_file: Path) -> AsyncIterator[Running]:
    """At the end, its log must hold no key and no "canary"."""
    topics = catalogue()
    await asyncio.to_thread(create_topics, servers.kafka.client_properties(), topics)
    async with own_keyspace(servers) as (settings, session), running_agents(settings, session, topics) as agents:
        key, other = await make_key(agents.log, "alice"), await make_key(agents.log, "bob")
        async with running_api(settings, log_file, heartbeat_s=0.5, disconnect_grace_s=0.2) as api:
            yield Running(settings, agents, api, key, other)
            said = api.said
    assert key not in said
    assert "canary" not in said
