"""A conversation's events, timelines and the pulse, on the real log: real turns, judged, queued, answered, billed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import httpx
import pytest
import pytest_asyncio

from infra.settings import Settings
from tests.eventually import eventually
from tests.integration.api_calls import CONVERSATIONS, begun
from tests.integration.api_process import make_key, running_api
from tests.integration.api_running import Running, whole_api
from tests.integration.log_views import WAIT_S, all_of, billed, hearing, looking, page, place, said, types
from tests.integration.stream_workers import StreamProcess
from tests.unit.api.sse_text import events_of
from topics.catalogue import CONVERSATION_EVENTS, TOKEN_CHUNKS, catalogue
from topics.cuts import format_cut, parse_cut

pytestmark = [pytest.mark.stack, pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(180)]

FAUST = {"conversation": "tests.integration.streams_probe.any_history", "metering": "infra.processes.metering"}
UNKNOWN = "0f6a2f0e-6d4e-5a55-9c0b-2b1f8a3f5c11"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def running(servers: Settings, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Running]:
    folder = tmp_path_factory.mktemp("log-view")
    async with AsyncExitStack() as stack:
        running = await stack.enter_async_context(whole_api(servers, folder / "api.log"))
        processes = [
            stack.enter_context(StreamProcess.agent(module, servers, folder, name, {"VERBATIM_INSTANCE": "0"}))
            for name, module in FAUST.items()
        ]
        for process in processes:
            await asyncio.to_thread(process.ready)
        yield running
        statuses = [await asyncio.to_thread(process.stop) for process in processes]
        assert statuses == [0, 0]


async def test_a_turn_as_the_log_holds_it(running: Running) -> None:
    async with running.client() as client:
        conversation = await begun(client, title="canary title")
        generation = await said(client, conversation, "say 3")
        found = await billed(client, conversation, 1)
        assert sorted(types(found)) == sorted(
            [
                "ConversationStarted", "PromptSubmitted", "ModerationVerdict", "GenerationRequested", "AttemptStarted",
                "TokenChunk", "TokenChunk", "TokenChunk", "AttemptEnded", "GenerationCompleted", "UsageRecorded",
            ]
        )  # fmt: skip
        assert [event["summary"] for event in found if event["type"] == "TokenChunk"] == ["w1", "w2", "w3"]
        assert {event["generationId"] for event in found} == {generation, None}
        statuses = []
        for event in found:
            past = await client.get(f"{CONVERSATIONS}/{conversation}", params={"as_of": event["asOf"]})
            assert past.status_code == 200, past.text
            statuses.append((event["type"], [message["status"] for message in past.json()["messages"]]))
        assert statuses[0] == ("ConversationStarted", [])
        assert ("PromptSubmitted", ["completed", "running"]) in statuses
        # These agents answer a command, not its job: the job may be the last record of the turn.
        assert ("UsageRecorded", ["completed", "completed"]) in statuses
        assert statuses[-1][1] == ["completed", "completed"]


async def test_the_timeline_of_a_turn(running: Running) -> None:
    async with running.client() as client:
        conversation = await begun(client)
        generation = await said(client, conversation, "say 5")
        await billed(client, conversation, 1)
        found = (await client.get(f"/api/v1/generations/{generation}/timeline")).json()
        named = [stage["stage"] for stage in found["stages"]]
        # These agents answer a command, not its job, which may come last in time: a cause is told first all the same.
        assert named == ["accepted", "moderated", "queued", "attempt", "first_token", "ended", "stored", "billed"]
        moderated, queued = found["stages"][1:3]
        assert queued["detail"]["verdict"] == {name: moderated[name] for name in ("topic", "partition", "offset")}
        (attempt,) = found["attempts"]
        assert (attempt["worker"], attempt["chunks"], attempt["end"]) == ("worker-1", 5, "completed")
        assert [seq for seq, _, _ in found["chunks"]] == [1, 2, 3, 4, 5]


@pytest.mark.slow("it reads one log page by page in every size")
async def test_pages_of_any_size_are_the_whole_once(running: Running) -> None:
    async with running.client() as client, running.api.client(running.other_key) as bob:
        conversation, other, foreign = await begun(client), await begun(client), await begun(bob)
        for number in range(1, 6):
            await said(bob, foreign, "say 2")
            await said(client, conversation, f"say {number}")
            await said(client, other, "say 2")
        whole = await billed(client, conversation, 5)
        assert types(whole).count("TokenChunk") == 15
        for limit in (4, 17):
            assert [place(event) for event in await all_of(client, conversation, limit=limit)] == [
                place(event) for event in whole
            ]
        picked = await all_of(client, conversation, types="GenerationCompleted,UsageRecorded", limit=3)
        assert types(picked).count("GenerationCompleted") == types(picked).count("UsageRecorded") == 5


async def test_a_running_answers_events_are_there(running: Running) -> None:
    async with running.client() as client:
        conversation = await begun(client)
        path = f"{CONVERSATIONS}/{conversation}/messages"
        async with client.stream("POST", path, json={"content": "hold"}) as response:
            seen = b""
            async for data in response.aiter_raw():
                seen += data
                if b"held" in seen:
                    break
            generation = events_of(seen)[0].json["messageId"]
            timeline = (await client.get(f"/api/v1/generations/{generation}/timeline")).json()
            assert [attempt["end"] for attempt in timeline["attempts"]] == [None]
            assert "TokenChunk" in types(await all_of(client, conversation, generation=generation))
            await client.post(f"/api/v1/generations/{generation}/cancel")
        timeline = (await client.get(f"/api/v1/generations/{generation}/timeline")).json()
        assert [attempt["end"] for attempt in timeline["attempts"]] == ["cancelled"]


async def test_a_stream_that_is_taken_up_elsewhere_loses_and_repeats_nothing(running: Running, tmp_path: Path) -> None:
    running.agents.pace_s = 0.02
    try:
        async with (
            running_api(running.settings, tmp_path / "second.log") as second,
            running.client() as client,
            running.client() as eyes,
            second.client(running.key) as elsewhere,
        ):
            conversation = await begun(client)
            async with looking(eyes, conversation) as look, asyncio.TaskGroup() as tasks:
                saying = tasks.create_task(said(client, conversation, "say 40"))
                await look.has(12)
                cut = look.events[9].id
                async with looking(elsewhere, conversation, cut) as resumed:
                    await saying
                    whole = await billed(client, conversation, 1)
                    await resumed.has(len(whole) - 1 - 10)
                await look.has(len(whole) - 1)
            first = [place(event.json) for event in look.events]
            assert sorted(first) == sorted(place(event) for event in whole[1:])
            rest = [place(event.json) for event in resumed.events]
            assert sorted(rest) == sorted(first[10:])
            async with looking(elsewhere, conversation, look.last_id) as later:
                await said(client, conversation, "say 1")
                await later.has(8)
            assert not {place(event.json) for event in later.events} & set(first)
    finally:
        running.agents.pace_s = 0.0


async def test_from_the_beginning_everything_comes(running: Running) -> None:
    async with running.client() as client:
        conversation = await begun(client)
        await said(client, conversation, "say 20")
        whole = await billed(client, conversation, 1)
        first = whole[0]
        before = {(first["topic"], first["partition"]): first["offset"]}
        async with looking(client, conversation, format_cut(before)) as look:
            await look.has(len(whole))
        assert sorted(place(event.json) for event in look.events) == sorted(place(event) for event in whole)


async def test_a_page_tells_where_the_stream_goes_on(running: Running) -> None:
    async with running.client() as client:
        conversation = await begun(client)
        await said(client, conversation, "say 2")
        found = await page(client, conversation)
        await said(client, conversation, "say 1")
        whole = await billed(client, conversation, 2)
        left = {place(event) for event in whole} - {place(event) for event in found["data"]}
        async with looking(client, conversation, found["asOf"]) as look:
            await look.has(len(left))
        assert {place(event.json) for event in look.events} == left


async def test_what_is_somebody_elses_or_deleted_is_not_there(running: Running) -> None:
    async with running.client() as alice, running.api.client(running.other_key) as bob:
        conversation = await begun(alice)
        generation = await said(alice, conversation, "say 1")
        paths = [
            f"{CONVERSATIONS}/{conversation}/events",
            f"{CONVERSATIONS}/{conversation}/events/stream",
            f"/api/v1/generations/{generation}/timeline",
        ]
        cut = {"Last-Event-ID": (await page(alice, conversation))["asOf"]}
        assert [(await bob.get(path, headers=cut)).status_code for path in paths] == [404] * 3
        async with looking(alice, conversation) as look:
            await alice.delete(f"{CONVERSATIONS}/{conversation}")
            # Records of the turn may still come: its bill, and the end that a deletion writes.
            await look.shows("ConversationDeleted")
        assert [(await alice.get(path, headers=cut)).status_code for path in paths] == [404] * 3


async def test_bad_input_is_told(running: Running) -> None:
    async with running.client() as client:
        conversation = await begun(client)
        path = f"{CONVERSATIONS}/{conversation}/events"
        for params, param in (
            ({"before": "nonsense"}, "before"),
            ({"types": "Nonsense"}, "types"),
            ({"generation": "nonsense"}, "generation"),
            ({"limit": "0"}, "limit"),
        ):
            answer = await client.get(path, params=params)
            assert (answer.status_code, answer.json()["error"]["param"]) == (400, param)
        ends = parse_cut((await page(client, conversation))["asOf"])
        beyond = {p: offset + 1_000_000 if p[0] == TOKEN_CHUNKS else offset for p, offset in ends.items()}
        for after in ("nonsense", format_cut(beyond), "no-such-topic:0=1"):
            answer = await client.get(f"{path}/stream", params={"after": after})
            assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid_position")
        assert (await client.get(f"{CONVERSATIONS}/{UNKNOWN}/events")).status_code == 404
        assert (await client.get(f"/api/v1/generations/{UNKNOWN}/timeline")).status_code == 404


async def test_a_revoked_key_ends_its_look(running: Running) -> None:
    async with running.client() as client:
        made = (await client.post("/api/v1/keys", json={"label": "short-lived"})).json()
        conversation = await begun(client)
        async with running.api.client(made["key"]) as other:
            path = f"{CONVERSATIONS}/{conversation}/events/stream"
            with pytest.raises(httpx.RemoteProtocolError):
                async with other.stream("GET", path) as response:
                    async for _ in response.aiter_raw():
                        await client.delete(f"/api/v1/keys/{made['id']}")


async def test_the_pulse_is_taken_from_the_log(running: Running) -> None:
    key = await make_key(running.agents.log, "admin")
    async with running.client() as client, running.api.client(key) as admin:
        assert (await client.get("/api/v1/pulse")).status_code == 404
        conversation = await begun(client)
        await said(client, conversation, "say 10")
        await billed(client, conversation, 1)
        answer = await admin.get("/api/v1/pulse")
        assert answer.status_code == 200, answer.text
        found = answer.json()
        assert found["ttftMs"]["n"] >= 1
        assert {"verbatim-conversation", "verbatim-metering"} <= {group["group"] for group in found["groups"]}
        assert all(group["lag"] >= 0 for group in found["groups"])
        assert {group["topic"] for group in found["groups"]} <= {spec.name for spec in catalogue()}
        assert found["checks"] == {"log": "ok", "projections": "ok"}
        seen = b""
        async with admin.stream("GET", "/api/v1/pulse/stream") as response:
            async for data in response.aiter_raw():
                seen += data
                if len(events_of(seen)) >= 3:
                    break
        assert {event.event for event in events_of(seen)} == {"pulse"}
        assert conversation not in seen.decode()


async def test_what_changes_is_told_on_every_device_from_any_place_on(running: Running) -> None:
    async with running.client() as client, running.api.client(running.other_key) as bob:
        async with hearing(client) as first, hearing(client) as second, hearing(bob) as foreign:
            conversation = await begun(client, title="First")
            generation = await said(client, conversation, "say 2")
            for look in (first, second):
                await look.has(3)
                assert sorted(look.what) == ["answered", "prompted", "started"]
                assert {event.json["conversationId"] for event in look.events} == {conversation}
                assert {event.json.get("generationId") for event in look.events} == {None, generation}
                for event in look.events:
                    headers = {"X-Verbatim-Position": event.json["position"]}
                    read = await client.get(f"{CONVERSATIONS}/{conversation}", headers=headers)
                    assert (read.status_code, "x-verbatim-behind" in read.headers) == (200, False)
            assert foreign.events == []
        await client.delete(f"{CONVERSATIONS}/{conversation}")
        async with hearing(client, first.last_id) as resumed:
            await resumed.has(1)
            assert resumed.what == ["deleted"]
        async with hearing(client, format_cut({(CONVERSATION_EVENTS, 0): 10**9})) as lost:
            there: bool = await eventually(lambda: b"event: reset" in lost.body, WAIT_S)
            assert there
            await begun(client)
            await lost.has(1)
