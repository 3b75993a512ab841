"""Taking conversations along: exports, and imports of other products' files."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.async_api import expect

from tests.e2e.stack import Stack
from tests.web.chat_page import ChatPage
from tests.web.conftest import PICTURES, OpenChat
from tests.web.export_files import as_text, bomb, chatgpt_zip, conversation_of, export_of, json_of, noise, zipped

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(300)]


async def read(chat: ChatPage, *files: bytes, limits: dict[str, int] | None = None) -> list[dict[str, Any]]:
    """What the page makes of some files."""
    modules = await chat.modules("move/reading.js", "move/requests.js")
    return list(await chat.run("read_exports", *modules, [as_text(body) for body in files], limits))


def tree(request: dict[str, Any]) -> list[tuple[str, str | None, str, Any]]:
    """Its messages: id, parent, role, and what is said, in parts as (kind, text)."""
    return [
        (
            each["id"],
            each["parent"],
            each["role"],
            each.get("content", [(p["kind"], p["text"]) for p in each.get("parts", [])]),
        )
        for each in request["messages"]
    ]


async def test_files_of_every_product_are_read_with_trees_times_and_models(open_chat: OpenChat) -> None:
    chat = await open_chat()
    chatgpt, webui, libre, libre_tree = await read(
        chat, chatgpt_zip(), export_of("open_webui"), export_of("librechat"), export_of("librechat_tree")
    )
    assert chatgpt["problems"] == {"passed": 3, "unknown": 1}
    trains, odd = chatgpt["found"]
    assert (trains["product"], trains["title"], trains["systemPrompt"], trains["model"]) == (
        "chatgpt", "Trains to Vienna", "I live in Graz.\n\nBe brief.", "o3",
    )  # fmt: skip
    assert (trains["problems"], trains["names"]) == ({"attachments": 2}, ["timetable.pdf"])
    (request,) = chatgpt["sent"][0]
    assert (request["created_at"], request["updated_at"]) == ("2024-03-01T09:00:00.500Z", "2024-03-01T11:00:00.250Z")
    # The branch that was shown is the last; thoughts belong to the answer that they led to.
    assert tree(request) == [
        ("q1", None, "user", "When does this train leave?"),
        ("first", "q1", "assistant", "At 8:26."),
        (
            "call",
            "q1",
            "assistant",
            [("reasoning", "The board says 9:26."), ("tool_call", '{"input":"print(9 * 60 + 26)"}')],
        ),
        ("result", "call", "tool", [("tool_result", "566")]),
        ("answer", "result", "assistant", "At 9:26 , minute 566."),
    ]
    assert [each.get("model") for each in request["messages"]] == [None, "gpt-4o", "o3", None, "o3"]
    assert request["messages"][1]["created_at"] == "2024-03-01T09:00:03.000Z"
    assert request["messages"][3]["parts"][0]["call_id"] == request["messages"][2]["parts"][1]["call_id"]
    assert odd["problems"] == {"kinds": 1, "orphans": 1, "circles": 2, "times": 2}
    assert (odd["createdAt"], odd["updatedAt"]) == (None, None)
    assert tree(chatgpt["sent"][1][0]) == [
        ("lost", None, "assistant", "Nobody asked."), ("a", None, "user", "Say � hello"),
    ]  # fmt: skip

    assert webui["problems"] == {}
    bread, weather = webui["sent"][0][0], webui["sent"][1][0]
    assert (bread["system_prompt"], bread["model"], webui["found"][0]["problems"]) == (
        "You are a baker.", "llama3.1:8b", {"attachments": 1},
    )  # fmt: skip
    assert tree(bread) == [
        ("w1", None, "user", "How much salt?"),
        ("w2", "w1", "assistant", "Two percent."),
        ("w3", "w1", "assistant", [("reasoning", "500 g flour\nso 10 g"), ("text", "10 g for 500 g of flour.")]),
        ("w4", "w3", "user", "Thanks <b>!</b>"),
    ]
    assert tree(weather) == [
        ("x1", None, "user", "Rain in Linz?"),
        ("x2#0", "x1", "assistant", [("reasoning", "I have to look."), ("tool_call", '{"city": "Linz"}')]),
        ("x2#1", "x2#0", "tool", [("tool_result", "4 mm")]),
        ("x2", "x2#1", "assistant", "Yes, 4 mm."),
    ]

    bees = libre["sent"][0][0]
    assert (bees["title"], bees["system_prompt"], bees["model"], bees["updated_at"]) == (
        "Bees", "Answer like a beekeeper.", "gpt-4o", "2024-05-28T18:14:08.403Z",
    )  # fmt: skip
    assert libre["found"][0]["problems"] == {"attachments": 2, "failed": 1}
    assert tree(bees) == [
        ("l1", None, "user", "How far do bees fly?"),
        ("l2", "l1", "assistant", [("reasoning", "Usually 3 km."), ("text", "About three kilometres.")]),
        ("l4", None, "user", "How high do bees fly?"),
        ("l5#0", "l4", "assistant", [("tool_call", '{"input":"bees height"}')]),
        ("l5#1", "l5#0", "tool", [("tool_result", "9 m")]),
        ("l5", "l5#1", "assistant", "Nine metres."),
    ]
    assert libre_tree == libre


async def test_of_damaged_and_hostile_files_is_read_what_can_be_and_the_rest_is_said(open_chat: OpenChat) -> None:
    chat = await open_chat()
    two = json_of([conversation_of(2, "one"), conversation_of(2, "two")])
    whole = zipped({"conversations.json": two})
    flipped = bytearray(whole)
    flipped[60:70] = b"\0" * 10
    torn_zip = zipped({"conversations.json": json_of([conversation_of(2, noise(n)) for n in range(60)])})[:-6000]
    newer = {"format": "verbatim.conversation", "version": 2, "id": "1", "messages": []}
    files = {
        "cut": two[:-10],
        "a zip that is cut": whole[:-30],
        "a zip that is cut in its text": torn_zip,
        "bytes that are wrong": bytes(flipped),
        "no text": b"",
        "no JSON": b"Dear diary",
        "a value": b'"conversations"',
        "something else": json_of({"songs": []}),
        "a list of something else": json_of([1, "x", None, {"songs": []}]),
        "one that is broken among good ones": b"["
        + json_of(conversation_of(2))
        + b',{"a" 1},'
        + json_of(conversation_of(2, "b"))
        + b"]",
        "a zip without conversations": zipped({"photo.png": b"x"}),
        "a newer version": json_of(newer),
        "an empty conversation": json_of([{"id": "e", "mapping": {}}]),
        "a zip's beginning": b"PK\x03\x04",
    }
    results = dict(zip(files, await read(chat, *files.values()), strict=True))
    torn = results.pop("a zip that is cut in its text")
    assert torn["problems"] == {"cut": 1}
    assert 0 < len(torn["found"]) < 60
    assert {name: (result["problems"], len(result["found"])) for name, result in results.items()} == {
        "cut": ({"cut": 1}, 1),
        "a zip that is cut": ({"cut": 1}, 2),
        "bytes that are wrong": ({"damaged": 1}, 0),
        "no text": ({"unknown": 1}, 0),
        "no JSON": ({"unknown": 1}, 0),
        "a value": ({"unknown": 1}, 0),
        "something else": ({"unknown": 1}, 0),
        "a list of something else": ({"unknown": 4}, 0),
        "one that is broken among good ones": ({"damaged": 1}, 2),
        "a zip without conversations": ({"passed": 1, "unknown": 1}, 0),
        "a newer version": ({"newer": 1}, 0),
        "an empty conversation": ({}, 1),
        "a zip's beginning": ({"cut": 1}, 0),
    }
    assert results["an empty conversation"]["found"][0]["left"] == "empty"

    (bombed,) = await read(chat, bomb(64), limits={"bytes": 16 * 2**20, "conversations": 10})
    assert (bombed["problems"], bombed["found"]) == ({"large": 1}, [])
    deep = conversation_of(100_000)
    (much,) = await read(chat, json_of([deep, conversation_of(2, "after")]))
    assert [each["count"] for each in much["found"]] == [100_000, 2]
    assert [len(request["messages"]) for request in much["sent"][0]] == [1000] * 100
    assert [request["more"] for request in much["sent"][0]] == [True] * 99 + [False]
    long = conversation_of(1)
    long["mapping"]["n0"]["message"]["content"]["parts"] = ["x" * 1_400_000]
    (too_long,) = await read(chat, json_of([long]))
    assert too_long["found"][0]["left"] == "long"


async def open_data(chat: ChatPage) -> None:
    await chat.page.goto(f"{chat.url}/settings/data")
    await chat.part("import-file").wait_for(state="attached")


async def choose(chat: ChatPage, name: str, body: bytes) -> None:
    await chat.part("import-file").set_input_files(
        {"name": name, "mimeType": "application/octet-stream", "buffer": body}
    )


async def test_a_file_is_imported_gone_on_with_exported_and_imported_again(
    open_chat: OpenChat, stack: Stack, tmp_path: Path
) -> None:
    chat = await open_chat()
    await open_data(chat)
    await chat.page.screenshot(path=PICTURES / "import_choose.png", full_page=True)
    await choose(chat, "export.zip", chatgpt_zip())
    await expect(chat.part("import-status")).to_have_text("2 conversations from ChatGPT.")
    await expect(chat.part("import-item")).to_have_count(2)
    report = chat.part("import-report")
    await expect(report).to_contain_text("2 attachments are not taken")
    await expect(report).to_contain_text("1 piece is not a conversation of a known format.")
    await report.locator("summary").click()
    await expect(report).to_contain_text("timetable.pdf (Trains to Vienna)")
    await chat.page.screenshot(path=PICTURES / "import_found.png", full_page=True)
    await chat.part("import-all").click()
    await expect(chat.part("import-run")).to_be_disabled()
    await chat.page.get_by_role("checkbox", name="Trains to Vienna").check()
    await chat.part("import-run").click()
    await expect(chat.part("import-status")).to_have_text("1 conversation was imported.")
    await chat.page.screenshot(path=PICTURES / "import_done.png", full_page=True)

    # It is there, on the branch that was shown last, and the other one beside it.
    row = chat.page.locator("[data-testid=conversation-item]", has_text="Trains to Vienna")
    # It is as old as it was: on a full list it is further down.
    await chat.show_down_to(row)
    await row.locator("a").click()
    await expect(chat.prompts.first).to_contain_text("When does this train leave?")
    await expect(chat.answer).to_contain_text("minute 566")
    await chat.ask("What is 6 * 7?")
    await expect(chat.answer.locator(".prose")).to_contain_text("42")
    await chat.page.reload()
    await expect(chat.answer.locator(".prose")).to_contain_text("42")

    # What leaves is whole, and comes back as the same.
    await row.hover()
    await row.locator(".menu-button").click()
    await chat.part("export").click()
    await chat.part("format-json").check()
    await chat.page.screenshot(path=PICTURES / "export_one.png")
    async with chat.page.expect_download() as coming:
        await chat.part("export-run").click()
    download = await coming.value
    assert "Trains to Vienna" in download.suggested_filename
    await download.save_as(tmp_path / "one.json")
    exported = json.loads((tmp_path / "one.json").read_text())
    assert [each["role"] for each in exported["messages"]] == [
        "user", "assistant", "assistant", "tool", "assistant", "user", "assistant",
    ]  # fmt: skip
    await open_data(chat)
    await choose(chat, "one.json", (tmp_path / "one.json").read_bytes())
    await expect(chat.part("import-status")).to_have_text("1 conversation from Verbatim.")
    await chat.part("import-run").click()
    await expect(chat.part("import-status")).to_have_text("1 conversation was imported.")
    await chat.part("import-forget").click()
    await choose(chat, "export.zip", chatgpt_zip())
    await chat.part("import-run").click()
    await expect(chat.part("import-status")).to_have_text("1 conversation was imported. 1 was here already.")

    headers = {"Authorization": f"Bearer {stack.key}"}
    async with httpx.AsyncClient(base_url=stack.url, headers=headers, timeout=60) as client:
        listed = (await client.get("/api/v1/conversations?limit=100")).json()["data"]
        copies = [each for each in listed if each["title"] == "Trains to Vienna"]
        assert len(copies) == 2
        other = next(each for each in copies if each["id"] != exported["id"])
        again = (await client.get(f"/api/v1/conversations/{other['id']}/export")).json()
        # A conversation is found by what was said in it elsewhere.
        found = (await client.get("/api/v1/search", params={"q": "minute 566"})).json()["data"]
        assert {each["conversation"]["id"] for each in found} == {each["id"] for each in copies}
        # It had no past before it was imported, though it is older than this server.
        past = await client.get(f"/api/v1/conversations/{other['id']}?as_of=2024-06-01T00:00:00Z")
        assert past.json()["error"]["code"] in ("not_yet", "past_not_held")
    assert shape(again) == shape(exported)

    await open_data(chat)
    async with chat.page.expect_download() as coming:
        await chat.part("export-run").click()
    await (await coming.value).save_as(tmp_path / "all.zip")
    with zipfile.ZipFile(tmp_path / "all.zip") as archive:
        assert archive.testzip() is None
        assert sum("Trains to Vienna" in name for name in archive.namelist()) == 2
        text = next(archive.read(name).decode() for name in archive.namelist() if "Trains to Vienna" in name)
    assert "> The board says 9:26." in text


async def test_an_imported_answer_has_its_versions_and_can_be_answered_again(open_chat: OpenChat) -> None:
    chat = await open_chat(user="importer")
    await open_data(chat)
    await choose(chat, "chat-export.json", export_of("open_webui"))
    await expect(chat.part("import-status")).to_have_text("2 conversations from Open WebUI.")
    await chat.part("import-run").click()
    await expect(chat.part("import-status")).to_have_text("2 conversations were imported.")
    await chat.page.locator("[data-testid=conversation-item]", has_text="Bread").locator("a").click()
    await expect(chat.answer.get_by_test_id("branch-count")).to_have_text("2/2")
    await expect(chat.answer).to_contain_text("10 g for 500 g of flour.")
    await chat.page.screenshot(path=PICTURES / "imported.png")
    await chat.part("regenerate").last.click()
    await expect(chat.answer.get_by_test_id("branch-count")).to_have_text("3/3")
    await chat.ended()


def shape(document: dict[str, Any]) -> list[Any]:
    """What an export holds of the conversation, whatever its ids are and whoever it was answered by."""
    numbers = {each["id"]: nth for nth, each in enumerate(document["messages"])}
    return [document["title"], document["systemPrompt"]] + [
        (numbers.get(each["parentMessageId"]), each["role"], each["content"], each["createdAt"][:23], each.get("parts"))
        for each in document["messages"]
    ]


async def test_what_cannot_be_imported_is_said_and_the_page_stays_alive(open_chat: OpenChat) -> None:
    chat = await open_chat()
    await open_data(chat)
    await choose(chat, "songs.json", json_of({"songs": []}))
    await expect(chat.part("import-nothing")).to_contain_text("songs.json")
    await expect(chat.part("import-report")).to_contain_text("not a conversation of a known format")
    await chat.page.screenshot(path=PICTURES / "import_nothing.png", full_page=True)
    # 200 MB of text: the page goes on showing frames while it is read.
    await chat.evaluate(
        """() => {
          const padding = ' '.repeat(2 ** 20);
          const parts = ['[', ...Array(210).fill(`{"id":"x","mapping":{},"padding":"${padding}"},`), '{}]'];
          const files = new DataTransfer();
          files.items.add(new File(parts, 'large.json'));
          const field = document.querySelector('[data-testid=import-file]');
          field.files = files.files;
          window.longest = 0;
          let last = performance.now();
          const tick = () => {
            window.longest = Math.max(window.longest, performance.now() - last);
            last = performance.now();
            requestAnimationFrame(tick);
          };
          requestAnimationFrame(tick);
          field.dispatchEvent(new Event('change', { bubbles: true }));
        }"""
    )
    await expect(chat.part("import-report")).to_contain_text("The file holds more than 200 MB of text", timeout=100_000)
    assert await chat.evaluate("() => window.longest") < 5_000
