"""`./verbatim bench` against its own upstream, which stands in for the stack too: no servers needed."""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import openai
import pytest
from aiohttp import web

from infra.cli.bench_cpu import available_bytes, cpu_ns, machine_time
from infra.cli.bench_load import Load, Target, run_load
from infra.cli.bench_stack import bare_proxy, upstream
from tests.eventually import eventually
from tests.fakes.upstream import stamping_upstream

ROOT = Path(__file__).parents[2]


async def test_every_token_is_timed() -> None:
    async with stamping_upstream() as url:
        sample = await run_load(Target(url, "", "paced-5"), Load(streams=4, requests=2, tokens=10, ramp_s=0.02))
    assert sample.errors == []
    assert (sample.tokens, len(sample.first_token_ns)) == (80, 8)
    assert all(0 < ns < 5e9 for ns in sample.latencies_ns)
    assert sample.wall_ns > 2 * 9 * 5e6
    assert sample.tokens_per_s > 0


async def test_long_unpaced_answers_are_whole() -> None:
    async with stamping_upstream() as url:
        sample = await run_load(Target(url, "", "fast"), Load(streams=3, requests=1, tokens=3000, ramp_s=0))
    assert (sample.tokens, sample.errors) == (9000, [])


async def test_the_upstream_speaks_the_wire_of_openai() -> None:
    async with stamping_upstream() as url, openai.AsyncOpenAI(base_url=url, api_key="x") as client:
        assert "fast" in [model.id async for model in client.models.list()]
        whole = await client.chat.completions.create(
            model="fast", max_tokens=3, messages=[{"role": "user", "content": "?"}]
        )
        assert whole.usage is not None
        assert whole.usage.completion_tokens == 3
        stream = await client.chat.completions.create(
            model="paced-1",
            max_tokens=4,
            messages=[{"role": "user", "content": "?"}],
            stream=True,
            stream_options={"include_usage": True},
        )
        chunks = [chunk async for chunk in stream]
        assert sum(bool(chunk.choices and chunk.choices[0].delta.content) for chunk in chunks) == 4
        assert chunks[-1].usage is not None
        with pytest.raises(openai.BadRequestError):
            await client.chat.completions.create(
                model="fast", max_tokens=10**9, messages=[{"role": "user", "content": "?"}]
            )


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ("data: @100000000;\n\ndata: [DONE]\n\n", "1 of 2 tokens came"),
        ("data: @100000009;\n\ndata: @100000001;\n\ndata: [DONE]\n\n", "tokens came out of order"),
        ("data: @100000001;@100000002;\n\n", "the stream has no [DONE]"),
        ("data: @100000001;@100000002;\n\ndata: [DONE]\n\n", ""),
    ],
)
async def test_an_answer_that_is_not_whole_is_an_error(body: str, error: str) -> None:
    async def answer(request: web.Request) -> web.Response:
        return web.Response(text=body)

    app = web.Application()
    app.router.add_post("/v1/chat/completions", answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        url = f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
        sample = await run_load(Target(url, "", "fast"), Load(1, 1, 2, 0))
    finally:
        await runner.cleanup()
    assert sample.errors == ([error] if error else [])


async def test_an_upstream_that_refuses_or_is_away_is_an_error() -> None:
    async with stamping_upstream() as url:
        refused = await run_load(Target(f"{url}/nowhere", "", "fast"), Load(1, 1, 5, 0))
    assert refused.errors[0].startswith("HTTP 404")
    away = await run_load(Target(url, "", "fast"), Load(1, 1, 5, 0))
    assert (len(away.errors), away.tokens) == (1, 0)


async def test_the_upstream_process_ends_with_its_user() -> None:
    with upstream() as (url, pid):
        sample = await run_load(Target(url, "", "fast"), Load(1, 1, 50, 0))
        assert sample.tokens == 50
        assert cpu_ns([pid]) > 0
    await eventually(lambda: not _alive(pid))


async def test_the_bare_proxy_sends_every_token_on_and_ends_with_its_user() -> None:
    async with stamping_upstream() as url:
        with bare_proxy(url) as (address, pid):
            sample = await run_load(Target(address, "", "fast"), Load(2, 2, 50, 0))
            assert (sample.tokens, sample.errors) == (200, [])
            refused = await run_load(Target(f"{address}/nowhere", "", "fast"), Load(1, 1, 5, 0))
            assert refused.errors[0].startswith("HTTP 404")
        await eventually(lambda: not _alive(pid))


def test_the_machine_is_read() -> None:
    before = machine_time()
    spent = cpu_ns([os.getpid()])
    assert 0 <= machine_time().busy_share_since(before) <= 1
    assert cpu_ns([os.getpid()]) >= spent > 0
    assert cpu_ns([2**22 + 1]) == 0
    assert available_bytes() > 0


@pytest.fixture
def running(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """A state folder whose stack is the upstream itself, and the upstream's address."""
    with upstream() as (url, pid):
        document = {
            "api": {"url": url.removesuffix("/v1"), "key": "vk_x"},
            "kafka": {"bootstrap": ""},
            "cassandra": {"host": "", "port": 1, "keyspace": ""},
            "redis": {"url": ""},
            "triton": {"grpc": ""},
            "children": [{"name": "api", "role": "api", "pid": pid}],
        }
        (tmp_path / "stack.json").write_text(json.dumps(document))
        with (tmp_path / "supervisor.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            lock.write(f"{os.getpid()}\n")
            lock.flush()
            yield tmp_path, url


async def bench(*arguments: str) -> tuple[int, str, str]:
    """(exit code, stdout, stderr)."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "infra.cli", "bench", *arguments),
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    return process.returncode or 0, out.decode(), err.decode()


async def test_a_running_stack_is_measured(running: tuple[Path, str]) -> None:
    state, url = running
    place = ("--use-running", "paced-2", "--upstream", url, "--upstream-model", "paced-2", "--state", str(state))
    code, out, err = await bench(*place, "--streams", "1,3", "--tokens", "5", "--json")
    assert code == 0, err
    found = json.loads(out)
    assert [(row["streams"], row["tokens_a_request"], row["errors"]) for row in found["rows"]] == [
        (1, 5, {}),
        (3, 5, {}),
    ]
    assert all(row["cpu_us_per_token"]["api"] > 0 for row in found["rows"])
    assert all(row["proxy"]["cpu_us_per_token"] > 0 for row in found["rows"])
    assert all(row["times_proxy"]["tokens_per_s"] > 0 for row in found["rows"])
    assert found["machine"]["cores"] >= 1
    code, out, _ = await bench(*place, "--streams", "2", "--tokens", "3", "--repeats", "2")
    assert code == 0
    assert "48 x 3" in out
    assert "multiples of a bare proxy's" in out
    assert "\x1b" not in out


async def test_a_model_without_stamps_is_told(running: tuple[Path, str]) -> None:
    state, url = running
    code, out, err = await bench("--use-running", "x", "--upstream", f"{url}/nowhere", "--state", str(state))
    assert (code, out) == (1, "")
    assert "the upstream sends no stamped tokens: HTTP 404" in err.splitlines()[-1]


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (("--streams", "x"), "--streams needs numbers from 1 to 1000"),
        (("--use-running", "m"), "give --use-running and --upstream together"),
        (("--use-running", "m", "--upstream", "https://x/v1"), "--upstream needs the base URL"),
        (("--use-running", "m", "--upstream", "http://x", "--state", "/nowhere"), "no stack is running in /nowhere"),
    ],
)
async def test_mistakes_are_one_line(arguments: tuple[str, ...], line: str) -> None:
    code, out, err = await bench(*arguments)
    assert (code, out) == (1, "")
    assert line in err
    assert len(err.splitlines()) == 1


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
