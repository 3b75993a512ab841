"""Every process of ours on the real servers, with an upstream that counts what reaches it: what the promises to a
client stand on. Processes are stopped, killed and started again one by one.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import httpx

from infra.cassandra.session import CassandraSession
from infra.ids import draw_id, draw_secret
from infra.settings import Settings
from projections import migrate
from schemas.outcome import Outcome
from tests.eventually import eventually_sync
from tests.fakes.openai_upstream import OpenAIUpstream
from tests.integration.api_process import free_port, make_key
from tests.integration.log_reading import read_all
from tests.integration.stream_workers import StreamProcess
from topics.admin import create_topics
from topics.catalogue import GENERATION_OUTCOMES, Catalogue, catalogue
from topics.producer import LogProducer

MODEL = """
[[model]]
id = "{id}"
engine = "openai"
address = "{url}"
upstream_model = "m"
pool = "{pool}"
context_tokens = 16384
price = {{ input = 1, output = 2 }}
deadlines = {{ first_token_s = {first}, inter_token_s = {inter}, total_s = {total} }}
"""
FAUST = {
    "conversation": "infra.processes.conversation",
    "projections": "infra.processes.projector",
    "watchdog": "infra.processes.watchdog",
}
OPTIONAL = {"metering": "infra.processes.metering"}
SETTINGS_OF_API = {"VERBATIM_API__HEARTBEAT_S": "0.5", "VERBATIM_API__READ_WAIT_S": "2"}
GRACE_S = 0.3
READY_S = 200.0
"""Eight processes begin at once; on two busy cores that is what takes long."""
SECOND = "api-second"


@dataclass
class Whole:
    """`models`: patient (waits a minute), hasty (a second for each token), brief (3 s in all), nobody (no worker)."""

    settings: Settings
    folder: Path
    upstream: OpenAIUpstream
    topics: Catalogue
    pool: str
    keys: list[str]
    running: dict[str, StreamProcess] = field(default_factory=dict)
    ports: dict[str, int] = field(default_factory=dict)

    def model(self, name: str) -> str:
        return f"{name}-{self.pool}"

    def start(self, name: str, **env: str) -> StreamProcess:
        """Start a process: conversation, projections, watchdog, recorder, worker…, api…; it is not ready yet."""
        given = {
            "VERBATIM_INSTANCE": "0",
            "VERBATIM_CASSANDRA__KEYSPACE": self.settings.cassandra.keyspace,
            "VERBATIM_REDIS__URL": self.settings.redis.url.get_secret_value(),
            "VERBATIM_REDIS__PREFIX": self.settings.redis.prefix,
            "VERBATIM_TRITON__GRPC": self.settings.triton.grpc,
            "VERBATIM_MODELS": f'["{self.folder / "models.toml"}"]',
            "VERBATIM_WORKER__POOL": self.pool,
            **SETTINGS_OF_API,
            "VERBATIM_API__DISCONNECT_GRACE_S": str(GRACE_S),
        }
        role = name.partition("-")[0]
        agents = FAUST | OPTIONAL
        if role in agents:
            made = StreamProcess.agent(agents[role], self.settings, self.folder, name, given | env)
        else:
            module = f"infra.processes.{role}"
            if role == "api":
                self.ports[name] = free_port()
                env["VERBATIM_API__PORT"] = str(self.ports[name])
            command = [sys.executable, "-m", module]
            made = StreamProcess(command, self.settings, self.folder, name, given | {"VERBATIM_INSTANCE": name} | env)
        self.running[name] = made
        return made

    def stop_all(self) -> dict[str, int]:
        """SIGTERM to all at once; their exit statuses."""
        for process in self.running.values():
            process.process.terminate()
        return {name: process.ended() for name, process in self.running.items()}

    def ready(self, *names: str) -> None:
        """Wait until these serve."""
        for name in names:
            process = self.running[name]
            eventually_sync(partial(_begun_or_ended, process), READY_S)
            process.ready()
            if name in self.ports:
                eventually_sync(partial(_healthy, self.url(name)), READY_S)

    def url(self, api: str = "api") -> str:
        return f"http://127.0.0.1:{self.ports[api]}"

    def client(self, user: int = 0, api: str = "api") -> httpx.AsyncClient:
        headers = {"Authorization": f"Bearer {self.keys[user]}"}
        return httpx.AsyncClient(base_url=self.url(api), headers=headers, timeout=60)

    @contextmanager
    def frozen(self, name: str) -> Iterator[None]:
        """SIGSTOP for the length of the block; `kafka` is the broker."""
        with stopped(self.pid(name)):
            yield

    def pid(self, name: str) -> int:
        if name in self.running:
            return self.running[name].process.pid
        stack = json.loads((self.settings.state / "stack.json").read_text())
        return next(int(child["pid"]) for child in stack["children"] if child["role"] == name)

    def asked_of_engine(self, text: str) -> int:
        """How many engine calls had this as their last message."""
        return sum(request["messages"][-1]["content"] == text for request in self.upstream.requests)

    def records(self, topic: str, wanted: Callable[[object], bool]) -> list[Any]:
        return read_all(self.settings, topic, self.topics[topic].partitions, wanted)


def _begun_or_ended(process: StreamProcess) -> bool:
    return process.sign.exists() or process.process.poll() is not None


def _healthy(url: str) -> bool:
    return httpx.get(f"{url}/health").status_code == 200


@contextmanager
def stopped(pid: int) -> Iterator[None]:
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


@contextmanager
def whole_stack(servers: Settings, folder: Path) -> Iterator[Whole]:
    """All of it, ready; at the end every process must stop by itself, and no log may hold a key or "canary"."""
    keyspace = "guarantees_" + draw_id()[:8]
    settings = servers.model_copy(update={"cassandra": servers.cassandra.model_copy(update={"keyspace": keyspace})})
    pool = f"g{draw_id()[:8]}"
    with counting_upstream() as upstream:
        deadlines = {"patient": (60, 60, 120), "hasty": (1, 1, 30), "brief": (20, 20, 3), "nobody": (1, 1, 2)}
        (folder / "models.toml").write_text(
            "".join(
                MODEL.format(
                    id=f"{name}-{pool}",
                    url=upstream.url,
                    pool=pool if name != "nobody" else f"{pool}-x",
                    first=first,
                    inter=inter,
                    total=total,
                )
                for name, (first, inter, total) in deadlines.items()
            )
        )
        topics = catalogue(("default", pool, f"{pool}-x"))
        create_topics(settings.kafka.client_properties(), topics)
        asyncio.run(migrate(settings))
        whole = Whole(settings, folder, upstream, topics, pool, asyncio.run(_keys(settings, topics)))
        try:
            for name in ("api", "worker", "recorder", *FAUST):
                whole.start(name)
            whole.ready("worker", "recorder", *FAUST, "api")
            yield whole
            statuses = whole.stop_all()
        finally:
            for process in whole.running.values():
                process.__exit__()
            asyncio.run(_drop(settings))
    said = {name: process.said() for name, process in whole.running.items()}
    assert set(statuses.values()) == {0}, {name: text[-2000:] for name, text in said.items() if statuses[name]}
    for name, text in said.items():
        assert "canary" not in text, name
        assert not any(key in text for key in whole.keys), name


async def _keys(settings: Settings, topics: Catalogue) -> list[str]:
    log = LogProducer(settings.kafka.client_properties(), topics)
    await log.start()
    try:
        return [await make_key(log, f"user {draw_secret(6)}") for _ in range(6)]
    finally:
        await log.aclose()


async def _drop(settings: Settings) -> None:
    session = await CassandraSession.connect(settings.cassandra, request_timeout_s=20.0)
    try:
        await session.run(f"DROP KEYSPACE IF EXISTS {settings.cassandra.keyspace}")
    finally:
        await session.aclose()


@contextmanager
def counting_upstream() -> Iterator[OpenAIUpstream]:
    """The upstream on a loop of its own, in a thread: it answers while a test waits for a process."""
    made: list[tuple[OpenAIUpstream, Callable[[], object]]] = []
    there = threading.Event()

    async def serve() -> None:
        loop, over = asyncio.get_running_loop(), asyncio.Event()
        async with OpenAIUpstream() as upstream:
            made.append((upstream, lambda: loop.call_soon_threadsafe(over.set)))
            there.set()
            await over.wait()

    thread = threading.Thread(target=asyncio.run, args=(serve(),), name="upstream", daemon=True)
    thread.start()
    assert there.wait(10)
    upstream, end = made[0]
    try:
        yield upstream
    finally:
        end()
        thread.join(10)


def outcomes_of(whole: Whole, conversation: str) -> list[Any]:
    """What the log says of the ends of a conversation's answers."""
    return whole.records(
        GENERATION_OUTCOMES,
        lambda record: isinstance(record, Outcome) and record.turn.conversation_id == conversation,
    )
