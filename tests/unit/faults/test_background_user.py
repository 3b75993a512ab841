"""A response in the background is begun once, followed over outages, and compared with a second reading."""

from __future__ import annotations

import json
from pathlib import Path
from uuid import UUID

import httpx
import pytest

from tests.faults import user as user_module
from tests.faults.background import BackgroundUser
from tests.faults.evidence import Acked, Entry, GaveUp, Intent, Misread, Transcript
from tests.faults.journal import Journal, read
from tests.faults.turns import Prompt, digest
from tests.unit.faults.played_api import Api, Torn, error

GENERATION = "7b0e3c6e-0000-4000-8000-000000000001"
RESPONSE = f"resp_{UUID(GENERATION).hex}"
PROMPT = Prompt("k", "T", 3)
BEGUN = httpx.Response(200, json={"id": RESPONSE, "status": "queued"})


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(user_module, "_PAUSES_S", (0.0,))


def event(number: int, word: str = "") -> bytes:
    kind = {0: "response.created", 3: "response.completed"}.get(number, "response.output_text.delta")
    data = {"type": kind, "sequence_number": number, "delta": word or str(number)}
    return f"event: {kind}\ndata: {json.dumps(data)}\n\n".encode()


def events(first: int, stop: int) -> bytes:
    return b"".join(map(event, range(first, stop)))


async def responded(path: Path, api: Api, patience_s: float = 30.0) -> tuple[bool, list[Entry]]:
    with Journal(path) as journal:
        user = BackgroundUser("http://api", "key", journal, patience_s=patience_s, transport=httpx.MockTransport(api))
        try:
            told = await user.respond(PROMPT, "r")
        finally:
            await user.aclose()
    return told, list(read(path))


async def test_it_is_begun_under_one_key_and_resumed_behind_the_last_event(tmp_path: Path) -> None:
    whole = httpx.Response(200, content=events(0, 4))
    api = Api(
        httpx.ConnectError("down"),
        error(503),
        BEGUN,
        httpx.Response(200, stream=Torn(events(0, 2))),
        error(503),
        httpx.Response(200, content=events(2, 4)),
        whole,
    )
    told, entries = await responded(tmp_path / "j", api)
    assert told
    assert {request.headers["Idempotency-Key"] for request in api.requests[:3]} == {"k"}
    assert [dict(request.url.params) for request in api.requests[3:]] == [
        {"stream": "true"},
        {"stream": "true", "starting_after": "1"},
        {"stream": "true", "starting_after": "1"},
        {"stream": "true"},
    ]
    assert entries[0] == Intent("k", "", "T", 3, digest(PROMPT.response))
    assert entries[-2:] == [Acked("k", GENERATION, ""), Transcript("r", GENERATION, "12", "stop")]


@pytest.mark.parametrize(
    ("second", "why"),
    [
        (event(0) + event(2) + event(3), "event 2, due was 1"),
        (event(0) + event(1) + event(2, "else") + event(3), "read again, its events are not the same"),
    ],
)
async def test_a_second_reading_that_differs_is_journalled(tmp_path: Path, second: bytes, why: str) -> None:
    whole = httpx.Response(200, content=events(0, 4))
    api = Api(BEGUN, whole, httpx.Response(200, content=second), httpx.Response(200, content=events(1, 4)), whole)
    told, entries = await responded(tmp_path / "j", api)
    assert told
    assert Misread("r", GENERATION, why) in entries


async def test_it_gives_up_where_no_end_comes(tmp_path: Path) -> None:
    told, entries = await responded(tmp_path / "j", Api(BEGUN, error(503)), patience_s=0.05)
    assert not told
    assert isinstance(entries[-1], GaveUp)
