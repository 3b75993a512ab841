"""The text as it grows: at its end it is what one render of all of it gives; no text holds the page up."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest

from tests.eventually import eventually
from tests.web.chat_page import ChatPage
from tests.web.conftest import OpenChat
from tests.web.edge_documents import DOCUMENTS, LONG, STEPS, STEPS_OF_LONG_ONES

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(300)]

LONGEST_FRAME_MS = 350
MAX_TIMES_ORDINARY = 10
# What else the machine does makes a page slow now and then; what the page does makes it slow each time.
TRIES = 4


async def test_a_streamed_text_is_what_one_render_gives(open_chat: OpenChat) -> None:
    chat = await open_chat()
    documents = [{"text": text, "steps": STEPS_OF_LONG_ONES if len(text) > LONG else STEPS} for text in DOCUMENTS]
    made = await chat.run("stream_documents", *await chat.modules("stream.js", "markdown.js"), documents)
    assert made == sum(len(STEPS_OF_LONG_ONES if len(text) > LONG else STEPS) for text in DOCUMENTS)

    same: bool = await eventually(same_documents(chat))  # colours and formulas come a moment later
    assert same


def same_documents(chat: ChatPage) -> Callable[[], Awaitable[bool]]:
    async def check() -> bool:
        assert await chat.run("different_documents") == []
        return True

    return check


@pytest.mark.parametrize(
    ("part", "opening"),
    [("word *a* " * 1250, ""), ("x" * 10_000, ""), ("x" * 10_000, "```\n"), ("word *a* " * 1250, "- ")],
    ids=["prose", "no place to break", "code", "in a list"],
)
async def test_a_megabyte_of_one_line_does_not_hold_the_page_up(open_chat: OpenChat, part: str, opening: str) -> None:
    chat = await open_chat()
    tries: list[tuple[float, float]] = []
    for _ in range(TRIES):
        # What this machine takes now for as much a frame in short paragraphs.
        _, ordinary = await grown(chat, ("word *a* " * 10 + "\n\n") * 109, 20, "")
        shown, longest = await grown(chat, part, 100, opening)
        assert shown >= 100 * len(part) - len(opening)
        if longest < max(LONGEST_FRAME_MS, MAX_TIMES_ORDINARY * ordinary):
            return
        tries.append((longest, ordinary))
    pytest.fail(f"ms without a frame, and those of short paragraphs: {tries}")


async def grown(chat: ChatPage, part: str, times: int, opening: str) -> tuple[int, float]:
    shown, longest = await chat.run("grow_a_text", *await chat.modules("stream.js"), part, times, opening)
    return int(shown), float(longest)
