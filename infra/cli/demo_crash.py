"""The crash demo: starts an answer, kills a process, follows the stream, and compares everything."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import aiohttp

from infra.cli.chat_wire import ContentChunk, Frame, event_of
from infra.cli.demo_check import Evidence, Finding, Stored, check
from infra.cli.demo_log import Found, LogReader
from infra.cli.demo_screen import Screen
from infra.cli.demo_story import Attempt, Pauses, attempts_of, pauses
from infra.cli.demo_stream import DemoClient, Transcript
from infra.cli.demo_victims import kill, successors, victims
from infra.cli.stack_file import RunningStack, StackChild
from infra.cli.terminal import UserError
from infra.clock import monotonic_s
from infra.ids import draw_attempt_id
from infra.runtime.failures import first
from topics.errors import LogError

SILENCE_S = 0.15
"""A gap between two frames that is worth a word, if it is longer than those that were told before."""
SETTLE_S = 1.0
"""How long after the last record a second copy of an outcome or a bill is still waited for."""

T = TypeVar("T")


OWN_WORDS = frozenset({"smollm2-135m-instruct"})
"""Models that do not count as they are told: they tell a story."""
STORY = "Tell me a long story about a river, with many details."
KILL_AT_CHARACTER = 200


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to do. `limit_s` bounds the answer, and once more everything after it."""

    role: str
    model: str
    numbers: int
    limit_s: float


@dataclass(frozen=True, slots=True)
class Report:
    """What was seen. `back_after_s`: from the kill to the last successor's readiness; None if one is not back."""

    conversation_id: str
    generation_id: str
    killed: tuple[StackChild, ...]
    connections: int
    pauses: Pauses | None
    back_after_s: float | None
    attempts: tuple[Attempt, ...]
    findings: tuple[Finding, ...]

    @property
    def holds(self) -> bool:
        return all(finding.holds for finding in self.findings)


async def crash(
    state: Path, stack: RunningStack, properties: Mapping[str, str], wanted: Wanted, screen: Screen
) -> Report:
    """Run the demo on the stack of `state`. Raises UserError where it cannot be carried to the verdicts."""
    async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {stack.api_key}"}) as session:
        client = DemoClient(session, stack.api_url)
        try:
            async with asyncio.TaskGroup() as tasks:
                run = _Run(state, properties, wanted, screen, client, tasks)
                report = await run.verdicts(await run.answer())
        except* (UserError, LogError) as group:
            cause = first(group)
            raise UserError(f"the log: {cause}" if isinstance(cause, LogError) else str(cause)) from None
    return report


@dataclass(frozen=True, slots=True)
class _Kill:
    """Who was killed; `missing` ends when all are back, with the names of those that are not in time."""

    children: tuple[StackChild, ...]
    missing: asyncio.Task[tuple[str, ...]]


