"""Ends a job that this worker cannot start or record: the turn fails, the job is parked."""

from __future__ import annotations

from inference_workers.job_table import Job
from infra.clock import now_us
from infra.logging import get_logger
from schemas import ids
from schemas.bounding import bounded
from schemas.codec import UnencodableRecord
from schemas.envelope import Envelope
from schemas.generation import Failure, GenerationEnded
from topics.catalogue import DEAD_LETTERS, TOKEN_CHUNKS
from topics.dead_letters import dead_letter_of
from topics.errors import RecordRefused
from topics.producer import LogProducer

IMPOSSIBLE = Failure("internal_error", "The request could not be processed. It is set aside for the operator.", False)
NOT_CARRIED = "the job is not included: read it at its offset"
_log = get_logger(__name__)


class Impossible(Exception):
    """The reason in the letter of a job that failed at itself."""


async def give_up(log: LogProducer, job: Job, reason: str) -> bool:
    """End the job's generation as failed and put the job into dead-letters. Whether the end was written; if not, the
    watchdog writes one at the turn's deadline.

    Raises LogUnavailable, FatalLogError: nothing is decided yet.
    """
    ended = await _end(log, job)
    first = job.deliveries[0]
    letter = dead_letter_of(
        first.topic,
        first.partition,
        first.offset,
        job.request.turn.conversation_id.encode("utf-8", "replace"),
        None,
        [],
        consumer="worker",
        error=Impossible(reason),
        at_us=now_us(),
        note=NOT_CARRIED,
    )
    try:
        await log.send(DEAD_LETTERS, bounded(job.request.turn.conversation_id), letter)
    except (RecordRefused, UnencodableRecord) as refused:
        _log.error("the log refused a dead letter; this line is the only trace of it", reason=str(refused))
    _log.error("gave up a job", generation=job.generation_id, reason=reason)
    return ended


async def _end(log: LogProducer, job: Job) -> bool:
    turn = job.request.turn
    cause = job.request.envelope
    envelope = Envelope(
        ids.event_id(turn.generation_id, "GenerationEnded/given up"),
        now_us(),
        cause.event_id,
        cause.correlation_id,
        "system:worker",
    )
    try:
        end = bounded(GenerationEnded(envelope, turn, "failed", None, IMPOSSIBLE))
        await log.send(TOKEN_CHUNKS, turn.conversation_id, end)
    except (RecordRefused, UnencodableRecord, UnicodeEncodeError) as refused:
        _log.error("the end of a job that is given up was refused", reason=str(refused))
        return False
    return True
