"""What several suites of this folder are run on."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable, Iterator

import httpx
import pytest
import pytest_asyncio
from moto.server import ThreadedMotoServer

from infra.settings import Settings
from tests.conformance.api_reads import Open, ReadsUnderTest, memory_reads, real_reads

Which = Callable[[str], Open]
BUCKET = "bucket-of-the-tests"


@pytest.fixture(params=["memory", pytest.param("cassandra", marks=pytest.mark.stack)])
def opened(request: pytest.FixtureRequest, which: Which) -> Open:
    return which(request.param)


@pytest_asyncio.fixture(
    scope="module", loop_scope="module", params=["memory", pytest.param("cassandra", marks=pytest.mark.stack)]
)
async def under_test(request: pytest.FixtureRequest, which: Which) -> AsyncIterator[ReadsUnderTest]:
    """One log and its tables for all tests of a module: each has users of its own."""
    async with which(request.param)() as shared:
        yield shared


@pytest.fixture(scope="session")
def which(request: pytest.FixtureRequest) -> Which:
    """What opens a log and its reads of a kind; servers are started for the real ones alone."""

    def opens(kind: str) -> Open:
        if kind == "memory":
            return memory_reads
        settings: Settings = request.getfixturevalue("servers")
        return lambda: real_reads(settings)

    return opens


@pytest.fixture(scope="session")
def s3_endpoint() -> Iterator[str]:
    """The endpoint of an S3 with one bucket."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    endpoint = f"http://{host}:{port}"
    httpx.put(f"{endpoint}/{BUCKET}").raise_for_status()
    yield endpoint
    server.stop()


@pytest.fixture
def s3_bucket(s3_endpoint: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of a bucket that this process' environment leads to."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_ENDPOINT_URL", s3_endpoint)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    return BUCKET
