"""`./verbatim chat` as a process, in a pipe and on a terminal, against an API that does as told."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import UUID

import pytest

from infra.runtime.signalling import send_signal
from infra.stack.layout import Layout
from tests.eventually import eventually
from tests.fakes.scripted_api import CONVERSATION, GENERATION, ScriptedApi
from tests.integration.chat_terminal import ROOT, command, on_terminal

SEND = f"/api/v1/conversations/{CONVERSATION}/messages"
RESUME = f"/api/v1/generations/{GENERATION}/stream"
CANCEL = f"/api/v1/generations/{GENERATION}/cancel"


@pytest.fixture
def state(tmp_path: Path) -> Path:
    layout = Layout.at(tmp_path / "state")
    layout.create()
    return layout.root


@pytest.fixture
async def api() -> AsyncIterator[ScriptedApi]:
    async with ScriptedApi().running() as running:
        yield running


async def piped(api: ScriptedApi, state: Path, said: str, *more: str) -> tuple[int, str, str]:
    """(exit code, stdout, stderr) of a chat that gets `said` through a pipe."""
    process = await asyncio.create_subprocess_exec(
        *command(api, state, *more),
        cwd=ROOT,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate(said.encode())
    return process.returncode or 0, out.decode(), err.decode()


async def test_each_line_of_a_pipe_is_answered_in_plain_text(api: ScriptedApi, state: Path) -> None:
    api.deltas = ["Hel", "lo \x1b[31mthere"]
    assert await piped(api, state, "hi\n\nand again") == (0, "Hello [31mthere\nHello [31mthere\n", "")
    assert [body for _, body in api.sent("POST", SEND)] == [{"content": "hi"}, {"content": "and again"}]


async def test_calls_are_lines_and_thoughts_are_left_out_of_a_pipe(api: ScriptedApi, state: Path) -> None:
    api.deltas = [
        ("reasoning_chunk", {"delta": "Hm"}),
        "Let me look.",
        ("tool_call", {"index": 0, "callId": "c1", "name": "weather", "delta": '{"city":'}),
        ("tool_call_chunk", {"index": 0, "delta": '"Oslo"}'}),
        ("tool_call", {"index": 1, "callId": "c2", "name": "time", "delta": ""}),
    ]
    said = 'Let me look.\n→ weather {"city":"Oslo"}\n→ time\n'
    assert await piped(api, state, "hi\n") == (0, said, "")


async def test_the_conversation_is_remembered(api: ScriptedApi, state: Path) -> None:
    await piped(api, state, "hi\n", "--model", "n")
    await piped(api, state, "again\n")
    assert len(api.sent("POST", "/api/v1/conversations")) == 1
    assert [body for _, body in api.sent("POST", SEND)] == [
        {"content": "hi", "model": "n"},
        {"content": "again", "model": "n"},
    ]
    await piped(api, state, "/new\nonce more\n")
    assert len(api.sent("POST", "/api/v1/conversations")) == 2


async def test_reads_ask_to_see_what_was_written(api: ScriptedApi, state: Path) -> None:
    await piped(api, state, "hi\n/list\n")
    headers, _ = api.sent("GET", "/api/v1/conversations")[0]
    assert headers["X-Verbatim-Position"] == f"conversation-events/0/2,generation/{GENERATION}"


@pytest.mark.parametrize("break_after", [[1], [2, 1], [1, 1, 1], [3, 0, 0], [0, 2], [0, 0, 0, 0]])
async def test_a_broken_stream_loses_nothing(api: ScriptedApi, state: Path, break_after: list[int]) -> None:
    api.deltas = ["One", ", two", ", three"]
    api.break_after = list(break_after)
    assert await piped(api, state, "count\n") == (0, "One, two, three\n", "")
    keys = {headers["Idempotency-Key"] for headers, _ in api.sent("POST", SEND)}
    assert len(keys) == 1
    for headers, _ in api.sent("GET", RESUME):
        assert int(headers["Last-Event-ID"]) >= 0


async def test_a_busy_server_is_asked_again_with_the_same_key(api: ScriptedApi, state: Path) -> None:
    api.refusals = [(503, "log_unavailable", "The log did not acknowledge.")] * 2
    assert await piped(api, state, "hi\n") == (0, "Hello\n", "")
    assert len({headers["Idempotency-Key"] for headers, _ in api.sent("POST", SEND)}) == 1


@pytest.mark.parametrize(
    ("status", "code", "advice"),
    [
        (400, "context_length_exceeded", "Too long: shorten the prompt"),
        (404, "model_not_found", "Too long: /model lists the models"),
        (409, "parent_running", "Too long: wait for the answer that is being written, or /stop it"),
    ],
)
async def test_a_refusal_is_one_line_that_says_what_to_do(
    api: ScriptedApi, state: Path, status: int, code: str, advice: str
) -> None:
    api.refusals = [(status, code, "Too\nlong.")]
    assert await piped(api, state, "hi\nhi\n") == (1, "Hello\n", f"verbatim: {advice}\n")


async def test_a_turn_that_failed_is_told_after_what_there_was(api: ScriptedApi, state: Path) -> None:
    api.deltas = ["Half"]
    api.failure = {"code": "engine_failed", "message": "The engine stopped.", "retryable": True}
    assert await piped(api, state, "hi\n") == (
        1,
        "Half\n",
        "verbatim: The engine stopped (engine_failed): ask again\n",
    )


async def test_a_wrong_key_is_one_line(api: ScriptedApi, state: Path) -> None:
    code, out, err = await piped(api, state, "hi\n", "--key", "vk_wrong")
    assert (code, out) == (1, "")
    assert err == "verbatim: Incorrect API key provided: create another key with ./verbatim key create\n"


async def test_an_api_that_is_away_is_one_line(state: Path) -> None:
    api = ScriptedApi()
    async with api.running():
        pass
    code, out, err = await piped(api, state, "/list\n")
    assert (code, out) == (1, "")
    assert err.startswith(f"verbatim: the API at {api.url} does not answer")
    assert len(err.splitlines()) == 1


async def test_a_conversation_that_is_gone_is_left_behind(api: ScriptedApi, state: Path) -> None:
    (state / "chat.json").write_text(json.dumps({"conversation_id": str(UUID(int=9)), "model": None, "position": ""}))
    assert await piped(api, state, "hi\n") == (0, "Hello\n", "")
    code, _, err = await piped(api, state, "hi\n", "--conversation", str(UUID(int=9)))
    assert (code, err) == (1, "verbatim: No such conversation (HTTP 404)\n")


async def test_conversations_are_listed_and_opened(api: ScriptedApi, state: Path) -> None:
    other = str(UUID(int=7))
    api.conversations = [
        {"id": CONVERSATION, "title": None, "preview": "hi there", "updatedAt": "2026-11-21T08:30:00Z"},
        {"id": other, "title": "Older", "preview": "x", "updatedAt": "2026-11-20T08:30:00Z"},
    ]
    api.messages = [{"role": "user", "content": f"said {n}"} for n in range(9)]
    code, out, err = await piped(api, state, "/list\n/open 2\n/open 5\n/model\n/model x\n/nonsense\n")
    assert code == 1
    assert out.splitlines() == [
        "   2  2026-11-20 08:30  Older",
        "   1  2026-11-21 08:30  hi there",
        *(f"you: said {n}" for n in range(3, 9)),
        "  m",
        "  n",
    ]
    assert len(err.splitlines()) == 3
    assert json.loads((state / "chat.json").read_text())["conversation_id"] == other


async def test_on_a_terminal_an_answer_comes_with_its_cost_and_ctrl_d_leaves(api: ScriptedApi, state: Path) -> None:
    async with on_terminal(api, state) as terminal:
        await terminal.shows("A new conversation")
        terminal.type("hi\n")
        await terminal.shows("Hello")
        await terminal.shows("12 tokens · 0.000012 USD")
        terminal.type("\x04")
        assert await terminal.leaves() == 0


@pytest.fixture(params=["usual", "no TERM", "a dumb terminal", "no readline"])
def env(request: pytest.FixtureRequest, tmp_path: Path) -> dict[str, str]:
    """Surroundings of a terminal chat."""
    env = dict(os.environ) | {"TERM": "xterm"}
    match request.param:
        case "no TERM":
            del env["TERM"]
        case "a dumb terminal":
            env["TERM"] = "dumb"
        case "no readline":
            (tmp_path / "readline.py").write_text("raise ImportError")
            env["PYTHONPATH"] = os.pathsep.join([str(tmp_path), str(ROOT)])
        case _:
            pass
    return env


async def test_ctrl_d_is_kept_while_an_answer_is_written(api: ScriptedApi, state: Path, env: dict[str, str]) -> None:
    api.hold = True
    async with on_terminal(api, state, env=env) as terminal:
        await terminal.shows("A new conversation")
        terminal.type("hi\n")
        await terminal.shows("Hello")
        terminal.type("\x04")
        api.cancelled.set()
        await terminal.shows("stopped · 12 tokens")
        assert await terminal.leaves() == 0


async def test_what_was_typed_before_the_chat_began_is_done(api: ScriptedApi, state: Path, env: dict[str, str]) -> None:
    async with on_terminal(api, state, "hi\nmore\n\x04", env) as terminal:
        assert await terminal.leaves() == 0
    assert [body["content"] for _, body in api.sent("POST", SEND)] == ["hi", "more"]


async def test_without_a_stdin_there_is_nothing_to_say(api: ScriptedApi, state: Path) -> None:
    closed = ["sh", "-c", 'exec "$@" <&-', "sh", *command(api, state)]
    process = await asyncio.create_subprocess_exec(
        *closed, cwd=ROOT, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    out, _ = await process.communicate()
    assert (process.returncode, out) == (0, b"")


@pytest.mark.parametrize("way", ["signal", "typed"])
async def test_an_answer_can_be_stopped(api: ScriptedApi, state: Path, way: str) -> None:
    api.hold = True
    async with on_terminal(api, state) as terminal:
        await terminal.shows("A new conversation")
        terminal.type("hi\n")
        await terminal.shows("Hello")
        if way == "signal":
            send_signal(terminal.process, signal.SIGINT)
        else:
            terminal.type("what about this?\n/stop\n")
        await terminal.shows("stopped · 12 tokens")
        assert [body for _, body in api.sent("POST", CANCEL)] == [{"seen": 2}]
        if way == "typed":
            await eventually(lambda: len(api.sent("POST", SEND)) == 2, 20)
            assert api.sent("POST", SEND)[1][1] == {"content": "what about this?"}
        else:
            terminal.type("/quit\n")
            assert await terminal.leaves() == 0


async def test_an_answer_that_does_not_begin_can_be_left(api: ScriptedApi, state: Path) -> None:
    api.gap_s = 60
    async with on_terminal(api, state) as terminal:
        await terminal.shows("A new conversation")
        terminal.type("hi\n")
        await eventually(lambda: len(api.sent("POST", SEND)) == 1, 20)
        send_signal(terminal.process, signal.SIGINT)
        await terminal.shows("stopping")
        send_signal(terminal.process, signal.SIGINT)
        await terminal.shows("left the answer before it ended")
        terminal.type("/quit\n")
        assert await terminal.leaves() == 0
