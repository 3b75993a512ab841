"""An answer of several parts, on the page: what a model thinks, calls and refuses, as it comes and after a reload."""

from __future__ import annotations

import json
import re
from typing import Any

import httpx
import pytest
from playwright.async_api import Locator, Route, expect

from tests.e2e.stack import Stack
from tests.web.chat_page import ANSWER_MS, ChatPage
from tests.web.conftest import OpenChat
from tests.web.looks import in_every_look

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(300)]

THINKS = "[[think First **seven**, then the rest.]] [[quote Seven it is.]]"
THOUGHT = re.compile(r"Thought for (a moment|\d+ s)")
TOOLS = [{"type": "function", "name": "weather", "parameters": {"type": "object", "properties": {}}}]
ARGUMENTS = '{"city":"Oslo","exact":12345678901234567890,"days":[1,2],"none":{}}'
PRETTY = """{
  "city": "Oslo",
  "exact": 12345678901234567890,
  "days": [
    1,
    2
  ],
  "none": {}
}"""


def thoughts(chat: ChatPage) -> Locator:
    return chat.answer.get_by_test_id("reasoning")


async def test_what_a_model_thinks_is_folded_once_it_is_over(open_chat: OpenChat) -> None:
    chat = await open_chat()
    await chat.context.grant_permissions(["clipboard-read", "clipboard-write"], origin=chat.url)
    await chat.ask(THINKS)
    await expect(thoughts(chat).locator("summary")).to_have_text(THOUGHT)
    await expect(thoughts(chat)).not_to_have_attribute("open", "")
    await expect(chat.answer.locator(".text-part")).to_have_text("Seven it is.")
    await thoughts(chat).locator("summary").click()
    await expect(thoughts(chat).locator("strong")).to_have_text("seven")
    await expect(thoughts(chat).locator("strong")).to_be_visible()
    await chat.answer.get_by_test_id("copy").click()
    await expect(chat.answer.get_by_role("button", name="Copied")).to_be_visible()
    await chat.part("composer").press("Control+v")
    await expect(chat.part("composer")).to_have_value("Seven it is.")
    await chat.part("composer").fill("")

    await chat.page.reload()
    await expect(thoughts(chat).locator("summary")).to_have_text("Thought")
    await expect(chat.answer.locator(".text-part")).to_have_text("Seven it is.")
    await expect(thoughts(chat).locator("strong")).to_have_count(0)
    # How long it took is in the log.
    await thoughts(chat).locator("summary").click()
    await expect(thoughts(chat).locator("strong")).to_be_visible()
    await expect(thoughts(chat).locator("summary")).to_have_text(THOUGHT)


async def test_it_thinks_aloud_while_it_thinks(open_chat: OpenChat) -> None:
    chat = await open_chat()
    words = " ".join(f"word{number}" for number in range(1, 600))
    await chat.ask(f"[[think {words}]] [[quote Done.]] [[pace 40]]", wait=False)
    await expect(thoughts(chat).locator("summary")).to_have_text("Thinking…", timeout=ANSWER_MS)
    await expect(thoughts(chat)).to_have_attribute("open", "")
    await expect(thoughts(chat).locator(".thought")).to_contain_text("word3")
    # Whoever comes in the middle of it sees it as well.
    await chat.page.reload()
    await expect(thoughts(chat).locator("summary")).to_have_text("Thinking…", timeout=ANSWER_MS)
    await expect(thoughts(chat).locator(".thought")).to_contain_text("word1 word2 word3 word4")
    await chat.part("stop").click()
    await chat.ended("cancelled")
    await expect(thoughts(chat)).not_to_have_attribute("open", "")
    await expect(chat.answer.locator(".text-part")).to_have_count(0)


async def test_a_refusal_is_marked(open_chat: OpenChat) -> None:
    chat = await open_chat()
    await chat.ask("[[refuse I would rather not.]]")
    for _ in range(2):
        await expect(chat.answer.locator(".refusal-part")).to_have_text("I would rather not.")
        await expect(chat.answer).to_contain_text("The model declined:")
        await chat.page.reload()


async def responded(stack: Stack, **asked: Any) -> dict[str, Any]:
    async with httpx.AsyncClient(
        base_url=stack.url, headers={"Authorization": f"Bearer {stack.key}"}, timeout=ANSWER_MS / 1000
    ) as client:
        answer = await client.post("/v1/responses", json={"model": "verbatim-scripted", "tools": TOOLS, **asked})
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found


