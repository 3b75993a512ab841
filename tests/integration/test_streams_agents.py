"""How every Faust agent here treats its records: acknowledged after the effect, never lost, parked when hopeless."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.exits import EXIT_NEWER
from infra.ids import draw_id
from infra.settings import Settings
from schemas.account import UserCreated
from schemas.dead_letter import DeadLetter
from schemas.envelope import Envelope
from schemas.registry import registered_schemas
from tests.eventually import eventually_sync
from tests.integration.log_reading import LogWriter, make_topic, read_all, topics_of
from tests.integration.stream_workers import StreamProcess
from topics.catalogue import DEAD_LETTERS
from topics.dead_letters import MAX_POISON_IN_A_ROW

pytestmark = [pytest.mark.stack, pytest.mark.timeout(300)]

PARTITIONS = 2
NEWER_SCHEMA = b"\0" + (max(registered_schemas()) + 1).to_bytes(4, "big") + b"from the next release"
UNKNOWN_SCHEMA = b"\x00\x00\xff\xff\xff" + b"from the future"


class Probe:
    """A topic of its own, a group of its own, and what the handlers noted."""

    def __init__(self, settings: Settings, folder: Path) -> None:
        topics_of(settings)
        self.settings = settings
        self.folder = folder
        self.name = f"probe-{draw_id()}"
        self.topic = f"probe.{draw_id()}"
        self.notes = folder / "notes"
        self.notes.touch()
        make_topic(settings, self.topic, PARTITIONS)
        self.writer = LogWriter(settings)
        self._workers: list[StreamProcess] = []

    def start(self, instance: str = "0", in_flight: int = 1) -> StreamProcess:
        env = {
            "PROBE_TOPIC": self.topic,
            "PROBE_NAME": self.name,
            "PROBE_NOTES": str(self.notes),
            "PROBE_IN_FLIGHT": str(in_flight),
            "VERBATIM_INSTANCE": instance,
        }
        worker = StreamProcess.agent(
            "tests.integration.streams_probe.app", self.settings, self.folder, f"{instance}-{len(self._workers)}", env
        )
        self._workers.append(worker)
        return worker

    def write(self, user: str, name: str = "plain", partition: int = 0) -> None:
        record = UserCreated(Envelope(user, 1, None, user, "user:test"), user, name)
        self.writer.write(self.topic, partition, user, record)

    def handled(self) -> list[str]:
        return [line.split()[0] for line in self.notes.read_text().splitlines() if line != "closed"]

    def all_handled(self, users: list[str]) -> bool:
        return set(users) <= set(self.handled())

    def letters(self) -> list[DeadLetter]:
        return read_all(self.settings, DEAD_LETTERS, 1, lambda letter: getattr(letter, "topic", None) == self.topic)

    def end(self) -> None:
        for worker in self._workers:
            worker.__exit__()


@pytest.fixture
def probe(servers: Settings, tmp_path: Path) -> Iterator[Probe]:
    made = Probe(servers, tmp_path)
    yield made
    made.end()


def numbered(prefix: str, count: int) -> list[str]:
    return [f"{prefix}{number}" for number in range(count)]


def test_records_written_before_the_group_existed_are_handled_in_order_and_only_once(probe: Probe) -> None:
    users = numbered("early", 50)
    for user in users:
        probe.write(user)
    probe.writer.flush()
    first = probe.start().ready()
    eventually_sync(lambda: probe.all_handled(users), 30)
    assert first.stop() == 0
    assert probe.notes.read_text().endswith("closed\n")
    probe.write("late")
    probe.writer.flush()
    probe.start().ready()
    eventually_sync(lambda: probe.all_handled(["late"]), 30)
    assert probe.handled() == [*users, "late"]


def test_a_handler_that_fails_ends_the_process_and_its_record_comes_again(probe: Probe) -> None:
    worker = probe.start().ready()
    before, after = numbered("before", 5), numbered("after", 5)
    for user in before:
        probe.write(user)
    probe.write("failing", "crash-once:marker")
    for user in after:
        probe.write(user)
    probe.writer.flush()
    assert worker.ended() == 1
    assert "_Wrong: as the record says" in worker.said()
    assert "failing" not in probe.handled()
    probe.start().ready()
    eventually_sync(lambda: probe.all_handled([*before, "failing", *after]), 30)
    # What was not committed is handled again; nothing is skipped.
    handled = probe.handled()
    assert handled.index("failing") < handled.index("after0")


def test_a_newer_record_stops_the_process_with_status_3_and_is_neither_parked_nor_passed_over(probe: Probe) -> None:
    worker = probe.start().ready()
    before, after = numbered("before", 3), numbered("after", 3)
    for user in before:
        probe.write(user)
    probe.writer.write(probe.topic, 0, "conversation", NEWER_SCHEMA)
    for user in after:
        probe.write(user)
    probe.writer.flush()
    assert worker.ended() == EXIT_NEWER
    assert "this record was written by a newer release: upgrade this process" in worker.said()
    assert f"{probe.topic}/0/3" in worker.said()
    assert probe.start().ended() == EXIT_NEWER
    assert set(probe.handled()) == set(before) and probe.letters() == []


def test_a_process_whose_place_another_has_taken_ends(probe: Probe) -> None:
    """A static member is told by its next contact; the error comes from the thread that reads."""
    replaced = probe.start("0").ready()
    probe.start("0").ready()
    assert replaced.ended() == 1
    assert "FatalLogError" in replaced.said()
    probe.write("here")
    probe.writer.flush()
    eventually_sync(lambda: probe.all_handled(["here"]), 30)


def test_a_flood_of_poison_ends_the_process_and_the_next_life_goes_on_behind_it(probe: Probe) -> None:
    for _ in range(2 * MAX_POISON_IN_A_ROW + 10):
        probe.writer.write(probe.topic, 0, "conversation", b"garbage")
    probe.write("behind", partition=0)
    probe.writer.flush()
    assert [probe.start().ended(), probe.start().ended()] == [1, 1]
    probe.start().ready()
    eventually_sync(lambda: probe.all_handled(["behind"]), 30)
    assert {letter.offset for letter in probe.letters()} == set(range(2 * MAX_POISON_IN_A_ROW + 10))


def test_side_by_side_a_failure_loses_nothing_that_began_before_or_after_it(probe: Probe) -> None:
    worker = probe.start(in_flight=8).ready()
    slow = numbered("slow", 3)
    quick = numbered("quick", 20)
    for user in slow:
        probe.write(user, "slow:2")
    for user in quick:
        probe.write(user)
    probe.writer.flush()
    eventually_sync(lambda: probe.all_handled(quick), 30)
    assert not set(slow) & set(probe.handled())
    worker.kill()
    probe.start(in_flight=8).ready()
    eventually_sync(lambda: probe.all_handled(slow + quick), 30)


def test_poison_and_records_of_the_future_are_parked_and_the_partition_moves_on(probe: Probe) -> None:
    probe.write("first")
    probe.writer.write(probe.topic, 0, "conversation", UNKNOWN_SCHEMA)
    probe.writer.write(probe.topic, 0, "conversation", b"no frame at all")
    probe.write("hopeless", "poison")
    probe.write("last")
    probe.writer.flush()
    worker = probe.start().ready()
    eventually_sync(lambda: probe.all_handled(["first", "last"]), 30)
    letters = {letter.offset: letter for letter in probe.letters()}
    assert sorted(letters) == [1, 2, 3]
    assert all(letter.partition == 0 and letter.consumer == f"streams.{probe.name}" for letter in letters.values())
    assert letters[1].value == UNKNOWN_SCHEMA and letters[1].key == b"conversation"
    assert "schema id" in letters[1].reason
    assert letters[3].error_type == "Poison" and letters[3].reason == "as the record says"
    assert worker.stop() == 0


def test_what_is_away_for_a_moment_is_tried_again_in_its_place(probe: Probe) -> None:
    probe.write("patient", "retry:2")
    probe.write("next")
    probe.writer.flush()
    worker = probe.start().ready()
    eventually_sync(lambda: probe.all_handled(["patient", "next"]), 30)
    assert probe.handled() == ["patient", "next"]
    assert worker.said().count('"retrying"') == 2


def test_killed_workers_and_new_members_lose_nothing(probe: Probe) -> None:
    users = numbered("user", 600)
    first = probe.start("0", in_flight=4).ready()
    for number, user in enumerate(users[:200]):
        probe.write(user, partition=number % PARTITIONS)
    probe.writer.flush()
    eventually_sync(lambda: len(probe.handled()) > 50, 30)
    first.kill()
    first = probe.start("0", in_flight=4)
    second = probe.start("1", in_flight=4)
    for number, user in enumerate(users[200:400]):
        probe.write(user, "slow:0.01", partition=number % PARTITIONS)
    probe.writer.flush()
    first.ready()
    second.ready()
    for number, user in enumerate(users[400:]):
        probe.write(user, partition=number % PARTITIONS)
    probe.writer.flush()
    eventually_sync(lambda: probe.all_handled(users), 60)
    assert first.stop() == 0
    assert second.stop() == 0


def test_a_backlog_larger_than_every_buffer_is_worked_off(probe: Probe) -> None:
    users = numbered("many", 9000)
    for number, user in enumerate(users):
        probe.write(user, partition=number % PARTITIONS)
    probe.writer.flush()
    worker = probe.start(in_flight=4).ready()
    eventually_sync(lambda: probe.all_handled(users), 60)
    assert worker.stop() == 0
    assert len(probe.handled()) == len(users)


def test_what_was_there_before_the_assignment_may_be_a_repeat_and_what_comes_later_is_not(probe: Probe) -> None:
    probe.write("old")
    probe.writer.flush()
    probe.start().ready()
    eventually_sync(lambda: probe.all_handled(["old"]), 30)
    probe.write("new")
    probe.writer.flush()
    eventually_sync(lambda: probe.all_handled(["new"]), 30)
    notes = dict(line.split()[::2] for line in probe.notes.read_text().splitlines())
    assert notes == {"old": "True", "new": "False"}


def test_a_topic_that_is_not_there_ends_the_process_with_a_reason(servers: Settings, tmp_path: Path) -> None:
    env = {"PROBE_TOPIC": f"none.{draw_id()}", "PROBE_NAME": f"probe-{draw_id()}", "PROBE_NOTES": str(tmp_path / "n")}
    with StreamProcess.agent("tests.integration.streams_probe.app", servers, tmp_path, "lost", env) as worker:
        assert worker.ended() == 1
        assert "Unknown topic or partition" in worker.said()
        assert not worker.sign.exists()
