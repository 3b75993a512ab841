"""How a text looks: what people write beside CommonMark, in both directions, and what stays as it is written."""

from __future__ import annotations

import re

import pytest
from playwright.async_api import Locator, Route, expect

from tests.eventually import eventually
from tests.web.chat_page import ChatPage
from tests.web.conftest import PHONE, PICTURES, WIDE, OpenChat
from tests.web.looks import in_every_look

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(300)]

BREAKS = (
    "Roses are red\nViolets are blue\n\n| a | b |\n|---|---|\n"
    "| one<br>two<BR/>three | `<br>` \\<br> <sub>x</sub> |\n\n<br> <details>"
)
FORMULAS = "$x^2$, $E = mc^2$ and the $n$th $\\alpha$ of $\\{a\\}$; \\(y\\), $$z$$ and 函数$f(x)$在"
MONEY = (
    "Bread is $3, cake $4.50.",
    "US$5–$9, **$5**–**$9**, $20/$25 and A$5 or NZ$6",
    "$PATH and $HOME, $PATH:$HOME, ${A}:${B}, $a+$b, $user->$name",
    "costs $5 per seat, in US$ only",
    "`$x$` \\$y$ and $a `b$` c$",
)
NOT_SET = (
    "$\\frac{1$",
    "$$\\href{https://e.example}{x}$$",
    "\\(\\url{a}\\)",
    "\\[\\includegraphics{a}\\]",
    "$\\undefinedhere$",
)
TASKS = "- [ ] milk\n- [x] **bread**\n  - [X] dark\n- [x](https://e.example)\n- [ ]"
NOTES = (
    "First[^b], second[^1], none[^zz].\n\n[^1]: The *other*.\n\n    Its second line.\n[^b]: The one.\n\n"
    "[^alone]: Of nothing."
)
ALERTS = "> [!NOTE]\n> Read **this**.\n\n> [!Caution]\n> And that.\n\n> [!NOTE]\n\n> [!NOTE] no"
CJK = (
    '* **开源：**代码公开。\n* 含**「重点」**内容\n* 한국**"어"**입니다\n\n'
    "**Bold text.**Next words **x**, **a** “**b**” and 2**3**4"
)
RIGHT_TO_LEFT = (
    "1. مرحبا `code(x)` بك $x = 1$\n2. ثانيا\n\n"
    "> اقتباس\n\n| اسم | قيمة |\n|---|---|\n| أ | 1 |\n\n- english\n- שלום עולם\n"
)


async def shown(open_chat: OpenChat, *texts: str) -> tuple[ChatPage, Locator]:
    chat = await open_chat()
    await chat.run("show_texts", *await chat.modules("markdown.js"), list(texts))
    return chat, chat.page.locator(".shown")


async def test_lines_break_where_they_are_broken_and_every_tag_but_one_is_text(open_chat: OpenChat) -> None:
    _, prose = await shown(open_chat, BREAKS)
    assert (await prose.locator("p").first.inner_text()) == "Roses are red\nViolets are blue"
    cells = prose.locator("td")
    assert (await cells.first.inner_text()) == "one\ntwo\nthree"
    await expect(cells.last).to_have_text("<br> <br> <sub>x</sub>")
    await expect(prose.locator("p").last).to_have_text("<br> <details>")


async def test_single_dollars_are_formulas_and_money_is_money(open_chat: OpenChat) -> None:
    _, prose = await shown(open_chat, FORMULAS, *MONEY, *NOT_SET)
    await expect(prose.nth(0).locator(".katex")).to_have_count(8)
    for at, text in enumerate(MONEY, start=1):
        await expect(prose.nth(at).locator(".math")).to_have_count(0)
        plain = text.replace("`", "").replace("*", "").replace("\\", "")
        await expect(prose.nth(at)).to_have_text(plain)
    # What cannot be set, or would lead somewhere, stays as it is written.
    for at, text in enumerate(NOT_SET, start=1 + len(MONEY)):
        await expect(prose.nth(at).locator(".katex")).to_have_count(0)
        await expect(prose.nth(at)).to_have_text(text)


