"""The list of conversations: what a row says, its menu, and that all of it is reached with keys."""

from __future__ import annotations

import asyncio

import pytest
from playwright.async_api import Locator, Route, expect

from tests.e2e.stack import Stack
from tests.web.chat_page import ChatPage, count_to
from tests.web.conftest import OpenChat
from tests.web.over_the_api import begin, begun, elsewhere

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(300)]

LIST = "**/api/v1/conversations?limit=*"
SENTENCE = "Repeat: a sentence about medlars which is longer than what a title may hold, and then goes on for a while"
FOCUSED = "() => document.activeElement?.innerText?.trim() || document.activeElement?.ariaLabel"


async def test_a_row_says_its_sentence_once(open_chat: OpenChat) -> None:
    chat = await open_chat()
    await chat.ask(SENTENCE)
    row = chat.page.locator(f"[data-testid=conversation-item][data-id='{chat.conversation_id}']")
    await chat.page.reload()
    await expect(row).to_contain_text("Repeat: a sentence about medlars")
    await expect(row.locator(".row-preview")).to_have_count(0)
    await chat.rename(row, "The medlar's name")
    await expect(row.locator(".row-preview")).to_contain_text("Repeat: a sentence about medlars")
    await chat.part("conversation-search").fill("medlar name")
    await expect(row.locator(".row-name mark")).to_have_count(1)
    await expect(row.locator(".row-preview")).to_have_count(0)


async def test_the_menu_of_every_row_is_whole(open_chat: OpenChat, stack: Stack) -> None:
    async with begun(stack, [f"Row {number}" for number in range(14)]):
        chat = await open_chat()
        await chat.page.set_viewport_size({"width": 1280, "height": 520})
        rows = chat.part("conversation-item")
        await expect(rows.nth(13)).to_be_attached()
        nav = await chat.page.locator(".list").bounding_box()
        assert nav is not None
        bottom = nav["y"] + nav["height"]
        boxes = [await rows.nth(number).bounding_box() for number in range(14)]
        last = max(number for number, box in enumerate(boxes) if box and box["y"] + box["height"] <= bottom)
        for number in (0, last - 1, last):
            row = rows.nth(number)
            await row.hover()
            await row.locator(".menu-button").click()
            for item in ("rename", "delete"):
                box = await chat.part(item).bounding_box()
                assert box is not None
                assert box["y"] >= 0 and box["y"] + box["height"] <= 520
                middle = [box["x"] + box["width"] / 2, box["y"] + box["height"] / 2]
                on_top = "([x, y]) => document.elementFromPoint(x, y).closest('[data-testid]').dataset.testid"
                assert await chat.evaluate(on_top, middle) == item
            await chat.page.keyboard.press("Escape")
            await expect(chat.part("delete")).to_have_count(0)
            await expect(row.locator(".menu-button")).to_be_focused()


async def test_a_menu_is_walked_with_keys(open_chat: OpenChat, stack: Stack) -> None:
    async with begun(stack, ["One", "Two"]):
        chat = await open_chat()
        keyboard = chat.page.keyboard
        button = chat.part("conversation-item").first.locator(".menu-button")
        await button.focus()
        await keyboard.press("Enter")
        await expect(chat.part("rename")).to_be_focused()
        await keyboard.press("End")
        await expect(chat.part("delete")).to_be_focused()
        await keyboard.press("ArrowDown")
        await expect(chat.part("rename")).to_be_focused()
        await keyboard.press("ArrowUp")
        await expect(chat.part("delete")).to_be_focused()
        await keyboard.press("Home")
        await expect(chat.part("rename")).to_be_focused()
        await keyboard.press("d")
        await expect(chat.part("delete")).to_be_focused()
        await keyboard.press("Escape")
        await expect(button).to_be_focused()
        await keyboard.press("Enter")
        await keyboard.press("Tab")
        await expect(chat.part("rename")).to_have_count(0)
        await expect(chat.part("conversation-item").nth(1).locator("a")).to_be_focused()


