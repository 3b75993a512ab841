"""What a user sees when a part of the stack dies, or when a record is rubbish."""

from __future__ import annotations

import json
import os
import signal
import time

import pytest
from confluent_kafka import Producer

from tests.e2e.client import Client, text_of
from tests.e2e.stack import CANARY, Stack
from tests.eventually import eventually_sync

pytestmark = pytest.mark.timeout(240)

FENCED_AFTER_S = 13.0
"""More than broker.session.timeout.ms, which is 9 s."""
MISSING = "01890a5d-ac96-774b-bcce-b302099a8057"


def test_a_killed_worker_is_replaced(stack: Stack, client: Client) -> None:
    conversation = client.new_conversation()
    before = stack.pid("worker")
    os.kill(before, signal.SIGKILL)

    def replaced() -> None:
        assert stack.pid("worker") != before

    eventually_sync(replaced, 20)
    frames = client.ask(conversation["id"], f"Count to 5. {CANARY}")
    assert frames[-1].event == "message_end"
    assert "5" in text_of(frames)


def test_poison_is_parked_and_the_partition_moves_on(stack: Stack, client: Client) -> None:
    conversation = client.new_conversation()
    producer = Producer({"bootstrap.servers": stack.description["kafka"]["bootstrap"]})
    for partition in (0, 1):
        producer.produce("conversation-events", b"\x00\x7f\xff\xff\xffrubbish", b"poison", partition)
    assert producer.flush(10) == 0
    frames = client.ask(conversation["id"], f"What is 6 * 7? {CANARY}")
    assert "42" in text_of(frames)
    letters = stack.verbatim("tail", "dead-letters", "--from", "beginning", "--json", "-n", "2")
    records = [json.loads(line)["record"] for line in letters.stdout.splitlines()]
    assert {record["topic"] for record in records} == {"conversation-events"}
    assert all("schema id" in record["reason"] for record in records)


@pytest.mark.slow("the broker is killed and comes back")
def test_a_broker_that_is_away_is_a_503_that_says_what_to_do(stack: Stack, client: Client) -> None:
    conversation = client.new_conversation()
    # Seen in the projections: before that a prompt is refused without being produced, since its parent is not known.
    assert client.get(f"/api/v1/conversations/{conversation['id']}").status_code == 200
    broker = stack.pid("kafka")
    os.kill(broker, signal.SIGSTOP)
    stopped_s = time.monotonic()
    try:
        answer = client.post(
            f"/api/v1/conversations/{conversation['id']}/messages",
            json={"content": f"Hello {CANARY}"},
            headers={"Idempotency-Key": "broker-away"},
        )
        # Long enough for its controller to take the partitions from it: what clients have learned counts no more then.
        time.sleep(max(0.0, FENCED_AFTER_S - (time.monotonic() - stopped_s)))
    finally:
        os.kill(broker, signal.SIGCONT)
    assert answer.status_code == 503
    assert int(answer.headers["Retry-After"]) >= 1
    assert "Idempotency-Key: broker-away" in answer.json()["error"]["message"]

    def retried() -> None:
        again = client.post(
            f"/api/v1/conversations/{conversation['id']}/messages",
            json={"content": f"Hello {CANARY}"},
            headers={"Idempotency-Key": "broker-away"},
        )
        assert again.status_code == 200, again.text
        assert "message_end" in again.text

    eventually_sync(retried, 45)

    def known_to_be_missing() -> None:
        # The log's end is asked for that.
        missing = client.get(f"/api/v1/conversations/{MISSING}")
        assert missing.status_code == 404, missing.text

    eventually_sync(known_to_be_missing, 20)
