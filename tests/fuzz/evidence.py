"""What a run left behind: the log, and what the stores show of every answer in it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from schemas.conversation import PromptSubmitted
from schemas.envelope import plain
from schemas.price import Usage
from schemas.turns import Command
from tests.faults.evidence import Evidence, StoredMessage
from tests.faults.facts import Facts
from tests.faults.log_evidence import LogReader, at_rest
from tests.fuzz.asking import Door
from tests.fuzz.upstream import CASE

AT_ONCE = 8


def reader_of(bootstrap: str, *, from_now: bool = False) -> LogReader:
    """Reads the whole log, or what comes from now on."""
    reader = LogReader({"bootstrap.servers": bootstrap})
    if from_now:
        reader.skip_to_end()
    return reader


def facts_of(reader: LogReader, settle_s: float) -> Facts:
    """All that a reader finds once the log is at rest. Blocking; closes the reader."""
    return Facts(Evidence((), at_rest(reader, settle_s=settle_s), ()))


def case_of(command: Command | None) -> str:
    """Which case a prompt asked for; "": none."""
    if not isinstance(command, PromptSubmitted):
        return ""
    said = plain(command.content) if command.content is not None else ""
    texts = [said, *(plain(message.content) for message in command.messages[-1:])]
    named = CASE.search(texts[0]) or CASE.search(texts[-1])
    return named[1] if named else ""


async def shown(door: Door, generations: Iterable[str]) -> dict[str, StoredMessage]:
    """What the API shows of each; those that it does not know are left out."""
    waiting, found = list(generations), dict[str, StoredMessage]()

    async def client() -> None:
        while waiting:
            name = waiting.pop()
            answer = await door.call(
                "GET", f"/api/v1/generations/{name}", extra={"X-Verbatim-Position": f"generation/{name}"}
            )
            if answer.status == 200:
                found[name] = _stored(answer.json())

    async with asyncio.TaskGroup() as clients:
        for _ in range(AT_ONCE):
            clients.create_task(client())
    return found


def _stored(state: dict[str, object]) -> StoredMessage:
    usage = state["usage"]
    counts = None
    if isinstance(usage, dict):
        counts = Usage(usage["promptTokens"], usage["completionTokens"], usage["cachedTokens"])
    return StoredMessage(
        str(state["conversationId"]),
        str(state["id"]),
        "assistant",
        str(state["content"]),
        str(state["status"]),
        None if state["finishReason"] is None else str(state["finishReason"]),
        counts,
        None,
    )
