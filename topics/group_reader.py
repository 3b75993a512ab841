"""A member of a consumer group: its client, and the loop of the one thread that uses it.

    orders ─▶ pause ─▶ due commits ─▶ poll ─▶ on_polled ─▶ … told to stop ─▶ on_stopping ─▶ last commit ─▶ close
                                       └─▶ on_assigned, on_revoked, on_lost: within the poll

Whatever moves a position or commits happens in this thread. librdkafka's client makes every other thread wait that asks
the consumer something while one polls (measured: for seconds), and a position that moves behind the poll's back loses
records. Other threads give `orders`, which are done between polls.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Protocol

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaException, Message, TopicPartition

from infra.clock import boot_clock_s
from infra.runtime.orders import Orders
from topics.consumer import OnCommit, next_batch
from topics.cuts import TopicPartition as Place
from topics.errors import LogUnavailable
from topics.group_commits import Answers, GroupCommits
from topics.pausing import Pausing

ANSWER_S = 10.0
"""How long the broker may take to say what the group has committed."""

Offsets = Mapping[Place, int | None]
"""Where to read on by partition; None: at the beginning."""


class Listener(Protocol):
    """Who reads. Every method is called in the thread of `run`; what one raises ends the reading."""

    def on_polled(self, epoch: int, batch: list[Message]) -> None:
        """A poll has ended, perhaps with nothing. `epoch`: the reader's before it, see `GroupReader.epoch`."""

    def on_assigned(self, places: list[Place]) -> Offsets | None:
        """Partitions came. Returns where to begin with each; None: where the group has committed."""

    def on_revoked(self, places: list[Place]) -> None:
        """Partitions go to another member. What is wanted committed when this returns is committed before they go."""

    def on_lost(self, places: list[Place]) -> None:
        """Partitions are another member's already. Nothing of them is committed any more."""

    def on_stopping(self) -> None:
        """Told to stop. What is wanted committed when this returns is committed last."""

    def on_failed(self, error: Exception) -> None:
        """This ends the reading. The client is not closed yet: what is done can still be committed."""


