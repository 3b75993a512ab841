"""`?as_of=`: a past state of a conversation, read from the log for its owner."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from api.conversations.ports import ConversationReads, History, PastBusy, PastOutOfReach
from api.conversations.shapes import conversation_json, message_json
from api.http.answers import iso
from api.http.errors import ApiError, Overloaded, bad_request, not_found, unavailable
from infra.clock import utc_now
from projections.conversations.queries import ConversationRow
from topics.cuts import BadCut, Cut, format_cut, parse_cut
from topics.errors import DamagedArchive, OutOfRange

_PARAM = "as_of"
_ALLOWED = (
    "a time up to now (2026-11-21T08:30:00Z; without a zone it is UTC, and a plus sign is written %2B), "
    "or a cut (conversation-events:0=1200,generation-outcomes:0=800)"
)


def moment_of(text: str, now: datetime) -> Cut | int:
    """The moment a request names: a cut, or milliseconds since 1970. Raises ApiError 400."""
    if "=" in text:
        try:
            return parse_cut(text)
        except BadCut as error:
            raise _refused(str(error)) from None
    try:
        at = datetime.fromisoformat(text)
        at = at if at.tzinfo else at.replace(tzinfo=UTC)
        later, at_ms = at > now, max(0, int(at.timestamp() * 1000))
    except (ValueError, OverflowError):
        raise _refused("it is neither a time nor a cut") from None
    if later:
        raise _refused("it is in the future")
    return at_ms


async def conversation_as_of(
    reads: ConversationReads, history: History, row: ConversationRow, text: str
) -> dict[str, Any]:
    """The conversation `row` as it was, with its messages.

    Raises ApiError: 400 for a moment that cannot be, 404 where it had not begun, 503 where the log cannot be read in
    time; LogUnavailable, StoreUnavailable.
    """
    moment = moment_of(text, utc_now())
    first = await reads.begun_at(row.conversation_id)
    if first is None:
        raise not_found("conversation")
    try:
        with history_errors():
            cut, past = await history.conversation(row.conversation_id, first, moment)
    except BadCut as error:
        raise _refused(str(error)) from None
    if past.row is None:
        if past.deleted:
            raise not_found("conversation")
        raise ApiError(
            404, f"The conversation did not exist at that time: it was created at {iso(row.created_at_us)}.",
            code="not_yet", param=_PARAM,
        )  # fmt: skip
    return {
        **conversation_json(past.row, past.marks),
        "asOf": format_cut(cut),
        "messages": [message_json(message, past.ratings.get(message.message_id)) for message in past.messages],
    }


@contextmanager
def history_errors() -> Iterator[None]:
    """Within the block, a past that cannot be read becomes an ApiError 503 that says why."""
    try:
        yield
    except PastBusy as error:
        raise Overloaded(str(error)) from None
    except PastOutOfReach as error:
        raise unavailable(f"{error}. Retry, or ask for less.", code="past_out_of_reach") from None
    except (OutOfRange, DamagedArchive):
        raise unavailable("The log no longer holds this conversation's history.", code="past_not_held") from None


def _refused(why: str) -> ApiError:
    return bad_request(f"Invalid value for '{_PARAM}': {why}. Expected: {_ALLOWED}.", param=_PARAM)
