"""Search over HTTP: whose, what is shown, and how it goes on where it stopped."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from api.conversations import searching
from api.conversations.search_text import words_of
from api.conversations.searching import Budget, Search
from projections.cursors import encode_cursor
from projections.messages.text_queries import TextPage
from schemas import ids
from tests.unit.api.memory_log import Attempt
from tests.unit.api.test_conversations import PATH, begun, left_running, messages, said
from tests.unit.api.world import World

SEARCH = "/api/v1/search"


async def found(client: httpx.AsyncClient, **query: Any) -> dict[str, Any]:
    answer = await client.get(SEARCH, params=query)
    assert answer.status_code == 200, answer.text
    page: dict[str, Any] = answer.json()
    return page


def conversations(page: dict[str, Any]) -> list[str]:
    return [hit["conversation"]["id"] for hit in page["data"]]


async def test_titles_and_messages_are_found_whatever_their_case_and_accents(alice: httpx.AsyncClient) -> None:
    titled = await begun(alice, title="Crème brûlée")
    spoken = await begun(alice)
    await said(alice, spoken, "How is a CREME BRULEE made?")
    await said(alice, await begun(alice), "a creme, and nothing else")
    page = await found(alice, q="Brulee crème")
    assert conversations(page) == [spoken, titled]
    assert (page["nextCursor"], page["searchedTo"]) == (None, (await alice.get(f"{PATH}/{titled}")).json()["updatedAt"])
    prompt = (await messages(alice, spoken))[0]["id"]
    by_message = page["data"][0]["matches"][-1]
    assert by_message["messageId"] == prompt
    assert by_message["snippet"][by_message["start"] : by_message["end"]] == "BRULEE"
    assert page["data"][1]["matches"] == [{"messageId": None, "snippet": "Crème brûlée", "start": 6, "end": 12}]
    assert page["data"][1]["conversation"] == (await alice.get(f"{PATH}/{titled}")).json()


async def test_answers_are_found_and_the_newest_three_are_shown(alice: httpx.AsyncClient) -> None:
    conversation = await begun(alice, title="Named")
    answers = [await said(alice, conversation, str(number)) for number in range(5)]
    page = await found(alice, q="hello WORLD")
    assert [match["messageId"] for match in page["data"][0]["matches"]] == answers[:1:-1]


async def test_nobody_finds_what_is_anothers_or_deleted(alice: httpx.AsyncClient, bob: httpx.AsyncClient) -> None:
    conversation = await begun(alice, title="needle")
    await said(alice, conversation, "needle")
    assert (await found(bob, q="needle")) == {"data": [], "nextCursor": None, "searchedTo": None}
    assert (await alice.delete(f"{PATH}/{conversation}")).status_code == 204
    assert (await found(alice, q="needle"))["data"] == []


async def test_an_answer_is_found_when_it_has_ended(world: World, alice: httpx.AsyncClient) -> None:
    attempts: list[Attempt] = []
    world.script = lambda attempt: attempts.append(attempt.start().chunk("needle"))
    conversation = await begun(alice)
    await left_running(world, alice, conversation)
    assert (await found(alice, q="needle"))["data"] == []
    attempts[0].end()
    assert conversations(await found(alice, q="needle")) == [conversation]


async def test_pages_give_each_conversation_once(alice: httpx.AsyncClient) -> None:
    made = [await begun(alice, title=f"needle {number}") for number in range(25)]
    await begun(alice, title="hay")
    seen: list[str] = []
    cursor: dict[str, str] = {}
    while True:
        page = await found(alice, q="needle", limit=4, **cursor)
        seen += conversations(page)
        if page["nextCursor"] is None:
            break
        cursor = {"cursor": page["nextCursor"]}
    assert seen == made[::-1]


@pytest.mark.parametrize("turns", [1, 2, 7, 100])
async def test_a_search_goes_on_where_its_budget_ended(
    world: World, alice: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch, turns: int
) -> None:
    monkeypatch.setattr(searching, "_FIRST_TURNS", 2)
    monkeypatch.setattr(searching, "_MAX_TURNS", 2)
    long_ago, recent = await begun(alice), await begun(alice)
    await said(alice, long_ago, "a needle")
    for number in range(9):
        await said(alice, long_ago, f"hay {number}")
    for number in range(4):
        await said(alice, recent, f"another needle {number}")
    user = ids.user_id("alice")
    seen: list[str] = []
    cursor: str | None = None
    for _ in range(20):
        search = Search(world.reads, user, words_of("needle"), 20, Budget(turns=turns))
        page = await search.page(cursor)
        seen += [hit.row.conversation_id for hit in page.found]
        cursor = page.next_cursor
        if cursor is None:
            break
    assert seen == [recent, long_ago]


@pytest.mark.parametrize("limit", [1, 2])
async def test_a_page_is_no_longer_than_asked_for_when_it_goes_on_in_the_middle(
    world: World, alice: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch, limit: int
) -> None:
    monkeypatch.setattr(searching, "_FIRST_TURNS", 1)
    made = [await begun(alice) for _ in range(4)]
    for conversation in made:
        await said(alice, conversation, "a needle")
        await said(alice, conversation, "hay")
    seen: list[str] = []
    cursor: str | None = None
    for turns in (1, *[1000] * 9):
        search = Search(world.reads, ids.user_id("alice"), words_of("needle"), limit, Budget(turns=turns))
        page = await search.page(cursor)
        assert len(page.found) <= limit
        seen += [hit.row.conversation_id for hit in page.found]
        cursor = page.next_cursor
        if cursor is None:
            break
    assert seen == made[::-1]


async def test_of_long_messages_few_are_read_at_once(
    world: World, alice: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(searching, "_MANY_CHARACTERS", 500)
    conversation = await begun(alice)
    for _ in range(29):
        await said(alice, conversation, "x" * 100)
    asked: list[int] = []
    texts = world.reads.texts

    async def noted(conversation_id: str, before: int | None, turns: int) -> TextPage:
        asked.append(turns)
        return await texts(conversation_id, before, turns)

    monkeypatch.setattr(world.reads, "texts", noted)
    page = await Search(world.reads, ids.user_id("alice"), words_of("needle"), 20, Budget(seconds=60)).page(None)
    assert page.found == ()
    assert asked == [10, 2, 4, 8, 2, 4]


@pytest.mark.parametrize("budget", [Budget(characters=0), Budget(seconds=0)])
async def test_characters_and_seconds_are_bounded_too(world: World, alice: httpx.AsyncClient, budget: Budget) -> None:
    for number in range(3):
        await said(alice, await begun(alice), f"hay {number}")
    page = await Search(world.reads, ids.user_id("alice"), words_of("needle"), 20, budget).page(None)
    assert page.found == ()
    assert page.next_cursor is not None


async def test_a_cursor_opens_nothing_that_is_anothers(alice: httpx.AsyncClient, bob: httpx.AsyncClient) -> None:
    conversation = await begun(alice, title="needle")
    cursor = encode_cursor(2**40, f"{conversation}/{encode_cursor(2**50, 'x')}")
    assert (await found(bob, q="needle", cursor=cursor))["data"] == []


async def test_searches_wait_for_each_other_and_not_for_ever(world: World, alice: httpx.AsyncClient) -> None:
    gate = world.adapters.searches
    async with gate.entered(1.0):
        async with gate.entered(1.0):
            answer = await alice.get(SEARCH, params={"q": "needle"})
        assert (answer.status_code, answer.json()["error"]["code"]) == (503, "search_busy")
    assert (await alice.get(SEARCH, params={"q": "needle"})).status_code == 200


@pytest.mark.parametrize(
    ("query", "param"),
    [
        ("", "q"),
        ("q=", "q"),
        ("q=%20%09", "q"),
        ("q=%CC%81", "q"),
        ("q=" + "x" * 201, "q"),
        ("q=x&limit=0", "limit"),
        ("q=x&limit=101", "limit"),
        ("q=x&cursor=%3F", "cursor"),
        ("q=x&cursor=" + "A" * 1001, "cursor"),
        (f"q=x&cursor={encode_cursor(1, 'no part')}", "cursor"),
        (f"q=x&cursor={encode_cursor(1, 'a/no cursor')}", "cursor"),
        (f"q=x&cursor={encode_cursor(1, chr(0x20AC) + '/' + encode_cursor(1, 'x'))}", "cursor"),
    ],
)
async def test_wrong_questions(alice: httpx.AsyncClient, query: str, param: str) -> None:
    answer = await alice.get(f"{SEARCH}?{query}")
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, param)


async def test_without_a_key(world: World) -> None:
    async with world.client(None) as nobody:
        assert (await nobody.get(SEARCH, params={"q": "x"})).status_code == 401
