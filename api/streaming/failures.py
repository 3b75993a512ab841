"""What people are told of an answer that failed, by the code of its failure. Pure.

Records keep what the engine and the worker said, in technical words: `detail` of the same failure.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from schemas.generation import Failure

_SAID: Mapping[str, str] = {
    "content_filter": "The content policy does not allow this prompt.",
    "content_sealed": "This conversation can no longer be read.",
    "context_length_exceeded": "The conversation is longer than the model can read.",
    "conversation_deleted": "This conversation has been deleted.",
    "deadline_exceeded": "The answer was not ready in time. Try again.",
    "empty_answer": "The model answered nothing. Try again.",
    "engine_auth": "The model refuses the key that this server has for it. Its operator can mend that.",
    "engine_failed": "The model had an error. Try again.",
    "engine_misconfigured": "This model is not set up correctly. The server's operator can mend that.",
    "engine_overloaded": "The model has too much to do. Try again in a moment.",
    "engine_rejected": "The model refuses this request.",
    "engine_timeout": "The model took too long. Try again.",
    "engine_unavailable": "The model could not be reached. Try again.",
    "failed": "The answer ended without a reason. Try again.",
    "generation_deleted": "This answer has been deleted.",
    "history_unavailable": "The conversation could not be read in time. Try again.",
    "image_missing": "A picture of this conversation is no longer there.",
    "internal_error": "The server had an error.",
    "interrupted": "The answer was interrupted. Try again.",
    "invalid_request": "The model cannot take this request.",
    "insufficient_quota": "The budget for this is spent. Ask your operator for more.",
    "budget_currency": "This model is priced in another currency than the budget. Choose another one.",
    "invalid_tool_call": "The model made a call that is not valid. Try again.",
    "message_not_found": "The prompt to answer is not there any more.",
    "model_moved": "The model is served elsewhere now. Try again.",
    "model_not_found": "This model is no longer offered here. Choose another one.",
    "rate_limit_exceeded": "Too many requests to this model. Try again in a moment.",
    "timeout": "No worker finished this in time. Try again.",
    "too_many_parts": "The answer had too many parts. Try again.",
    "unexpected_tool_call": "The model made a call that was not asked for. Try again.",
    "unrecordable": "The answer is too long to be kept. This is its beginning.",
}
_WHOLE = re.compile(r"[.!?…。]$")


def told(failure: Failure) -> str:
    """In whole sentences, why an answer failed. Of a code that is not known here, the record's own words."""
    return _SAID.get(failure.code) or _sentence(failure.message) or "The answer failed."


def _sentence(text: str) -> str:
    line = text.strip()
    whole = line[:1].upper() + line[1:]
    return whole if not whole or _WHOLE.search(whole) else f"{whole}."
