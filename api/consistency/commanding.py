"""What every command needs: who sent it, when, and under which key."""

from __future__ import annotations

from collections.abc import MutableMapping
from dataclasses import dataclass, field

from fastapi import Request

from api.consistency.ports import CommandLog
from api.http.errors import ApiError, bad_request, not_accepted_for_sure
from api.http.headers import KEY_HEADER
from api.http.metrics import PRODUCE_FAILURES
from infra.clock import now_us
from infra.ids import draw_id
from infra.tiers.limited import Limited
from schemas import ids
from schemas.envelope import Envelope, Position
from topics.admission.sums import Who
from topics.errors import LogUnavailable, RecordRefused
from topics.topic import R, Topic

MAX_KEY_CHARACTERS = 255


@dataclass(frozen=True, slots=True)
class IdempotencyKey:
    """`given` False: drawn here. The ids of a command derive from it either way, so a retry may send it."""

    value: str
    given: bool


@dataclass(frozen=True, slots=True)
class Author:
    """Who gives a command, and the request it comes by.

    `limited`: whom the limits count them as, and who pays. `answer`: headers that the request's answer will have.
    """

    user_id: str
    request_id: str
    limited: Limited
    answer: MutableMapping[str, str] = field(default_factory=dict, compare=False)

    @property
    def who(self) -> Who:
        """For whom within the account that pays."""
        return Who(self.user_id, self.limited.key_id)

    def envelope(self, cause_id: str, event_type: str) -> Envelope:
        """The envelope of an event that the request causes now; its id derives from `cause_id`."""
        return Envelope(ids.event_id(cause_id, event_type), now_us(), None, self.request_id, f"user:{self.user_id}")


def idempotency_key(request: Request, request_id: str | None = None) -> IdempotencyKey:
    """The request's key, from its header or (`request_id`) its body, or a fresh one.

    Raises ApiError 400 for one that is too long or not printable ASCII, and for two.
    """
    given = request.headers.getlist(KEY_HEADER)
    if not given and request_id is None:
        return IdempotencyKey(draw_id(), False)
    value = given[0] if given else str(request_id)
    param = KEY_HEADER if given else "request_id"
    if len(given) > 1 or not 0 < len(value) <= MAX_KEY_CHARACTERS or not (value.isascii() and value.isprintable()):
        raise bad_request(
            f"{param} must be 1 to {MAX_KEY_CHARACTERS} printable ASCII characters, once.",
            code="invalid_idempotency_key",
            param=param,
        )
    if request_id is not None and value != request_id:
        raise bad_request(
            f"{KEY_HEADER} and request_id differ; send one.", code="invalid_idempotency_key", param="request_id"
        )
    return IdempotencyKey(value, True)


async def send(
    log: CommandLog, topic: Topic[R], key: str, event: R, idempotency: IdempotencyKey, *, imported: str = ""
) -> Position:
    """Produce a command's one record. `imported`: the product that it comes from, if it is history.

    Raises ApiError 503: it may have been accepted; 413: no record holds it.
    """
    try:
        if imported:
            return await log.send(topic, key, event, imported=imported)
        return await log.send(topic, key, event)
    except RecordRefused as error:
        raise ApiError(
            413, "The request is larger than a record may be. Nothing was done.", code="request_too_large"
        ) from error
    except LogUnavailable as error:
        PRODUCE_FAILURES.inc()
        raise not_accepted_for_sure(idempotency.value) from error