async def test_tasks_and_alerts(open_chat: OpenChat) -> None:
    chat, prose = await shown(open_chat, TASKS, ALERTS)
    tasks = prose.nth(0)
    boxes = tasks.get_by_role("checkbox")
    await expect(boxes).to_have_count(3)
    for at, (name, checked) in enumerate((("To do", False), ("Done", True), ("Done", True))):
        await expect(boxes.nth(at)).to_have_accessible_name(name)
        await expect(boxes.nth(at)).to_be_checked(checked=checked)
        await expect(boxes.nth(at)).to_be_disabled()
    await expect(tasks.get_by_role("link", name="x")).to_be_visible()
    await expect(tasks.locator("li").last).to_have_text("[ ]")
    alerts = prose.nth(1)
    await expect(alerts.locator(".alert-title")).to_have_text(["Note", "Caution"])
    await expect(alerts.locator(".alert-note")).to_contain_text("Read this.")
    await expect(alerts.locator("blockquote").nth(2)).to_have_text("[!NOTE]")
    await expect(alerts.locator("blockquote").nth(3)).to_have_text("[!NOTE] no")
    assert await chat.run("wrong_elements") == []


async def test_footnotes_are_below_and_lead_there_and_back(open_chat: OpenChat) -> None:
    _, prose = await shown(open_chat, NOTES)
    await expect(prose.locator("p").first).to_have_text("First1, second2, none[^zz].")
    notes = prose.locator(".notes li")
    await expect(notes).to_have_text(
        [re.compile(said) for said in (r"The one\. ↩", r"The other\.\s+Its second line\. ↩", r"Of nothing\. ↩")]
    )
    mark = prose.get_by_role("button", name="Note 2")
    await mark.click()
    await expect(notes.nth(1)).to_be_focused()
    await notes.nth(1).get_by_role("button", name="Back to the text").click()
    await expect(mark).to_be_focused()


POWERS = "(a)**n + (b)**m - x[1]**2 + y[2]**3, f(**more)"


async def test_bold_beside_marks_of_east_asian_languages_and_of_our_own(open_chat: OpenChat) -> None:
    _, prose = await shown(open_chat, CJK, POWERS)
    await expect(prose.nth(1)).to_have_text(POWERS)
    prose = prose.nth(0)
    await expect(prose.locator("strong")).to_have_text(["开源：", "「重点」", '"어"', "Bold text.", "x", "a", "b", "3"])
    await expect(prose).not_to_contain_text("*")


async def test_each_part_runs_in_the_direction_of_its_own_text(open_chat: OpenChat) -> None:
    chat, prose = await shown(open_chat, RIGHT_TO_LEFT)
    for name in ("ol", "blockquote", ".table-scroll"):
        await expect(prose.locator(name)).to_have_css("direction", "rtl")
    await expect(prose.locator("ul")).to_have_css("direction", "ltr")
    await expect(prose.locator("li code")).to_have_css("direction", "ltr")
    await expect(prose.locator("li code")).to_have_css("unicode-bidi", "isolate")
    await expect(prose.locator(".katex")).to_have_css("direction", "ltr")
    # The first column is on the right, the quote's line too.
    first, second = [await cell.bounding_box() for cell in (prose.locator("th").nth(0), prose.locator("th").nth(1))]
    assert first is not None and second is not None and first["x"] > second["x"]
    await expect(prose.locator("blockquote")).to_have_css("border-right-width", "3px")
    # An item's number stands between its own edge and the column's, on whichever side that is.
    column = await prose.bounding_box()
    for item in (prose.locator("ol li").first, prose.locator("ul li").last):
        box = await item.bounding_box()
        assert column is not None and box is not None
        assert box["x"] + box["width"] <= column["x"] + column["width"] - 16
    await chat.page.screenshot(path=PICTURES / "both-directions.png")


FLOW = """flowchart TD
    A[Start]-->B{Works?}
    B -- yes --> C("Ship <b>it</b>")
    subgraph ops [Operations]
      C & B -.-> D
    end
    style A fill:url(https://e.example/l34k),stroke:red
    click A href "https://e.example/l34k"
"""
SEQUENCE = "sequenceDiagram\n  participant U as User\n  U->>A: POST /messages\n  A-->>U: 202;\n"
STAYS = (
    'pie title Pets\n  "Dogs" : 3',  # of a kind that is not drawn
    "flowchart TD\n  A -->",  # broken
    "flowchart TD\n  A --o B",  # would be drawn as something else
    "sequenceDiagram\n  this is not a message",
    "flowchart TD\n" + "\n".join(f"  N{n} --> N{n + 1}" for n in range(2000)),  # too long
)


