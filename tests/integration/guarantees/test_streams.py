"""One cursor: the same bytes for every reader, from every frame, at any age, on every real process and server."""

from __future__ import annotations

import asyncio
import re
import socket
from pathlib import Path

import httpx
import pytest
from confluent_kafka import TopicPartition

from infra.ids import draw_id
from tests.eventually import eventually
from tests.integration.guarantees.reading import Reading, asked, begun, generation_of, outcome_there, without_comments
from tests.integration.guarantees.world import SECOND, Whole, outcomes_of
from tests.unit.api.sse_text import events_of
from topics.catalogue import TOKEN_CHUNKS
from topics.clients import open_admin
from topics.scan import watermarks

pytestmark = [pytest.mark.stack, pytest.mark.timeout(400)]


def rest_of(whole: bytes, after: int) -> bytes:
    """The bytes of a stream after frame `after`."""
    frames = [frame + b"\n\n" for frame in whole.split(b"\n\n")[:-1]]
    return b"".join(frames[after + 1 :])


async def test_the_same_bytes_from_every_frame_at_any_age(whole: Whole) -> None:
    async with whole.client() as client, whole.client(api=SECOND) as other:
        conversation = await begun(client)
        posted = without_comments((await asked(whole, client, conversation, "Zürich 🎉 \r\n\u2028 canary")).content)
        generation, frames = generation_of(posted), len(events_of(posted))
        path = f"/api/v1/generations/{generation}/stream"
        for after in range(frames):
            resumed = await client.get(path, headers={"Last-Event-ID": str(after)})
            assert resumed.content == rest_of(posted, after)
        await outcome_there(client, conversation, generation)
        properties = whole.settings.kafka.client_properties()
        _, end = await asyncio.to_thread(watermarks, properties, TOKEN_CHUNKS, 0)
        admin = open_admin(properties)
        for future in admin.delete_records([TopicPartition(TOKEN_CHUNKS, 0, end)]).values():
            await asyncio.to_thread(future.result, 20)
        low, _ = await asyncio.to_thread(watermarks, properties, TOKEN_CHUNKS, 0)
        assert low == end
        for after in range(frames):
            assert (await other.get(f"{path}?after={after}")).content == rest_of(posted, after)
        assert (await other.get(path)).content == posted