async def test_calls_and_their_results_are_cards(open_chat: OpenChat, stack: Stack) -> None:
    """A round of tools over the Responses API, as the page shows it."""
    chat = await open_chat()
    await chat.ask("[[quote I am here.]]")
    conversation = re.sub(r"^.*/", "", chat.page.url)
    asked = (
        f"[[quote Let me look.]] [[call weather {json.dumps(ARGUMENTS)}]] [[call weather {json.dumps('not {JSON')}]]"
    )
    called = await responded(stack, conversation=f"conv_{conversation.replace('-', '')}", input=asked)
    calls = [item for item in called["output"] if item["type"] == "function_call"]
    assert [call["arguments"] for call in calls] == [ARGUMENTS, "not {JSON"]
    results = [
        {"type": "function_call_output", "call_id": call["call_id"], "output": output}
        for call, output in zip(calls, ['{"rain":true}', "line\n" * 40], strict=True)
    ]
    await responded(stack, conversation=f"conv_{conversation.replace('-', '')}", input=results)

    await chat.page.reload()
    answer = chat.answers.nth(1)
    await expect(answer.locator(".text-part")).to_have_text("Let me look.")
    cards = answer.get_by_test_id("tool-call")
    await expect(cards.locator("summary")).to_have_text(["Tool callweather", "Tool callweather"])
    await expect(cards.locator("pre").first).to_have_text(PRETTY)
    await expect(cards.locator("pre").first).to_be_visible()
    await expect(cards.locator("pre").last).to_have_text("not {JSON")
    said = chat.page.get_by_test_id("tool-result")
    await expect(said).to_have_count(2)
    await expect(said.first.locator("pre")).to_have_text('{\n  "rain": true\n}')
    # What is long is folded.
    await expect(said.last.locator("pre")).not_to_be_visible()
    await said.last.locator("summary").click()
    await expect(said.last.locator("pre")).to_be_visible()
    await expect(chat.answer).to_contain_text("The tool says")


FRAMES: list[tuple[str, dict[str, Any]]] = [
    ("message_start", {"messageId": "11111111-1111-4111-8111-111111111111", "conversationId": "c", "model": "m"}),
    ("reasoning_chunk", {"delta": "Hm"}),
    ("content_chunk", {"delta": "Let me "}),
    ("content_chunk", {"delta": "look."}),
    ("tool_call", {"index": 0, "callId": "c1", "name": "weather", "delta": ARGUMENTS[:9]}),
    ("tool_call_chunk", {"index": 0, "delta": ARGUMENTS[9:]}),
    ("tool_call", {"index": 1, "callId": "c2", "name": "<b>time\u202e</b>", "delta": ""}),
    ("content_chunk", {"delta": "No.", "refusal": True}),
    ("telepathy_chunk", {"delta": "of a newer release"}),
    (
        "message_end",
        {
            "messageId": "11111111-1111-4111-8111-111111111111",
            "finishReason": "tool_calls",
            "tokensUsed": 12,
            "cost": 0.0,
            "usage": {"promptTokens": 1, "completionTokens": 11, "cachedTokens": 0},
            "costMicros": 0,
            "currency": "USD",
        },
    ),
]


async def test_every_kind_of_frame_is_shown_in_its_place(open_chat: OpenChat) -> None:
    chat = await open_chat()

    async def stream(route: Route) -> None:
        await route.fulfill(status=200, content_type="text/event-stream", body=framed(FRAMES))

    await chat.page.route(re.compile(r"/api/v1/conversations/[^/]+/messages$"), stream)
    chat.complaints.expected.append("status of 404")  # the server knows nothing of this answer
    await chat.ask("What is the weather?")
    cards = chat.answer.get_by_test_id("tool-call")
    await expect(cards.first.locator("pre")).to_have_text(PRETTY)
    await expect(cards.last.locator("summary")).to_have_text("Tool call<b>time⟨U+202E⟩</b>")
    await expect(cards.last).to_contain_text("Nothing in it.")
    await expect(chat.answer.locator(".text-part")).to_have_text("Let me look.")
    await expect(chat.answer.locator(".refusal-part")).to_have_text("No.")
    order = await chat.answer.locator(".said > *").evaluate_all("each => each.map((one) => one.innerText.slice(0, 9))")
    assert [line.split("\n")[0] for line in order] == [
        "Thought f",
        "Let me lo",
        "Tool call",
        "Tool call",
        "The model",
        "No.",
    ]
    await in_every_look(chat, "parts")


def framed(frames: list[tuple[str, dict[str, Any]]]) -> str:
    return "".join(f"id: {seq}\nevent: {name}\ndata: {json.dumps(data)}\n\n" for seq, (name, data) in enumerate(frames))


