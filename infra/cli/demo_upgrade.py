"""The upgrade demo: a role of the release before meets new records, stops, and loses nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

from infra.cli.chat_wire import Frame
from infra.cli.demo_check import Evidence, Finding, check
from infra.cli.demo_crash import within
from infra.cli.demo_log import LogReader
from infra.cli.demo_older import OlderRole, Stopped
from infra.cli.demo_screen import Screen
from infra.cli.demo_stream import DemoClient, Transcript
from infra.cli.stack_file import RunningStack
from infra.cli.terminal import UserError
from infra.clock import monotonic_s, now_us
from infra.ids import draw_attempt_id, draw_id
from infra.runtime.failures import first
from schemas.generation import AttemptEnded
from schemas.price import Usage
from topics.catalogue import DEAD_LETTERS, TOKEN_CHUNKS, Catalogue
from topics.errors import LogError
from topics.groups import committed
from topics.producer import LogProducer

READS_CHUNKS = frozenset({"recorder", "api"})
"""Roles that meet nothing new in an answer of the local model: they are shown a record that says something new, and
belongs to no answer."""
GROUPS = {
    "worker": "verbatim-workers-default",
    "recorder": "verbatim-recorder",
    "conversation": "verbatim-conversation",
    "watchdog": "verbatim-watchdog",
    "projector": "verbatim-projections",
}
HEALTH_S = 10.0
LOOK_S = 0.2


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to do. `limit_s` bounds each step: the old start, its stop, the upgrade and the answer."""

    role: str
    model: str
    numbers: int
    limit_s: float


@dataclass(frozen=True, slots=True)
class Report:
    """What was seen."""

    conversation_id: str
    generation_id: str
    stopped: Stopped
    findings: tuple[Finding, ...]

    @property
    def holds(self) -> bool:
        return all(finding.holds for finding in self.findings)


async def upgrade(
    state: Path,
    stack: RunningStack,
    properties: Mapping[str, str],
    topics: Catalogue,
    wanted: Wanted,
    screen: Screen,
) -> Report:
    """Run the demo on the stack of `state`. Raises UserError where it cannot be carried to the verdicts."""
    older = await asyncio.to_thread(OlderRole, state, wanted.role)
    try:
        async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {stack.api_key}"}) as session:
            return await _Run(older, session, stack.api_url, properties, topics, wanted, screen).report()
    except* (UserError, LogError, TimeoutError) as group:
        cause = first(group)
        if isinstance(cause, TimeoutError):
            raise UserError("the answer did not end in time: see ./verbatim status") from None
        raise UserError(f"the log: {cause}" if isinstance(cause, LogError) else str(cause)) from None
    finally:
        older.leave()


