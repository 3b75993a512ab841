"""`./verbatim replay stream|lag|offsets|topics|schemas` on a real log with its projections."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from infra.settings import Settings
from tests.eventually import eventually
from tests.in_process import Ended, run_beside
from tests.integration.api_process import free_port
from tests.integration.api_running import Running, whole_api
from tests.unit.api.sse_text import events_of
from topics.catalogue import CONVERSATION_EVENTS, TOKEN_CHUNKS

pytestmark = [pytest.mark.stack, pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(120)]

ROOT = Path(__file__).parents[3]
CONVERSATIONS = "/api/v1/conversations"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def running(servers: Settings, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Running]:
    async with whole_api(servers, tmp_path_factory.mktemp("api") / "api.log") as running:
        yield running


def environment(settings: Settings, *, cassandra: bool = True) -> dict[str, str]:
    """What the command needs to find its servers; without `cassandra` it is told of one that does not answer."""
    store = settings.cassandra
    return {
        "VERBATIM_KAFKA__BOOTSTRAP": settings.kafka.bootstrap or "",
        "VERBATIM_KAFKA__PREFIX": settings.kafka.prefix,
        "VERBATIM_CASSANDRA__CONTACT_POINTS": json.dumps(store.contact_points),
        "VERBATIM_CASSANDRA__PORT": str(store.port if cassandra else free_port()),
        "VERBATIM_CASSANDRA__KEYSPACE": store.keyspace,
    }


async def replay(settings: Settings, *arguments: str, cassandra: bool = True) -> Ended:
    """`./verbatim replay …`."""
    return await run_beside(["replay", *arguments], environment(settings, cassandra=cassandra))


async def begin(settings: Settings, *arguments: str) -> asyncio.subprocess.Process:
    """The same as a process."""
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "infra.cli", "replay", *arguments,
        cwd=ROOT, env={**os.environ, **environment(settings)},
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip


def lines(ended: Ended) -> list[dict[str, Any]]:
    """Its output, one JSON object a line."""
    return [json.loads(line) for line in ended.out.splitlines()]


async def said(running: Running, content: str) -> tuple[str, bytes]:
    """A turn in a new conversation: its generation and the bytes of its live stream."""
    async with running.client() as client:
        conversation = (await client.post(CONVERSATIONS, json={})).json()["id"]
        answer = await client.post(f"{CONVERSATIONS}/{conversation}/messages", json={"content": content})
        generation = events_of(answer.content)[0].json["messageId"]
        token = f"{answer.headers['x-verbatim-position']},generation/{generation}"
        await client.get(f"{CONVERSATIONS}/{conversation}", headers={"X-Verbatim-Position": token})
    return generation, answer.content


@pytest.mark.parametrize("content", ["say 60", "refuse"])
@pytest.mark.parametrize("cassandra", [True, False])
async def test_a_stream_comes_again_byte_for_byte(running: Running, content: str, cassandra: bool) -> None:
    generation, live = await said(running, content)
    again = await replay(running.settings, "stream", generation, cassandra=cassandra)
    assert (again.status, again.err) == (0, "")
    assert sha256(again.out).hexdigest() == sha256(live).hexdigest()


async def test_the_openai_dialect_comes_again_too(running: Running) -> None:
    body = {
        "model": "verbatim-local",
        "messages": [{"role": "user", "content": "say 7"}],
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    async with running.client() as client:
        live = (await client.post("/v1/chat/completions", json=body)).content
    completion = json.loads(live.split(b"\n")[0][6:])["id"]
    again = await replay(running.settings, "stream", completion, "--openai", "--include-usage")
    assert (again.status, again.err) == (0, "")
    assert again.out == live


async def test_a_deleted_conversations_stream_is_still_in_the_log(running: Running) -> None:
    generation, live = await said(running, "say 5")
    async with running.client() as client:
        read = await client.get(f"/api/v1/generations/{generation}")
        await client.delete(f"{CONVERSATIONS}/{read.json()['conversationId']}")
        gone = await client.get(f"/api/v1/generations/{generation}/stream")
    assert gone.status_code == 404
    again = await replay(running.settings, "stream", generation)
    assert (again.status, again.out) == (0, live)


async def test_one_that_runs_is_followed_to_its_end(running: Running) -> None:
    live = b""
    async with running.client() as client:
        conversation = (await client.post(CONVERSATIONS, json={})).json()["id"]
        path = f"{CONVERSATIONS}/{conversation}/messages"
        async with client.stream("POST", path, json={"content": "hold"}) as answer:
            stream = answer.aiter_raw()
            while live.count(b"\n\n") < 2:
                live += await anext(stream)
            generation = events_of(live)[0].json["messageId"]
            so_far = await replay(running.settings, "stream", generation, "--no-follow")
            assert so_far.status == 1
            assert "still runs: 1 chunks so far" in so_far.err and so_far.err.count("\n") == 1
            assert so_far.out == live
            process = await begin(running.settings, "stream", generation)
            assert process.stdout is not None and process.stderr is not None
            assert b"still runs" in await process.stderr.readline()
            await client.post(f"/api/v1/generations/{generation}/cancel")
            live += b"".join([part async for part in stream])
            followed = await process.stdout.read()
            assert await process.wait() == 0
    assert followed == live.replace(b": keep-alive\n\n", b"")
    assert events_of(followed)[-1].json["finishReason"] == "cancelled"


MISTAKES = (
    (("stream", "00000000-0000-4000-8000-000000000000"), "there is no generation 00000000-"),
    (("stream", "no such\nthing"), "is not a generation id"),
    (("stream", "x", "--include-usage"), "--include-usage needs --openai"),
    (("offsets", "nothing"), "there is no topic 'nothing'. The topics are: account-events, "),
    (("offsets", TOKEN_CHUNKS, "--at", "2999-01-01"), "is in the future"),
    (("lag", "nothing"), "there is no topic 'nothing'"),
    (("schemas", "check", "--registry", "ftp://x"), "--registry needs the base URL"),
    (("schemas", "push", "--registry", "http://127.0.0.1:1"), "does not answer"),
)


async def test_a_mistake_is_one_clear_line(running: Running) -> None:
    for arguments, says in MISTAKES:
        ended = await replay(running.settings, *arguments)
        assert (ended.status, ended.out) == (1, b"")
        assert ended.err.startswith("verbatim: ") and ended.err.count("\n") == 1
        assert says in ended.err


async def test_lag_tells_how_far_everybody_is(running: Running) -> None:
    await said(running, "say 3")

    async def caught_up() -> Any:
        lag = await replay(running.settings, "lag", CONVERSATION_EVENTS, "--json", "--most", "0")
        mine = [line for line in lines(lag) if line["kind"] == "projection"]
        assert {line["topic"] for line in lines(lag)} <= {CONVERSATION_EVENTS}
        assert {line["name"] for line in mine} >= {"messages v1 (live)", "conversations v1 (live)"}
        for line in lines(lag):
            assert line["lag"] == line["end"] - line["at"] >= 0
            assert (line["oldest_age_s"] is None) <= (line["lag"] == 0 or line["below"] > 0)
        return all(line["lag"] == 0 for line in mine)

    await eventually(caught_up, 30)
    table = await replay(running.settings, "lag")
    assert table.status == 0 and b"projection messages v1 (live)" in table.out


async def test_offsets_tell_where_a_moment_lies(running: Running) -> None:
    await said(running, "say 3")
    found = await replay(running.settings, "offsets", TOKEN_CHUNKS, "--at", "365d", "--json")
    (span,) = lines(found)
    assert span == {**span, "topic": TOKEN_CHUNKS, "partition": 0, "archive_first": None, "at": span["first"]}
    assert span["end"] > span["first"]
    table = await replay(running.settings, "offsets", TOKEN_CHUNKS, "--at", "now")
    assert f"as a cut: {TOKEN_CHUNKS}:0=".encode() in table.out


async def test_topics_are_listed_with_what_stands_in_them(running: Running) -> None:
    found = {line["name"]: line for line in lines(await replay(running.settings, "topics", "--json"))}
    assert found[CONVERSATION_EVENTS]["retention_ms"] == -1
    assert found[TOKEN_CHUNKS]["records"] > 0
    assert "TokenChunk" in found[TOKEN_CHUNKS]["types"]
    assert found["generation-jobs.default.interactive"]["types"] == ["GenerationRequested"]
    table = await replay(running.settings, "topics")
    assert b"for ever" in table.out and b"token-chunks" in table.out


async def test_the_schemas_hold_together_and_our_own_endpoint_has_them_all(running: Running) -> None:
    checked = await replay(running.settings, "schemas", "check", "--registry", running.api.url)
    assert (checked.status, checked.err) == (0, "")
    assert b"the registry has them all" in checked.out
    pushed = await replay(running.settings, "schemas", "push", "--registry", running.api.url)
    assert pushed.status == 0 and pushed.out.startswith(b"0 schemas pushed, ")
    listed = lines(await replay(running.settings, "schemas", "list", "--json"))
    assert listed[0] == {**listed[0], "id": 1, "subject": "verbatim.ConversationStarted", "version": 1}


async def test_attempts_that_say_nothing_of_their_pick_leave_nothing_to_check(running: Running) -> None:
    """The stand-in for a worker of these tests says nothing; real picks are checked in tests/sim."""
    await said(running, "say 3")
    report = json.loads((await replay(running.settings, "picks", "--json")).out)
    assert (report["wrong"], report["checked"], report["unchecked"]) == (0, 0, 0)
    table = await replay(running.settings, "picks", "--since", "1h")
    assert b"are what the rule gives (none)" in table.out
