"""What the stores show of every conversation and generation of a journal, read through the API as their owner."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import httpx

from schemas.conversation import TitleRequested
from schemas.price import Usage
from tests.faults.evidence import Entry, Evidence, Intent, LogRecord, StoredMessage
from tests.faults.facts import Facts
from tests.faults.journal import read
from tests.faults.log_evidence import read_log

_BEHIND, _POSITION = "X-Verbatim-Behind", "X-Verbatim-Position"
_POSITIONS = 32
_PAUSE_S = 0.5


class StoresUnreadable(Exception):
    """The API did not answer for as long as was waited."""


class StoreReader:
    """Reads conversations and generations; waits while the API says that it is behind.

    All waits together end after `patience_s`: what is behind even then is taken as it is, for the checker to judge.
    """

    def __init__(self, url: str, key: str, patience_s: float = 60.0) -> None:
        self._client = httpx.Client(base_url=url, headers={"Authorization": f"Bearer {key}"}, timeout=30)
        self._until_s = time.monotonic() + patience_s

    def close(self) -> None:
        self._client.close()

    def messages(self, conversation_id: str, ended: Iterable[str]) -> Iterator[StoredMessage]:
        """The list of a conversation, with the answers `ended` in it; nothing for one that is not there.

        Raises StoresUnreadable.
        """
        wanted = list(ended)
        for first in range(0, max(1, len(wanted)), _POSITIONS):
            token = ",".join(f"generation/{name}" for name in wanted[first : first + _POSITIONS])
            page = self._get(f"/api/v1/conversations/{conversation_id}/messages", token)
        while page is not None:
            for message in page["data"]:
                yield _message(message)
            cursor = page["nextCursor"]
            if cursor is None:
                return
            page = self._get(f"/api/v1/conversations/{conversation_id}/messages", "", cursor=cursor)

    def generation(self, generation_id: str) -> StoredMessage | None:
        """An answer by its own id (a stateless one is in no list). Raises StoresUnreadable."""
        state = self._get(f"/api/v1/generations/{generation_id}", f"generation/{generation_id}")
        if state is None:
            return None
        return StoredMessage(
            state["conversationId"],
            state["id"],
            "assistant",
            state["content"],
            state["status"],
            state["finishReason"],
            _usage(state["usage"]),
            None,
        )

    def _get(self, path: str, token: str, **parameters: str) -> Any | None:
        headers = {_POSITION: token} if token else {}
        while True:
            try:
                answer = self._client.get(path, headers=headers, params={"limit": "100", **parameters})
                waited = _BEHIND not in answer.headers or time.monotonic() > self._until_s
                if answer.status_code in (200, 404) and waited:
                    return answer.json() if answer.status_code == 200 else None
                why = str(answer.status_code)
            except httpx.HTTPError as error:
                why = type(error).__name__
            if time.monotonic() > self._until_s:
                raise StoresUnreadable(f"{path}: {why}")
            time.sleep(_PAUSE_S)


def _message(message: dict[str, Any]) -> StoredMessage:
    return StoredMessage(
        message["conversationId"],
        message["id"],
        message["role"],
        message["content"],
        message["status"],
        message["finishReason"],
        _usage(message["usage"]),
        message["costMicros"],
    )


def _usage(usage: dict[str, Any] | None) -> Usage | None:
    if usage is None:
        return None
    return Usage(
        usage["promptTokens"],
        usage["completionTokens"],
        usage["cachedTokens"],
        usage.get("reasoningTokens", 0),
        usage.get("estimated", False),
    )


def read_stores(url: str, key: str, journal: tuple[Entry, ...], log: tuple[LogRecord, ...]) -> list[StoredMessage]:
    """Every message of every conversation in the journal, and its stateless answers. Raises StoresUnreadable."""
    facts = Facts(Evidence(journal, log, ()))
    ended: dict[str, list[str]] = {}
    stateless: list[str] = []
    mine = {entry.conversation_id for entry in journal if isinstance(entry, Intent)}
    for generation in facts.generations:
        command = facts.first_command(generation)
        if command is None or isinstance(command, TitleRequested):
            continue
        if command.conversation_id in mine:
            outcome = [generation] if generation in facts.outcomes else []
            ended.setdefault(command.conversation_id, []).extend(outcome)
        elif generation in facts.acked or command.idempotency_key in facts.asked:
            stateless.append(generation)
    reader = StoreReader(url, key)
    try:
        found = [message for name, answers in ended.items() for message in reader.messages(name, answers)]
        found += [message for name in stateless if (message := reader.generation(name)) is not None]
        return found
    finally:
        reader.close()


def collect(state: Path, journal: Path, faults: tuple[str, ...] = ()) -> Evidence:
    """All the evidence of a run against the stack in `state`, which is running and left alone by now.

    Raises OSError, DamagedJournal, LogUnavailable, StoresUnreadable.
    """
    stack = json.loads((state / "stack.json").read_text())
    entries = read(journal)
    log = read_log({"bootstrap.servers": stack["kafka"]["bootstrap"]})
    stored = read_stores(stack["api"]["url"], stack["api"]["key"], entries, log)
    return Evidence(entries, log, tuple(stored), faults)
