"""The ideal user gets to the end of an answer over refusals, outages and cut connections, and journals what it saw."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import httpx
import pytest

from infra.local_model.instructions import read_script
from infra.models.catalogue import ModelCatalogue
from infra.models.json_instances import instance_of
from infra.models.json_schemas import check_schema
from tests.faults import user as user_module
from tests.faults.evidence import (
    Acked,
    CancelAnswered,
    Cut,
    Entry,
    Frame,
    GaveUp,
    Intent,
    Refused,
    Transcript,
    Unknown,
    expected_json,
    expected_text,
    question,
)
from tests.faults.journal import Journal, read
from tests.faults.turns import Prompt, Reader, Talk
from tests.faults.user import User
from tests.unit.faults.played_api import Api, Torn, error

GENERATION = "7b0e3c6e-0000-4000-8000-000000000001"
PROMPT = Prompt("k", "T", 3)


def frame(seq: int) -> bytes:
    if seq == 0:
        event, data = "message_start", {"messageId": GENERATION}
    elif seq < 4:
        event, data = "content_chunk", {"delta": f"{seq}\u2028\r"}
    else:
        event, data = "message_end", {"finishReason": "stop"}
    return f"id: {seq}\nevent: {event}\ndata: {json.dumps(data, ensure_ascii=False)}\n\n".encode()


def frames(first: int, stop: int) -> bytes:
    return b": keep-alive\n\n" + b"".join(map(frame, range(first, stop)))


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(user_module, "_PAUSES_S", (0.0,))


async def acted(
    path: Path, api: Api, act: Callable[[User], AsyncIterator[None]], patience_s: float = 30.0
) -> list[Entry]:
    with Journal(path) as journal:
        user = User("http://api", "key", journal, patience_s=patience_s, transport=httpx.MockTransport(api))
        try:
            async for _ in act(user):
                pass
        finally:
            await user.aclose()
    return list(read(path))


def seqs(entries: list[Entry]) -> list[int]:
    return [entry.seq for entry in entries if isinstance(entry, Frame)]


def kinds(entries: list[Entry]) -> list[str]:
    return [type(entry).__name__ for entry in entries if not isinstance(entry, Frame)]


async def test_a_prompt_is_retried_under_its_key_and_its_stream_resumed(tmp_path: Path) -> None:
    api = Api(
        httpx.ConnectError("down"),
        error(503),
        httpx.Response(200, stream=Torn(frames(0, 2), frame(2)[:9])),
        error(404),
        httpx.Response(200, stream=Torn(frames(2, 4))),
        httpx.Response(200, content=frames(4, 5)),
    )
    talk, reader = Talk("c"), Reader("r")

    async def act(user: User) -> AsyncIterator[None]:
        assert await user.ask(talk, PROMPT, reader)
        yield

    entries = await acted(tmp_path / "j", api, act)
    assert seqs(entries) == [0, 1, 2, 3, 4]
    assert kinds(entries)[:7] == ["Intent", "Unknown", "Intent", "Unknown", "Intent", "Acked", "Acked"]
    assert [entry.after for entry in entries if isinstance(entry, Cut)] == [1, 1, 3]
    posts = [request for request in api.requests if request.method == "POST"]
    assert {request.headers["Idempotency-Key"] for request in posts} == {"k"}
    assert len({request.content for request in posts}) == 1
    resumed = [request.headers["Last-Event-ID"] for request in api.requests if request.method == "GET"]
    assert resumed == ["1", "1", "3"]
    assert Acked("k", GENERATION, "c") in entries
    deltas = [json.loads(entry.data)["delta"] for entry in entries if isinstance(entry, Frame) and 0 < entry.seq < 4]
    assert deltas == ["1\u2028\r", "2\u2028\r", "3\u2028\r"]


async def test_it_leaves_and_comes_back_where_it_was_told_to(tmp_path: Path) -> None:
    api = Api(httpx.Response(200, content=frames(0, 5)), httpx.Response(200, content=frames(3, 5)))
    reader = Reader("r", leave_after=[2])

    async def act(user: User) -> AsyncIterator[None]:
        assert await user.ask(Talk("c"), PROMPT, reader)
        yield

    entries = await acted(tmp_path / "j", api, act)
    assert seqs(entries) == [0, 1, 2, 3, 4]
    assert [entry for entry in entries if isinstance(entry, Cut)] == [Cut("r", 2)]


async def test_a_definite_no_ends_it_and_one_that_is_behind_does_not(tmp_path: Path) -> None:
    api = Api(error(404, "not_found", **{"X-Verbatim-Behind": "true"}), error(409, "parent_running"), error(400, "bad"))

    async def act(user: User) -> AsyncIterator[None]:
        assert not await user.ask(Talk("c"), PROMPT, Reader("r"))
        yield

    entries = await acted(tmp_path / "j", api, act)
    assert [entry for entry in entries if not isinstance(entry, Intent)] == [
        Unknown("k", "404"),
        Refused("k", 409, "parent_running"),
        Refused("k", 400, "bad"),
    ]


async def test_another_body_under_the_key_expects_to_be_refused(tmp_path: Path) -> None:
    api = Api(error(503), error(422, "idempotency_key_reused"))

    async def act(user: User) -> AsyncIterator[None]:
        await user.ask_otherwise(Talk("c"), PROMPT)
        yield

    assert (await acted(tmp_path / "j", api, act))[-1] == Refused("k", 422, "idempotency_key_reused")


async def test_who_waits_in_vain_says_so(tmp_path: Path) -> None:
    api = Api(error(503))

    async def act(user: User) -> AsyncIterator[None]:
        assert not await user.follow(Reader("r", GENERATION))
        yield

    entries = await asyncio.wait_for(acted(tmp_path / "j", api, act, patience_s=0.05), 20)
    assert isinstance(entries[-1], GaveUp)
    assert "503" in entries[-1].reason


async def test_a_stateless_call_is_read_to_its_regular_end(tmp_path: Path) -> None:
    def chunk(text: str) -> bytes:
        choice = {"index": 0, "delta": {"content": text}}
        return (
            b"data: "
            + json.dumps({"id": f"chatcmpl-{GENERATION.replace('-', '')}", "choices": [choice]}).encode()
            + b"\n\n"
        )

    whole = chunk("T:1") + chunk(", T:2") + b"data: [DONE]\n\n"
    api = Api(error(503), httpx.Response(200, stream=Torn(chunk("T:1"))), httpx.Response(200, content=whole))

    async def act(user: User) -> AsyncIterator[None]:
        assert await user.complete(PROMPT, "r")
        yield

    entries = await acted(tmp_path / "j", api, act)
    assert entries[-1] == Transcript("r", GENERATION, "T:1, T:2", "stop")
    assert Acked("k", GENERATION, "") in entries


async def test_a_stateless_call_may_be_held_to_a_schema(tmp_path: Path) -> None:
    api = Api(httpx.Response(200, content=b"data: [DONE]\n\n"))

    async def act(user: User) -> AsyncIterator[None]:
        await user.complete(Prompt("k", "T", 3, held=True), "r")
        yield

    await acted(tmp_path / "j", api, act)
    body = json.loads(api.requests[0].content)
    schema = body["response_format"]["json_schema"]["schema"]
    check_schema(schema)
    assert json.dumps(instance_of(schema)) == expected_json("T", 3)
    assert "json" in ModelCatalogue.load().get(body["model"]).capabilities


async def test_a_model_may_be_told_to_think_and_to_call(tmp_path: Path) -> None:
    prompt = Prompt("k", "T", 3, thinks=True)
    body = prompt.completion
    asked = read_script(body["messages"][0]["content"])
    assert (asked.thinks is not None, asked.says, asked.calls) == (True, (expected_text("T", 3),), (("mark", "{}"),))
    assert [tool["function"]["name"] for tool in body["tools"]] == ["mark"]
    chat = read_script(prompt.body["content"])
    assert (chat.thinks is not None, chat.rest) == (True, question("T", 3))
    for model in (body["model"], prompt.body["model"]):
        assert "tools" in ModelCatalogue.load().get(model).capabilities


async def test_a_cancel_is_asked_for_until_it_is_answered(tmp_path: Path) -> None:
    api = Api(error(404), httpx.ReadTimeout("slow"), httpx.Response(202, json={"status": "running"}))

    async def act(user: User) -> AsyncIterator[None]:
        assert await user.cancel(GENERATION, 3) == "running"
        yield

    assert await acted(tmp_path / "j", api, act) == [CancelAnswered(GENERATION, 202, "running")]
    assert json.loads(api.requests[-1].content) == {"seen": 3}
