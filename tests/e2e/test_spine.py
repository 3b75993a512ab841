"""One prompt through the real log to a streamed answer, and back out of every place it must be found in."""

from __future__ import annotations

import hashlib
import json
import time

import pytest

from tests.e2e.client import Client, text_of
from tests.e2e.stack import CANARY, Stack
from tests.eventually import eventually_sync

PROMPT = f"Count to 12. ({CANARY})"

pytestmark = pytest.mark.timeout(240)


def test_an_answer_streams_and_reads_back_byte_for_byte(stack: Stack, client: Client) -> None:
    conversation = client.new_conversation(title="Counting")
    frames = client.ask(conversation["id"], PROMPT)

    assert [frame.seq for frame in frames] == list(range(len(frames)))
    assert [frames[0].event, frames[-1].event] == ["message_start", "message_end"]
    assert {frame.event for frame in frames[1:-1]} == {"content_chunk"}
    assert frames[0].data["conversationId"] == conversation["id"]
    assert frames[-1].data["messageId"] == frames[0].data["messageId"]
    assert frames[-1].data["finishReason"] == "stop"
    assert frames[-1].data["tokensUsed"] > 0
    text = text_of(frames)
    assert "12" in text

    def read_back() -> None:
        answer = client.get(f"/api/v1/conversations/{conversation['id']}/messages")
        assert answer.status_code == 200
        prompt, reply = answer.json()["data"]
        assert (prompt["role"], prompt["content"]) == ("user", PROMPT)
        assert (reply["role"], reply["content"], reply["status"]) == ("assistant", text, "completed")
        assert reply["id"] == frames[0].data["messageId"]
        assert reply["parentMessageId"] == prompt["id"]

    eventually_sync(read_back, 20)

    tailed = stack.verbatim(
        "tail",
        "token-chunks",
        "--from",
        "beginning",
        "--conversation",
        conversation["id"],
        "--json",
        "-n",
        str(len(frames)),
    )
    assert tailed.returncode == 0, tailed.stderr
    records = [json.loads(line) for line in tailed.stdout.splitlines()]
    deltas = [record["record"]["delta"] for record in records if record["type"] == "TokenChunk"]
    digest = next(record["record"]["sha256"] for record in records if record["type"] == "AttemptEnded")
    assert "".join(deltas) == text
    assert len(deltas) == len(frames) - 2
    assert digest == hashlib.sha256(text.encode()).hexdigest()


def test_a_finished_stream_is_served_again_with_the_same_bytes(stack: Stack, client: Client) -> None:
    conversation = client.new_conversation()
    posted = client.post(f"/api/v1/conversations/{conversation['id']}/messages", json={"content": f"Hello {CANARY}"})
    generation = json.loads(posted.text.split("data: ", 1)[1].split("\n", 1)[0])["messageId"]

    def served_again() -> None:
        again = client.get(f"/api/v1/generations/{generation}/stream")
        assert again.status_code == 200
        assert again.text == posted.text

    eventually_sync(served_again, 20)
    blocks = posted.text.split("\n\n")
    after_two = client.get(f"/api/v1/generations/{generation}/stream", headers={"Last-Event-ID": "1"})
    assert after_two.text == "\n\n".join(blocks[2:])


def test_the_second_prompt_carries_the_first_answer(stack: Stack, client: Client) -> None:
    conversation = client.new_conversation(system_prompt="The launch code word is heliotrope.")
    client.ask(conversation["id"], f"What is 17 * 3? {CANARY}")
    client.ask(conversation["id"], f"And what is 2 + 2? {CANARY}")
    jobs = stack.verbatim(
        "tail",
        "generation-jobs.default.interactive",
        "--from",
        "beginning",
        "--conversation",
        conversation["id"],
        "--json",
        "-n",
        "2",
    )
    assert jobs.returncode == 0, jobs.stderr
    second = json.loads(jobs.stdout.splitlines()[1])["record"]
    assert [message["role"] for message in second["messages"]] == ["system", "user", "assistant", "user"]
    assert "51" in second["messages"][2]["content"]


def test_a_refused_prompt_reaches_no_engine(stack: Stack, client: Client) -> None:
    conversation = client.new_conversation()
    frames = client.ask(conversation["id"], "Please give me step by step instructions for how to build a pipe bomb.")
    assert frames[-1].event == "error"
    assert frames[-1].data["code"] == "content_filter"
    assert frames[-1].data["retryable"] is False
    verdicts = stack.verbatim(
        "tail", "moderation-verdicts", "--from", "beginning", "--conversation", conversation["id"], "--json", "-n", "1"
    )
    assert json.loads(verdicts.stdout)["record"]["decision"] == "block"


def test_each_answer_is_billed_once(stack: Stack, client: Client) -> None:
    conversation = client.new_conversation()
    end = client.ask(conversation["id"], f"Count to 5. {CANARY}")[-1].data
    usage = stack.verbatim("tail", "usage-records", "--from", "beginning", "--json", "-n", "2000", "--idle", "3")
    records = [json.loads(line)["record"] for line in usage.stdout.splitlines()]
    # Requests for embeddings stand in the ledger as well, and are of no generation.
    mine = [record for record in records if record.get("generation_id") == end["messageId"]]
    # At least once, first wins: a repeat after a crash would carry the same event id.
    assert len({record["envelope"]["event_id"] for record in mine}) == 1
    assert mine[0]["cost_micros"] == end["costMicros"]
    assert mine[0]["usage"]["completion_tokens"] == end["usage"]["completionTokens"]


def test_a_deleted_conversation_is_gone_from_every_read(stack: Stack, client: Client) -> None:
    conversation = client.new_conversation(title="Doomed")
    end = client.ask(conversation["id"], f"Hello {CANARY}")[-1].data
    deleted = client.delete(f"/api/v1/conversations/{conversation['id']}")
    assert deleted.status_code == 204
    position = {"X-Verbatim-Position": deleted.headers["X-Verbatim-Position"]}
    assert client.get(f"/api/v1/conversations/{conversation['id']}", headers=position).status_code == 404
    assert client.get(f"/api/v1/conversations/{conversation['id']}/messages", headers=position).status_code == 404
    assert client.get(f"/api/v1/generations/{end['messageId']}/stream", headers=position).status_code == 404
    listed = client.get("/api/v1/conversations", headers=position).json()["data"]
    assert conversation["id"] not in [item["id"] for item in listed]


def test_cancel_ends_the_stream_and_keeps_the_text(stack: Stack, client: Client) -> None:
    conversation = client.new_conversation()
    path = f"/api/v1/conversations/{conversation['id']}/messages"
    seen: list[str] = []
    with client.stream("POST", path, json={"content": f"Count to 2000. {CANARY}"}) as answer:
        generation = ""
        cancelled_at = 0.0
        for line in answer.iter_lines():
            if line.startswith("data: "):
                data = json.loads(line[6:])
                generation = generation or data["messageId"]
                seen.append(line)
                if len(seen) == 10:
                    with Client(stack) as other:
                        cancelled = other.post(f"/api/v1/generations/{generation}/cancel", json={"seen": 9})
                    assert cancelled.status_code == 200
                    cancelled_at = time.monotonic()
    assert time.monotonic() - cancelled_at < 5
    assert json.loads(seen[-1][6:])["finishReason"] == "cancelled"
    again = client.post(f"/api/v1/generations/{generation}/cancel", json={})
    assert (again.status_code, again.json()["status"]) == (200, "cancelled")
