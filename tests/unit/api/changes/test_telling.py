"""Which changes the records of an account tell."""

from __future__ import annotations

from typing import Any

import pytest

from api.changes.telling import changes_of, owner_of
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
from schemas.conversation import ConversationStarted
from schemas.envelope import Envelope, Sealed
from tests.unit.api.memory_log import AT
from topics.catalogue import ACCOUNT_EVENTS, CONVERSATION_EVENTS
from topics.log import RawRecord

ENVELOPE = Envelope("e", AT, None, "r", "user:u")
NAME = SettingChange("theme", '"dark"')


def raw(record: Any, topic: str = ACCOUNT_EVENTS, key: str = "u") -> RawRecord:
    return RawRecord(topic, 0, 7, AT // 1000, key.encode(), encode(record))


@pytest.mark.parametrize(
    ("record", "kind"),
    [
        (SettingsChanged(envelope=ENVELOPE, user_id="u", changes=(NAME,)), "settings"),
        (FolderChanged(envelope=ENVELOPE, user_id="u", folder_id="f", name=None), "folders"),
        (SnippetChanged(envelope=ENVELOPE, user_id="u", snippet_id="s", name="n", text="t"), "snippets"),
        (SessionsEnded(ENVELOPE, "u"), "sessions"),
    ],
)
def test_a_record_of_an_account_tells_its_kind(record: Any, kind: str) -> None:
    told = raw(record)
    assert owner_of(told) == "u"
    assert changes_of(told) == ({"kind": kind, "position": "account-events/0/7"},)


def test_marks_tell_each_conversation() -> None:
    marked = ConversationsMarked(envelope=ENVELOPE, user_id="u", conversation_ids=("a", "b"), pinned=True)
    assert [(told["conversationId"], told["what"]) for told in changes_of(raw(marked))] == [
        ("a", "marked"),
        ("b", "marked"),
    ]
    changed = ConversationSettingsChanged(envelope=ENVELOPE, user_id="u", conversation_id="a", settings="{}")
    (told,) = changes_of(raw(changed))
    assert (told["kind"], told["conversationId"], told["what"]) == ("conversation", "a", "settings")


def test_what_says_nothing_to_a_browser_is_not_told() -> None:
    assert changes_of(raw(UserCreated(ENVELOPE, "u", "name"))) == ()
    assert owner_of(RawRecord("usage-records", 0, 0, 0, b"u", b"")) is None


@pytest.mark.parametrize(
    ("temporary", "title", "told"), [(True, "t", []), (False, Sealed("k", b"n", b"c"), ["started"])]
)
def test_a_temporary_conversation_begins_unsaid_and_a_sealed_title_stays_so(
    temporary: bool, title: Any, told: list[str]
) -> None:
    started = ConversationStarted(
        envelope=ENVELOPE,
        conversation_id="c",
        user_id="u",
        title=title,
        model=None,
        system_prompt=None,
        temporary=temporary,
    )
    record = raw(started, CONVERSATION_EVENTS, "c")
    assert owner_of(record) == "u"
    changes = changes_of(record)
    assert [change["what"] for change in changes] == told
    assert all("title" not in change for change in changes)
