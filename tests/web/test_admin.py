"""The administration, as an administrator and as others see it."""

from __future__ import annotations

import httpx
import pytest
from playwright.async_api import expect

from tests.e2e.stack import Stack
from tests.eventually import eventually
from tests.web.chat_page import ChatPage
from tests.web.conftest import OpenChat, key_of
from tests.web.looks import in_every_look

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(300)]
SECTIONS = ("users", "invitations", "organisations", "keys", "limits", "budgets", "usage")


async def opened(chat: ChatPage, testid: str, name: str) -> None:
    """The entry of this name, with what can be done to it."""
    entry = chat.part(testid).filter(has_text=name)
    await entry.locator("summary").first.click()
    await expect(entry.locator("details")).to_have_attribute("open", "")


async def test_who_is_no_administrator_is_told_so(open_chat: OpenChat) -> None:
    chat = await open_chat("/settings/account", user="no-administrator")
    await expect(chat.part("sign-out-here")).to_be_visible()
    await expect(chat.part("admin-link")).to_have_count(0)
    await chat.page.goto(f"{chat.url}/admin/users")
    await expect(chat.part("admin-denied")).to_contain_text("for administrators")


async def test_users_are_made_found_changed_suspended_and_restored(open_chat: OpenChat, stack: Stack) -> None:
    key = key_of(stack, "to-be-suspended")
    chat = await open_chat("/settings/account")
    await chat.part("admin-link").click()
    await chat.part("user-name").fill("made-by-page")
    await chat.part("user-create").click()
    await chat.part("user-search").fill("made-by")
    await expect(chat.part("user")).to_have_count(1)
    await chat.part("user-search").fill("to-be-susp")
    await expect(chat.part("user")).to_have_count(1)
    await opened(chat, "user", "to-be-suspended")
    await chat.part("role-reviewer").click()
    await expect(chat.part("user").locator("summary")).to_contain_text("Reviewer")
    await chat.page.get_by_role("button", name="Undo").click()
    await expect(chat.part("user").locator("summary")).not_to_contain_text("Reviewer")
    await chat.part("user-suspend").click()
    await chat.part("confirm").click()
    await expect(chat.part("user").locator("summary")).to_contain_text("suspended")

    async def status() -> int:
        async with httpx.AsyncClient(base_url=stack.url, headers={"Authorization": f"Bearer {key}"}) as other:
            return (await other.get("/api/v1/models")).status_code

    async def refused() -> bool:
        return await status() in (401, 403)

    async def let_in() -> bool:
        return await status() == 200

    ended: bool = await eventually(refused, 30)
    assert ended
    await chat.part("user-restore").click()
    restored: bool = await eventually(let_in, 30)
    assert restored
    await chat.part("user-reset").click()
    await expect(chat.part("once-text")).to_contain_text("/signin#reset=")
    await chat.part("once-done").click()
    await expect(chat.part("once")).to_have_count(0)


async def test_an_invitation_is_shown_once_and_withdrawn(open_chat: OpenChat) -> None:
    chat = await open_chat("/admin/invitations")
    await chat.part("invite-name").fill("invited-by-page")
    await chat.part("invite").click()
    await expect(chat.part("once-text")).to_contain_text("/signin#invitation=")
    link = chat.part("link").filter(has_text="invited-by-page")
    await expect(link).to_have_attribute("data-state", "good")
    await chat.page.reload()
    await expect(link).to_be_visible()
    await expect(chat.part("once")).to_have_count(0)
    await link.get_by_test_id("link-end").click()
    await chat.part("confirm").click()
    await expect(link).to_have_attribute("data-state", "revoked")


async def test_an_organisation_is_made_renamed_and_has_members(open_chat: OpenChat, stack: Stack) -> None:
    key_of(stack, "of-the-organisation")
    chat = await open_chat("/admin/organisations")
    await chat.part("organisation-name").fill("Made by page")
    await chat.part("organisation-create").click()
    await opened(chat, "organisation", "Made by page")
    await chat.page.get_by_label("Add a user").select_option(label="of-the-organisation")
    await chat.part("member-add").click()
    member = chat.part("member").filter(has_text="of-the-organisation")
    await member.get_by_test_id("member-role").select_option("auditor")
    await expect(member.get_by_test_id("member-role")).to_have_value("auditor")
    await chat.part("organisation-rename").fill("Renamed by page")
    await chat.part("organisation-save").click()
    await expect(chat.part("organisation").filter(has_text="Renamed by page")).to_be_visible()
    await member.get_by_test_id("member-remove").click()
    await chat.part("confirm").click()
    await expect(member).to_have_count(0)


