"""The stamping upstream of `./verbatim bench` on the test's own event loop."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web

from infra.cli.bench_upstream import make_app


@asynccontextmanager
async def stamping_upstream() -> AsyncIterator[str]:
    """Serve on a free loopback port for the length of the block; gives the base URL, which ends in /v1."""
    runner = web.AppRunner(make_app(), access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
    finally:
        await runner.cleanup()
