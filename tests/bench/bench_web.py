"""The page in Chromium on a whole stack: first paint, bytes, 200 tokens a second with a cut, a long conversation.

    python -m tests.bench.bench_web [--only paint,stream,long] [--messages 5000] [--runs 3]

It starts a stack of its own in a temporary folder, whose second model is an upstream that writes at a fixed pace. The
connections are cut by a proxy in the middle of the answer. Figures are of a headless browser without a graphics card.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import statistics
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from playwright.async_api import Browser, BrowserContext, Page, async_playwright, expect

from infra.cassandra.session import CassandraSession
from infra.cli.browser_path import browser_path
from infra.clock import now_us
from projections.registry import PROJECTIONS, fold_all
from projections.writer import RowWriter
from tests.bench.cutting_proxy import CuttingProxy, cutting_proxy
from tests.bench.web_upstream import SECONDS, TOKENS, document, paced_upstream
from tests.e2e.stack import Stack, free_port
from tests.fakes.projection_logs import LogBuilder
from tests.fakes.projection_records import outcome, prompt, started, turn_of
from tests.stack_fixture import SCRIPTED_MODELS, settings_of

IN_PAGE = Path(__file__).parent / "in_page"
TEXT = "An event log is an append-only **sequence** of records, and `order` is what it is about. " * 10
MODEL = """
[[model]]
id = "paced"
engine = "openai"
address = "{address}"
context_tokens = 16384
max_output_tokens = 8192
price = {{ version = "1", currency = "USD", input = "0.10", output = "0.40" }}
"""
BATCH = 200
QUIET_MS = 2000
BEFORE = 10


@dataclass
class World:
    """A running stack, seen through the proxy, and a browser."""

    stack: Stack
    proxy: CuttingProxy
    browser: Browser

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.proxy.port}"

    @asynccontextmanager
    async def page(self) -> AsyncIterator[tuple[BrowserContext, Page]]:
        """A page of a browser that has cached nothing, signed in."""
        context = await self.browser.new_context(viewport={"width": 1280, "height": 800})
        try:
            await context.add_init_script((IN_PAGE / "watch_the_page.js").read_text())
            answer = await context.request.post(
                f"{self.url}/api/v1/session", data={"key": self.stack.key}, headers={"X-Verbatim-CSRF": "1"}
            )
            assert answer.ok, await answer.text()
            yield context, await context.new_page()
        finally:
            await context.close()


@asynccontextmanager
async def world() -> AsyncIterator[World]:
    with tempfile.TemporaryDirectory() as folder:
        async with paced_upstream() as upstream:
            models = Path(folder) / "models.toml"
            models.write_text(MODEL.format(address=upstream))
            stack = Stack(Path(folder) / "state", free_port())
            up = ("up", "--detach", "--port", str(stack.port), "--models", str(models))
            begun = await asyncio.to_thread(stack.verbatim, *up, env=os.environ | SCRIPTED_MODELS)
            try:
                assert begun.returncode == 0, begun.stdout + begun.stderr
                async with cutting_proxy(stack.port) as proxy, async_playwright() as playwright:
                    browser = await playwright.chromium.launch(executable_path=browser_path())
                    yield World(stack, proxy, browser)
                    await browser.close()
            finally:
                await asyncio.to_thread(stack.verbatim, "down")


def told(name: str, values: list[float], unit: str, limit: str | None = None) -> None:
    shown = ", ".join(f"{value:,.0f}" for value in values)
    goal = f"   must reach {limit}" if limit else ""
    print(f"{name:44} median {statistics.median(values):9,.1f} {unit:6} ({shown}){goal}", flush=True)


def weighed(name: str, size: int, limit: str | None = None) -> None:
    goal = f"   must reach {limit}" if limit else ""
    print(f"{name:44} {size:9,} bytes compressed{goal}", flush=True)


async def first_paint(of: World, runs: int) -> None:
    """Opening the page with nothing cached: until something is seen, until one can write, and what was fetched."""
    paints, ready, fetched = [], [], {}
    for _ in range(runs):
        async with of.page() as (_, page):
            await page.goto(of.url)
            await expect(page.get_by_test_id("model-picker")).to_be_visible()
            seen = await page.evaluate("() => window.watched.opened()")
            paints.append(seen["paint"])
            ready.append(seen["ready"])
            await page.evaluate("(quietMs) => window.watched.settled(quietMs)", QUIET_MS)
            fetched = await page.evaluate("() => window.watched.fetched()")
    told("first paint", paints, "ms", "1,000")
    told("the composer takes text", ready, "ms", "2,000")
    later = fetched.pop("later")
    weighed("scripts of the first load", fetched["scripts"], "130,000")
    weighed("  styles", fetched["styles"])
    weighed("  the page itself", fetched["page"])
    weighed("  all of the first load", sum(fetched.values()), "140,000")
    weighed("fetched later, while nothing else is done", later)


async def stream(of: World, runs: int) -> None:
    """200 tokens/s for 30 s below some messages, cut in the middle.

    The first run does not count: the servers' JVMs, which share the browser's cores, still compile.
    """
    rates, longs = [], []
    for run in range(runs + 1):
        async with of.page() as (_, page):
            conversation = await talked(of.stack, BEFORE)
            await page.goto(f"{of.url}/c/{conversation}")
            await page.get_by_test_id("model-picker").click()
            await page.get_by_test_id("model-option").filter(has_text="paced").click()
            await page.get_by_test_id("composer").fill("Write.")
            await page.get_by_test_id("send").click()
            answer = page.locator("[data-testid=message][data-role=assistant]").last
            await expect(answer.locator(".prose")).to_contain_text("Section 0")
            await page.evaluate("() => window.watched.begin()")
            await asyncio.sleep(SECONDS / 2)
            cut = of.proxy.cut()
            async with asyncio.timeout(2 * SECONDS):
                await page.evaluate("() => window.watched.completed()")
            seen = await page.evaluate("() => window.watched.end()")
            same = await page.evaluate((IN_PAGE / "is_one_render.js").read_text(), document())
            counted = "" if run else "does not count: "
            print(
                f"  {counted}{TOKENS:,} tokens, {cut} ends of connections cut, each token once: {same}; {seen}",
                flush=True,
            )
            assert same
            if run:
                rates.append(seen["framesPerS"])
                longs.append(seen["longTasks"])
    told("frames while 200 tokens/s come", rates, "per s", "55")
    told("tasks over 50 ms meanwhile", longs, "", "5")


async def long_conversation(of: World, runs: int, messages: int) -> None:
    """Going to a conversation of so many messages, from the page as it is open."""
    conversation = await filled(of.stack, messages)
    paints, wholes, server = [], [], []
    for _ in range(runs):
        async with of.page() as (_, page):
            await page.goto(of.url)
            await expect(page.locator(f"[data-testid=conversation-item][data-id='{conversation}']")).to_be_visible()
            seen = await page.evaluate((IN_PAGE / "go_to_conversation.js").read_text(), conversation)
            assert seen["fills"], seen
            paints.append(seen["paint"])
            wholes.append(seen["whole"])
            server.append(seen["server"])
            await page.get_by_test_id("load-earlier").click()
            await expect(page.get_by_test_id("message")).to_have_count(120)
    told(f"a conversation of {messages:,} messages is painted", paints, "ms", "300")
    told("  all 60 of its first page are there", wholes, "ms")
    told("  of which the API took", server, "ms", "100")


async def talked(stack: Stack, turns: int) -> str:
    """A conversation with so many turns, said one after the other; returns its id."""
    async with httpx.AsyncClient(base_url=stack.url, headers={"Authorization": f"Bearer {stack.key}"}) as client:
        conversation = (await client.post("/api/v1/conversations", json={"title": "Before"})).json()["id"]
        for number in range(turns):
            said = {"content": f"What is {number} * {number}?"}
            answer = await client.post(f"/api/v1/conversations/{conversation}/messages", json=said, timeout=60)
            assert "message_end" in answer.text, answer.text
    return str(conversation)


async def filled(stack: Stack, messages: int) -> str:
    """A conversation with so many messages, straight into the tables and so only to be looked at; returns its id."""
    async with httpx.AsyncClient(base_url=stack.url, headers={"Authorization": f"Bearer {stack.key}"}) as client:
        made = (await client.post("/api/v1/conversations", json={"title": f"{messages} messages"})).json()
        user = (await client.get("/api/v1/session")).json()["userId"]
    log, parent, conversation = LogBuilder(), None, made["id"]
    began_us = now_us()
    log.said(started(conversation, user, began_us))
    for number in range(messages // 2):
        asked = prompt(conversation, str(number), user, began_us + number, parent, content=f"{number}: {TEXT[:200]}")
        log.ended(outcome(turn_of(asked, log.said(asked)), text=f"{number}: {TEXT}", at_us=began_us + number))
        parent = asked.generation_id
    settings = settings_of(stack.state)
    session = await CassandraSession.connect(settings.cassandra, request_timeout_s=20.0)
    try:
        writer = RowWriter(session, settings.cassandra.keyspace)
        for at in range(0, len(log.placed), BATCH):
            changes: list[Any] = []
            for placed in log.placed[at : at + BATCH]:
                concerned = tuple(p for p in PROJECTIONS if placed.topic in p.topics)
                changes += fold_all(concerned, placed.record, placed.position)
            await writer.write(changes)
    finally:
        await session.aclose()
    return str(conversation)


async def run(only: set[str], runs: int, messages: int) -> None:
    async with world() as of:
        expect.set_options(timeout=30_000)
        if "paint" in only:
            await first_paint(of, max(runs, 5))
        if "long" in only:
            await long_conversation(of, max(runs, 5), messages)
        if "stream" in only:
            await stream(of, runs)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="paint,stream,long")
    parser.add_argument("--messages", type=int, default=5000)
    parser.add_argument("--runs", type=int, default=3)
    asked = parser.parse_args()
    asyncio.run(run(set(asked.only.split(",")), asked.runs, asked.messages))


if __name__ == "__main__":
    main()
