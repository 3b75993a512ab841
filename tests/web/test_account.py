"""What is the user's own beside the chats: keys, and who is signed in."""

from __future__ import annotations

import httpx
import pytest
from playwright.async_api import expect

from tests.e2e.stack import Stack
from tests.eventually import eventually
from tests.web.conftest import PICTURES, OpenChat, key_of

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(300)]


def status_of(stack: Stack, key: str, path: str = "models") -> int:
    return httpx.get(f"{stack.url}/api/v1/{path}", headers={"Authorization": f"Bearer {key}"}).status_code


async def test_a_key_is_made_shown_once_used_and_revoked(open_chat: OpenChat, stack: Stack) -> None:
    chat = await open_chat("/settings/keys")
    await chat.part("key-label").fill("laptop <b>")
    await chat.part("key-create").click()
    key = await chat.part("key-secret").inner_text()
    assert status_of(stack, key) == 200
    await chat.part("key-copy").click()
    await expect(chat.part("key-copy")).to_have_text("Copied")
    await chat.part("key-label").press("Control+V")
    await expect(chat.part("key-label")).to_have_value(key)
    row = chat.part("key").filter(has_text="laptop <b>")
    await expect(row).to_contain_text(f"ends in {key[-4:]}")
    await chat.part("key-done").click()
    await chat.page.reload()
    await expect(row).to_be_visible()
    assert key not in await chat.page.content()
    assert key not in await chat.evaluate("() => JSON.stringify([{ ...localStorage }, { ...sessionStorage }])")
    # Asked first; Escape leaves it as it was.
    await row.get_by_test_id("key-revoke").click()
    await expect(chat.page.get_by_role("dialog", name="Revoke “laptop <b>”?")).to_be_visible()
    await chat.page.keyboard.press("Escape")
    assert status_of(stack, key) == 200
    await row.get_by_test_id("key-revoke").click()
    await chat.part("confirm").click()
    await expect(row).not_to_be_visible()
    assert status_of(stack, key) == 401
    await chat.page.get_by_text("revoked key").click()
    await expect(row).to_be_visible()
    await expect(row.get_by_test_id("key-revoke")).to_have_count(0)


async def test_the_key_of_this_browser_is_marked_and_who_is_signed_in_is_said(open_chat: OpenChat) -> None:
    chat = await open_chat("/settings/keys")
    own = chat.part("key").filter(has_text="this browser is signed in with it")
    await expect(own).to_have_count(1)
    await own.get_by_test_id("key-revoke").click()
    await expect(chat.page.get_by_role("dialog")).to_contain_text("will be signed out at once")
    await chat.page.keyboard.press("Escape")
    await chat.part("settings-account").click()
    await expect(chat.part("settings").locator("dl")).to_contain_text("admin")


async def test_usage_is_shown_by_day_and_model_with_its_totals(open_chat: OpenChat) -> None:
    newcomer = await open_chat("/settings/usage", user="usage-reader")
    await expect(newcomer.part("usage-empty")).to_contain_text("last 30 days")
    await newcomer.part("new-chat").click()
    await newcomer.ask("What is 2 * 21?")
    await newcomer.ask("What is 2 * 22?")

    async def both_billed() -> bool:
        await newcomer.page.goto(f"{newcomer.url}/settings/usage")
        await newcomer.page.locator("[data-testid=usage-totals], [data-testid=usage-empty]").first.wait_for()
        totals = newcomer.part("usage-totals")
        return await totals.count() == 1 and "Answers2" in (await totals.inner_text()).replace("\n", "")

    billed: bool = await eventually(both_billed, 30)
    assert billed
    row = newcomer.part("usage-models").locator("tbody tr")
    await expect(row).to_have_count(1)
    await expect(row).to_contain_text("verbatim-local")
    await expect(newcomer.part("usage-plot").locator("canvas")).to_be_visible()
    await newcomer.page.get_by_text("Day by day").click()
    await expect(newcomer.part("usage-days").locator("tbody tr")).to_have_count(1)
    # What the table says in all is what the totals say.
    used = await newcomer.part("usage-totals").locator("dd").all_inner_texts()
    assert await newcomer.part("usage-models").locator("tfoot td").all_inner_texts() == used
    await newcomer.page.screenshot(path=PICTURES / "usage.png")
    await newcomer.page.get_by_text("7 days", exact=True).click()
    await expect(row).to_contain_text("verbatim-local")