async def test_a_key_is_made_for_another(open_chat: OpenChat, stack: Stack) -> None:
    """It is theirs, it is shown once, and it may what was chosen."""
    key_of(stack, "key-winner")
    chat = await open_chat("/admin/keys")
    await chat.page.get_by_label("Keys of").select_option(label="key-winner")
    await chat.part("key-label").fill("from the office")
    await chat.part("key-more").click()
    await chat.part("scope-read").click()
    await chat.part("key-create").click()
    secret = await chat.part("key-secret").inner_text()
    row = chat.part("admin-key").filter(has_text="from the office")
    await expect(row).to_contain_text(f"ends in {secret[-4:]}")
    async with httpx.AsyncClient(base_url=stack.url, headers={"Authorization": f"Bearer {secret}"}) as holder:
        assert (await holder.get("/api/v1/session")).json()["userName"] == "key-winner"
        assert (await holder.post("/api/v1/keys", json={"label": "more"})).status_code == 403
    await chat.part("key-done").click()
    await expect(chat.part("key-made")).to_have_count(0)


async def _requests_of_key(holder: httpx.AsyncClient) -> list[int]:
    """How many requests a minute the key itself may."""
    found = (await holder.get("/api/v1/limits")).json()["limits"]
    return [each["limit"] for each in found if (each["of"], each["kind"]) == ("key", "requests")]


async def test_the_limits_of_a_key_are_set_changed_and_taken_away(open_chat: OpenChat, stack: Stack) -> None:
    key = key_of(stack, "key-limited")
    chat = await open_chat("/admin/keys")
    chat.complaints.expected.append("status of 400")
    await chat.page.get_by_label("Keys of").select_option(label="key-limited")
    row = chat.part("admin-key").filter(has_text=f"ends in {key[-4:]}")
    data_id = await row.get_attribute("data-id")
    row = chat.page.locator(f"[data-testid=admin-key][data-id='{data_id}']")
    async with httpx.AsyncClient(base_url=stack.url, headers={"Authorization": f"Bearer {key}"}) as holder:
        before = await _requests_of_key(holder)
    assert 500 not in before
    await row.get_by_test_id("admin-key-limit").click()
    await expect(row.get_by_test_id("limit-requestsPerMinute")).to_be_focused()
    await row.get_by_test_id("limit-requestsPerMinute").fill("500")
    await row.get_by_test_id("limit-models").fill(" verbatim-scripted ,")
    await row.get_by_test_id("key-limits-save").click()
    await expect(row).to_contain_text("Requests a minute: 500 · Models: verbatim-scripted")
    await expect(row.get_by_test_id("admin-key-limit")).to_be_focused()
    async with httpx.AsyncClient(base_url=stack.url, headers={"Authorization": f"Bearer {key}"}) as holder:
        assert await _requests_of_key(holder) == [500]
        assert [each["id"] for each in (await holder.get("/v1/models")).json()["data"]] == ["verbatim-scripted"]
        # What cannot be is said where it was written, and nothing has changed.
        await row.get_by_test_id("admin-key-limit").click()
        await expect(row.get_by_test_id("limit-models")).to_have_value("verbatim-scripted")
        await row.get_by_test_id("limit-models").fill("x" * 201)
        await row.get_by_test_id("key-limits-save").click()
        await expect(row.get_by_role("alert")).to_be_visible()
        await row.get_by_test_id("limit-models").fill("")
        await row.get_by_test_id("limit-requestsPerMinute").fill("")
        await row.get_by_test_id("key-limits-save").click()
        await expect(row).not_to_contain_text("Requests a minute")
        assert await _requests_of_key(holder) == before
        assert len((await holder.get("/v1/models")).json()["data"]) > 1


