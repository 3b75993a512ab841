"""People: they ask with a key until they are answered, read to the end over any number of connections, and cancel."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from random import Random
from typing import Any

from tests.faults.evidence import Acked, CancelAnswered, Cut, Entry, Frame, GaveUp, Intent, Refused, Unknown
from tests.sim.api_process import ApiServer, Connection
from tests.sim.plans import Embedding, Prompt

PATIENCE_S = 240.0
ANSWER_S = 60.0


@dataclass(slots=True)
class People:
    """All clients of a run, and what they wrote down."""

    loop: asyncio.AbstractEventLoop
    rng: Random
    api: Callable[[], ApiServer | None]
    has_ended: Callable[[str], Coroutine[Any, Any, bool]]
    """Whether the stores show the end of this generation."""
    journal: list[Entry] = field(default_factory=list)
    acked: dict[str, asyncio.Event] = field(default_factory=lambda: defaultdict(asyncio.Event))
    reached: dict[str, asyncio.Event] = field(default_factory=lambda: defaultdict(asyncio.Event))
    """By key: a reader has the frame at which the prompt is to be cancelled."""
    embedded: list[tuple[str, int, bytes]] = field(default_factory=list)
    """Of each request for embeddings its key, the status of its answer, and the answer."""

    async def ask(self, prompt: Prompt) -> None:
        """One turn, from its question to its end."""
        await asyncio.sleep(prompt.at_s)
        if prompt.follows is not None:
            # api/turns/parents.py waits for the answer to be complete; here the client does.
            await self._ended(prompt.parent or "")
        async with asyncio.TaskGroup() as group:
            group.create_task(self._ask(prompt, "first"))
            if prompt.twice:
                group.create_task(self._ask(prompt, "twin"))
            if prompt.cancel_after_s is not None or prompt.cancel_at_frame is not None:
                group.create_task(self._cancel(prompt))
            for number, after_s in enumerate(prompt.readers):
                group.create_task(self._join(prompt, f"{prompt.key}-late-{number}", after_s))

    async def embed(self, embedding: Embedding) -> None:
        """Ask for embeddings until they are answered, or refused for good."""
        await asyncio.sleep(embedding.at_s)
        async with asyncio.TaskGroup() as group:
            for _ in range(2 if embedding.twice else 1):
                group.create_task(self._embed(embedding))

    async def _embed(self, embedding: Embedding) -> None:
        until_s = self.loop.time() + PATIENCE_S
        while self.loop.time() < until_s:
            if (api := self.api()) is not None:
                connection = Connection(api.process)
                api.start(api.embed(connection, embedding))
                try:
                    async with asyncio.timeout(ANSWER_S):
                        piece = await connection.inbox.get()
                except TimeoutError:
                    piece = None
                connection.leave()
                if piece is not None and piece[0] != 503:
                    self.embedded.append((embedding.key, *piece[:2]))
                    return
            await asyncio.sleep(self.rng.uniform(0.1, 1.0))

    async def _ended(self, generation_id: str) -> None:
        until_s = self.loop.time() + PATIENCE_S
        while self.loop.time() < until_s:
            if await self.has_ended(generation_id):
                return
            await asyncio.sleep(0.2)

    async def _ask(self, prompt: Prompt, name: str) -> None:
        reader, until_s = f"{prompt.key}-{name}", self.loop.time() + PATIENCE_S
        hang_ups = list(prompt.hang_ups_s) if name == "first" else []
        while self.loop.time() < until_s:
            body = prompt.body_sha256
            self.journal.append(Intent(prompt.key, prompt.conversation_id, prompt.tag, prompt.count, body))
            api, hang_up_s = self.api(), hang_ups.pop() if hang_ups else None
            connection = None
            if api is not None:
                connection = Connection(api.process)
                api.start(api.post(connection, prompt))
            status, seq, ended = await self._read(connection, reader, prompt, -1, hang_up_s)
            if status == 200:
                if not ended:
                    await self._read_on(prompt, reader, seq, until_s, hang_ups)
                return
            if status not in (0, 503):
                self.journal.append(Refused(prompt.key, status, ""))
                return
            self.journal.append(Unknown(prompt.key, "cut" if status == 0 else "503"))
            await asyncio.sleep(self.rng.uniform(0.1, 1.0))
        self.journal.append(GaveUp(reader, prompt.generation_id, "never acknowledged"))

    async def _join(self, prompt: Prompt, reader: str, after_s: float) -> None:
        """Another device, some time after the prompt was accepted."""
        if not await self._within_patience(self.acked[prompt.key]):
            return
        await asyncio.sleep(after_s)
        await self._read_on(prompt, reader, -1, self.loop.time() + PATIENCE_S, [])

    async def _within_patience(self, happened: asyncio.Event) -> bool:
        try:
            async with asyncio.timeout(PATIENCE_S):
                return await happened.wait()
        except TimeoutError:
            return False

    async def _read_on(self, prompt: Prompt, reader: str, seq: int, until_s: float, hang_ups: list[float]) -> None:
        while self.loop.time() < until_s:
            self.journal.append(Cut(reader, seq))
            await asyncio.sleep(self.rng.uniform(0.01, 0.5))
            api = self.api()
            if api is None:
                continue
            connection = Connection(api.process)
            api.start(api.resume(connection, prompt.generation_id, seq))
            hang_up_s = hang_ups.pop() if hang_ups else None
            _, seq, ended = await self._read(connection, reader, prompt, seq, hang_up_s)
            if ended:
                return
        self.journal.append(GaveUp(reader, prompt.generation_id, "no end came"))

    async def _read(
        self, connection: Connection | None, reader: str, prompt: Prompt, seq: int, hang_up_s: float | None
    ) -> tuple[int, int, bool]:
        """(status, 0 for none; the last frame seen; whether it was the end)."""
        if connection is None:
            return 0, seq, False
        status, rest = 0, b""
        try:
            async with asyncio.timeout(hang_up_s or ANSWER_S):
                while (piece := await connection.inbox.get()) is not None:
                    status, body, last = piece
                    if status != 200:
                        return status, seq, False
                    if reader.endswith(("first", "twin")) and not rest and seq < 0:
                        self._accepted(prompt)
                    *whole, rest = (rest + body).split(b"\n\n")
                    for text in whole:
                        frame = _frame(text, reader, prompt.generation_id)
                        if frame is not None:
                            self.journal.append(frame)
                            seq = frame.seq
                            if prompt.cancel_at_frame is not None and seq >= prompt.cancel_at_frame:
                                self.reached[prompt.key].set()
                            if frame.event in ("message_end", "error"):
                                self.reached[prompt.key].set()
                                return status, seq, True
                    if last:
                        break
        except TimeoutError:
            pass
        finally:
            connection.leave()
        return status, seq, False

    def _accepted(self, prompt: Prompt) -> None:
        if not self.acked[prompt.key].is_set():
            self.acked[prompt.key].set()
        entry = Acked(prompt.key, prompt.generation_id, prompt.conversation_id)
        if self.journal and entry not in self.journal[-3:]:
            self.journal.append(entry)

    async def _cancel(self, prompt: Prompt) -> None:
        early = prompt.cancel_early and prompt.cancel_at_frame is None
        if not early and not await self._within_patience(self.acked[prompt.key]):
            return
        if prompt.cancel_at_frame is not None and not await self._within_patience(self.reached[prompt.key]):
            return
        await asyncio.sleep(prompt.cancel_after_s or 0.0)
        until_s = self.loop.time() + (10.0 if early else PATIENCE_S)
        while self.loop.time() < until_s:
            api = self.api()
            if api is not None:
                connection = Connection(api.process)
                api.start(api.cancel(connection, prompt.generation_id, self.rng.choice((None, 0, 3))))
                try:
                    async with asyncio.timeout(ANSWER_S):
                        piece = await connection.inbox.get()
                except TimeoutError:
                    piece = None
                connection.leave()
                if piece is not None and piece[0] in (200, 202):
                    self.journal.append(CancelAnswered(prompt.generation_id, piece[0], piece[1].decode()))
                    return
            await asyncio.sleep(self.rng.uniform(0.05, 0.6))


def _frame(text: bytes, reader: str, generation_id: str) -> Frame | None:
    fields = dict(line.split(b": ", 1) for line in text.splitlines() if b": " in line and not line.startswith(b":"))
    if b"id" not in fields:
        return None
    return Frame(reader, generation_id, int(fields[b"id"]), fields[b"event"].decode(), fields[b"data"].decode())
