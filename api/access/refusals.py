"""What clients are told of limits: headers and 429s as OpenAI writes them. Pure."""

from __future__ import annotations

from collections.abc import MutableMapping

from api.access.rates import HOUR_US, Kind, Left, Slots, Taken, go_duration, tightest
from api.http.errors import ApiError

MOST_RETRIED_S = 60
"""Clients wait so long by themselves, and no longer: later they would only try in vain."""
STREAMS_RETRY_S = 2
_OF_REQUESTS: frozenset[Kind] = frozenset({"requests", "messages"})
_OF_TOKENS: frozenset[Kind] = frozenset({"tokens"})
_WHOSE = {"organisation": " for your organisation", "address": " from your address", "tries": " from your address"}
REMAINING = "x-ratelimit-remaining-requests"


def rate_headers(taken: Taken) -> dict[str, str]:
    """The tightest limit of requests (or messages), and that of tokens."""
    headers: dict[str, str] = {}
    for what, kinds in (("requests", _OF_REQUESTS), ("tokens", _OF_TOKENS)):
        left = tightest(taken.left, kinds)
        if left is not None:
            headers[f"x-ratelimit-limit-{what}"] = str(left.rate.limit)
            headers[f"x-ratelimit-remaining-{what}"] = str(left.remaining)
            headers[f"x-ratelimit-reset-{what}"] = go_duration(left.reset_s)
    return headers


def tell(headers: MutableMapping[str, str], taken: Taken) -> None:
    """Add a decision to what an answer tells already; the tighter limit of requests stays."""
    more = rate_headers(taken)
    if REMAINING in more and int(headers.get(REMAINING, more[REMAINING])) < int(more[REMAINING]):
        more = {name: value for name, value in more.items() if not name.endswith("-requests")}
    headers.update(more)


def refusal(taken: Taken, slots: tuple[Slots, ...] = (), tokens: int = 0) -> ApiError | None:
    """The answer to a request that is refused; None: it is not. `tokens`: what it would have reserved."""
    because = taken.refusing(slots)
    if because is None:
        return None
    headers = rate_headers(taken)
    if isinstance(because, Slots):
        at_once = _counted(because.limit, "answers")
        words = f"{at_once} at a time{_whose(because.subject)}. Please try again when one of them has ended."
        return _refused(words, "requests", {**headers, "Retry-After": str(STREAMS_RETRY_S)})
    whose = _whose(because.rate.subject)
    if because.rate.kind == "tokens" and tokens > because.rate.limit:
        words = (
            f"the request is too large: it needs {tokens} tokens, {because.rate.limit} per minute are allowed{whose}."
        )
        return _refused(words, "tokens", {**headers, "x-should-retry": "false"})
    wait_s = max(int(-(-because.wait_s // 1)), 1)
    if wait_s > MOST_RETRIED_S:
        headers["x-should-retry"] = "false"
    words = f"{_in_words(because)}{whose}. Please try again in {wait_s}s."
    kind = "tokens" if because.rate.kind == "tokens" else "requests"
    return _refused(words, kind, {**headers, "Retry-After": str(wait_s)})


def _refused(words: str, kind: str, headers: dict[str, str]) -> ApiError:
    message = f"Rate limit reached: {words}"
    return ApiError(429, message, code="rate_limit_exceeded", error_type=kind, headers=headers)


def _in_words(left: Left) -> str:
    period = "hour" if left.rate.period_us >= HOUR_US else "minute"
    return f"{_counted(left.rate.limit, left.rate.kind)} per {period}"


def _counted(number: int, what: str) -> str:
    return f"{number} {what.removesuffix('s') if number == 1 else what}"


def _whose(subject: str) -> str:
    return _WHOSE.get(subject.partition(":")[0], "")