async def test_diagrams_are_drawn_and_what_cannot_be_stays_code(open_chat: OpenChat) -> None:
    chat = await open_chat()
    assert not [url for url in chat.complaints.asked_for if "mermaid" in url]
    chat, prose = await shown(open_chat, *(f"```mermaid\n{source}\n```" for source in (FLOW, SEQUENCE, *STAYS)))
    flow = prose.nth(0)
    await expect(flow.locator(".diagram text")).to_have_text(
        ["Operations", "yes", "Start", "Works?", "Ship it", "D"], use_inner_text=False
    )
    await expect(flow.locator(".diagram polyline.edge")).to_have_count(4)
    await expect(flow.locator("pre")).not_to_be_visible()
    await flow.screenshot(path=PICTURES / "diagram.png")
    await flow.get_by_test_id("diagram-source").click()
    await expect(flow.locator("pre")).to_have_text(FLOW)
    await expect(flow.locator(".diagram")).not_to_be_visible()
    await expect(prose.nth(1).locator(".diagram text").filter(has_text="POST /messages")).to_be_visible()
    # A source says nothing of colours, addresses or scripts that gets into the drawing.
    assert await chat.run("foreign_in_diagrams") == []
    for at in range(len(STAYS)):
        await expect(prose.nth(2 + at).locator("pre")).to_be_visible()
    # The others have been tried by the time the last one of a good kind is drawn.
    await chat.run(
        "show_texts", *await chat.modules("markdown.js"), ["```mermaid\nsequenceDiagram\n  A->>B: last\n```"]
    )
    await expect(prose.last.locator(".diagram")).to_be_visible()
    await expect(chat.page.locator(".diagram")).to_have_count(3)
    assert [url for url in chat.complaints.asked_for if "l34k" in url] == []


async def test_a_long_prompt_begins_with_its_first_lines(open_chat: OpenChat) -> None:
    chat = await open_chat()
    lines = [f"line {number}" for number in range(187)]
    await chat.ask("[[quote Read.]]\n" + "\n".join(lines))
    bubble = chat.prompts.locator(".bubble")
    await expect(bubble).not_to_contain_text("line 100")
    box = await bubble.bounding_box()
    assert box is not None and box["height"] < 700
    await chat.prompts.get_by_role("button", name="Show all").click()
    await expect(bubble).to_contain_text("line 186")
    await chat.prompts.get_by_role("button", name="Show less").click()
    await expect(bubble).not_to_contain_text("line 100")


async def test_lines_of_code_wrap_when_they_are_told_to(open_chat: OpenChat) -> None:
    chat, prose = await shown(open_chat, "```\n" + "word " * 200 + "\n```")
    wider = "(element) => element.scrollWidth > element.clientWidth"
    assert await prose.locator("pre").evaluate(wider)
    await prose.hover()
    await prose.get_by_test_id("wrap-code").click()
    await expect(prose.get_by_test_id("wrap-code")).to_have_attribute("aria-pressed", "true")
    assert not await prose.locator("pre").evaluate(wider)
    assert await chat.run("wrong_elements") == []


async def test_printing_takes_the_whole_conversation_and_nothing_else(open_chat: OpenChat) -> None:
    chat = await open_chat()
    await chat.page.add_init_script(
        """window.print = () => {
          window.printed = [...document.querySelectorAll('[data-testid=message]')].map((each) => each.dataset.role);
        };"""
    )
    for number in range(4):
        await chat.ask(f"[[quote Answer {number}.]]")
    await chat.page.route(
        re.compile(r"/branch\?limit=60"),
        lambda route: route.continue_(url=route.request.url.replace("limit=60", "limit=2")),
    )
    await chat.page.reload()
    await expect(chat.part("load-earlier")).to_be_visible()
    await expect(chat.answers).to_have_count(1)
    await chat.page.keyboard.press("Control+p")
    await expect(chat.answers).to_have_count(4)
    assert await eventually(lambda: chat.evaluate("() => window.printed ?? false")) == ["user", "assistant"] * 4

    await chat.page.emulate_media(media="print")
    await expect(chat.page.locator(".bar-title")).to_be_visible()
    for number in range(4):
        await expect(chat.answers.nth(number)).to_contain_text(f"Answer {number}.")
    for part in (
        "composer",
        "send",
        "new-chat",
        "model-picker",
        "copy",
        "edit",
        "regenerate",
        "toggle-log",
        "load-earlier",
    ):
        for place in await chat.part(part).all():
            await expect(place).not_to_be_visible()
    # It is as high as what is in it: nothing of it scrolls.
    assert await chat.page.locator(".scroller").evaluate(
        "(element) => element.scrollHeight <= element.clientHeight + 1"
    )
    await chat.page.screenshot(path=PICTURES / "print.png", full_page=True)
    await chat.page.unroute_all(behavior="wait")


