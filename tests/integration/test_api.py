"""The api process on the real Kafka, Cassandra and Redis."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
import pytest_asyncio
from pydantic import SecretStr

from infra.crash_points import EXIT_STATUS
from infra.runtime.signalling import send_signal
from infra.settings import Settings
from infra.settings.servers import RedisSettings
from schemas.envelope import Position
from schemas.generation import GenerationEnded
from tests.eventually import eventually
from tests.integration.api_calls import CHAT, CONVERSATIONS, answer_to, answer_while_sending, begun, chat, until
from tests.integration.api_process import free_port, make_key, running_api, said_by_refused_api
from tests.integration.api_running import Running, whole_api
from tests.unit.api.sse_text import events_of
from topics.catalogue import CONVERSATION_EVENTS, TOKEN_CHUNKS
from topics.scan import fold_generation, watermarks

pytestmark = [pytest.mark.stack, pytest.mark.asyncio(loop_scope="module")]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def running(servers: Settings, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Running]:
    async with whole_api(servers, tmp_path_factory.mktemp("api") / "api.log") as running:
        yield running


async def test_a_turn_is_streamed_read_and_streamed_again(running: Running) -> None:
    async with running.client() as client:
        conversation = await begun(client, title="canary title")
        path = f"{CONVERSATIONS}/{conversation}/messages"
        first = await client.post(path, json={"content": "say 50"})
        events = events_of(first.content)
        assert [event.id for event in events] == [str(seq) for seq in range(52)]
        generation = events[0].json["messageId"]
        text = "".join(event.json["delta"] for event in events[1:-1])
        token = f"{first.headers['x-verbatim-position']},generation/{generation}"
        read = await client.get(path, headers={"X-Verbatim-Position": token})
        assert "x-verbatim-behind" not in read.headers
        assert [row["content"] for row in read.json()["data"]] == ["say 50", text]
        stream = f"/api/v1/generations/{generation}/stream"
        assert (await client.get(stream)).content == first.content
        second = await client.post(path, json={"content": "say 1"})
        rows = (await client.get(path, headers={"X-Verbatim-Position": second.headers["x-verbatim-position"]})).json()
        assert rows["data"][2]["parentMessageId"] == generation
        listed = await client.get(CONVERSATIONS, headers={"X-Verbatim-Position": token})
        assert listed.json()["data"][0]["id"] == conversation


async def test_a_late_reader_joins_a_running_generation_exactly(running: Running) -> None:
    running.agents.pace_s = 0.01
    try:
        async with running.client() as client, running.client() as late:
            conversation = await begun(client)
            path = f"{CONVERSATIONS}/{conversation}/messages"
            async with client.stream("POST", path, json={"content": "say 40"}) as response:
                received = b""
                joined: asyncio.Task[httpx.Response] | None = None
                async with asyncio.TaskGroup() as tasks:
                    async for data in response.aiter_raw():
                        received += data
                        if joined is None and len(events_of(received)) > 10:
                            generation = events_of(received)[0].json["messageId"]
                            headers = {"Last-Event-ID": "5"}
                            joined = tasks.create_task(
                                late.get(f"/api/v1/generations/{generation}/stream", headers=headers)
                            )
            assert joined is not None
            assert events_of(joined.result().content) == events_of(received)[6:]
    finally:
        running.agents.pace_s = 0.0


async def test_a_running_generation_is_found_by_another_process(running: Running, tmp_path: Path) -> None:
    async with (
        running_api(running.settings, tmp_path / "second.log") as second,
        running.client() as client,
        second.client(running.key) as elsewhere,
    ):
        path = f"{CONVERSATIONS}/{await begun(client)}/messages"
        async with client.stream("POST", path, json={"content": "hold"}) as response:
            parts = response.aiter_raw()
            seen = await until(parts, b"held")
            generation = events_of(seen)[0].json["messageId"]
            async with elsewhere.stream("GET", f"/api/v1/generations/{generation}/stream") as other:
                assert await until(other.aiter_raw(), b"held") == seen
            cancelled = await elsewhere.post(f"/api/v1/generations/{generation}/cancel", json={"seen": 1})
            assert cancelled.json()["status"] == "cancelled"
            rest = b"".join([part async for part in parts])
    assert events_of(rest)[-1].json["finishReason"] == "cancelled"


async def test_an_api_that_was_killed_has_lost_nothing(running: Running, tmp_path: Path) -> None:
    received = b""
    async with (
        running_api(running.settings, tmp_path / "killed.log", status=-signal.SIGKILL) as killed,
        killed.client(running.key) as client,
    ):
        path = f"{CONVERSATIONS}/{await begun(client)}/messages"
        with pytest.raises(httpx.RemoteProtocolError):
            async with client.stream("POST", path, json={"content": "hold"}) as response:
                async for data in response.aiter_raw():
                    received += data
                    if b"held" in received:
                        send_signal(killed.process, signal.SIGKILL)
        await killed.process.wait()
    generation = events_of(received)[0].json["messageId"]
    async with running.client() as client:
        await client.post(f"/api/v1/generations/{generation}/cancel")
        again = await client.get(f"/api/v1/generations/{generation}/stream")
    assert again.content.startswith(received)
    assert events_of(again.content)[-1].json["finishReason"] == "cancelled"


async def test_a_stateless_prompt_nobody_waits_for_is_cancelled(running: Running) -> None:
    async with running.client() as client:
        async with client.stream("POST", CHAT, json=chat("hold", stream=True)) as response:
            head = await anext(response.aiter_lines())
        completion = httpx.Response(200, text=head.removeprefix("data: ")).json()["id"].removeprefix("chatcmpl-")
        generation = "-".join(completion[i:j] for i, j in ((0, 8), (8, 12), (12, 16), (16, 20), (20, 32)))

        async def cancelled() -> bool:
            answer = await client.get(f"/api/v1/generations/{generation}")
            return answer.status_code == 200 and answer.json()["status"] == "cancelled"

        done: bool = await eventually(cancelled)
        assert done
        assert (await client.get(f"/api/v1/generations/{generation}")).json()["content"] == "held "


async def test_a_conversation_goes_on_when_its_client_leaves(running: Running) -> None:
    running.agents.pace_s = 0.02
    try:
        async with running.client() as client:
            conversation = await begun(client)
            path = f"{CONVERSATIONS}/{conversation}/messages"
            async with client.stream("POST", path, json={"content": "say 30"}) as response:
                await anext(response.aiter_lines())

            async def whole() -> bool:
                rows = (await client.get(path)).json()["data"]
                return len(rows) == 2 and rows[1]["status"] == "completed" and rows[1]["content"].endswith("w30 ")

            done: bool = await eventually(whole)
            assert done
    finally:
        running.agents.pace_s = 0.0


async def test_a_silent_stream_is_kept_alive(running: Running) -> None:
    async with running.client() as client:
        conversation = await begun(client)
        path = f"{CONVERSATIONS}/{conversation}/messages"
        async with client.stream("POST", path, json={"content": "hold"}) as response:
            await until(response.aiter_raw(), b": keep-alive\n\n: keep-alive\n\n")


async def test_two_users_never_meet(running: Running) -> None:
    async with running.client() as alice, running.api.client(running.other_key) as bob:
        conversation = await begun(alice)
        answer = await alice.post(f"{CONVERSATIONS}/{conversation}/messages", json={"content": "say 1"})
        generation = events_of(answer.content)[0].json["messageId"]
        for path in (f"{CONVERSATIONS}/{conversation}", f"/api/v1/generations/{generation}/stream"):
            assert (await bob.get(path)).status_code == 404
        assert conversation not in (await bob.get(CONVERSATIONS)).text


async def test_a_retry_joins_its_turn_after_the_process_was_replaced(running: Running, tmp_path: Path) -> None:
    headers = {"Idempotency-Key": "retry after restart"}
    async with running.client() as client:
        first = await client.post(CHAT, json=chat("say 3", stream=True), headers=headers)
    async with running_api(running.settings, tmp_path / "next.log") as replaced, replaced.client(running.key) as client:
        again = await client.post(CHAT, json=chat("say 3", stream=True), headers=headers)
        assert (again.status_code, again.headers["idempotent-replayed"]) == (200, "true")
        assert again.content == first.content
        other = await client.post(CHAT, json=chat("say 4", stream=True), headers=headers)
        assert other.status_code == 422


async def test_a_revoked_key_ends_its_streams(running: Running) -> None:
    async with running.client() as client:
        made = (await client.post("/api/v1/keys", json={"label": "short-lived"})).json()
        async with running.api.client(made["key"]) as other:
            conversation = await begun(other)
            with pytest.raises(httpx.RemoteProtocolError):
                path = f"{CONVERSATIONS}/{conversation}/messages"
                async with other.stream("POST", path, json={"content": "hold"}) as response:
                    async for _ in response.aiter_raw():
                        await client.delete(f"/api/v1/keys/{made['id']}")
            assert (await other.get("/v1/models")).status_code == 401


@pytest.mark.parametrize(
    "broken",
    [
        "POST {} HTTP/1.1\r\n{}Transfer-Encoding: chunked\r\n\r\nZZ\r\n",
        "POST {} HTTP/1.1\r\n{}Transfer-Encoding: chunked\r\n\r\n2\r\n{{}}, and more\r\n0\r\n\r\n",
        "GET {} HTTP/1.1\r\n{}Transfer-Encoding: gzip\r\n\r\n",
    ],
)
async def test_a_body_that_breaks_its_framing_is_answered(running: Running, broken: str) -> None:
    before = len(running.api.log_file.read_text())
    head = f"Host: x\r\nAuthorization: Bearer {running.key}\r\nContent-Type: application/json\r\n"
    answer = await answer_to(httpx.URL(running.api.url), broken.format(CHAT, head).encode())
    assert answer.startswith("HTTP/1.1 400 Bad Request\r\n")
    assert '"code":"invalid_http"' in answer and "connection: close" in answer
    assert '"level": "error"' not in running.api.log_file.read_text()[before:]


async def test_keys_that_do_not_exist_are_not_looked_up_for_ever(running: Running, tmp_path: Path) -> None:
    async with running_api(running.settings, tmp_path / "guessed.log") as api:
        async with api.client(None) as nobody:
            guesses = [{"Authorization": f"Bearer vk_{number:043}"} for number in range(60)]
            statuses = [(await nobody.get("/v1/models", headers=guess)).status_code for guess in guesses]
        async with api.client(running.key) as alice:
            assert (await alice.get("/v1/models")).status_code == 429  # never seen by this process, and unread
    assert statuses[:30] == [401] * 30
    assert set(statuses) == {401, 429}


async def test_the_rate_limit_is_shared_and_told(running: Running, tmp_path: Path) -> None:
    key = await make_key(running.agents.log, "rated")
    async with (
        running_api(running.settings, tmp_path / "rated.log", requests_per_minute=3) as limited,
        limited.client(key) as client,
    ):
        answers = [await client.get("/v1/models") for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert [answer.headers["x-ratelimit-remaining-requests"] for answer in answers] == ["2", "1", "0", "0"]
    assert 1 <= int(answers[-1].headers["retry-after"]) <= 20


async def test_without_redis_each_process_has_its_part_of_the_limits(running: Running, tmp_path: Path) -> None:
    nowhere = RedisSettings(url=SecretStr("redis://127.0.0.1:1/0"))
    settings = running.settings.model_copy(update={"redis": nowhere})
    key = await make_key(running.agents.log, "alone")
    async with (
        running_api(settings, tmp_path / "no-redis.log", requests_per_minute=4, processes=2) as alone,
        alone.client(key) as client,
    ):
        answers = [await client.get("/v1/models") for _ in range(3)]
    # Each of two processes has its half.
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert answers[0].headers["x-ratelimit-limit-requests"] == "2"


async def test_the_end_of_a_cancelled_turn_stands_once_in_the_log(running: Running) -> None:
    async with running.client() as client:
        conversation = await begun(client)
        path = f"{CONVERSATIONS}/{conversation}/messages"
        async with client.stream("POST", path, json={"content": "hold"}) as response:
            seen = await until(response.aiter_raw(), b"held")
            generation = events_of(seen)[0].json["messageId"]
            answers = await asyncio.gather(
                *(client.post(f"/api/v1/generations/{generation}/cancel", json={"seen": 1}) for _ in range(3))
            )
    assert {answer.json()["status"] for answer in answers} == {"cancelled"}
    properties = running.settings.kafka.client_properties()
    low, end = await asyncio.to_thread(watermarks, properties, TOKEN_CHUNKS, 0)
    fold = await asyncio.to_thread(
        fold_generation, properties, TOKEN_CHUNKS, conversation, generation, Position(0, 0, low), end
    )
    assert isinstance(fold.end, GenerationEnded)
    assert (fold.end.reason, fold.end.seen, fold.text) == ("cancelled", 1, "held ")


async def test_a_body_that_is_refused_early_gets_its_answer_while_it_is_sent(running: Running) -> None:
    head = (
        f"POST {CHAT} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {running.key}\r\n"
        "Content-Type: application/json\r\nContent-Length: 100000000\r\n\r\n"
    )
    port = int(running.api.url.rpartition(":")[2])
    for _ in range(20):
        answer = await answer_while_sending(port, head)
        assert answer.startswith("HTTP/1.1 413 ") and "request_too_large" in answer


@pytest.mark.slow("two processes of the api start, to be refused")
async def test_what_keeps_it_from_starting_is_one_clear_line(running: Running, tmp_path: Path) -> None:
    port = int(running.api.url.rpartition(":")[2])
    said = await said_by_refused_api(running.settings, tmp_path / "taken.log", port=port)
    assert said == f"api: cannot listen on 127.0.0.1:{port}: Address already in use\n"
    nowhere = running.settings.kafka.model_copy(update={"bootstrap": "127.0.0.1:1"})
    away = running.settings.model_copy(update={"kafka": nowhere})
    said = await said_by_refused_api(away, tmp_path / "away.log", port=free_port(), produce_timeout_s=1)
    assert "api: the broker does not answer" in said
    assert "Traceback" not in said


async def test_an_import_in_which_the_api_dies_is_seen_nowhere_until_it_is_repeated(
    running: Running, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    messages = [
        {"id": "1", "role": "user", "content": "one", "created_at": "2024-03-01T10:00:00Z"},
        *({"id": str(n), "parent": "1", "role": "assistant", "content": f"answer {n}"} for n in range(2, 6)),
    ]
    body = {"source": {"product": "chatgpt", "id": "crash"}, "title": "Brought along", "messages": messages}
    monkeypatch.setenv("VERBATIM_CRASHPOINT", "api.mid_import:2")
    dies = running_api(running.settings, tmp_path / "dies.log", status=EXIT_STATUS)
    async with dies as dying, dying.client(running.key) as client:
        with pytest.raises(httpx.TransportError):
            await client.post(f"{CONVERSATIONS}/import", json=body)
    monkeypatch.delenv("VERBATIM_CRASHPOINT")
    async with running.client() as client:
        listed = (await client.get(f"{CONVERSATIONS}?limit=100")).json()["data"]
        assert "Brought along" not in [each["title"] for each in listed]
        again = await client.post(f"{CONVERSATIONS}/import", json=body)
        assert again.status_code == 201, again.text
        made = again.json()
        assert made["known"] >= 2
        assert made["added"] + made["known"] == 5
        position = {"X-Verbatim-Position": again.headers["x-verbatim-position"]}
        path = f"{CONVERSATIONS}/{made['id']}"
        exported = (await client.get(f"{path}/export", headers=position)).json()
        assert [each["content"] for each in exported["messages"]] == ["one", *(f"answer {n}" for n in range(2, 6))]
        assert {each["parentMessageId"] for each in exported["messages"][1:]} == {exported["messages"][0]["id"]}
        assert exported["createdAt"] == "2024-03-01T10:00:00.000000Z"
        listed = (await client.get(f"{CONVERSATIONS}?limit=100", headers=position)).json()["data"]
        assert listed[-1]["id"] == made["id"]  # by its old time
        now = await client.get(f"{path}?as_of={CONVERSATION_EVENTS}:0=0", headers=position)
        assert now.json()["error"]["code"] == "not_yet"
        events = (await client.get(f"{path}/events", headers=position)).json()["data"]
        assert [each["type"] for each in events] == ["MessagesAppended"] * 4 + ["ConversationStarted"]
        told = events_of((await client.post(f"{path}/messages", json={"content": "say 3"})).content)
        assert told[-1].event == "message_end"
