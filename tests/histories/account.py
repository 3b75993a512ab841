"""A history of what a user keeps: settings, marks, folders, snippets; sessions that ended; a temporary conversation.

`python -m tests.histories.account` made the log, once, at write level 5.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from schemas import ids
from schemas.account import (
    ConversationSettingsChanged,
    ConversationsMarked,
    FolderChanged,
    SessionsEnded,
    SettingChange,
    SettingsChanged,
    SnippetChanged,
    UserCreated,
)
from schemas.codec import encode
from schemas.conversation import ConversationDeleted
from schemas.envelope import Envelope
from tests.fakes.projection_logs import LogBuilder, Placed
from tests.fakes.projection_records import AT, prompt, started
from tests.histories.history import HISTORIES, write_log
from tests.histories.record import write_results
from topics.catalogue import ACCOUNT_EVENTS
from topics.log import RawRecord

NAME = "account"
USER = ids.user_id("ada")
KEPT, GONE, PASSING = (ids.conversation_id(USER, name) for name in ("kept", "gone", "passing"))
WORK, HOME = ids.user_id("folder work"), ids.user_id("folder home")
BRIEF, LONG = ids.user_id("snippet brief"), ids.user_id("snippet long")


class _Telling:
    def __init__(self) -> None:
        self.log = LogBuilder()
        self._at_us = AT

    def envelope(self, cause: str) -> Envelope:
        self._at_us += 1_000_000
        return Envelope(ids.event_id(cause, "Test"), self._at_us, None, "request-1", f"user:{USER}")

    def keeps(self, record_type: Any, cause: str, **fields: Any) -> None:
        self.log.account(record_type(envelope=self.envelope(cause), user_id=USER, **fields))

    def sets(self, cause: str, *changes: tuple[str, str | None]) -> None:
        self.keeps(SettingsChanged, cause, changes=tuple(SettingChange(*change) for change in changes))


def _log() -> list[RawRecord]:
    telling = _Telling()
    telling.log.account(UserCreated(telling.envelope("ada"), USER, "ada"))
    for conversation in (KEPT, GONE):
        telling.log.said(started(conversation, USER, AT))
        telling.log.said(prompt(conversation, "asks", USER, AT))
    telling.log.said(replace(started(PASSING, USER, AT), temporary=True))
    telling.sets("first", ("theme", '"dark"'), ("systemPrompt", '"Be brief."'), ("textSize", "110"))
    telling.sets("again", ("theme", None), ("starts", '["Name three colours."]'))
    for folder, name in ((WORK, "Work"), (HOME, "Home"), (HOME, "At home"), (WORK, None), (WORK, "Too late")):
        telling.keeps(FolderChanged, f"{folder} {name}", folder_id=folder, name=name)
    for snippet, name, text in (
        (BRIEF, "brief", "In one word."),
        (BRIEF, "short", "In two words."),
        (LONG, "long", "At length, /short"),
        (LONG, None, None),
    ):
        telling.keeps(SnippetChanged, f"{snippet} {name}", snippet_id=snippet, name=name, text=text)
    both = (KEPT, GONE)
    telling.keeps(ConversationsMarked, "pins", conversation_ids=both, pinned=True, folder_id=HOME, request_hash="hash")
    telling.keeps(ConversationsMarked, "pins", conversation_ids=both, pinned=False, request_hash="other hash")
    telling.keeps(ConversationsMarked, "archives", conversation_ids=(KEPT,), archived=True, folder_id="")
    for settings in ('{"temperature":0.2}', '{"model":"local","topP":0.9}'):
        telling.keeps(ConversationSettingsChanged, settings, conversation_id=KEPT, settings=settings)
    telling.keeps(ConversationSettingsChanged, "gone", conversation_id=GONE, settings='{"systemPrompt":"Hush."}')
    telling.log.said(ConversationDeleted(telling.envelope("deletes"), GONE, USER))
    telling.keeps(ConversationsMarked, "too late", conversation_ids=(GONE,), pinned=True)
    telling.keeps(SessionsEnded, "leaves")
    return _raw(telling.log.placed)


def _raw(log: Sequence[Placed]) -> list[RawRecord]:
    records = []
    for n, placed in enumerate(log):
        record, at = placed.record, placed.position
        key = record.user_id if placed.topic == ACCOUNT_EVENTS else record.conversation_id
        raw = RawRecord(placed.topic, at.partition, at.offset, AT // 1000 + n, key.encode(), encode(record))
        records.append(raw)
    return records


def main() -> None:
    """Write the log, and what it comes to."""
    write_log(HISTORIES / NAME, _log())
    write_results(HISTORIES / NAME)


if __name__ == "__main__":
    main()