class _Run:
    def __init__(
        self,
        older: OlderRole,
        session: aiohttp.ClientSession,
        url: str,
        properties: Mapping[str, str],
        topics: Catalogue,
        wanted: Wanted,
        screen: Screen,
    ) -> None:
        self._older = older
        self._session = session
        self._url = url
        self._client = DemoClient(session, url)
        self._properties = properties
        self._topics = topics
        self._wanted = wanted
        self._screen = screen
        self._transcript = Transcript()
        self._conversation = ""
        self._begun = asyncio.Event()
        tag = f"u{draw_attempt_id()[:3]}"
        self._prompt = f"Count from 1 to {wanted.numbers}, each marked {tag}."
        self._expected = ", ".join(f"{tag}:{number}" for number in range(1, wanted.numbers + 1))

    def _until_s(self) -> float:
        return monotonic_s() + self._wanted.limit_s

    async def report(self) -> Report:
        role, log = self._wanted.role, await asyncio.to_thread(LogReader, self._properties)
        self._screen.happened(f"{role} starts as a process of the release before")
        await self._older.make_old(self._until_s())
        before = {child.name: child.pid for child in self._older.children()}
        letters = await asyncio.to_thread(log.end_of, DEAD_LETTERS)
        async with asyncio.timeout(4 * self._wanted.limit_s), asyncio.TaskGroup() as tasks:
            answer = tasks.create_task(self._ask())
            # An API that knows no attempt of today stops before the answer begins, and needs nothing more to stop at.
            saying = tasks.create_task(self._say_something_new()) if role in READS_CHUNKS else None
            stopped = await self._older.stopped(self._until_s())
            if saying is not None:
                saying.cancel()
            self._screen.happened(f"{stopped.name} stops: {stopped.told}", "bold red")
            found = [
                Finding("the old process stops with exit code 3 and says where", True, stopped.told),
                await self._parks_nothing(log, letters),
                await self._is_unacknowledged(stopped),
                self._others_go_on(before),
                *await self._health_is_red(),
            ]
            self._screen.happened(f"{role} is upgraded")
            await self._older.upgrade(self._until_s())
            await answer
        self._screen.happened(f"the answer has its end: frame {self._transcript.last_seq}", "bold green")
        found += [*await self._answer(log), await self._has_gone_on(stopped), await self._is_well()]
        return Report(self._conversation, self._transcript.generation_id, stopped, tuple(found))

    async def _ask(self) -> None:
        # A new conversation may wait for the one that stopped (the projector's rows); then it comes after the upgrade.
        self._conversation = await self._client.new_conversation(
            f"demo upgrade --old {self._wanted.role}", self._wanted.model
        )
        self._screen.happened(f"asked {self._wanted.model}: {self._prompt}")
        await self._client.follow(self._conversation, self._prompt, self._transcript, self._news)

    def _news(self, news: Frame | str) -> None:
        if isinstance(news, str):
            self._screen.happened(f"no connection ({news}): again, from frame {self._transcript.last_seq}", "yellow")
        elif news.event == "content_chunk" or self._transcript.ended:
            self._begun.set()

    async def _say_something_new(self) -> None:
        await self._begun.wait()
        conversation = self._conversation
        usage = Usage(1, 1, estimated=True)
        record = AttemptEnded(
            generation_id=draw_id(),
            conversation_id=conversation,
            attempt_id=draw_attempt_id(),
            at_us=now_us(),
            last_seq=0,
            sha256="",
            finish_reason="stop",
            usage=usage,
            failure=None,
        )
        producer = LogProducer(self._properties, self._topics, client_id="verbatim-demo")
        await producer.start()
        try:
            await producer.send(TOKEN_CHUNKS, conversation, record)
        finally:
            await producer.aclose()

    async def _parks_nothing(self, log: LogReader, letters: int) -> Finding:
        parked = await asyncio.to_thread(log.end_of, DEAD_LETTERS) - letters
        return Finding("it parks nothing", parked == 0, f"{parked} dead letters")

    async def _is_unacknowledged(self, stopped: Stopped) -> Finding:
        promise = "the record is not acknowledged"
        if (group := GROUPS.get(self._wanted.role)) is None:
            return Finding(promise, True, "the API acknowledges nothing: its clients resume by frame")
        at = await self._committed(group, stopped)
        return Finding(promise, at <= stopped.offset, f"{group} goes on at {at}")

    async def _has_gone_on(self, stopped: Stopped) -> Finding:
        promise = "after the upgrade it is handled"
        if (group := GROUPS.get(self._wanted.role)) is None:
            seen = f"the stream, over {self._transcript.connections} connections"
            return Finding(promise, self._transcript.ended, seen)
        until_s = self._until_s()
        while True:
            at = await self._committed(group, stopped)
            if at > stopped.offset or monotonic_s() > until_s:
                return Finding(promise, at > stopped.offset, f"{group} goes on at {at}")
            await asyncio.sleep(LOOK_S)

    async def _committed(self, group: str, stopped: Stopped) -> int:
        found = await asyncio.to_thread(committed, self._properties)
        return found.get((stopped.topic, stopped.partition), {}).get(group, 0)

    def _others_go_on(self, before: Mapping[str, int | None]) -> Finding:
        others = [child for child in self._older.children() if child.role not in (self._wanted.role, "spare")]
        gone = [child.name for child in others if child.pid != before.get(child.name) or child.trouble]
        return Finding("the others go on", not gone, ", ".join(gone) or f"{len(others)} processes")

    async def _health_is_red(self) -> list[Finding]:
        if self._wanted.role == "api":
            return []  # who would tell it is the one that stopped; `status` does
        document: dict[str, Any] = {}
        status, until_s = 0, monotonic_s() + HEALTH_S
        while status != 503 and monotonic_s() < until_s:
            async with self._session.get(f"{self._url}/health") as response:
                status, document = response.status, await response.json()
            await asyncio.sleep(0.1)
        said = str(document.get("roles", {}).get(self._wanted.role, "nothing"))
        return [Finding("/health is red and names it", status == 503 and "newer" in said, f"{status}: {said}")]

    async def _answer(self, log: LogReader) -> tuple[Finding, ...]:
        generation, limit_s = self._transcript.generation_id, self._wanted.limit_s
        stored = await within(limit_s, self._client.stored(self._conversation, generation))
        again = await within(limit_s, self._client.read_again(generation))
        found = await log.everything(generation, self._until_s())
        frames = tuple(self._transcript.frames)
        return check(Evidence(self._expected, frames, again or (), stored, found.log, found.outcomes, found.usages))

    async def _is_well(self) -> Finding:
        await self._older.well(self._until_s())
        return Finding("no process is in trouble any more", True, "by status and /health")