async def test_many_readers_on_two_replicas_from_any_point(whole: Whole) -> None:
    text = "x" * 1500
    async with whole.client() as client, whole.client(api=SECOND) as other:
        conversation = await begun(client)
        path = f"/api/v1/conversations/{conversation}/messages"
        body = {"content": text, "model": whole.model("patient")}
        readers: list[asyncio.Task[httpx.Response]] = []
        async with asyncio.TaskGroup() as tasks, client.stream("POST", path, json=body) as response:
            posted = b""
            async for data in response.aiter_raw():
                posted += data
                if not readers and len(events_of(posted)) > 5:
                    generation = generation_of(posted)
                    for number in range(12):
                        source = client if number % 2 else other
                        headers = {"X-Verbatim-Position": response.headers["x-verbatim-position"]}
                        if number >= 2:
                            headers["Last-Event-ID"] = str(number // 2 - 1)
                        stream = f"/api/v1/generations/{generation}/stream"
                        readers.append(tasks.create_task(source.get(stream, headers=headers)))
        posted = without_comments(posted)
        for number, reader in enumerate(readers):
            assert without_comments(reader.result().content) == rest_of(posted, number // 2 - 1), number
        events = events_of(posted)
        assert [event.id for event in events] == [str(seq) for seq in range(len(events))]
        assert "".join(event.json["delta"] for event in events[1:-1]) == text


def memory_kib(pid: int) -> int:
    found = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    assert found is not None
    return int(found[1])


async def test_clients_that_read_nothing_cost_nothing_and_catch_up(whole: Whole) -> None:
    """Forty clients with small windows take nothing of a long answer; one reads it all meanwhile, then one of them."""
    async with whole.client() as client:
        conversation = await begun(client)
        path = f"/api/v1/conversations/{conversation}/messages"
        body = {"content": "y" * 3000, "model": whole.model("patient")}
        slow: list[socket.socket] = []
        try:
            async with client.stream("POST", path, json=body) as response:
                stream = Reading(response)
                await stream.until(lambda seen: b"content_chunk" in seen)
                request = (
                    f"GET /api/v1/generations/{stream.generation}/stream HTTP/1.1\r\nHost: verbatim\r\n"
                    f"Authorization: Bearer {whole.keys[0]}\r\nConnection: close\r\n\r\n"
                ).encode()
                before = memory_kib(whole.pid("api"))
                for _ in range(40):
                    reader = socket.socket()
                    reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
                    reader.connect(("127.0.0.1", whole.ports["api"]))
                    reader.sendall(request)
                    slow.append(reader)
                posted = await stream.to_end()
            assert events_of(posted)[-1].event == "message_end"
            assert memory_kib(whole.pid("api")) - before < 40 * 1024
            received = await asyncio.to_thread(read_to_end, slow[0])
        finally:
            for reader in slow:
                reader.close()
    chunked = received.partition(b"\r\n\r\n")[2]
    assert events_of(b"".join(re.split(rb"(?:^|\r\n)[0-9a-f]+\r\n", chunked))) == events_of(posted)


def read_to_end(reader: socket.socket) -> bytes:
    reader.settimeout(30)
    received = b""
    while data := reader.recv(65536):
        received += data
        if received.endswith(b"0\r\n\r\n"):
            break
    return received


async def test_positions_that_are_none(whole: Whole) -> None:
    async with whole.client() as client, whole.client(1) as stranger:
        conversation = await begun(client)
        generation = generation_of((await asked(whole, client, conversation, "abc")).content)
        longer = (await asked(whole, client, conversation, "a longer answer " * 20)).content
        path = f"/api/v1/generations/{generation}/stream"
        newest = int(events_of((await client.get(path)).content)[-1].id or "")
        of_another = events_of(longer)[-1].id or ""
        assert int(of_another) > newest
        for wrong in ("x", "", "-1", "1.5", "+1", "1e3", generation, f"{generation}:1", of_another, "9" * 400):
            for answer in (
                await client.get(path, headers={"Last-Event-ID": wrong}),
                await client.get(path, params={"after": wrong}),
            ):
                assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid_position"), wrong
                assert f"the stream can be resumed from 0 to {newest}" in answer.json()["error"]["message"]
        twice = await client.get(path, headers=[("Last-Event-ID", "1"), ("Last-Event-ID", "1")])
        both = await client.get(f"{path}?after=2", headers={"Last-Event-ID": "1"})
        again = await client.get(f"{path}?after=2&after=2")
        for answer in (twice, both, again):
            assert answer.status_code == 400
            assert "Send exactly one position" in answer.json()["error"]["message"]
        for answer in (
            await stranger.get(path),
            await stranger.get(path, headers={"Last-Event-ID": "x"}),
            await stranger.post(f"/api/v1/generations/{generation}/cancel"),
            await client.get(f"/api/v1/generations/{draw_id()}/stream"),
        ):
            assert (answer.status_code, answer.json()["error"]["code"]) == (404, "not_found")


async def test_heads_that_are_none(whole: Whole) -> None:
    async with whole.client() as client:
        body = {"model": whole.model("patient"), "messages": [{"role": "user", "content": "x"}]}
        large = await client.post("/v1/chat/completions", json=body, headers={"Idempotency-Key": "k" * 1_000_000})
        assert (large.status_code, large.json()["error"]["code"]) == (400, "invalid_idempotency_key")
        twice = await client.post("/v1/chat/completions", json=body, headers=[("Idempotency-Key", "k")] * 2)
        assert (twice.status_code, twice.json()["error"]["code"]) == (400, "invalid_idempotency_key")
    head = f"GET /v1/models HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {whole.keys[0]}\r\n".encode()
    for sent, status, code in (
        (head + b"Idempotency-Key: a\x01b\r\n\r\n", b"400", b"invalid_http"),
        (head + b"X: " + b"x" * 3_000_000, b"431", b"head_too_large"),
    ):
        reader, writer = await asyncio.open_connection("127.0.0.1", whole.ports["api"])
        writer.write(sent)
        async with asyncio.timeout(10):
            answer = await reader.read(4096)
        writer.close()
        assert answer.split(b" ")[1] == status
        assert code in answer


async def test_a_broker_that_hangs_holds_the_stream_up_and_no_more(whole: Whole) -> None:
    text = "z" * 1500
    async with whole.client() as client:
        conversation = await begun(client)
        body = {"content": text, "model": whole.model("patient")}
        async with client.stream("POST", f"/api/v1/conversations/{conversation}/messages", json=body) as response:
            stream = Reading(response)
            await stream.until(lambda seen: seen.count(b"content_chunk") > 20)
            with whole.frozen("kafka"):
                await stream.until(lambda seen: seen.count(b": keep-alive") >= 4)
            posted = await stream.to_end()
    events = events_of(posted)
    assert [event.id for event in events] == [str(seq) for seq in range(len(events))]
    assert "".join(event.json["delta"] for event in events[1:-1]) == text
    generation = generation_of(posted)

    def recorded() -> bool:
        return any(outcome.turn.generation_id == generation for outcome in outcomes_of(whole, conversation))

    done: bool = await eventually(recorded, 40)
    assert done
