"""Parks records of a job topic that are not jobs."""

from __future__ import annotations

from confluent_kafka import Message

from infra.clock import now_us
from infra.logging import get_logger
from infra.runtime.retrying import Retrying
from schemas.codec import UnencodableRecord
from topics.catalogue import DEAD_LETTERS
from topics.dead_letters import dead_letter, letter_key
from topics.errors import FatalLogError, LogUnavailable, RecordRefused
from topics.producer import LogProducer

RETRY_S = 1.0
GIVE_UP_S = 300.0
RETRYING = Retrying("worker.letter", RETRY_S, RETRY_S, GIVE_UP_S)

_log = get_logger(__name__)


async def park(letters: LogProducer, message: Message, error: Exception) -> None:
    """Put a record into the dead letters; returns once its partition may move on.

    Raises FatalLogError when the log takes nothing from this process any more, or has taken nothing for GIVE_UP_S: the
    record stays unacknowledged, and is read again after a restart.
    """
    letter, raw = dead_letter(message, "worker", error, now_us()), message.key()
    key = letter_key(raw if isinstance(raw, bytes) else None)
    try:
        await RETRYING.run(lambda: letters.send(DEAD_LETTERS, key, letter), LogUnavailable, _trying_again)
    except (RecordRefused, UnencodableRecord) as failure:
        _log.error("the log refused a dead letter; this line is the only trace of it", reason=str(failure))
    except LogUnavailable as failure:
        raise FatalLogError(f"a dead letter was not taken for {GIVE_UP_S:.0f} s: {failure}") from failure


def _trying_again(failure: Exception, pause_s: float) -> None:
    _log.warning("a dead letter was not taken, trying again", reason=str(failure))