class GroupReader:
    """`run` it once (or, where nothing may block, as it does: `begin`, `turn` after `turn`, `finish`).

    `orders`, the pauses, `polled_at_s` and the wants of `commits` are for any thread, the rest is for `run`'s.

    `open_member` makes the client; `answers` counts commits; `most` records are read together, waited for `poll_s`.
    """

    def __init__(
        self,
        open_member: Callable[[OnCommit], Consumer],
        topics: Sequence[str],
        listener: Listener,
        answers: Answers,
        *,
        most: int,
        poll_s: float,
    ) -> None:
        self._topics = list(topics)
        self._listener = listener
        self._most = most
        self._poll_s = poll_s
        self.commits = GroupCommits(answers)
        self.consumer = open_member(self.commits.answered)
        self.orders = Orders()
        self.epoch = 0
        """The assignment's: it goes up whenever partitions come, go or are read from elsewhere. A batch of an older one
        may hold records that are read again."""
        self.polled_at_s = boot_clock_s()
        """When a poll last ended, by the clock that goes on while the machine sleeps. `poll_held` does not count."""
        self._pausing = Pausing(self.consumer)
        self._gone: frozenset[Place] = frozenset()

    def run(self, stop: threading.Event) -> None:
        """Read until told to stop, commit what is due, and close. A static member's partitions stay its for a session.

        Raises FatalLogError when the log can be read no more or the member was fenced, and whatever the listener does.
        """
        try:
            self.begin()
            while not stop.is_set():
                self.turn()
            self.finish()
        except Exception as error:
            self._listener.on_failed(error)
            raise
        finally:
            self.orders.close()
            self.consumer.close()

    def begin(self) -> None:
        """Join the group; the first turns bring the first partitions."""
        self.consumer.subscribe(
            self._topics, on_assign=self._on_assign, on_revoke=self._on_revoke, on_lost=self._on_lost
        )

    def turn(self) -> None:
        """Between polls, a poll, and what the listener makes of it."""
        self._pausing.held = False
        self.between_polls()
        epoch, batch = self.epoch, self._poll()
        self.polled_at_s = boot_clock_s()
        self._listener.on_polled(epoch, batch)

    def finish(self) -> None:
        """Commit last what the listener wants."""
        self._listener.on_stopping()
        self.commit(wait=True)

    def pause(self, wanted: bool) -> None:
        """Fetch nothing from the next poll on, or go on; polling continues either way."""
        self._pausing.wanted = wanted

    def pause_topics(self, topics: frozenset[str]) -> None:
        """Fetch nothing of these topics from the next poll on, and of the others as `pause` says."""
        self._pausing.topics = topics

    def between_polls(self) -> None:
        """Do what is ordered, pause or go on, ask for due commits. Cheap: a listener that waits calls it as well."""
        self.orders.run()
        self._pausing.apply()
        self.commit()

    def poll_held(self) -> list[Message]:
        """For a listener that cannot take more for long: a poll that fetches nothing, until the next one of `run`.

        The group takes a member that does not poll for dead. Not sooner than needed: a pause drops what was fetched
        ahead. Returns what had been fetched and was not dropped.
        """
        self._pausing.held = True
        self.between_polls()
        return self._poll()

    def commit(self, *, wait: bool = False, before: Callable[[], None] | None = None) -> bool:
        """As `GroupCommits.commit`, but never of partitions that went, whoever wants it still."""
        if self._gone:
            self.commits.forget(self._gone)
        return self.commits.commit(self.consumer, wait=wait, before=before)

    def committed(self, places: Iterable[Place]) -> dict[Place, int | None]:
        """What the group has committed; None where it has nothing. Raises LogUnavailable."""
        asked = [TopicPartition(*place) for place in sorted(places)]
        try:
            answers = self.consumer.committed(asked, timeout=ANSWER_S) if asked else []
        except KafkaException as error:
            raise LogUnavailable(f"committed offsets: {error}") from error
        return {(a.topic, a.partition): a.offset if a.offset >= 0 else None for a in answers}

    def assigned(self) -> frozenset[Place]:
        """The partitions that are this member's."""
        return _places(self.consumer.assignment())

    def read_from(self, offsets: Offsets) -> None:
        """Read on from these offsets, under a new epoch. They name the whole assignment, which is not cooperative."""
        self.epoch += 1
        self._pausing.forget(offsets)
        self._assign(offsets)

    def _poll(self) -> list[Message]:
        return next_batch(self.consumer, self._most, self._poll_s)

    def _assign(self, offsets: Offsets) -> None:
        self.consumer.assign(
            [
                TopicPartition(topic, partition, OFFSET_BEGINNING if offset is None else offset)
                for (topic, partition), offset in offsets.items()
            ]
        )

    def _on_assign(self, _: Consumer, partitions: list[TopicPartition]) -> None:
        self.epoch += 1
        places = _places(partitions)
        self._gone -= places
        offsets = self._listener.on_assigned(sorted(places))
        if offsets is not None:
            self._assign(offsets)

    def _on_revoke(self, _: Consumer, partitions: list[TopicPartition]) -> None:
        self.epoch += 1
        places = _places(partitions)
        self._listener.on_revoked(sorted(places))
        self.commit(wait=True)
        self._let_go(places)

    def _on_lost(self, _: Consumer, partitions: list[TopicPartition]) -> None:
        self.epoch += 1
        places = _places(partitions)
        self._let_go(places)
        self._listener.on_lost(sorted(places))

    def _let_go(self, places: frozenset[Place]) -> None:
        self._gone |= places
        self.commits.forget(places)
        self._pausing.forget(places)


def _places(partitions: Iterable[TopicPartition]) -> frozenset[Place]:
    return frozenset((place.topic, place.partition) for place in partitions)