async def test_thinking_in_the_text_is_told_apart_as_it_comes_and_after_a_reload(open_chat: OpenChat) -> None:
    """As answers have it that came before the engines did so, or from another place."""
    chat = await open_chat()
    written = "<think>First **seven**,\nthen 8.</think>\n\nSeven `<think>` it is."

    async def stream(route: Route) -> None:
        pieces = [("content_chunk", {"delta": written[at : at + 5]}) for at in range(0, len(written), 5)]
        await route.fulfill(status=200, content_type="text/event-stream", body=framed([FRAMES[0], *pieces, FRAMES[-1]]))

    async def branch(route: Route) -> None:
        answer = await route.fetch()
        told = await answer.json()
        for message in told.get("data", []):
            if message["role"] == "assistant":
                message["content"] = written
        await route.fulfill(response=answer, json=told)

    await chat.ask("[[quote Something else.]]")
    await chat.page.route(re.compile(r"/api/v1/conversations/[^/]+/branch"), branch)
    await chat.page.reload()
    for at in range(2):
        await expect(thoughts(chat).locator("summary")).to_have_text("Thought" if at == 0 else THOUGHT)
        await expect(thoughts(chat)).not_to_have_attribute("open", "")
        await expect(chat.answer.locator(".text-part")).to_have_text("Seven <think> it is.")
        await thoughts(chat).locator("summary").click()
        await expect(thoughts(chat).locator("strong")).to_have_text("seven")
        if at == 0:
            # The server knows nothing of the next answer, or says that it is behind.
            chat.complaints.expected += ["status of 404", "status of 503"]
            await chat.page.route(re.compile(r"/api/v1/conversations/[^/]+/messages$"), stream)
            await chat.ask("And now?")
    await chat.page.unroute_all(behavior="wait")


async def test_only_the_beginning_of_an_answer_is_thinking(open_chat: OpenChat) -> None:
    chat = await open_chat()
    cases = {
        "<think>a</think>\n\nb</think>": [["reasoning", "a"], ["text", "b</think>"]],
        " \n<think>\na </thin\n": [["reasoning", "\na </thin\n"]],
        "<think></think>b": [["text", "b"]],
        "`<think>a</think>`": [["text", "`<think>a</think>`"]],
        "<thinking>a</thinking>": [["text", "<thinking>a</thinking>"]],
        "<thi": [["text", "<thi"]],
        "a<think>b</think>": [["text", "a<think>b</think>"]],
        "🎉<think>": [["text", "🎉<think>"]],
    }
    found = await chat.run("think_rules", *await chat.modules("said.js"), list(cases))
    for (text, parts), told in zip(cases.items(), found, strict=True):
        visible = "".join(part for kind, part in parts if kind == "text")
        assert told == [[parts, visible]] * 6, text


async def test_a_replay_and_a_moment_of_the_past_know_parts(open_chat: OpenChat) -> None:
    chat = await open_chat()
    await chat.ask(THINKS)
    await chat.part("toggle-log").click()
    await expect(chat.part("log-link")).to_have_text("Live")
    run = chat.page.locator("[data-testid=log-event][data-type=TokenChunk]")
    await expect(run.locator(".row-summary")).to_contain_text("[reasoning] First **seven**")
    await chat.part("replay").click()
    await expect(chat.part("replay-place")).to_be_visible()
    await expect(chat.answer.locator(".text-part")).to_have_text("Seven it is.", timeout=ANSWER_MS)
    await expect(thoughts(chat)).not_to_have_attribute("open", "")
    await chat.part("replay-end").click()
    await expect(chat.part("composer")).to_be_visible()
    # After the thinking, before the text has ended.
    await run.get_by_role("button").first.click()
    await chat.part("log-chunk").nth(1).click()
    await chat.page.get_by_role("button", name="Show the conversation then").click()
    await expect(chat.page.locator(".past-note")).to_contain_text("As of")
    await expect(thoughts(chat).locator("summary")).to_have_text(re.compile("Thought|Thinking…"))
    await expect(chat.answer.locator(".text-part", has_text="Seven it is.")).to_have_count(0)


async def test_only_what_is_visible_is_found(open_chat: OpenChat) -> None:
    chat = await open_chat()
    await chat.ask("[[think Of a marmalade.]] [[quote Of a persimmon.]]")
    await chat.part("conversation-search").fill("persimmon of")
    await expect(chat.part("conversation-item").first).to_be_visible()
    shown = await chat.evaluate("async () => (await (await fetch('/api/v1/search?q=marmalade')).json()).data")
    # The prompt has the word, the answer does not.
    assert {match["snippet"][:7] for found in shown for match in found["matches"]} <= {"[[think"}


async def test_the_rules_of_parts(open_chat: OpenChat) -> None:
    chat = await open_chat()
    modules = await chat.modules("ui/pretty.js", "ui/part_cards.js", "log/branch.js", "log/replay.js")
    shown, lasted, below, replayed, same = await chat.run("part_rules", *modules)
    assert shown == [
        '{\n  "a": 1e400,\n  "a": "\\"}{",\n  "b": []\n}',  # nothing rounded, nothing dropped
        "[\n  1,\n  {}\n]",
        *[None] * 5,
    ]
    assert lasted == [2500, 0, None]
    whole = [["reasoning", "Hm"], ["text", "Yes"], ["tool_call", "{}"], ["tool_call", ""]]
    assert below == [["Yes", whole[:2]], ["Yes", whole]]
    thought, said, called = ["reasoning", "🎉m"], ["text", "Yes"], ["tool_call", ""]
    assert replayed == [[["reasoning", "🎉"]], [thought], [thought, said, called], [thought, said, called]]
    assert same
