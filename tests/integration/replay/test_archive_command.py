"""`./verbatim replay archive` as a process, on a real broker and a folder."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import TopicPartition

from infra.settings import Settings
from tests.archived import flat
from tests.eventually import eventually_sync
from tests.in_process import Ended, run_command
from tests.scratch_topic import ScratchTopic, scratch_topic
from topics.archive.objects import open_objects
from topics.archive.reading import SegmentArchive
from topics.archive.writing import archive_records
from topics.clients import open_consumer
from topics.log import Log, RawRecord, cluster_id

pytestmark = [pytest.mark.stack, pytest.mark.timeout(300)]
ROOT = Path(__file__).parents[3]


class Command:
    """The command, with an archive and a topic of its own."""

    def __init__(self, settings: Settings, topic: ScratchTopic, folder: Path) -> None:
        self.topic = topic
        self.url = f"file://{folder}"
        self.folder = folder
        self._arguments = ["replay", "archive", topic.name]
        self._environment = {
            "VERBATIM_KAFKA__BOOTSTRAP": settings.kafka.bootstrap,
            "VERBATIM_KAFKA__PREFIX": settings.kafka.prefix,
            "VERBATIM_ARCHIVE__URL": self.url,
            "VERBATIM_ARCHIVE__SEGMENT_BYTES": "8192",
        }

    def run(self, *options: str) -> Ended:
        return run_command([*self._arguments, *options], self._environment)

    def facts(self, *options: str) -> list[dict[str, Any]]:
        """What it says with --json; it must have gone well."""
        ended = self.run("--json", *options)
        assert ended.status == 0, ended.err
        return [json.loads(line) for line in ended.out.splitlines()]

    def start(self, *options: str) -> subprocess.Popen[bytes]:
        """The same as a process."""
        command = [sys.executable, "-m", "infra.cli", *self._arguments, *options]
        return subprocess.Popen(command, cwd=ROOT, env={**os.environ, **self._environment})

    def archive(self) -> SegmentArchive:
        return SegmentArchive(open_objects(self.url), cluster_id(self.topic.properties))

    def log(self) -> Log:
        return Log(self.topic.properties, self.archive(), headers=True)


@pytest.fixture
def command(servers: Settings, tmp_path: Path) -> Iterator[Command]:
    with scratch_topic(servers.kafka.client_properties()) as topic:
        yield Command(servers, topic, tmp_path / "archive")


def whole(log: Log, topic: ScratchTopic) -> list[list[RawRecord]]:
    """Every record of both partitions, from the very first one on."""
    records = flat(log.read({}, log.held(topic.partitions)[1]))
    return [[record for record in records if record.partition == n] for n in (0, 1)]


def commit(topic: ScratchTopic, group: str, offset: int) -> None:
    consumer = open_consumer({**topic.properties, "group.id": group})
    consumer.commit(offsets=[TopicPartition(topic.name, n, offset) for n in (0, 1)], asynchronous=False)
    consumer.close()


def test_archived_and_trimmed_the_log_is_what_it_was(command: Command) -> None:
    topic = command.topic
    topic.write(4000)
    with closing(command.log()) as log:
        before = whole(log, topic)
    first = command.facts()
    assert [(fact["archived_from"], fact["archived_to"]) for fact in first] == [(0, 2000), (0, 2000)]
    assert all(fact["segments"] > 2 for fact in first)
    topic.write(400)

    group = f"group-of-{topic.name}"
    commit(topic, group, 1500)
    told = command.facts("--trim", "0s")
    assert [(fact["archived_from"], fact["archived_to"]) for fact in told[:2]] == [(2000, 2200), (2000, 2200)]
    assert [(fact["deleted_from"], fact["deleted_to"]) for fact in told[2:]] == [(0, 1500), (0, 1500)]
    assert told[2]["because"] == f"the consumer group {group} has not read further"
    with closing(command.log()) as log:
        assert log.held(topic.partitions)[0] == {(topic.name, 0): 0, (topic.name, 1): 0}
        after = whole(log, topic)
        assert [part[:2000] for part in after] == before
        assert [len(part) for part in after] == [2200, 2200]
        at = log.at(topic.partitions, before[0][700].timestamp_ms)[topic.name, 0]
        assert before[0][at].timestamp_ms == before[0][700].timestamp_ms and at <= 700

    commit(topic, group, 2200)
    told = command.facts("--trim", f"{topic.name}:0=1800")
    assert [(fact["deleted_from"], fact["deleted_to"]) for fact in told[2:]] == [(1500, 1800), (1500, 1500)]
    assert [fact["deleted_to"] for fact in command.facts("--trim", "1h")[2:]] == [1800, 1500]
    assert [fact["damage"] for fact in command.facts("--check")] == [None, None]
    with closing(command.log()) as log:
        assert whole(log, topic) == after


@pytest.mark.slow("two processes are killed")
def test_killed_in_the_middle_it_goes_on(command: Command) -> None:
    topic = command.topic
    topic.write(30_000)
    for segments in (3, 9):
        killed = command.start()

        def far_enough(wanted: int = segments) -> bool:
            return len(list(command.folder.glob("*/0/*.json"))) >= wanted

        eventually_sync(far_enough, 60)
        killed.send_signal(signal.SIGKILL)
        killed.wait(30)
    first, second = command.facts()
    assert first["archived_from"] > 0 and first["archived_to"] == second["archived_to"] == 15_000
    with closing(command.log()) as log:
        before = whole(log, topic)
        for n in (0, 1):
            assert flat(command.archive().read(topic.name, n, 0, 15_000)) == before[n]


def test_followed_it_archives_what_comes_until_it_is_told_to_stop(command: Command) -> None:
    topic = command.topic
    topic.write(200)
    following = command.start("--follow", "--every", "1")
    eventually_sync(lambda: command.archive().held(topic.name, 1) == (0, 100), 60)
    topic.write(200)
    eventually_sync(lambda: command.archive().held(topic.name, 1) == (0, 200), 60)
    following.send_signal(signal.SIGINT)
    assert following.wait(30) == 130


def test_damage_ends_the_check_and_stops_the_trimming(command: Command) -> None:
    topic = command.topic
    topic.write(2000)
    command.facts()
    damaged = sorted(command.folder.glob("*/1/*.avro"))[1]
    content = bytearray(damaged.read_bytes())
    content[len(content) // 2] ^= 1
    damaged.write_bytes(content)
    name, first = f"{topic.name}/1/{damaged.name}", int(damaged.name.split("-")[0])

    ended = command.run("--check")
    assert ended.status == 1
    assert f"{topic.name}[0]: 0 to 1,000 are whole" in ended.text
    assert f"the archive is damaged at {name}, offset {first}: its bytes were changed" in ended.text
    assert ended.err == "verbatim: the archive is damaged in 1 of 2 partitions\n"

    ended = command.run("--trim", "0s")
    assert ended.status == 1
    assert f"the archive is damaged at {name}, offset {first}: its bytes were changed" in ended.err
    with closing(Log(topic.properties)) as log:
        assert log.held(topic.partitions)[0][topic.name, 1] == 0


def test_what_the_archive_holds_otherwise_than_the_topic_is_never_trimmed(command: Command) -> None:
    """As if the topic had been made anew under the same name."""
    topic = command.topic
    topic.write(400)
    with closing(Log(topic.properties, headers=True)) as log:
        records = [replace(record, value=b"of old") for record in flat(log.read({}, {(topic.name, 0): 100}))]
    archive = SegmentArchive(open_objects(command.url, create=True), cluster_id(topic.properties))
    assert list(archive_records(archive, topic.name, 0, [records], 0, 100, 1_000_000))
    for option in ("--check", "--trim=0s"):
        ended = command.run(option)
        assert ended.status == 1
        said = ended.text + ended.err
        assert f"damaged at {topic.name}/0, offset 0: the archive and the topic hold different" in said
    with closing(Log(topic.properties)) as log:
        assert set(log.held(topic.partitions)[0].values()) == {0}


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("not-a-topic",), "there is no topic 'not-a-topic'"),
        (("--trim", "soon"), "neither an age like 30d nor offsets"),
        (("--trim", "TOPIC:0=9999"), "lies beyond the end, which is 0"),
        (("--trim", "other:0=1"), "other is not one of the topics that are archived here"),
        (("--check",), "nothing of that is archived yet"),
        (("--check", "--follow"), "--check cannot be combined"),
    ],
)
def test_a_mistake_is_one_clear_line_and_changes_nothing(command: Command, options: tuple[str, ...], said: str) -> None:
    ended = command.run(*(option.replace("TOPIC", command.topic.name) for option in options))
    assert ended.status == 1
    assert said in ended.err and ended.err.count("\n") == 1 and ended.text == ""
    assert not list(command.folder.rglob("*.*"))
