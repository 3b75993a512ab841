"""Exports: whole, readable, safe, and what is imported again is the same."""

from __future__ import annotations

import io
import json
import zipfile
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from api.access.auth import hash_of
from api.moving.export_routes import ReaderGone
from infra.cassandra.errors import StoreUnavailable
from infra.clock import now_us
from projections.messages.queries import MessagePage
from schemas import ids
from schemas.conversation import ConversationStarted
from schemas.envelope import Envelope
from tests.unit.api.test_imports import IMPORT, TREE, body, said
from tests.unit.api.world import World, saying
from topics.catalogue import CONVERSATION_EVENTS

HOSTILE = "<script>alert(1)</script> [x](javascript:alert(1)) ![p](https://evil.example/p.png) \u202eabc"


async def exported(client: Any, conversation_id: str, as_format: str) -> str:
    answer = await client.get(f"/api/v1/conversations/{conversation_id}/export?format={as_format}")
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-disposition"].startswith("attachment; filename*=UTF-8''")
    return str(answer.text)


async def test_json_has_the_whole_tree_and_what_each_answer_was() -> None:
    world = World(script=saying("Blue", "."))
    async with world.client(world.add_key("ann", "a")) as client:
        made = (await client.post("/api/v1/conversations", json={"title": "Sky", "system_prompt": "Rhyme"})).json()[
            "id"
        ]
        await client.post(f"/api/v1/conversations/{made}/messages", json={"content": "Which colour?"})
        first = (await client.get(f"/api/v1/conversations/{made}/messages")).json()["data"]
        await client.post(f"/api/v1/conversations/{made}/messages/{first[0]['id']}/regenerate", json={})
        await client.post(f"/api/v1/conversations/{made}/messages/{first[1]['id']}/feedback", json={"rating": "up"})
        found = json.loads(await exported(client, made, "json"))
    assert (found["format"], found["version"], found["title"], found["systemPrompt"]) == (
        "verbatim.conversation", 1, "Sky", "Rhyme",
    )  # fmt: skip
    assert [each["content"] for each in found["messages"]] == ["Which colour?", "Blue.", "Blue."]
    prompt = found["messages"][0]["id"]
    assert [each["parentMessageId"] for each in found["messages"]] == [None, prompt, prompt]
    assert found["messages"][1]["feedback"] == "up"
    assert found["messages"][1]["usage"]["completionTokens"] == 2


async def test_markdown_says_who_when_and_which_branch() -> None:
    world = World()
    async with world.client(world.add_key("ann", "a")) as client:
        made = (await client.post(IMPORT, json=body(*TREE, title="# Rivers *"))).json()["id"]
        text = await exported(client, made, "markdown")
    assert text.startswith("# \\# Rivers \\*\n")
    assert "## 2. Assistant (gpt-4o), 2024-03-01 10:00 UTC\n\nsays a1\n" in text
    assert "## 5. You, 2024-03-01 10:00 UTC\n\n*(another version of 3)*\n\nsays u3\n" in text


async def test_code_that_is_fenced_cannot_end_its_fence() -> None:
    world = World()
    call = {"kind": "tool_call", "text": "a\n```\nb", "call_id": "1", "name": "run"}
    async with world.client(world.add_key("ann", "a")) as client:
        parts = [{"kind": "reasoning", "text": "Hm.\nYes."}, call]
        made = (await client.post(IMPORT, json=body(said("a", None, "assistant", content=None, parts=parts)))).json()
        text = await exported(client, made["id"], "markdown")
    assert "> **Thought**\n>\n> Hm.\n> Yes." in text
    assert "Calls `run`:\n\n````\na\n```\nb\n````" in text


async def test_html_runs_nothing_and_asks_no_server() -> None:
    world = World()
    async with world.client(world.add_key("ann", "a")) as client:
        message = said("u", None, "assistant", content=f"{HOSTILE}\n\n| a |\n|-|\n| **b** |", model="<b>")
        made = (await client.post(IMPORT, json=body(message, title="</title><script>"))).json()["id"]
        text = await exported(client, made, "html")
    assert "<script" not in text
    assert "<img" not in text
    assert 'href="javascript' not in text
    assert '<a href="https://evil.example/p.png" rel="noopener noreferrer">p</a>' in text
    assert "⟨U+202E⟩abc" in text
    assert "<strong>b</strong></td>" in text
    assert "default-src 'none'" in text
    assert "<title>&lt;/title&gt;&lt;script&gt;</title>" in text


async def test_all_are_one_zip_with_a_file_each_and_nobody_elses() -> None:
    world = World()
    async with world.client(world.add_key("bob", "b")) as client:
        await client.post(IMPORT, json=body(said("b", None)))
    async with world.client(world.add_key("ann", "a")) as client:
        for source in ("1", "2", "3"):
            named = {"product": "chatgpt", "id": source}
            await client.post(IMPORT, json=body(*TREE, source=named, title=f"a/b: {source}"))
        answer = await client.get("/api/v1/export?format=json")
    assert answer.headers["x-verbatim-total"] == "3"
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        assert archive.testzip() is None
        names = archive.namelist()
        found = [json.loads(archive.read(name)) for name in names]
    assert sorted(each["title"] for each in found) == ["a/b: 1", "a/b: 2", "a/b: 3"]
    assert all("/" not in name and name.endswith(".json") for name in names)


async def test_all_of_nothing_is_an_empty_zip() -> None:
    world = World()
    async with world.client(world.add_key("ann", "a")) as client:
        answer = await client.get("/api/v1/export?format=html")
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        assert archive.namelist() == []


