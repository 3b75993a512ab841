"""What tells of answers while one is elsewhere: marks on the tab, a notification, a sound; each only if wanted."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.async_api import expect

from tests.web.chat_page import ChatPage, count_to
from tests.web.conftest import OpenChat

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(300)]

# Notifications and tones are noted instead of shown and played; permission is asked for as a browser would.
NOTED = """
globalThis.noted = { notices: [], asked: 0, tones: 0 };
globalThis.Notification = class {
  static permission = localStorage.getItem('test.permission') ?? 'default';
  static async requestPermission() {
    noted.asked += 1;
    localStorage.setItem('test.permission', 'granted');
    return (Notification.permission = 'granted');
  }
  constructor(title, options) { noted.notices.push({ title, ...options, click: () => this.onclick() }); }
  close() {}
};
const start = OscillatorNode.prototype.start;
OscillatorNode.prototype.start = function (...at) { noted.tones += 1; return start.apply(this, at); };
"""
AWAY = """(away) => {
  Object.defineProperty(document, 'visibilityState', { configurable: true, get: () => (away ? 'hidden' : 'visible') });
  document.dispatchEvent(new Event('visibilitychange'));
}"""
ICON = "() => document.querySelector('link[rel=icon][type=\"image/svg+xml\"]').href.split('/').at(-1)"


async def noted(chat: ChatPage, what: str) -> Any:
    return await chat.evaluate("(what) => noted[what]", what)


async def test_the_tab_is_marked_while_an_answer_runs_and_when_it_is_finished_unseen(open_chat: OpenChat) -> None:
    chat = await open_chat(user="marked")
    await chat.ask(count_to(400), wait=False)
    await chat.begun("3, 4")
    await expect(chat.page).to_have_title("… Count from 1 to 400 – Verbatim")
    assert await chat.evaluate(ICON) == "favicon-running.svg"
    # Who looks elsewhere sees when it has ended; who comes back has seen it.
    answered = chat.conversation_id
    await chat.part("new-chat").click()
    await expect(chat.page).to_have_title("● Verbatim")
    assert await chat.evaluate(ICON) == "favicon-finished.svg"
    await chat.page.goto(f"{chat.url}/c/{answered}")
    await chat.ended()
    await expect(chat.page).to_have_title("Count from 1 to 400 – Verbatim")
    assert await chat.evaluate(ICON) == "favicon.svg"


async def test_a_notification_and_a_sound_tell_who_is_away_and_wants_it(open_chat: OpenChat) -> None:
    first = await open_chat(user="told")
    await first.context.add_init_script(NOTED)
    chat = await open_chat("/settings", context=first.context)
    await first.page.close()
    assert await noted(chat, "asked") == 0
    # The browser asks when it is switched on, once.
    await chat.part("notifications").check()
    await chat.part("sound").check()
    assert await noted(chat, "asked") == 1
    await chat.part("new-chat").click()
    await chat.ask("What is 6 * 7?")
    assert (await noted(chat, "notices"), await noted(chat, "tones")) == ([], 0)
    # Away, in two tabs: one of them tells, once.
    asked = chat.conversation_id
    other = await open_chat(f"/c/{asked}", context=first.context)
    tabs = (chat, other)
    await chat.ask(count_to(200), wait=False)
    await chat.begun("3, 4")
    for tab in tabs:
        await tab.evaluate(AWAY, True)
    await chat.ended()
    for tab in tabs:
        await expect(tab.page).to_have_title("● What is 6 * 7? – Verbatim")
        # Who tells holds this until all have heard.
        await tab.evaluate("(id) => navigator.locks.request(`verbatim-tell-${id}`, () => {})", asked)
    told = [notice for tab in tabs for notice in await noted(tab, "notices")]
    assert [(each["title"], each["tag"]) for each in told] == [("What is 6 * 7?", asked)]
    assert sum([await noted(tab, "tones") for tab in tabs]) == 2
    # It holds nothing of the answer. A press on it leads there; who is back has seen it.
    assert "200" not in str(told)
    [teller] = [tab for tab in tabs if await noted(tab, "notices")]
    for tab in tabs:
        await tab.evaluate(AWAY, False)
    await teller.part("new-chat").click()
    await teller.evaluate("() => noted.notices[0].click()")
    await expect(teller.page).to_have_url(f"{chat.url}/c/{asked}")
    await expect(teller.page).to_have_title("What is 6 * 7? – Verbatim")
