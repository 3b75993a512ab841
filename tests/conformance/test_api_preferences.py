"""What users keep beside their conversations, asked of the projections in memory and of the real ones: the same."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from projections.conversation_lists import queries as lists
from projections.conversation_lists.kinds import Kind
from projections.conversation_marks.queries import UNMARKED, Marks
from projections.order import order_key
from projections.usage_rollups.entries import DAY_US, Period, user_scope
from projections.usage_rollups.queries import Asked, SumRow, grouped
from schemas import ids
from schemas.account import (
    ConversationSettingsChanged,
    ConversationsMarked,
    FolderChanged,
    SessionsEnded,
    SettingChange,
    SettingsChanged,
    SnippetChanged,
)
from schemas.conversation import ConversationDeleted
from schemas.envelope import Position
from tests.conformance.api_reads import USER, Open, ReadsUnderTest, append, envelope, started
from tests.fakes.projection_records import computed, outcome, rerated, turn_of, used
from tests.unit.api.memory_log import AT
from tests.unit.api.prompts import prompt
from topics.catalogue import ACCOUNT_EVENTS, USAGE_RECORDS

OTHER = ids.user_id("bob")
ONE, TWO, THREE, FOUR = (ids.conversation_id(USER, name) for name in "1234")
WORK, HOME = ids.user_id("work"), ids.user_id("home")


def keep(under_test: ReadsUnderTest, record_type: Any, cause: str, user: str = USER, **fields: Any) -> Position:
    record = record_type(envelope=envelope(cause), user_id=user, **fields)
    return under_test.log.append(ACCOUNT_EVENTS, user, record)


def mark(under_test: ReadsUnderTest, *conversations: str, **marks: Any) -> None:
    keep(under_test, ConversationsMarked, str(marks), conversation_ids=conversations, **marks)


async def test_settings(opened: Open) -> None:
    async with opened() as under_test:
        assert dict(await under_test.reads.settings(USER)) == {}
        for changes in ((("theme", '"dark"'), ("sound", "true")), (("theme", '"light"'), ("sound", None))):
            keep(under_test, SettingsChanged, "s", changes=tuple(SettingChange(*change) for change in changes))
        keep(under_test, SettingsChanged, "s", OTHER, changes=(SettingChange("theme", '"system"'),))
        await under_test.show()
        assert dict(await under_test.reads.settings(USER)) == {"theme": '"light"'}


async def test_folders_and_snippets(opened: Open) -> None:
    async with opened() as under_test:
        for folder, name in ((WORK, "Work"), (HOME, "Home"), (WORK, "At work"), (HOME, None), (HOME, "Too late")):
            keep(under_test, FolderChanged, "f", folder_id=folder, name=name)
        for snippet, name, text in ((WORK, "a", "x"), (HOME, "b", "y"), (WORK, "c", ""), (HOME, None, None)):
            keep(under_test, SnippetChanged, "s", snippet_id=snippet, name=name, text=text)
        await under_test.show()
        folders = await under_test.reads.folders(USER)
        assert [(row.folder_id, row.name, row.created_at_us) for row in folders] == [(WORK, "At work", AT)]
        snippets = await under_test.reads.snippets(USER)
        assert [(row.snippet_id, row.name, row.text) for row in snippets] == [(WORK, "c", "")]
        assert list(await under_test.reads.folders(OTHER)) == []
        assert list(await under_test.reads.snippets(OTHER)) == []


async def test_the_first_command_of_a_key_counts(opened: Open) -> None:
    async with opened() as under_test:
        first = keep(under_test, FolderChanged, "f", folder_id=WORK, name="Work", request_hash="one")
        keep(under_test, FolderChanged, "f", folder_id=WORK, name="Other", request_hash="two")
        keep(under_test, FolderChanged, "no key", folder_id=WORK, name="Third")
        await under_test.show()
        row = await under_test.reads.account_command(USER, envelope("f").event_id)
        assert row is not None
        assert (row.user_id, row.request_hash, row.order_key) == (USER, "one", order_key(first))
        assert await under_test.reads.account_command(USER, envelope("no key").event_id) is None
        assert await under_test.reads.account_command(OTHER, envelope("f").event_id) is None


async def test_when_sessions_ended(opened: Open) -> None:
    async with opened() as under_test:
        assert await under_test.reads.sessions_ended(USER) is None
        keep(under_test, SessionsEnded, "first")
        last = keep(under_test, SessionsEnded, "second")
        await under_test.show()
        assert await under_test.reads.sessions_ended(USER) == order_key(last)
        assert await under_test.reads.sessions_ended(OTHER) is None


async def test_marks_and_settings_of_conversations(opened: Open) -> None:
    async with opened() as under_test:
        for conversation in (ONE, TWO, THREE):
            append(under_test.log, started(conversation))
        for folder in (WORK, HOME):
            keep(under_test, FolderChanged, folder, folder_id=folder, name="F")
        mark(under_test, ONE, TWO, pinned=True, folder_id=WORK)
        mark(under_test, TWO, archived=True, pinned=False, folder_id=HOME)
        mark(under_test, THREE, pinned=True)
        for settings in ('{"topP":0.5}', '{"temperature":1}'):
            keep(under_test, ConversationSettingsChanged, "s", conversation_id=ONE, settings=settings)
        await under_test.show()
        reads, all_of_them = under_test.reads, (ONE, TWO, THREE, FOUR)
        assert dict(await reads.marks(USER, all_of_them)) == {
            ONE: Marks(pinned=True, folder_id=WORK, settings='{"temperature":1}'),
            TWO: Marks(archived=True, folder_id=HOME),
            THREE: Marks(pinned=True),
        }
        assert dict(await reads.marks(OTHER, all_of_them)) == {}
        keep(under_test, FolderChanged, "gone", folder_id=WORK, name=None)
        mark(under_test, TWO, folder_id="")
        append(under_test.log, ConversationDeleted(envelope("d"), THREE, USER))
        await under_test.show()
        found = await reads.marks(USER, all_of_them)
        assert found == {ONE: Marks(pinned=True, settings='{"temperature":1}'), TWO: Marks(archived=True)}
        assert await reads.own_conversations(USER, all_of_them) == {ONE, TWO}
        assert await reads.own_conversations(OTHER, all_of_them) == frozenset()


async def listed(under_test: ReadsUnderTest, limit: int = 2, **kind: Any) -> list[str]:
    """All of a kind, page after page."""
    found: list[str] = []
    cursor: str | None = None
    while True:
        page = await under_test.reads.conversations(USER, cursor, limit, Kind(**kind))
        found += [row.conversation_id for row in page.rows]
        assert set(page.marks) <= {row.conversation_id for row in page.rows}
        cursor = page.next_cursor
        if cursor is None:
            return found


@pytest.mark.parametrize("at_once", [500, 1], ids=["of the marked", "through the list"])
async def test_lists_of_a_kind(opened: Open, at_once: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lists, "MAX_MARKED_AT_ONCE", at_once)
    async with opened() as under_test:
        log, day = under_test.log, DAY_US
        for nth, conversation in enumerate((ONE, TWO, THREE, FOUR)):
            append(log, started(conversation, nth * day))
        append(log, replace(started(ids.conversation_id(USER, "5")), temporary=True))
        append(log, replace(prompt(ONE, "hi", after_us=9 * day), model="other"))
        keep(under_test, FolderChanged, "f", folder_id=WORK, name="Work")
        mark(under_test, ONE, THREE, FOUR, pinned=True)
        mark(under_test, THREE, pinned=False)
        mark(under_test, TWO, FOUR, folder_id=WORK)
        mark(under_test, TWO, THREE, archived=True)
        await under_test.show()
        assert await listed(under_test) == [ONE, FOUR, THREE, TWO]
        assert await listed(under_test, archived=False) == [ONE, FOUR]
        assert await listed(under_test, archived=True) == [THREE, TWO]
        assert await listed(under_test, pinned=True) == await listed(under_test, 1, pinned=True) == [ONE, FOUR]
        assert await listed(under_test, pinned=False) == [THREE, TWO]
        assert await listed(under_test, folder_id=WORK) == await listed(under_test, 1, folder_id=WORK) == [FOUR, TWO]
        assert await listed(under_test, folder_id=WORK, archived=False) == [FOUR]
        assert await listed(under_test, folder_id=HOME) == []
        assert await listed(under_test, model="other") == [ONE]
        assert await listed(under_test, since_us=AT + day, until_us=AT + 3 * day) == [THREE, TWO]
        assert await listed(under_test, since_us=AT + 3 * day) == [ONE, FOUR]
        assert await listed(under_test, until_us=AT + day) == await listed(under_test, until_us=0) == []
        keep(under_test, FolderChanged, "gone", folder_id=WORK, name=None)
        append(log, ConversationDeleted(envelope("d"), FOUR, USER))
        await under_test.show()
        assert await listed(under_test, folder_id=WORK) == []
        assert await listed(under_test, pinned=True) == [ONE]


@pytest.mark.parametrize("bounds", [(200, 500, 5000), (2, 3, 5), (3, 1, 2)], ids=str)
async def test_pages_that_end_at_their_bounds_are_one_list(
    opened: Open, bounds: tuple[int, int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    names = "_LOOKED_AT", "_MAX_READ_PER_PAGE", "_MAX_SEEN_PER_PAGE"
    for name, bound in zip(names, bounds, strict=True):
        monkeypatch.setattr(lists, name, bound)
    monkeypatch.setattr(lists, "MAX_MARKED_AT_ONCE", 0)
    async with opened() as under_test:
        log = under_test.log
        many = [ids.conversation_id(USER, f"many {nth}") for nth in range(14)]
        newest: dict[str, int] = {}
        # Four of a day; each third is spoken to again, days later.
        for nth, conversation in enumerate(many):
            newest[conversation] = nth // 4 * DAY_US + nth
            append(log, started(conversation, newest[conversation]))
        for nth, conversation in enumerate(many[::3]):
            newest[conversation] = (5 + nth // 2) * DAY_US + nth
            append(log, prompt(conversation, "hi", after_us=newest[conversation]))
        mark(under_test, *many[::2], archived=True)
        append(log, ConversationDeleted(envelope("d"), many[5], USER))
        await under_test.show()
        expected = sorted(set(many) - {many[5]}, key=lambda each: newest[each], reverse=True)
        for limit in (1, 3, 50):
            assert await listed(under_test, limit) == expected
            assert await listed(under_test, limit, archived=False) == [
                each for each in expected if each not in many[::2]
            ]
            assert await listed(under_test, limit, archived=True) == [each for each in expected if each in many[::2]]


async def test_a_page_of_a_kind_tells_the_marks(opened: Open) -> None:
    async with opened() as under_test:
        for conversation in (ONE, TWO):
            append(under_test.log, started(conversation))
        mark(under_test, ONE, pinned=True)
        await under_test.show()
        page = await under_test.reads.conversations(USER, None, 9, Kind(archived=False))
        assert {row.conversation_id: page.marks.get(row.conversation_id, UNMARKED) for row in page.rows} == {
            ONE: Marks(pinned=True),
            TWO: UNMARKED,
        }


def used_at(under_test: ReadsUnderTest, key: str, at_us: int, price: Sequence[str] = ()) -> None:
    asked = replace(prompt(ONE, key), user_id=USER)
    cause = append(under_test.log, asked)
    ended = outcome(turn_of(asked, cause), at_us=at_us)
    place = Position(0, 0, 0)
    for record in (used(ended, place), *(rerated(ended, place, name) for name in price)):
        under_test.log.append(USAGE_RECORDS, USER, record)


async def test_usage_by_day_and_model(opened: Open) -> None:
    async with opened() as under_test:
        append(under_test.log, started(ONE))
        first = AT // DAY_US * DAY_US
        for key, at_us, price in (
            ("a", first, ()),
            ("b", first + 1, ("dearer",)),
            ("c", first + DAY_US, ()),
            ("d", first - 1, ()),
            ("e", first + 40 * DAY_US, ()),
        ):
            used_at(under_test, key, at_us, price)
        for at_us in (first + 5, first + 6):
            embedded = computed(USER, "e", at_us, "one", 3)
            under_test.log.append(USAGE_RECORDS, USER, embedded)
        await under_test.show()
        scope = user_scope(USER)
        rows = await under_test.reads.usage_sums(Asked(scope, first, first + 41 * DAY_US, "day"))
        by_day: dict[int, list[SumRow]] = {}
        for each in grouped(rows, ("day", "model")):
            by_day.setdefault((each.at_us - first) // DAY_US, []).append(each)
        assert list(by_day) == [40, 1, 0]
        assert [each.figures.requests for each in by_day[40] + by_day[1]] == [1, 1]
        assert sorted(each.figures.requests for each in by_day[0]) == [1, 2]
        chat = next(each.figures for each in by_day[0] if each.figures.requests == 2)
        alone = by_day[1][0].figures
        assert (chat.prompt_tokens, chat.completion_tokens) == (2 * alone.prompt_tokens, 2 * alone.completion_tokens)
        # One of the two has another price; what was billed stays.
        assert chat.billed_micros == 2 * alone.billed_micros != chat.rated_micros
        others: tuple[Period | None, ...] = ("hour", "month", None)
        for finest in others:
            again = await under_test.reads.usage_sums(Asked(scope, first, first + 41 * DAY_US, finest))
            assert grouped(again, ("model",)) == grouped(rows, ("model",))
        assert not await under_test.reads.usage_sums(Asked(user_scope(OTHER), first, first + DAY_US, "day"))
        # Requests for embeddings are no answers.
        assert await under_test.reads.answers_since(USER, first, first + DAY_US, 9) == 2
        assert await under_test.reads.answers_since(USER, first, first + 41 * DAY_US, 3) == 3
        assert await under_test.reads.answers_since(OTHER, first, first + DAY_US, 9) == 0
