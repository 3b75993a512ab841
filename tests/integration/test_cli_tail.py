"""`./verbatim tail` on a real broker, as a process where signals and pipes matter."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from infra.ids import draw_attempt_id
from infra.settings import Settings
from schemas.codec import encode
from schemas.generation import GenerationRequested
from tests.eventually import eventually_sync
from tests.golden.samples import samples
from tests.in_process import Ended, run_command
from topics.partitioner import partition_for

pytestmark = [pytest.mark.stack, pytest.mark.timeout(300)]

ROOT = Path(__file__).parents[2]
PARTITIONS = 2
CONVERSATIONS = tuple(str(UUID(int=n)) for n in range(1, 5))


class Jobs:
    """A topic of its own that is in the catalogue by its name."""

    def __init__(self, settings: Settings) -> None:
        self.bootstrap = settings.kafka.bootstrap
        self.topic = f"generation-jobs.cli-{draw_attempt_id()}.interactive"
        admin = AdminClient({"bootstrap.servers": self.bootstrap})
        config = {"message.timestamp.type": "LogAppendTime"}
        admin.create_topics([NewTopic(self.topic, PARTITIONS, 1, config=config)])[self.topic].result(30)
        self._producer = Producer({"bootstrap.servers": self.bootstrap})

    def append(self, conversation: str, tokens: int) -> None:
        job: GenerationRequested = samples(GenerationRequested)["full"]
        turn = replace(job.turn, conversation_id=conversation)
        self.append_bytes(conversation, encode(replace(job, turn=turn, prompt_tokens=tokens)))

    def append_bytes(self, key: str, value: bytes) -> None:
        self._producer.produce(self.topic, value, key, partition_for(key, PARTITIONS))
        self._producer.flush(10)

    def servers(self) -> dict[str, str]:
        return {"VERBATIM_KAFKA__BOOTSTRAP": self.bootstrap}

    def environment(self) -> dict[str, str]:
        return {**os.environ, **self.servers()}

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "infra.cli", "tail", self.topic, *arguments]

    def tail(self, *arguments: str) -> Ended:
        """To its end, within the test."""
        return run_command(["tail", self.topic, *arguments], self.servers())

    @contextmanager
    def tailing(self, output: Path, *arguments: str) -> Iterator[subprocess.Popen[str]]:
        with output.open("w") as file:
            # A test run in the background ignores SIGINT, and its children would inherit that.
            before = signal.signal(signal.SIGINT, signal.default_int_handler)
            try:
                process = subprocess.Popen(
                    self.command(*arguments), cwd=ROOT, env=self.environment(), stdout=file, stderr=file, text=True
                )
            finally:
                signal.signal(signal.SIGINT, before)
            try:
                yield process
            finally:
                if process.poll() is None:
                    process.kill()
                process.wait()


@pytest.fixture
def jobs(servers: Settings) -> Jobs:
    return Jobs(servers)


def objects(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def test_the_beginning_as_json(jobs: Jobs) -> None:
    for n, conversation in enumerate(CONVERSATIONS):
        jobs.append(conversation, n)
    done = jobs.tail("--from", "beginning", "--json", "-n", "4")
    assert (done.status, done.err) == (0, "")
    found = objects(done.text)
    assert {(line["type"], line["topic"]) for line in found} == {("GenerationRequested", jobs.topic)}
    assert {str(line["key"]) for line in found} == set(CONVERSATIONS)


def test_one_conversation_in_the_order_of_its_events(jobs: Jobs) -> None:
    for n in range(6):
        jobs.append(CONVERSATIONS[n % 3], n)
    done = jobs.tail("--from", "beginning", "--conversation", CONVERSATIONS[1], "--json", "--idle", "1")
    assert [line["record"]["prompt_tokens"] for line in objects(done.text)] == [1, 4]


def test_what_cannot_be_decoded_is_shown_and_passed_over(jobs: Jobs) -> None:
    jobs.append_bytes(CONVERSATIONS[0], b"\x00\x7f\xff\xff\xffrubbish")
    jobs.append(CONVERSATIONS[0], 7)
    first, second = jobs.tail("--from", "beginning", "-n", "2").text.splitlines()
    assert "UNDECODABLE (schema id 2147483647 is not in the index" in first
    assert f"{jobs.topic}[" in second
    assert "GenerationRequested" in second
    assert "prompt_tokens=7" in second


def test_a_time_maps_to_the_first_event_after_it(jobs: Jobs) -> None:
    jobs.append(CONVERSATIONS[0], 1)
    seen = objects(jobs.tail("--from", "1h", "--json", "-n", "1").text)[0]
    # Topic time counts whole milliseconds.
    eventually_sync(lambda: time.time() > _seconds(str(seen["timestamp"])) + 0.002)
    jobs.append(CONVERSATIONS[0], 2)
    later = objects(jobs.tail("--from", "beginning", "--json", "-n", "2").text)[1]
    done = jobs.tail("--from", str(later["timestamp"]), "--json", "--idle", "1")
    assert [line["offset"] for line in objects(done.text)] == [later["offset"]]
    assert jobs.tail("--from", "2100-01-01", "--idle", "1").text == ""


def test_events_are_shown_as_they_come_and_ctrl_c_is_no_error(jobs: Jobs, tmp_path: Path) -> None:
    jobs.append(CONVERSATIONS[0], 1)
    output = tmp_path / "lines"
    with jobs.tailing(output, "--json") as process:

        def shown() -> None:
            jobs.append(CONVERSATIONS[0], 2)
            lines = objects(output.read_text())
            assert lines
            assert all(line["offset"] != 0 for line in lines)

        eventually_sync(shown, 30)
        process.send_signal(signal.SIGINT)
        assert process.wait(10) == 0
    assert "Traceback" not in output.read_text()


@pytest.mark.parametrize("waiting", [1, 300])
def test_a_reader_that_leaves_is_no_error(jobs: Jobs, waiting: int) -> None:
    """Neither while nothing comes nor in the middle of a line."""
    for n in range(waiting):
        jobs.append(CONVERSATIONS[0], n)
    tail = subprocess.Popen(
        jobs.command("--from", "beginning"),
        cwd=ROOT,
        env=jobs.environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert tail.stdout is not None
    assert tail.stderr is not None
    with tail.stdout, tail.stderr:
        tail.stdout.readline()
        tail.stdout.close()
        assert tail.wait(20) == 0
        assert tail.stderr.read() == ""


def test_an_unknown_topic_lists_the_topics(jobs: Jobs) -> None:
    known = jobs.topic
    jobs.topic = "token-chunk"
    done = jobs.tail()
    assert done.status == 1
    assert len(done.err.splitlines()) == 1
    assert "there is no topic 'token-chunk'. The topics are: " in done.err
    assert known in done.err


@pytest.mark.slow("the client looks for a broker for ten seconds")
def test_a_broker_that_is_away_is_one_line(jobs: Jobs) -> None:
    jobs.bootstrap = "127.0.0.1:1"
    done = jobs.tail()
    assert done.status == 1
    assert len(done.err.splitlines()) == 1
    assert "the broker at 127.0.0.1:1 does not answer" in done.err


def _seconds(timestamp: str) -> float:
    return datetime.fromisoformat(timestamp).timestamp()
