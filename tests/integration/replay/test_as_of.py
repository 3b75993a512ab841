"""`?as_of=` at the real API: the past out of the real log, for its owner alone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import httpx
import pytest
import pytest_asyncio

from infra.clock import utc_now
from infra.settings import Settings
from tests.integration.api_running import Running, whole_api
from tests.unit.api.sse_text import events_of
from topics.catalogue import CONVERSATION_EVENTS, GENERATION_OUTCOMES, catalogue
from topics.cuts import format_cut, parse_cut
from topics.scan import watermarks

pytestmark = [pytest.mark.stack, pytest.mark.timeout(300), pytest.mark.asyncio(loop_scope="module")]

PATH = "/api/v1/conversations"
POSITION = "X-Verbatim-Position"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def running(servers: Settings, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Running]:
    async with whole_api(servers, tmp_path_factory.mktemp("as-of") / "api.log") as made:
        yield made


async def cut_of(running: Running, conversation: str) -> str:
    """The end of the conversation's two partitions now."""
    topics = catalogue()
    places = [(topic, topics.partition(topic, conversation)) for topic in (CONVERSATION_EVENTS, GENERATION_OUTCOMES)]
    properties = running.settings.kafka.client_properties()
    ends = [await asyncio.to_thread(watermarks, properties, *place) for place in places]
    return format_cut({place: end for place, (_, end) in zip(places, ends, strict=True)})


async def read(
    client: httpx.AsyncClient, conversation: str, as_of: str | None = None, **headers: str
) -> httpx.Response:
    return await client.get(f"{PATH}/{conversation}", params={} if as_of is None else {"as_of": as_of}, headers=headers)


async def say(client: httpx.AsyncClient, conversation: str, text: str) -> str:
    answer = await client.post(f"{PATH}/{conversation}/messages", json={"content": text})
    assert answer.status_code == 200, answer.text
    return f"generation/{events_of(answer.content)[0].json['messageId']}"


async def error_of(answer: httpx.Response) -> tuple[int, str | None, str | None]:
    error: dict[str, Any] = answer.json()["error"]
    return answer.status_code, error["code"], error["param"]


async def test_a_conversation_as_it_was(running: Running) -> None:
    async with running.client() as client:
        made = await client.post(PATH, json={"title": "First"})
        conversation = made.json()["id"]
        position = await say(client, conversation, "say 3")
        page = await client.get(f"{PATH}/{conversation}/messages", headers={POSITION: position})
        shown = page.json()["data"]
        now = (await read(client, conversation)).json()
        answered = await cut_of(running, conversation)
        assert (await client.patch(f"{PATH}/{conversation}/marks", json={"pinned": True})).status_code == 200
        moment = utc_now()
        assert (await client.patch(f"{PATH}/{conversation}/marks", json={"pinned": False})).status_code == 200
        renamed = await client.patch(f"{PATH}/{conversation}", json={"title": "Second"})
        await say(client, conversation, "say 1")

        by_cut = await read(client, conversation, answered)
        assert by_cut.status_code == 200, by_cut.text
        assert by_cut.json() == {**now, "asOf": answered, "messages": shown}
        by_time = await read(client, conversation, moment.isoformat())
        # A time says which marks its user had put to it, too; so does the cut that is answered for it.
        at = by_time.json()["asOf"]
        assert parse_cut(at).items() > parse_cut(answered).items()
        assert by_time.json() == {**by_cut.json(), "pinned": True, "asOf": at}
        assert (await read(client, conversation, at)).json() == by_time.json()
        assert by_time.json()["title"] == "First"
        position = renamed.headers[POSITION]
        latest = await read(client, conversation, await cut_of(running, conversation), **{POSITION: position})
        assert (latest.json()["title"], len(latest.json()["messages"])) == ("Second", 4)


async def test_whose_it_is_not_or_is_no_more(running: Running) -> None:
    async with running.client() as client, running.api.client(running.other_key) as other:
        conversation = (await client.post(PATH, json={})).json()["id"]
        there = await cut_of(running, conversation)
        created = (await read(client, conversation)).json()["createdAt"]
        assert (await read(client, conversation, there)).status_code == 200
        assert await error_of(await read(other, conversation, there)) == (404, "not_found", None)
        early = await read(client, conversation, "2020-01-01")
        assert await error_of(early) == (404, "not_yet", "as_of")
        assert created in early.json()["error"]["message"]
        for wrong in (
            (utc_now() + timedelta(minutes=5)).isoformat(),
            "yesterday",
            f"{CONVERSATION_EVENTS}:0=99999999",
            f"{CONVERSATION_EVENTS}:0=-1",
        ):
            assert await error_of(await read(client, conversation, wrong)) == (400, "invalid_value", "as_of")
        gone = await client.delete(f"{PATH}/{conversation}")
        assert gone.status_code == 204
        assert await error_of(await read(client, conversation, there)) == (404, "not_found", None)


async def test_many_at_once_are_answered_or_told_to_come_again(running: Running) -> None:
    async with running.client() as client:
        conversation = (await client.post(PATH, json={"title": "Asked for often"})).json()["id"]
        there = await cut_of(running, conversation)
        async with asyncio.TaskGroup() as group:
            asked = [group.create_task(read(client, conversation, there)) for _ in range(30)]
        answers = [task.result() for task in asked]
        assert {answer.status_code for answer in answers} <= {200, 503}
        assert sum(answer.status_code == 200 for answer in answers) >= 8
        refused = [await error_of(answer) for answer in answers if answer.status_code == 503]
        assert set(refused) <= {(503, "overloaded", None)}
        # A stream does not wait for the past.
        assert (await read(client, conversation)).status_code == 200
