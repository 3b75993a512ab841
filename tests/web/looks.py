"""The looks of the page (size, colours, direction), and what must hold in each of them."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any, Literal

from playwright.async_api import ViewportSize

from tests.web.chat_page import ChatPage
from tests.web.conftest import PHONE, PICTURES, WIDE

AXE = (Path(__file__).parent / "vendor" / "axe.min.js").read_text()
RUN_AXE = "async () => (await axe.run()).violations"
# What a window of 1280 × 800 has to give at 200 %.
ZOOMED: ViewportSize = {"width": 640, "height": 400}
SIZES = {"desktop": WIDE, "phone": PHONE, "zoomed": ZOOMED}
Colours = Literal["light", "dark"]
COLOURS: tuple[Colours, ...] = ("light", "dark")
DIRECTIONS = ("ltr", "rtl")


@dataclass(frozen=True, slots=True)
class Look:
    size: str
    colours: Colours
    direction: str

    def __str__(self) -> str:
        return "-".join([self.colours, self.size, *(["rtl"] if self.direction == "rtl" else [])])


MATRIX = [Look(size, colours, direction) for direction, size, colours in product(DIRECTIONS, SIZES, COLOURS)]
# axe takes seconds: it sees each size and each direction in each of the colours, and no look twice.
AXED = {
    Look("desktop", "light", "ltr"),
    Look("desktop", "dark", "rtl"),
    Look("phone", "dark", "ltr"),
    Look("phone", "light", "rtl"),
}
PICTURED = AXED | {Look("zoomed", "light", "ltr")}


# On a small screen the list is a drawer.
IN_THE_LIST = {"found", "selecting"}


async def shown_in(chat: ChatPage, look: Look) -> None:
    """The same page in another look: nothing is loaded again."""
    await chat.page.emulate_media(color_scheme=look.colours, reduced_motion="reduce")
    await chat.page.set_viewport_size(SIZES[look.size])
    await chat.evaluate("(direction) => (document.documentElement.dir = direction)", look.direction)


async def axe_findings(chat: ChatPage) -> list[tuple[str, str, str]]:
    """What axe finds, whatever its impact."""
    if not await chat.evaluate("() => 'axe' in globalThis"):
        await chat.evaluate(AXE)
    found: list[dict[str, Any]] = await chat.evaluate(RUN_AXE)
    return [(one["id"], node["html"][:160], node["failureSummary"][:300]) for one in found for node in one["nodes"]]


async def in_every_look(chat: ChatPage, name: str) -> None:
    """Looks at the page in the whole matrix: axe finds nothing, nothing is cut off. Takes pictures of it."""
    findings: dict[str, list[Any]] = {}
    for look in MATRIX:
        await shown_in(chat, look)
        if name in IN_THE_LIST and look.size != "desktop" and not await chat.part("new-chat").is_visible():
            await chat.page.get_by_role("button", name="Show the list").click()
        found: list[Any] = await chat.run("cut_off")
        if look in AXED:
            found += await axe_findings(chat)
        if look in PICTURED:
            await chat.page.screenshot(path=PICTURES / f"{name}-{look}.png")
        if found:
            findings[str(look)] = found
    assert findings == {}, findings
