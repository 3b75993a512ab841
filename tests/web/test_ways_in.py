"""Every way to sign in but a key, on the page: through an issuer, by an invitation, a password, a reset."""

from __future__ import annotations

import httpx
import pytest
from playwright.async_api import Browser, Page, expect

from tests.e2e.stack import Stack
from tests.oidc_issuer import TestIssuer
from tests.web.conftest import OpenChat

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(300)]
FIRST, SECOND = "a first good password", "a second good password"


def made(stack: Stack, path: str, body: dict[str, object]) -> str:
    """The path and text of a one-time link that the stack's first user makes."""
    answer = httpx.post(f"{stack.url}/api/v1/admin/{path}", json=body, headers={"x-api-key": stack.key})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["address"]).removeprefix(stack.url)


async def fill(page: Page, name: str | None, password: str) -> None:
    if name is not None:
        await page.get_by_test_id("signin-name").fill(name)
    await page.get_by_test_id("signin-password").fill(password)
    await page.get_by_test_id("signin-password-submit").click()


async def test_an_issuer_signs_in_and_out_again(chromium: Browser, stack: Stack, issuer: TestIssuer) -> None:
    """The whole of it: our page, the issuer, our page; then the issuer says that it is over."""
    context = await chromium.new_context(locale="en-GB", service_workers="block")
    try:
        page = await context.new_page()
        await page.goto(f"{stack.url}/signin#failed=x&why=Call%20us%20now")
        button = page.get_by_test_id("signin-issuer-local")
        await expect(button).to_have_text("Sign in with Local ID")
        await expect(page.get_by_text("Call us now")).to_have_count(0)  # anybody may have written the address
        issuer.id_claims = {"aud": "another"}
        await button.click()
        await expect(page.get_by_text("(check: aud)")).to_be_visible()
        issuer.id_claims = {}
        await button.click()
        await page.get_by_test_id("composer").wait_for()
        assert page.url == f"{stack.url}/"
        assert issuer.asked["/token"] == 2
        who = await page.evaluate("fetch('/api/v1/session').then((answer) => answer.json())")
        assert who["userName"] == "jane"
        signed_out = {"logout_token": issuer.logout_token(sid=issuer.last_sid)}
        async with httpx.AsyncClient() as client:
            out = await client.post(f"{stack.url}/api/v1/session/issuers/local/logout", data=signed_out)
        assert out.status_code == 200, out.text
        await page.reload()
        await page.get_by_test_id("signin-key").wait_for()
    finally:
        await context.close()


async def test_an_invitation_a_password_and_a_reset(open_chat: OpenChat, stack: Stack) -> None:
    invitation = made(stack, "invitations", {})
    chat = await open_chat(invitation, signed_in=False)
    await expect(chat.page.get_by_role("heading", name="Create an account")).to_be_visible()
    await expect(chat.part("signin-name")).to_be_focused()
    await fill(chat.page, "walker", "short")
    await expect(chat.part("composer")).not_to_be_visible()
    await fill(chat.page, "walker", FIRST)
    await chat.part("composer").wait_for()
    assert "vl_" not in chat.page.url
    again = await open_chat(invitation, signed_in=False)
    again.complaints.expected.append("status of 410")
    await expect(again.part("signin-link-told")).to_contain_text("already been used")
    other = await open_chat("/signin", signed_in=False)
    # Opened where the page is open already, it is taken all the same.
    other.complaints.expected.append("status of 410")
    await other.page.goto(f"{stack.url}{invitation}")
    await expect(other.part("signin-link-told")).to_contain_text("already been used")
    assert "vl_" not in other.page.url
    await other.page.goto(f"{stack.url}/signin")
    await fill(other.page, "walker", "the wrong password")
    await expect(other.part("signin-password-told")).to_have_text("The name or the password is wrong.")
    await fill(other.page, "walker", FIRST)
    await other.part("composer").wait_for()
    session = await other.evaluate("() => fetch('/api/v1/session').then((answer) => answer.json())")
    reset = made(stack, f"users/{session['userId']}/reset", {})
    for page in (chat, other):
        # The reset ends their sessions, and what they follow is cut.
        page.complaints.expected += ["status of 401", "ERR_INCOMPLETE_CHUNKED_ENCODING"]
    third = await open_chat(reset, signed_in=False)
    await fill(third.page, None, SECOND)
    await third.part("composer").wait_for()
    await other.page.reload()
    await other.part("signin-key").wait_for()