async def test_an_export_that_breaks_off_is_no_whole_file(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World()
    key = world.add_key("ann", "a")
    async with world.client(key) as client:
        chain = [said(str(n), str(n - 1) if n else None) for n in range(150)]
        made = (await client.post(IMPORT, json=body(*chain))).json()["id"]
        whole = world.reads.messages

        async def broken(conversation_id: str, cursor: str | None, limit: int) -> MessagePage:
            if cursor is not None:
                raise StoreUnavailable("gone")
            return await whole(conversation_id, cursor, limit)

        monkeypatch.setattr(world.reads, "messages", broken)
        with pytest.raises((ValueError, StoreUnavailable)):
            json.loads((await client.get(f"/api/v1/conversations/{made}/export")).text)


async def test_an_export_ends_with_the_key_that_it_is_read_by(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World()
    key = world.add_key("ann", "a")
    whole, asked = world.reads.messages, 0

    async def revoking(conversation_id: str, cursor: str | None, limit: int) -> MessagePage:
        nonlocal asked
        asked += 1
        if cursor is not None:
            world.adapters.keys.revoked(hash_of(key))
        return await whole(conversation_id, cursor, limit)

    async with world.client(key) as client:
        chain = [said(str(n), str(n - 1) if n else None) for n in range(700)]
        made = (await client.post(IMPORT, json=body(*chain))).json()["id"]
        monkeypatch.setattr(world.reads, "messages", revoking)
        with pytest.raises((ValueError, ReaderGone)):
            json.loads((await client.get(f"/api/v1/conversations/{made}/export")).text)
        before = asked
        assert (await client.get(f"/api/v1/conversations/{made}/export")).status_code == 401
    assert (asked, len(world.adapters.readers)) == (before, 0)


async def test_a_temporary_conversation_is_in_no_export() -> None:
    world = World()
    user = ids.user_id("ann")
    made = ids.conversation_id(user, "temporary")
    async with world.client(world.add_key("ann", "a")) as client:
        started = ConversationStarted(
            envelope=Envelope(ids.event_id(made, "ConversationStarted"), now_us(), None, "r", f"user:{user}"),
            conversation_id=made,
            user_id=user,
            title=None,
            model=None,
            system_prompt=None,
            temporary=True,
        )
        world.log.append(CONVERSATION_EVENTS, made, started)
        answer = await client.get(f"/api/v1/conversations/{made}/export")
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "temporary")


async def test_an_unknown_format_is_refused() -> None:
    world = World()
    async with world.client(world.add_key("ann", "a")) as client:
        assert (await client.get("/api/v1/export?format=docx")).status_code == 400


def taken_again(document: dict[str, Any]) -> dict[str, Any]:
    """What the page sends for a file of ours (js/move/formats/verbatim.js does the same)."""
    return {
        "source": {"product": "verbatim", "id": document["id"]},
        "title": document["title"],
        "systemPrompt": document["systemPrompt"],
        "createdAt": document["createdAt"],
        "updatedAt": document["updatedAt"],
        "messages": [
            {
                "id": each["id"],
                "parent": each["parentMessageId"],
                "role": each["role"],
                "model": each["model"],
                "createdAt": each["createdAt"],
                **({"parts": each["parts"]} if each.get("parts") else {"content": each["content"]}),
            }
            for each in document["messages"]
        ],
    }


def without_ids(document: dict[str, Any]) -> dict[str, Any]:
    """An export in which messages are named by their number."""
    numbers = {each["id"]: nth for nth, each in enumerate(document["messages"])}
    messages = [
        {**each, "id": numbers[each["id"]], "parentMessageId": numbers.get(each["parentMessageId"])}
        for each in document["messages"]
    ]
    return {**document, "id": "", "exportedAt": "", "messages": messages}


_TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)


@st.composite
def conversations(draw: st.DrawFn) -> dict[str, Any]:
    messages: list[dict[str, Any]] = []
    for nth in range(draw(st.integers(1, 12))):
        role = draw(st.sampled_from(["user", "assistant", "system", "tool"]))
        message: dict[str, Any] = {
            "id": f"m{nth}",
            "parent": draw(st.sampled_from([None, *(each["id"] for each in messages)])),
            "role": role,
            "model": draw(st.sampled_from(["", "gpt-4o"])) if role == "assistant" else "",
            "createdAt": f"2024-03-01T10:00:{nth:02}.000001Z",
        }
        if role == "tool":
            message["parts"] = [{"kind": "tool_result", "text": draw(_TEXTS), "call_id": "c", "name": "f"}]
        elif role == "assistant" and draw(st.booleans()):
            kinds = draw(
                st.lists(st.sampled_from(["text", "reasoning", "refusal", "tool_call"]), min_size=2, max_size=4)
            )
            calls = {"tool_call": {"call_id": "c", "name": "f"}}
            message["parts"] = [{"kind": kind, "text": draw(_TEXTS), **calls.get(kind, {})} for kind in kinds]
        else:
            message["content"] = draw(_TEXTS)
        messages.append(message)
    return body(
        *messages, title=draw(st.sampled_from(["Rivers", "«Flüsse»"])), systemPrompt=draw(st.none() | st.just("Rhyme"))
    )


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(conversations())
async def test_what_is_exported_and_imported_again_is_exported_as_the_same(conversation: dict[str, Any]) -> None:
    world = World()
    async with world.client(world.add_key("ann", "a")) as client:
        first = (await client.post(IMPORT, json=conversation)).json()["id"]
        one = json.loads(await exported(client, first, "json"))
        second = (await client.post(IMPORT, json=taken_again(one))).json()["id"]
        other = json.loads(await exported(client, second, "json"))
    assert first != second
    assert without_ids(one) == without_ids(other)