async def test_signing_out_everywhere_ends_every_browser_and_no_key(open_chat: OpenChat, stack: Stack) -> None:
    key = key_of(stack, "leaver")
    here, there = [await open_chat("/signin", signed_in=False) for _ in range(2)]
    for chat in (here, there):
        # What is streamed to them ends in the middle.
        chat.complaints.expected += ["status of 401", "ERR_INCOMPLETE_CHUNKED_ENCODING"]
        await chat.sign_in(key)
        await chat.part("composer").wait_for()
    await here.page.goto(f"{here.url}/settings/account")
    await here.part("sign-out-everywhere").click()
    await expect(here.page.get_by_role("dialog")).to_contain_text("this one too")
    await here.part("confirm").click()
    for chat in (here, there):
        await expect(chat.part("signin-key")).to_be_visible()
    assert status_of(stack, key) == 200
    await there.sign_in(key)
    await expect(there.part("composer")).to_be_visible()


async def test_sessions_are_listed_and_ended_and_a_password_is_chosen(open_chat: OpenChat, stack: Stack) -> None:
    chat = await open_chat("/settings/account", user="session-reader")
    # What was followed by the session of before ends with it.
    chat.complaints.expected += ["ERR_INCOMPLETE_CHUNKED_ENCODING", "401"]
    await expect(chat.part("sessions-empty")).to_be_visible()
    await chat.part("password-fresh").fill("a password of the first try")
    await chat.part("password-change").click()
    await expect(chat.part("password-told")).to_contain_text("The password is changed.")
    await expect(chat.part("session")).to_contain_text("this browser")
    async with httpx.AsyncClient(base_url=stack.url, headers={"X-Verbatim-CSRF": "1"}) as other:
        told = {"name": "session-reader", "password": "a password of the first try"}
        assert (await other.post("/api/v1/session", json=told)).status_code == 200
        await chat.page.reload()
        await expect(chat.part("session")).to_have_count(2)
        await chat.part("session-end").click()
        await chat.part("confirm").click()
        await expect(chat.part("session")).to_have_count(1)
        assert (await other.get("/api/v1/session")).status_code == 401
    await chat.part("password-current").fill("another password")
    await chat.part("password-fresh").fill("a password of the second try")
    await chat.part("password-change").click()
    await expect(chat.part("password-told")).to_have_attribute("role", "alert")
    await expect(chat.part("session")).to_have_count(1)


async def test_limits_are_said_with_what_is_left_of_them(open_chat: OpenChat) -> None:
    chat = await open_chat("/settings/limits", user="limits-reader")
    await expect(chat.part("limits-tier")).to_contain_text("default")
    await expect(chat.part("limit").or_(chat.part("limits-none")).first).to_be_visible()


async def test_a_key_is_made_for_something_only_and_for_a_while(open_chat: OpenChat, stack: Stack) -> None:
    chat = await open_chat("/settings/keys", user="key-with-an-end")
    await chat.part("key-more").click()
    await chat.part("scope-usage").check()
    await chat.page.get_by_label("Good", exact=True).select_option("30")
    await chat.part("key-label").fill("for the books")
    await chat.part("key-create").click()
    key = await chat.part("key-secret").inner_text()
    assert status_of(stack, key, "usage") == 200
    assert status_of(stack, key, "conversations") in (403, 404)
    row = chat.part("key").filter(has_text="for the books")
    await expect(row).to_contain_text("may read usage")
    await expect(row).to_contain_text("good until")
