"""A chat session: runs one command after another, and prints answers as they arrive."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import aclosing
from dataclasses import replace
from typing import Any, assert_never

from infra.cli.chat_api import Answer, ChatApi
from infra.cli.chat_errors import ApiRefused
from infra.cli.chat_lines import (
    HELP,
    Command,
    Help,
    List,
    Misread,
    Model,
    New,
    Nothing,
    Open,
    Prompt,
    Quit,
    Stop,
    command_of,
)
from infra.cli.chat_memory import Memory
from infra.cli.chat_screen import Screen, call_line
from infra.cli.chat_stopping import Stopping
from infra.cli.chat_typing import TypedAhead
from infra.cli.chat_wire import (
    ContentChunk,
    MessageEnd,
    MessageStart,
    ReasoningChunk,
    ToolCall,
    ToolCallChunk,
    TurnFailed,
)
from infra.cli.terminal import UserError, one_line
from infra.clock import monotonic_s
from infra.ids import draw_id

MAX_LISTED = 30
MAX_SHOWN = 6
STOP_WAIT_S = 10.0
_PAGE, _MAX_PAGES = 100, 50


class Session:
    """One talk. `save` is called whenever there is something to remember.

    `typed_ahead`: where lines go that are typed while an answer is written.
    `troubles` counts the commands that failed; `interrupted`: the last answer was told to stop.
    """

    def __init__(self, api: ChatApi, screen: Screen, save: Callable[[Memory], None], typed_ahead: TypedAhead) -> None:
        self._api = api
        self._screen = screen
        self._save = save
        self._listed: list[str] = []
        self.typed_ahead = typed_ahead
        self.troubles = 0
        self.interrupted = False

    async def begin(self, wanted: str | None) -> None:
        """Take up the conversation `wanted`, or the remembered one. Raises UserError if `wanted` cannot be had."""
        conversation = wanted or self._api.memory.conversation_id
        if conversation is None:
            self._screen.note("A new conversation. /help lists the commands.")
            return
        try:
            found = await self._api.get(f"/api/v1/conversations/{conversation}")
        except ApiRefused as refusal:
            if wanted is not None or refusal.status != 404:
                raise
            self._remember(conversation_id=None)
            self._screen.note("The last conversation was deleted; this is a new one.")
            return
        self._remember(conversation_id=conversation)
        title = one_line(str(found.get("title") or found.get("preview") or "")) or conversation
        self._screen.note(f"Continuing {title}. /new begins another, /help lists the commands.")

    async def run_line(self, line: str) -> bool:
        """Do what a line says. False: leave. Errors are shown, counted, and end nothing."""
        try:
            return await self._run(command_of(line))
        except UserError as error:
            self.troubles += 1
            self._screen.trouble(str(error))
            return True
        finally:
            self._save(self._api.memory)

    async def _run(self, command: Command) -> bool:
        match command:
            case Nothing():
                pass
            case Quit():
                return False
            case Help():
                self._screen.line(HELP)
            case Misread(why=why):
                raise UserError(why)
            case Stop():
                self._screen.note("No answer is being written. /stop or Ctrl-C stops one.")
            case New():
                self._remember(conversation_id=None)
                self._screen.note("A new conversation.")
            case List():
                await self._list()
            case Open(which=which):
                await self._open(which)
            case Model(id=model):
                await self._model(model)
            case Prompt(text=text):
                await self._answer(text)
            case _:
                assert_never(command)
        return True

    async def _list(self) -> None:
        found = (await self._api.get("/api/v1/conversations", {"limit": str(MAX_LISTED)})).get("data", [])
        self._listed = [str(row["id"]) for row in found]
        if not found:
            self._screen.line("No conversations yet.")
        for number, row in reversed(list(enumerate(found, 1))):
            current = row["id"] == self._api.memory.conversation_id
            when = str(row.get("updatedAt") or "")[:16].replace("T", " ")
            self._screen.entry(number, str(row.get("title") or ""), str(row.get("preview") or ""), when, current)

    async def _open(self, which: str) -> None:
        if which.isdigit() and len(which) <= 4:
            if not self._listed:
                await self._list()
            if not 1 <= int(which) <= len(self._listed):
                raise UserError(f"there is no conversation {which} in /list")
            which = self._listed[int(which) - 1]
        if not all(character.isalnum() or character in "-_" for character in which):
            raise UserError("not a conversation id: /list shows the ids")
        await self._api.get(f"/api/v1/conversations/{which}")
        self._remember(conversation_id=which)
        for message in await self._newest_messages(which):
            self._screen.said(str(message["role"]), _text_of(message))

    async def _newest_messages(self, conversation: str) -> Iterable[dict[str, Any]]:
        """The last few messages; they are listed oldest first, so the pages before are read and dropped."""
        kept: deque[dict[str, Any]] = deque(maxlen=MAX_SHOWN)
        query = {"limit": str(_PAGE)}
        for _ in range(_MAX_PAGES):
            page = await self._api.get(f"/api/v1/conversations/{conversation}/messages", query)
            kept.extend(page["data"])
            if not page.get("nextCursor"):
                break
            query["cursor"] = str(page["nextCursor"])
        return kept

    async def _model(self, model: str) -> None:
        ids = [str(row["id"]) for row in (await self._api.get("/v1/models")).get("data", [])]
        if not model:
            for id_ in ids:
                self._screen.line(("* " if id_ == self._api.memory.model else "  ") + one_line(id_))
            return
        if model not in ids:
            raise UserError(f"unknown model {model!r}; the models are {', '.join(ids)}")
        self._remember(model=model)
        self._screen.note(f"{model} answers from now on.")

    async def _answer(self, prompt: str) -> None:
        conversation = self._api.memory.conversation_id or await self._new_conversation()
        answer = Answer(draw_id())
        began = monotonic_s()
        ending: MessageEnd | TurnFailed | None = None
        trouble: UserError | None = None
        with Stopping(self._screen.interactive, self.typed_ahead) as stopping:
            async with asyncio.TaskGroup() as tasks:
                stopper = tasks.create_task(self._cancel_when(stopping, answer))
                try:
                    async with asyncio.timeout(None) as stopping.patience:
                        ending = await self._write(conversation, prompt, answer, stopping)
                except TimeoutError:
                    trouble = UserError("left the answer before it ended; /open shows it later")
                except UserError as error:
                    trouble = error
                finally:
                    stopper.cancel()
            self.interrupted = stopping.asked.is_set()
        if trouble is not None:
            raise trouble
        self._tell_end(ending, monotonic_s() - began)

    async def _write(
        self, conversation: str, prompt: str, answer: Answer, stopping: Stopping
    ) -> MessageEnd | TurnFailed | None:
        """Show the answer as it comes; returns how it ended."""
        call: list[str] = []
        async with aclosing(self._api.stream(conversation, prompt, self._api.memory.model, answer)) as events:
            async for event in events:
                if call and not isinstance(event, ToolCallChunk):
                    self._screen.call(call[0], "".join(call[1:]))
                    call = []
                match event:
                    case MessageStart():
                        stopping.begun.set()
                    case ContentChunk(delta=delta):
                        self._screen.chunk(delta)
                    case ReasoningChunk(delta=delta):
                        self._screen.thought(delta)
                    case ToolCall(name=name, delta=delta):
                        call = [name, delta]
                    case ToolCallChunk(delta=delta):
                        call.append(delta)
                    case MessageEnd() | TurnFailed():
                        return event
                    case _:
                        assert_never(event)
        return None

    async def _cancel_when(self, stopping: Stopping, answer: Answer) -> None:
        """Once asked to stop: cancel the answer as soon as it has begun, and wait only so long for its end."""
        await stopping.asked.wait()
        self._screen.note("stopping … (Ctrl-C again leaves at once)")
        stopping.wait_at_most(STOP_WAIT_S)
        await stopping.begun.wait()
        try:
            await self._api.cancel(answer)
        except UserError as error:
            self._screen.trouble(str(error))

    async def _new_conversation(self) -> str:
        made = await self._api.post("/api/v1/conversations", {})
        conversation = str(made["id"])
        self._remember(conversation_id=conversation)
        return conversation

    def _tell_end(self, ending: MessageEnd | TurnFailed | None, took_s: float) -> None:
        match ending:
            case MessageEnd(finish_reason=reason, tokens_used=tokens, cost=cost, currency=currency):
                said = {"cancelled": "stopped", "length": "cut off at the longest answer allowed"}.get(reason, "")
                parts = [said, f"{tokens} tokens", f"{cost:.6f} {currency}".strip(), f"{took_s:.1f} s"]
                self._screen.end_of_answer(" · ".join(part for part in parts if part))
            case TurnFailed(code=code, message=message, retryable=retryable):
                what = ": ask again" if retryable else ""
                raise UserError(f"{message.rstrip('.')} ({code}){what}")
            case None:
                raise UserError("the answer has no end frame: ask again")

    def _remember(self, **changes: Any) -> None:
        self._api.memory = replace(self._api.memory, **changes)
        self._save(self._api.memory)


def _text_of(message: dict[str, Any]) -> str:
    """What is shown of a message of before: its text, a line for each call, and why it failed."""
    calls = [part for part in message.get("parts", ()) if part["kind"] == "tool_call"]
    said = [str(message.get("content") or "")]
    said += [call_line(str(part.get("name", "")), str(part["text"])) for part in calls]
    error = message.get("error")
    text = "\n".join(each for each in said if each)
    return f"{text} [{one_line(str(error.get('message')))}]".strip() if isinstance(error, dict) else text
