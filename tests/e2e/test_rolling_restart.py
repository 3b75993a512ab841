"""Every service is restarted while people read long answers: no turn fails, and no reader sees a gap or a repeat."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from infra.clock import monotonic_s
from infra.ids import draw_id
from tests.e2e.client import Client, Frame, text_of
from tests.e2e.stack import CANARY, Stack
from tests.eventually import eventually_sync

pytestmark = pytest.mark.timeout(400)
LONG = 300
EXPECTED = ", ".join(map(str, range(1, LONG + 1)))
READ_S = 200.0


class Reader:
    """Reads one answer to its end as our page does: whenever the stream breaks it resumes by Last-Event-ID."""

    def __init__(self, stack: Stack, prompt: str) -> None:
        self.frames: list[Frame] = []
        self.connections = 0
        self._prompt = prompt
        self._key = draw_id()
        with Client(stack) as client:
            self._conversation = client.new_conversation()["id"]
        self._client = Client(stack)

    def read(self) -> list[Frame]:
        """All frames, in the order in which they came."""
        until_s = monotonic_s() + READ_S
        with self._client:
            eventually_sync(lambda: self._connected() or monotonic_s() > until_s, READ_S)
        return self.frames

    def _connected(self) -> bool:
        """One connection; whether the answer has its end now. Raises when there is no connection to be had."""
        self.connections += 1
        if self.frames:
            generation = self.frames[0].data["messageId"]
            request = self._client.build_request(
                "GET",
                f"/api/v1/generations/{generation}/stream",
                headers={"Last-Event-ID": str(self.frames[-1].seq)},
            )
        else:
            request = self._client.build_request(
                "POST",
                f"/api/v1/conversations/{self._conversation}/messages",
                json={"content": self._prompt},
                headers={"Idempotency-Key": self._key},
            )
        answer = self._client.send(request, stream=True)
        try:
            answer.raise_for_status()
            self.frames.extend(_frames(answer.iter_lines()))
        finally:
            answer.close()
        return self.ended

    @property
    def ended(self) -> bool:
        return bool(self.frames) and self.frames[-1].event not in ("message_start", "content_chunk")


def _frames(lines: Iterator[str]) -> Iterator[Frame]:
    """Frames as they come; what came before a connection broke has been yielded."""
    fields: dict[str, str] = {}
    try:
        for line in lines:
            if not line and "data" in fields:
                yield Frame(int(fields["id"]), fields["event"], json.loads(fields["data"]))
            if not line or line.startswith(":"):
                fields = {}
                continue
            name, _, value = line.partition(": ")
            fields[name] = value
    except httpx.TransportError:
        return


def whole(reader: Reader) -> None:
    """The answer is complete, and every sequence number came once, in order."""
    frames = reader.frames
    assert [frame.seq for frame in frames] == list(range(len(frames)))
    assert frames[-1].event == "message_end", frames[-1]
    assert EXPECTED in text_of(frames)


@pytest.mark.slow("every process is restarted under load")
@pytest.mark.parametrize(
    "roles", [("recorder", "worker"), ("conversation", "metering", "watchdog", "projector"), ("api",)]
)
def test_a_rolling_restart_fails_no_turn(stack: Stack, roles: tuple[str, ...]) -> None:
    before = {child["name"]: child["pid"] for child in stack.description["children"]}
    readers = [Reader(stack, f"Count to {LONG}. {CANARY}") for _ in range(4)]
    with ThreadPoolExecutor(len(readers)) as threads:
        first = [threads.submit(reader.read) for reader in readers[:2]]
        eventually_sync(lambda: all(len(reader.frames) > 5 for reader in readers[:2]), 60)
        restart = threads.submit(stack.verbatim, "restart", *roles)
        # Prompts that come while the restart goes on.
        later = [threads.submit(reader.read) for reader in readers[2:]]
        for reading in (*first, *later):
            reading.result()
        done = restart.result()
    assert done.returncode == 0, done.stdout + done.stderr
    for reader in readers:
        whole(reader)
    after = {child["name"]: child["pid"] for child in stack.description["children"]}
    changed = {name for name in before if after.get(name) != before[name]}
    assert {f"{role}-0" for role in roles} <= changed
    if roles == ("api",):
        assert max(reader.connections for reader in readers) > 1


def test_a_name_that_does_not_run_is_refused_in_one_line(stack: Stack) -> None:
    refused = stack.verbatim("restart", "wroker")
    assert refused.returncode == 2
    assert "nothing running is called wroker" in refused.stderr
