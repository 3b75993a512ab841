"""A response in the background outlives those who serve and make it; every reader gets the same bytes at any age."""

from __future__ import annotations

import json
import os
import random
import signal
from typing import Any

import httpx
import pytest

from tests.e2e.client import Client
from tests.e2e.stack import CANARY, Stack
from tests.eventually import eventually_sync

pytestmark = [pytest.mark.stack, pytest.mark.timeout(240)]

MODEL = "verbatim-scripted"


def begun(client: Client, instructions: str) -> str:
    """A response in the background that does as it is told; its id."""
    asked = {"model": MODEL, "input": f"{instructions} {CANARY}", "background": True}
    answer = client.post("/v1/responses", json=asked)
    assert (answer.status_code, answer.json()["status"]) == (200, "queued"), answer.text
    return str(answer.json()["id"])


def told(body: bytes) -> list[dict[str, Any]]:
    """The whole events of a body that may be cut."""
    frames = body.split(b"\n\n")[:-1]
    return [json.loads(frame.partition(b"\ndata: ")[2]) for frame in frames if not frame.startswith(b":")]


def read_some(client: Client, response: str, events: int) -> bytes:
    """The stream up to this many events, live."""
    got = b""
    with client.stream("GET", f"/v1/responses/{response}", params={"stream": "true"}) as stream:
        assert stream.status_code == 200
        for piece in stream.iter_bytes():
            got += piece
            if len(told(got)) >= events:
                break
    return got[: got.rindex(b"\n\n") + 2]


def read_from(client: Client, response: str, after: int = -1) -> bytes:
    """The events after number `after`, to the end."""
    answer = client.get(f"/v1/responses/{response}", params={"stream": "true", "starting_after": after})
    assert answer.status_code == 200, answer.text
    return answer.content


@pytest.mark.slow("worker and API are killed in the middle of an answer and come back")
def test_a_response_in_the_background_outlives_worker_and_api(stack: Stack, client: Client) -> None:
    response = begun(client, "[[count 120]] [[pace 30]]")
    first = read_some(client, response, 20)
    killed = {role: stack.pid(role) for role in ("worker", "api")}
    for pid in killed.values():
        os.kill(pid, signal.SIGKILL)

    def back() -> None:
        assert stack.pid("api") != killed["api"]
        try:
            assert client.get(f"/v1/responses/{response}").status_code == 200
        except httpx.TransportError as error:
            raise AssertionError from error

    eventually_sync(back, 60)
    rest = read_from(client, response, told(first)[-1]["sequence_number"])
    whole = read_from(client, response)
    assert first + rest == whole
    events = told(whole)
    assert [event["sequence_number"] for event in events] == list(range(len(events)))
    last = events[-1]
    assert last["type"] == "response.completed"
    said = "".join(event["delta"] for event in events if event["type"] == "response.output_text.delta")
    assert said == last["response"]["output"][0]["content"][0]["text"]
    assert said.endswith("120")
    assert client.get(f"/v1/responses/{response}").json() == last["response"]


def test_any_cut_of_a_response_goes_on_with_the_same_bytes(stack: Stack, client: Client) -> None:
    """Live from the log, and later from what was recorded."""
    response = begun(client, "[[count 40]] [[pace 60]]")
    live = read_from(client, response)
    events = told(live)
    later = read_from(client, response)
    assert later == live
    for after in random.Random(20261130).sample(range(-1, len(events)), 12):
        assert told(read_from(client, response, after)) == events[after + 1 :]