async def test_what_a_search_finds_is_reached_with_keys(open_chat: OpenChat, stack: Stack) -> None:
    async with begun(stack, ["A loquat", "Another loquat", "The last loquat"]) as made:
        chat = await open_chat()
        keyboard = chat.page.keyboard
        await keyboard.press("Control+k")
        await keyboard.type("loquat")
        links = chat.part("conversation-item").locator("a")
        await expect(links).to_have_count(3)
        await keyboard.press("ArrowDown")
        await expect(links.nth(0)).to_be_focused()
        await keyboard.press("ArrowDown")
        await expect(links.nth(1)).to_be_focused()
        await keyboard.press("ArrowUp")
        await keyboard.press("ArrowUp")
        await expect(chat.part("conversation-search")).to_be_focused()
        await keyboard.press("ArrowDown")
        await keyboard.press("ArrowDown")
        await keyboard.press("Enter")
        await expect(chat.page).to_have_url(f"{chat.url}/c/{made[1]}")
        # Enter at once, before anything is found, opens what is found first.
        await keyboard.press("Control+k")
        await chat.part("conversation-search").fill("another loquat")
        await keyboard.press("Enter")
        await expect(chat.page).to_have_url(f"{chat.url}/c/{made[1]}")


async def test_the_skip_link_leaves_nothing_in_the_history(open_chat: OpenChat) -> None:
    chat = await open_chat()
    before = await chat.evaluate("() => history.length")
    await chat.page.locator(".skip").focus()
    await chat.page.keyboard.press("Enter")
    await expect(chat.page.locator("#main")).to_be_focused()
    assert chat.page.url == f"{chat.url}/"
    assert await chat.evaluate("() => history.length") == before


async def is_in_drawer(chat: ChatPage) -> bool:
    return bool(await chat.evaluate("() => document.querySelector('.sidebar').contains(document.activeElement)"))


async def test_a_drawer_takes_the_focus_and_keeps_it(open_chat: OpenChat, stack: Stack) -> None:
    async with begun(stack, ["In the drawer"]) as made:
        chat = await open_chat(phone=True)
        opener = chat.page.get_by_role("button", name="Show the list")
        await opener.focus()
        await chat.page.keyboard.press("Enter")
        await expect(chat.part("new-chat")).to_be_focused()
        await expect(chat.page.locator("#main")).to_have_attribute("inert", "")
        stops = await chat.page.locator(".sidebar :is(a, button, input)").count()
        for _ in range(stops + 2):
            await chat.page.keyboard.press("Tab")
            at_the_browser = await chat.evaluate("() => document.activeElement === document.body")
            assert at_the_browser or await is_in_drawer(chat), await chat.evaluate(FOCUSED)
        await chat.page.keyboard.press("Escape")
        await expect(opener).to_be_focused()
        await opener.tap()
        await chat.page.locator(f".row a[href='/c/{made[0]}']").tap()
        await expect(chat.page.locator("#main")).to_be_focused()


async def test_after_a_deletion_focus_is_on_the_next_row(open_chat: OpenChat, stack: Stack) -> None:
    async with begun(stack, ["First", "Second", "Third"]) as made:
        chat = await open_chat()
        second = chat.page.locator(f".row[data-id='{made[1]}']")
        await chat.choose(second, "delete")
        await expect(second).to_have_count(0)
        await expect(chat.page.locator(f".row[data-id='{made[0]}'] > a")).to_be_focused()


