"""The api as a process of its own, as the supervisor starts it."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from api.access.auth import KEY_PREFIX, hash_of
from infra.clock import now_us
from infra.ids import draw_id, draw_secret
from infra.runtime.signalling import send_signal
from infra.settings import Settings
from infra.stack.addresses import settings_env
from schemas import ids
from schemas.account import ApiKeyCreated, UserCreated
from schemas.envelope import Envelope
from tests.eventually import eventually
from topics.catalogue import ACCOUNT_EVENTS
from topics.producer import LogProducer

ROOT = Path(__file__).parents[2]


class ApiEnded(Exception):
    """The process ended; the message is what it said."""


@dataclass(frozen=True, slots=True)
class ApiProcess:
    url: str
    process: asyncio.subprocess.Process
    log_file: Path

    @property
    def said(self) -> str:
        """The end of what it wrote to its log."""
        return self.log_file.read_text()[-4000:]

    def client(self, key: str | None) -> httpx.AsyncClient:
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        return httpx.AsyncClient(base_url=self.url, headers=headers, timeout=30)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@asynccontextmanager
async def running_api(
    settings: Settings, log_file: Path, *, status: int = 0, **api: object
) -> AsyncIterator[ApiProcess]:
    """An API process until the end of the block, with these settings of its own; it must end with `status`.

    Raises ApiEnded if it ends before it is healthy.
    """
    own = settings.model_copy(update={"api": settings.api.model_copy(update={"port": free_port(), **api})})
    with log_file.open("ab") as output:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "infra.processes.api",
            cwd=ROOT,
            env={**os.environ, **settings_env(own)},
            stderr=output,
            stdout=output,
        )
    running = ApiProcess(f"http://127.0.0.1:{own.api.port}", process, log_file)
    try:
        async with running.client(None) as client:

            async def healthy() -> bool:
                return process.returncode is not None or (await client.get("/health")).status_code == 200

            there: bool = await eventually(healthy, timeout_s=30)
            assert there
        if process.returncode is not None:
            raise ApiEnded(running.said)
        yield running
    finally:
        send_signal(process, signal.SIGTERM)
        async with asyncio.timeout(20):
            await process.wait()
    assert process.returncode == status, running.said


async def said_by_refused_api(settings: Settings, log_file: Path, **api: object) -> str:
    """What an API process says that ends by itself with status 1."""
    own = settings.model_copy(update={"api": settings.api.model_copy(update=api)})
    with log_file.open("ab") as output:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "infra.processes.api",
            cwd=ROOT,
            env={**os.environ, **settings_env(own)},
            stderr=output,
            stdout=output,
        )
    async with asyncio.timeout(30):
        assert await process.wait() == 1
    return ApiProcess("", process, log_file).said


async def make_key(log: LogProducer, name: str) -> str:
    """A user and a key of theirs; returns the key."""
    user, key_id, key = ids.user_id(name), draw_id(), KEY_PREFIX + draw_secret(32)
    envelope = Envelope(ids.event_id(key_id, "ApiKeyCreated"), now_us(), None, "r", "system:test")
    await log.send(ACCOUNT_EVENTS, user, UserCreated(envelope, user, name))
    await log.send(
        ACCOUNT_EVENTS,
        user,
        ApiKeyCreated(
            envelope=envelope, user_id=user, key_id=key_id, key_sha256=hash_of(key), label=name, hint=key[-4:]
        ),
    )
    return key
