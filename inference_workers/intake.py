"""What comes out of the jobs topics: jobs, records that are none (dead-letters), and records of a newer release."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from confluent_kafka import Message

from inference_workers.job_table import Delivery
from inference_workers.jobs import Jobs
from inference_workers.letters import Letters
from infra.exits import tell_newer
from infra.logging import get_logger
from schemas.codec import NewerRecord, UndecodableRecord, decode
from schemas.generation import GenerationRequested
from topics.catalogue import TOKEN_CHUNKS, Catalogue
from topics.errors import LogError

_log = get_logger(__name__)


class Intake:
    """`open` before records come. `fail` is told what must end the process, `moved` that a partition may move on."""

    def __init__(
        self,
        topics: Catalogue,
        jobs: Jobs,
        letters: Letters,
        *,
        is_set_aside: Callable[[Message], bool],
        fail: Callable[[Exception], None],
        moved: Callable[[], None],
    ) -> None:
        self._topics = topics
        self._jobs = jobs
        self._letters = letters
        self._is_set_aside = is_set_aside
        self._fail = fail
        self._moved = moved
        self._tasks: asyncio.TaskGroup | None = None

    def open(self, tasks: asyncio.TaskGroup) -> None:
        self._tasks = tasks

    def arrived(self, message: Message) -> None:
        """Take one record, in the order of its partition."""
        delivery = self._jobs.delivered(message)
        if delivery is None:
            return
        try:
            request = self._request(message, delivery)
        except NewerRecord as newer:
            if self._tasks is not None:
                self._tasks.create_task(self._pass_or_stop(message, delivery, newer))
            else:
                self._fail(newer)
        except UndecodableRecord as error:
            self._park(message, delivery, error)
        else:
            self._letters.is_job()
            self._jobs.take(request, delivery)

    def _request(self, message: Message, delivery: Delivery) -> GenerationRequested:
        """Raises UndecodableRecord for a record that is no job, NewerRecord."""
        request = decode(message.value() or b"")
        if not isinstance(request, GenerationRequested):
            raise UndecodableRecord(f"{type(request).__name__} does not belong in {delivery.topic}")
        if request.turn.tail.partition != self._topics.partition(TOKEN_CHUNKS, request.turn.conversation_id):
            raise UndecodableRecord("the job's tail names a partition that cannot hold its records")
        return request

    async def _pass_or_stop(self, message: Message, delivery: Delivery, newer: NewerRecord) -> None:
        """A record of a newer release ends the worker, un-acknowledged, unless an operator has set it aside."""
        try:
            aside = await asyncio.to_thread(self._is_set_aside, message)
        except LogError as error:
            _log.warning("what is set aside cannot be read", reason=str(error))
            aside = False
        if aside:
            _log.warning("skipped: an operator has set it aside", topic=delivery.topic, offset=delivery.offset)
            self._jobs.done_with(delivery)
            return
        tell_newer(_log, newer, delivery.topic, delivery.partition, delivery.offset)
        self._fail(newer)

    def _park(self, message: Message, delivery: Delivery, error: Exception) -> None:
        """A record that is no job goes to the dead letters; the partition moves on once it is there."""

        def done() -> None:
            self._jobs.done_with(delivery)
            self._moved()

        if self._tasks is not None:
            parking = self._tasks.create_task(self._letters.park(message, delivery, error, done))
            parking.add_done_callback(lambda _: self._moved())