async def test_a_key_of_ones_own_is_made_with_limits(open_chat: OpenChat) -> None:
    chat = await open_chat("/settings/keys", user="limits-oneself")
    await chat.part("key-label").fill("for a script")
    await chat.part("key-more").click()
    await chat.part("limit-concurrentStreams").fill("2")
    await chat.part("key-create").click()
    row = chat.part("key").filter(has_text="for a script")
    await expect(row).to_contain_text("Answers at once running: 2")
    await expect(chat.part("limit-concurrentStreams")).to_have_value("")


async def test_a_key_of_another_is_revoked(open_chat: OpenChat, stack: Stack) -> None:
    key = key_of(stack, "key-loser")
    chat = await open_chat("/admin/keys")
    await chat.page.get_by_label("Keys of").select_option(label="key-loser")
    row = chat.part("admin-key").filter(has_text=f"ends in {key[-4:]}")
    await row.get_by_test_id("admin-key-revoke").click()
    await chat.part("confirm").click()
    await expect(row).to_contain_text("revoked")
    await expect(row.get_by_test_id("admin-key-revoke")).to_have_count(0)


async def test_a_budget_is_set_and_removed(open_chat: OpenChat, stack: Stack) -> None:
    key_of(stack, "of-a-budget")
    chat = await open_chat("/admin/budgets")
    await chat.page.get_by_label("Who pays").select_option(label="of-a-budget")
    await chat.part("budget-limit").fill("12000")
    await chat.part("budget-set").click()
    budget = chat.part("budget").filter(has_text="of-a-budget")
    await expect(budget).to_contain_text("0 of 12,000 tokens used, 12,000 left")
    bound = await open_chat("/settings/limits", user="of-a-budget")
    await expect(bound.part("own-budget")).to_contain_text("12,000 left")
    # What it does not cover is said, and nothing is sent again: no waiting helps.
    await chat.page.get_by_label("Who pays").select_option(label="of-a-budget")
    await chat.part("budget-limit").fill("1")
    await chat.part("budget-set").click()
    await expect(budget).to_contain_text("0 of 1 token used")
    bound.complaints.expected.append("429")
    await bound.page.goto(f"{bound.url}/")
    await bound.part("composer").fill("What is 2 + 2?")
    await bound.part("composer").press("Enter")
    await expect(bound.part("error-card")).to_contain_text("The budget for this is spent.")
    await expect(bound.part("composer")).to_have_value("What is 2 + 2?")
    await budget.get_by_test_id("budget-remove").click()
    await chat.part("confirm").click()
    await expect(budget).to_have_count(0)


async def test_tiers_and_usage_are_shown(open_chat: OpenChat) -> None:
    chat = await open_chat("/admin/limits")
    await expect(chat.page.locator("[data-testid=tier][data-id=default]")).to_be_visible()
    await chat.part("new-chat").click()
    await chat.ask("What is 2 * 23?")

    async def billed() -> bool:
        await chat.page.goto(f"{chat.url}/admin/usage")
        await chat.page.locator("[data-testid=usage-totals], [data-testid=admin-usage-empty]").first.wait_for()
        return await chat.part("usage-totals").count() == 1

    told: bool = await eventually(billed, 60)
    assert told
    await chat.page.get_by_label("Told by").select_option("user")
    await expect(chat.part("usage-models").locator("tbody tr").first).to_be_visible()
    await expect(chat.part("usage-plot").locator("canvas")).to_be_visible()
    async with chat.page.expect_download() as download:
        await chat.part("usage-csv").click()
    assert (await (await download.value).path()).read_text().startswith("start,user,currency")


@pytest.mark.parametrize("section", SECTIONS)
async def test_no_section_has_findings_in_any_look(open_chat: OpenChat, section: str) -> None:
    chat = await open_chat(f"/admin/{section}")
    await expect(chat.page.locator("#settings-heading")).to_be_visible()
    await expect(chat.part("admin").locator(".skeleton")).to_have_count(0)
    if section == "users":
        await chat.part("user").first.locator("summary").click()
    await in_every_look(chat, f"admin-{section}")