class _Run:
    def __init__(
        self,
        state: Path,
        properties: Mapping[str, str],
        wanted: Wanted,
        screen: Screen,
        client: DemoClient,
        tasks: asyncio.TaskGroup,
    ) -> None:
        self._state = state
        self._properties = properties
        self._wanted = wanted
        self._screen = screen
        self._client = client
        self._tasks = tasks
        tag = f"k{draw_attempt_id()[:3]}"
        self._prompt = f"Count from 1 to {wanted.numbers}, each marked {tag}."
        self._expected: str | None = ", ".join(f"{tag}:{number}" for number in range(1, wanted.numbers + 1))
        self._kill_at = len(self._expected) // 2
        if wanted.model in OWN_WORDS:
            self._prompt, self._expected, self._kill_at = STORY, None, KILL_AT_CHARACTER
        self._conversation_id = ""
        self._characters = 0
        self._told_s = SILENCE_S
        self._first_after: int | None = None
        self._transcript = Transcript()
        self._begun, self._half = asyncio.Event(), asyncio.Event()
        self._killed_at_s = self._back_at_s = float("inf")

    async def answer(self) -> _Kill:
        """Ask, and read to the end while the process dies. Raises UserError, LogError, alone or in a group."""
        limit_s = self._wanted.limit_s
        try:
            async with asyncio.timeout(limit_s):
                return await self._answered()
        except TimeoutError:
            raise UserError(
                f"the answer did not end within {limit_s:g} s (the last frame that came is "
                f"{self._transcript.last_seq}): see ./verbatim status and ./verbatim logs"
            ) from None

    async def _answered(self) -> _Kill:
        title = f"demo crash --kill {self._wanted.role}"
        self._conversation_id = await self._client.new_conversation(title, self._wanted.model)
        self._log = await asyncio.to_thread(LogReader, self._properties)
        self._screen.happened(f"asked {self._wanted.model}: {self._prompt}")
        async with asyncio.TaskGroup() as tasks:
            killing = tasks.create_task(self._kill())
            await self._client.follow(self._conversation_id, self._prompt, self._transcript, self._news)
        return killing.result()

    async def verdicts(self, killed: _Kill) -> Report:
        """Wait until everybody has caught up, bounded, and compare. Raises UserError, LogError."""
        limit_s = self._wanted.limit_s
        until_s = monotonic_s() + limit_s
        missing, stored, again, found = await asyncio.gather(
            killed.missing,
            within(limit_s, self._client.stored(self._conversation_id, self._transcript.generation_id)),
            within(limit_s, self._client.read_again(self._transcript.generation_id)),
            self._found(until_s),
        )
        return self._report(killed, missing, stored, again or (), found)

    def _report(
        self, killed: _Kill, missing: tuple[str, ...], stored: Stored | None, again: tuple[Frame, ...], found: Found
    ) -> Report:
        seen = self._transcript
        evidence = Evidence(self._expected, tuple(seen.frames), again, stored, found.log, found.outcomes, found.usages)
        back_after_s = None if missing else self._back_at_s - self._killed_at_s
        back = f"not in time: {', '.join(missing)}" if missing else f"after {back_after_s:.1f} s"
        return Report(
            self._conversation_id,
            seen.generation_id,
            killed.children,
            seen.connections,
            pauses(seen.at_s, self._killed_at_s),
            back_after_s,
            attempts_of(found.log),
            (*check(evidence), Finding("the killed process is back without help", not missing, back)),
        )

    async def _kill(self) -> _Kill:
        await self._begun.wait()
        role, writer = self._wanted.role, None
        if role == "worker":
            writer = await asyncio.to_thread(self._log.writer, self._transcript.generation_id)
        await self._half.wait()
        chosen = victims(self._state, role, writer)
        self._killed_at_s = kill(self._state, chosen)
        for child in chosen:
            where = f"after frame {self._transcript.last_seq}"
            self._screen.happened(f"kill -9 {child.pid} ({child.name}), {where}", "bold red", self._killed_at_s)
        until_s = self._killed_at_s + self._wanted.limit_s
        return _Kill(chosen, self._tasks.create_task(successors(self._state, chosen, until_s, self._back)))

    def _news(self, news: Frame | str) -> None:
        times, seq = self._transcript.at_s, self._transcript.last_seq
        if isinstance(news, str):
            taken_up = f"with Last-Event-ID {seq}" if seq >= 0 else "with the same key"
            self._screen.happened(f"no connection ({news}): again, {taken_up}", "yellow")
            return
        if self._first_after is None and times[-1] > self._killed_at_s:
            self._first_after = seq
        if len(times) > 1 and (silence_s := times[-1] - times[-2]) > self._told_s and times[-1] > self._killed_at_s:
            self._told_s = silence_s
            self._screen.happened(f"the stream goes on with frame {seq} after {silence_s:.2f} s", "bold green")
        match event_of(news):
            case ContentChunk(delta=delta):
                if not self._begun.is_set():
                    self._begun.set()
                    self._screen.happened("the first text")
                self._screen.grew(delta)
                self._characters += len(delta)
                if self._characters >= self._kill_at:
                    self._half.set()
            case _:
                if self._transcript.ended:
                    # An answer that failed early must not leave the killer waiting.
                    self._begun.set()
                    self._half.set()
                    if self._told_s == SILENCE_S and self._first_after is not None:
                        self._screen.happened(f"the stream goes on with frame {self._first_after}, without a pause")
                    self._screen.happened(f"the end: frame {seq}, connections {self._transcript.connections}")

    def _back(self, name: str) -> None:
        self._back_at_s = monotonic_s()
        self._screen.happened(f"{name} is ready again, {self._back_at_s - self._killed_at_s:.1f} s after the kill")

    async def _found(self, until_s: float) -> Found:
        await self._log.everything(self._transcript.generation_id, until_s)
        await asyncio.sleep(SETTLE_S)
        return await self._log.everything(self._transcript.generation_id, until_s)


async def within(limit_s: float, wanted: Awaitable[T]) -> T | None:
    """What is waited for, or None if it does not come in time."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(limit_s):
            return await wanted
    return None