async def test_the_list_hears_of_other_tabs_and_devices(open_chat: OpenChat, stack: Stack) -> None:
    chat = await open_chat()
    tab = await open_chat(context=chat.context)
    device = await open_chat()
    pages = (chat, tab, device)

    def row(page: ChatPage, conversation: str) -> Locator:
        return page.page.locator(f".row[data-id='{conversation}']")

    async with elsewhere(stack) as client:
        made = await begin(client, title="From a script")
        for page in pages:
            await expect(row(page, made)).to_contain_text("From a script")
        await chat.rename(row(chat, made), "Renamed in a tab")
        for page in pages:
            await expect(row(page, made).locator(".row-name")).to_have_text("Renamed in a tab")
        await row(tab, made).locator("a").click()
        await expect(tab.page).to_have_title("Renamed in a tab – Verbatim")
        await tab.part("composer").fill("half a thought")
        await device.page.goto(f"{chat.url}/c/{made}")
        # What a page has never known of is missing to it, and not deleted.
        await expect(device.page).to_have_title("Renamed in a tab – Verbatim")
        await client.delete(f"/api/v1/conversations/{made}")
    for page in pages:
        await expect(row(page, made)).to_have_count(0)
    for page in (tab, device):
        await expect(page.part("error-card")).to_contain_text("has been deleted")
        await expect(page.part("composer")).to_have_count(0)
    await expect(tab.part("error-card")).to_contain_text("What you were writing is in a new chat.")
    await tab.part("error-card").get_by_role("button", name="New chat").click()
    await expect(tab.part("composer")).to_have_value("half a thought")


async def test_a_list_that_is_older_than_what_has_happened_since_undoes_nothing(
    open_chat: OpenChat, stack: Stack
) -> None:
    chat = await open_chat()
    gate = asyncio.Event()

    async def late(route: Route) -> None:
        answer = await route.fetch()
        await gate.wait()
        await route.fulfill(response=answer)

    def row(conversation: str) -> Locator:
        return chat.page.locator(f".row[data-id='{conversation}']")

    async with elsewhere(stack) as client:
        stays, leaves = [await begin(client, title=title) for title in ("Stays", "Leaves")]
        await expect(row(leaves)).to_be_attached()
        await chat.page.route(LIST, late)
        async with chat.page.expect_request(LIST):
            await chat.page.reload()
        await expect(chat.part("composer")).to_be_enabled()
        comes = await begin(client, title="Comes")
        await expect(row(comes)).to_be_attached()
        await chat.ask("What is 6 * 7?")
        asked = chat.conversation_id
        await client.patch(f"/api/v1/conversations/{comes}", json={"title": "Came"})
        await expect(row(comes)).to_contain_text("Came")
        told = await begin(client, title="Told after the deletion")
        await client.delete(f"/api/v1/conversations/{leaves}")
        await client.patch(f"/api/v1/conversations/{told}", json={"title": "It is told"})
        await expect(row(told)).to_contain_text("It is told")
        gate.set()
        await expect(row(stays)).to_be_attached()
        await expect(row(comes)).to_contain_text("Came")
        await expect(row(asked)).to_contain_text("What is 6 * 7?")
        await expect(row(leaves)).to_have_count(0)
        await chat.page.unroute(LIST)
        for conversation in (stays, comes, told):
            await client.delete(f"/api/v1/conversations/{conversation}")


async def test_a_list_that_lacks_the_newest_is_read_again(open_chat: OpenChat, stack: Stack) -> None:
    chat = await open_chat()
    chat.complaints.expected.append("status of 503")
    behind = True

    async def lacking(route: Route) -> None:
        answer = await route.fetch()
        if behind:
            page = await answer.json()
            known = [each for each in page["data"] if each["id"] not in made]
            await route.fulfill(headers={**answer.headers, "x-verbatim-behind": "true"}, json={**page, "data": known})
        else:
            await route.fulfill(response=answer)

    async def cannot_say(route: Route) -> None:
        error = {"message": "Not yet.", "code": "projections_behind"}
        await (route.fulfill(status=503, json={"error": error}) if behind else route.continue_())

    async with elsewhere(stack) as client:
        made = [await begin(client, title="Before the list was read")]
        row = chat.page.locator(f".row[data-id='{made[0]}']")
        await expect(row).to_be_attached()
        await chat.page.route(LIST, lacking)
        await chat.page.reload()
        await expect(chat.part("conversation-item").first).to_be_attached()
        await expect(row).to_have_count(0)
        behind = False
        await expect(row).to_be_attached()
        # One that the page hears of, and cannot be told of yet.
        behind = True
        await chat.page.route("**/api/v1/conversations/*", cannot_say)
        async with chat.page.expect_response(lambda answer: answer.status == 503):
            made.append(await begin(client, title="Heard of"))
        behind = False
        await expect(chat.page.locator(f".row[data-id='{made[1]}']")).to_contain_text("Heard of")
        for conversation in made:
            await client.delete(f"/api/v1/conversations/{conversation}")


