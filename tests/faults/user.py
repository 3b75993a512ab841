"""An ideal user of /api/v1: journals before it acts, retries under the same key, resumes, never believes too early.

It keeps what the API asks its clients to keep: the position token of a conversation, the key of a request, the last
frame of a stream. Whatever dies meanwhile, it goes on, within its patience.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from uuid import UUID

import httpx

from infra.clock import monotonic_s, now_us
from tests.faults.evidence import (
    Acked,
    CancelAnswered,
    Cut,
    Frame,
    GaveUp,
    Intent,
    Refused,
    Transcript,
    Unknown,
)
from tests.faults.journal import Journal
from tests.faults.turns import POSITION, Prompt, Reader, Talk, digest

BEHIND, KEY = "X-Verbatim-Behind", "Idempotency-Key"
SILENCE_S = 25.0
"""How long a connection may stay silent: heartbeats come every 15 s."""
_CONNECT_S = 5.0
_PAUSES_S = (0.1, 0.2, 0.5, 1.0, 1.0, 2.0)
_MAX_REFUSALS = 20
_LATER = (409, 429)


class User:
    """Acts through one HTTP client and writes everything it sees to the journal."""

    def __init__(
        self, url: str, key: str, journal: Journal, *, patience_s: float = 180.0,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:  # fmt: skip
        """`patience_s`: for how long it tries without any progress before it gives up."""
        self._journal = journal
        self._patience_s = patience_s
        self._http = httpx.AsyncClient(
            base_url=url,
            transport=transport,
            headers={"Authorization": f"Bearer {key}"},
            timeout=httpx.Timeout(SILENCE_S, connect=_CONNECT_S),
            limits=httpx.Limits(max_connections=200, max_keepalive_connections=50),
        )

    async def aclose(self) -> None:
        await self._http.aclose()

    async def begin(self, key: str) -> Talk | None:
        """A new conversation; None if there is none within the user's patience."""
        async for _ in self._tries():
            with contextlib.suppress(httpx.HTTPError):
                answer = await self._http.post("/api/v1/conversations", json={}, headers={KEY: key})
                if answer.status_code == 201:
                    token = answer.headers.get(POSITION)
                    return Talk(answer.json()["id"], [token] if token else [])
        return None

    async def ask(self, talk: Talk, prompt: Prompt, reader: Reader) -> bool:
        """Send a prompt and follow its answer with `reader`. True once it has ended, False for a no or no answer."""
        refusals = 0
        async for _ in self._tries():
            self._journal.write(prompt.intent(talk.conversation_id))
            try:
                async with self._post(talk, prompt) as answer:
                    if answer.status_code == 200:
                        self._acked(talk, prompt, answer)
                        await self._take(answer, reader, lambda: self._named(talk, prompt, reader))
                    elif await self._refused(prompt.key, answer):
                        refusals += 1
                        if answer.status_code not in _LATER or refusals > _MAX_REFUSALS:
                            return False
            except httpx.HTTPError as error:
                if not reader.generation_id:
                    self._journal.write(Unknown(prompt.key, type(error).__name__))
            if reader.ended:
                return True
            if reader.generation_id:
                return await self.follow(reader)
        return False

    async def ask_otherwise(self, talk: Talk, prompt: Prompt) -> None:
        """Use a key again with another body. An answer other than 422 is journalled for the checker to see."""
        async for _ in self._tries():
            self._journal.write(prompt.intent(talk.conversation_id))
            try:
                async with self._post(talk, prompt) as answer:
                    if answer.status_code == 200:
                        self._journal.write(Acked(prompt.key, "", talk.conversation_id))
                        return
                    if await self._refused(prompt.key, answer):
                        return
            except httpx.HTTPError as error:
                self._journal.write(Unknown(prompt.key, type(error).__name__))

    async def follow(self, reader: Reader) -> bool:
        """Resume a stream after the reader's last frame, as often as it takes. False: it gave up."""
        path = f"/api/v1/generations/{reader.generation_id}/stream"
        why = "no answer"
        if reader.after >= 0:
            self._journal.write(Cut(reader.name, reader.after))
        async for tried in self._tries():
            headers = {POSITION: f"generation/{reader.generation_id}"} if tried.times > 3 else {}
            if reader.after >= 0:
                headers["Last-Event-ID"] = str(reader.after)
            before = reader.after
            try:
                async with self._http.stream("GET", path, headers=headers) as answer:
                    why = str(answer.status_code)
                    if answer.status_code == 200:
                        await self._take(answer, reader, None)
            except httpx.HTTPError as error:
                why = type(error).__name__
            if reader.ended:
                return True
            if reader.after > before:
                tried.progressed()
            self._journal.write(Cut(reader.name, reader.after))
        self._journal.write(GaveUp(reader.name, reader.generation_id, f"{why}, nothing for {self._patience_s:.0f} s"))
        return False

    async def cancel(self, generation_id: str, seen: int | None = None) -> str | None:
        """Cancel, until there is an answer: the state it told, or None."""
        async for _ in self._tries():
            with contextlib.suppress(httpx.HTTPError):
                path = f"/api/v1/generations/{generation_id}/cancel"
                answer = await self._http.post(path, json={"seen": seen} if seen is not None else {})
                if answer.status_code in (200, 202):
                    state = str(answer.json()["status"])
                    self._journal.write(CancelAnswered(generation_id, answer.status_code, state))
                    return state
        return None

    async def complete(self, prompt: Prompt, name: str) -> bool:
        """One streamed /v1/chat/completions, retried under its key; True once it was read to its end."""
        key, body = prompt.key, prompt.completion
        intent = Intent(key, "", prompt.tag, prompt.count, digest(body))
        async for _ in self._tries(most=6):
            self._journal.write(intent)
            generation, text = "", ""
            try:
                path = "/v1/chat/completions"
                async with self._http.stream("POST", path, json=body, headers={KEY: key}) as answer:
                    if answer.status_code != 200:
                        # What failed before its first word is answered with a status too, so no 4xx is a clear no.
                        self._journal.write(Unknown(key, str(answer.status_code)))
                        continue
                    async for block in blocks(answer):
                        data = block.get("data", "")
                        if data == "[DONE]":
                            self._journal.write(Transcript(name, generation, text, "stop"))
                            return True
                        chunk = json.loads(data)
                        if "error" in chunk:
                            self._journal.write(Transcript(name, generation, text, "error"))
                            return True
                        if not generation:
                            generation = str(UUID(chunk["id"].removeprefix("chatcmpl-")))
                            self._journal.write(Acked(key, generation, ""))
                        text += chunk["choices"][0]["delta"].get("content") or ""
            except httpx.HTTPError as error:
                self._journal.write(Unknown(key, type(error).__name__))
        return False

    async def state(self, generation_id: str) -> str | None:
        """What the API says of a generation; None: nothing (it is away, or knows none)."""
        with contextlib.suppress(httpx.HTTPError):
            answer = await self._http.get(f"/api/v1/generations/{generation_id}")
            if answer.status_code == 200:
                return str(answer.json()["status"])
        return None

    async def _take(self, answer: httpx.Response, reader: Reader, on_named: Callable[[], None] | None) -> None:
        """Read frames until the end, the end of the connection, or where the reader wants to leave."""
        async for block in blocks(answer):
            if "id" not in block:
                continue
            seq, event, data = int(block["id"]), block["event"], block["data"]
            if not reader.generation_id and event == "message_start":
                reader.generation_id = json.loads(data)["messageId"]
                if on_named is not None:
                    on_named()
            self._journal.write(Frame(reader.name, reader.generation_id, seq, event, data, now_us()))
            reader.after = seq
            if reader.on_frame is not None:
                reader.on_frame(seq)
            if event in ("message_end", "error"):
                reader.ended = True
                return
            if reader.leave_after and seq >= reader.leave_after[0]:
                reader.leave_after.pop(0)
                return

    def _post(self, talk: Talk, prompt: Prompt) -> AbstractAsyncContextManager[httpx.Response]:
        path = f"/api/v1/conversations/{talk.conversation_id}/messages"
        return self._http.stream("POST", path, json=prompt.body, headers={**talk.position(), KEY: prompt.key})

    def _acked(self, talk: Talk, prompt: Prompt, answer: httpx.Response) -> None:
        self._journal.write(Acked(prompt.key, "", talk.conversation_id))
        if token := answer.headers.get(POSITION):
            talk.written.append(token)

    def _named(self, talk: Talk, prompt: Prompt, reader: Reader) -> None:
        self._journal.write(Acked(prompt.key, reader.generation_id, talk.conversation_id))

    async def _refused(self, key: str, answer: httpx.Response) -> bool:
        """Journal an answer that is no stream. True for a definite no; one that admits to be behind may be mistaken."""
        if not 400 <= answer.status_code < 500 or BEHIND in answer.headers:
            self._journal.write(Unknown(key, str(answer.status_code)))
            return False
        code = ""
        with contextlib.suppress(httpx.HTTPError, ValueError, KeyError):
            code = str(json.loads(await answer.aread())["error"]["code"])
        self._journal.write(Refused(key, answer.status_code, code))
        return True

    async def _tries(self, most: int = 1_000_000) -> AsyncIterator[_Tries]:
        """Try after try with a pause in between, until there was no progress for as long as the user's patience."""
        tries = _Tries(monotonic_s())
        while tries.times < most and monotonic_s() - tries.progress_s < self._patience_s:
            tries.times += 1
            yield tries
            await asyncio.sleep(_PAUSES_S[min(tries.times, len(_PAUSES_S)) - 1])


@dataclass
class _Tries:
    progress_s: float
    times: int = 0

    def progressed(self) -> None:
        self.progress_s = monotonic_s()
        self.times = 0


async def blocks(answer: httpx.Response) -> AsyncIterator[dict[str, str]]:
    """The fields of each server-sent event. What is torn at the end of the connection is no event."""
    buffer = b""
    async for piece in answer.aiter_bytes():
        buffer += piece
        *whole, buffer = buffer.split(b"\n\n")
        for block in whole:
            lines = (line.split(": ", 1) for line in block.decode().split("\n") if not line.startswith(":"))
            fields = {line[0]: line[1] for line in lines if len(line) == 2}
            if fields:
                yield fields