async def test_a_long_model_id_is_one_line_and_squashes_nothing(open_chat: OpenChat) -> None:
    chat = await open_chat(phone=True)
    long = "org/Meta-Llama-3.1-70B-Instruct-AWQ-INT4-" + "x" * 49

    async def named(route: Route) -> None:
        answer = await route.fetch()
        told = await answer.json()
        told["data"] = [{**told["data"][0], "id": long, "default": True}]
        await route.fulfill(response=answer, json=told)

    await chat.page.route(re.compile(r"/api/v1/models"), named)
    await chat.page.reload()
    picker = chat.part("model-picker")
    await expect(picker).to_contain_text(long)
    for size in (PHONE, WIDE):
        await chat.page.set_viewport_size(size)
        box, send = await picker.bounding_box(), await chat.part("send").bounding_box()
        assert box is not None and send is not None
        assert box["height"] < 40
        assert send["width"] == send["height"] == 36
        assert box["x"] + box["width"] <= send["x"]
    await chat.page.unroute_all(behavior="wait")


async def test_texts_of_every_kind_have_no_serious_findings(open_chat: OpenChat) -> None:
    code = "```python\nprint('x')\n```\n\n![a chart](https://e.example/c.png) and [a link](https://e.example)"
    diagram = f"```mermaid\n{SEQUENCE}```"
    chat, prose = await shown(open_chat, ALERTS, TASKS, NOTES, RIGHT_TO_LEFT, FORMULAS, BREAKS, code, diagram)
    await expect(prose.last.locator(".diagram")).to_be_visible()
    await expect(prose.locator(".katex").first).to_be_visible()
    await in_every_look(chat, "texts")


AB = ['n1["A"]', 'n2["B"]']
CHARTS: dict[str, list[str] | None] = {
    "A-->B": [*AB, "n1 --> n2"],
    "A -->|yes| B": [*AB, "n1 -->|yes| n2"],
    "A-- to me -->B": [*AB, "n1 -->|to me| n2"],
    "A == x ==> B; B -.-> A": [*AB, "n1 ==>|x| n2", "n2 -.-> n1"],
    "A --- B -.- A": [*AB, "n1 --- n2", "n2 -.- n1"],
    "A ----> B": [*AB, "n1 --> n2"],
    "A <--> B": [*AB, "n1 <--> n2"],
    "A & B --> A": [*AB, "n1 --> n1", "n2 --> n1"],
    'a-1["Is (it)?"]:::x --> b{{hex}}': ['n1["Is (it)?"]', 'n2{{"hex"}}', "n1 --> n2"],
    "A[/in/] --> B[(db)]": ['n1["in"]', 'n2[("db")]', "n1 --> n2"],
    # A node is in the group that names it, wherever else it is named.
    "A --> B\nsubgraph one\nB[two]\nend": ["subgraph g1 [one]", 'n2["two"]', "end", 'n1["A"]', "n1 --> n2"],
    "style A fill:red\nclick A href 'x'\nA": AB[:1],
    "A -->": None,
    "A --> end": None,
    "A --o B": None,
    "A ~~~ B": None,
    "A@{shape: circle}": None,
    "A[open": None,
    'A[say "hi" to]': None,
    "A[#quot;]": None,
    "subgraph one\nA": None,
    "A --> one\nsubgraph one\nB\nend": None,
    "end": None,
    "": None,
}
PROMPTS: dict[str, int | None] = {
    "": None,
    "a\n" * 29: None,
    "a\n" * 187: 39,
    "x" * 2400: None,
    "x" * 3000: 1600,
    "word " * 1000: 1599,
    "🎉" * 5000: 1600,
    "\n" * 40: 19,
}


async def test_flowcharts_and_long_prompts_are_read_by_their_rules(open_chat: OpenChat) -> None:
    chat = await open_chat()
    modules = await chat.modules("diagrams/flowchart.js", "diagrams/faithful.js", "folding.js")
    charts, beginnings = await chat.run("diagram_rules", *modules, list(CHARTS), list(PROMPTS))
    wanted = [None if lines is None else ["flowchart LR", *lines] for lines in CHARTS.values()]
    assert dict(zip(CHARTS, charts, strict=True)) == dict(zip(CHARTS, wanted, strict=True))
    lengths = [None if text is None else len(text.encode("utf-16-le")) // 2 for text in beginnings]
    assert lengths == list(PROMPTS.values())


async def test_named_characters_are_the_browsers(open_chat: OpenChat) -> None:
    text = (
        "&copy; &nbsp;&AMP; &lt;b&gt; &Tab;x &#x2764; &nosuch; &copy &ngE; [a](https://e.example/?a=1&amp;b=2) `&copy;`"
    )
    _, prose = await shown(open_chat, text)
    said = await prose.locator("p").evaluate("(element) => element.textContent")
    assert said == "© \u00a0& <b> \tx ❤ &nosuch; &copy ≧̸ a &copy;"
    await expect(prose.get_by_role("link", name="a")).to_have_attribute("href", "https://e.example/?a=1&b=2")