async def test_a_browser_has_one_stream_of_changes_for_all_its_tabs(open_chat: OpenChat, stack: Stack) -> None:
    chat = await open_chat()
    tabs = [await open_chat(context=chat.context) for _ in range(2)]

    def streams(page: ChatPage) -> int:
        return sum(url.endswith("/api/v1/changes") for url in page.complaints.asked_for)

    async with elsewhere(stack) as client:
        made = await begin(client, title="Heard by all")
        for page in (chat, *tabs):
            await expect(page.page.locator(f".row[data-id='{made}']")).to_be_attached()
        assert [streams(page) for page in (chat, *tabs)] == [1, 0, 0]
        # The next tab takes over, from where the first one was.
        await chat.page.close()
        await client.patch(f"/api/v1/conversations/{made}", json={"title": "Heard by who is left"})
        for page in tabs:
            await expect(page.page.locator(f".row[data-id='{made}']")).to_contain_text("who is left")
        assert sorted(streams(page) for page in tabs) == [0, 1]
        await client.delete(f"/api/v1/conversations/{made}")


async def test_a_row_says_that_an_answer_is_written_and_that_there_is_a_new_one(
    open_chat: OpenChat, stack: Stack
) -> None:
    chat = await open_chat()
    await chat.ask(count_to(4000), wait=False)
    await chat.begun("10, 11")
    tab = await open_chat(context=chat.context)
    row = tab.page.locator(f".row[data-id='{chat.conversation_id}']")
    await expect(row.locator(".row-mark.running")).to_be_visible()
    await chat.part("new-chat").click()
    await tab.page.reload()
    await expect(row.locator(".row-mark.running")).to_be_visible()
    async with elsewhere(stack) as client:
        path = await row.locator("a").get_attribute("href")
        branch = (await client.get(f"/api/v1/conversations/{str(path).removeprefix('/c/')}/branch")).json()
        await client.post(f"/api/v1/generations/{branch['data'][-1]['id']}/cancel", json={})
    await expect(row.locator(".row-mark.finished")).to_be_visible()
    await row.locator("a").click()
    await expect(row.locator(".row-mark")).to_have_count(0)
    # What one tab has seen, all have.
    await expect(chat.page.locator(f".row[data-id='{tab.conversation_id}'] .row-mark")).to_have_count(0)


async def test_an_answer_that_was_begun_before_changes_were_told_is_marked_in_all_tabs(open_chat: OpenChat) -> None:
    chat = await open_chat()
    gate = asyncio.Event()

    async def late(route: Route) -> None:
        await gate.wait()
        await route.continue_()

    await chat.page.route("**/api/v1/changes", late)
    await chat.evaluate("() => localStorage.removeItem('verbatim.changes')")
    async with chat.page.expect_request("**/api/v1/changes"):
        await chat.page.reload()
    await chat.ask(count_to(4000), wait=False)
    await chat.begun("10, 11")
    tab = await open_chat(context=chat.context)
    await chat.page.bring_to_front()
    running = tab.page.locator(f".row[data-id='{chat.conversation_id}'] .row-mark.running")
    async with tab.page.expect_request(LIST):  # it has heard that it may have missed something
        gate.set()
    await expect(running).to_be_visible()
    await tab.page.reload()
    await expect(running).to_be_visible()
    await chat.part("stop").click()
    await chat.ended("cancelled")
    await expect(running).to_have_count(0)
