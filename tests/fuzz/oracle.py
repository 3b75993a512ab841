"""What is right: every case held against what the log took, what the stores show and what its client saw. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from schemas.envelope import plain
from schemas.outcome import GenerationCompleted, GenerationFailed, Outcome
from schemas.parts import visible_text
from tests.faults.evidence import StoredMessage
from tests.faults.facts import STATUS
from tests.faults.rules_stores import reason_of
from tests.fuzz.asking import Seen
from tests.fuzz.bodies import BodyCase
from tests.fuzz.framings import IN_PIECES
from tests.fuzz.plans import Plan
from tests.fuzz.reference import MAX_CHARACTERS, Told, told
from tests.fuzz.wire import Answer
from tests.fuzz.world import CONTEXT_TOKENS, MAX_OUTPUT_TOKENS


@dataclass(frozen=True, slots=True)
class Fault:
    """A case that went wrong, and how. `late`: only that it took too long, which a busy machine may explain."""

    case: str
    what: str
    late: bool = False


def meaning(plan: Plan) -> tuple[Told, bool]:
    """What a plan says, and whether all of it surely arrives.

    Not so where the connection breaks: what had not been read by then may be lost, which is the transport's doing.
    """
    if not plan.is_stream:
        return Told("", True, "failed", None), True
    sure = plan.end != "reset" and plan.framing not in ("bad_chunk", "short_length")
    sent = plan.sent
    stop = next((number for number, event in enumerate(sent) if event.pause_s > 1), len(sent))
    body = b"".join(event.data for event in sent[:stop])
    ended = stop == len(sent) and (plan.end != "hold" or plan.framing == "length")
    if stop < len(sent) and plan.framing == "gzip":
        ended, body = True, plan.body  # packed as a whole, without its pauses
    return told(body, ended=ended), sure and not (plan.framing == "gzip" and plan.end == "hold")


def judge_answer(plan: Plan, outcome: Outcome) -> Iterator[str]:
    """The outcome against what the upstream sent."""
    return judge_text(plan, _visible(outcome), STATUS[type(outcome)], _reason(outcome))


def judge_text(plan: Plan, text: str, status: str, reason: str | None) -> Iterator[str]:
    """A text and how it ended, against what the upstream sent."""
    said, sure = meaning(plan)
    if status not in ("completed", "failed"):
        yield f"it ended {status}"
    if len(text) > MAX_CHARACTERS:
        yield f"{len(text)} characters are stored"
    if len(said.text) > MAX_CHARACTERS:
        if not said.text.startswith(text) or (sure and len(text) < MAX_CHARACTERS // 2):
            yield f"{len(text)} characters stored of {len(said.text)} sent, or others"
        return
    if sure and said.text_sure:
        if text != said.text:
            yield f"stored {_short(text)}, sent {_short(said.text)}"
    elif sure and not text.startswith(said.text):
        yield f"stored {_short(text)}, sent at first {_short(said.text)}"
    elif not sure and said.text_sure and not said.text.startswith(text):
        yield f"stored {_short(text)} is no beginning of {_short(said.text)}"
    if sure and said.status is not None and (status, reason) != (said.status, said.reason):
        yield f"ended {status} ({reason}), right is {said.status} ({said.reason})"
    if not sure and said.status == "failed" and status == "completed":
        yield "completed, though what was sent has no end"
    if (status, text, reason) == ("completed", "", "stop"):
        yield "an empty answer is a success"


def judge_usage(plan: Plan, outcome: Outcome) -> Iterator[str]:
    """The counts of an outcome: within bounds, and the upstream's own where those can be believed."""
    usage = outcome.usage
    if not 0 <= usage.prompt_tokens <= CONTEXT_TOKENS:
        yield f"{usage.prompt_tokens} prompt tokens"
    if not 0 <= usage.completion_tokens <= max(2 * MAX_OUTPUT_TOKENS, len(plain(outcome.text))):
        yield f"{usage.completion_tokens} completion tokens"
    if not 0 <= usage.cached_tokens <= usage.prompt_tokens:
        yield f"{usage.cached_tokens} cached of {usage.prompt_tokens} prompt tokens"
    if not 0 <= usage.reasoning_tokens <= usage.completion_tokens:
        yield f"{usage.reasoning_tokens} reasoning of {usage.completion_tokens} completion tokens"
    if outcome.cost_micros != outcome.turn.price.cost_micros(usage):
        yield f"cost {outcome.cost_micros} is not the price of {usage}"
    said, sure = meaning(plan)
    if not sure or said.status != "completed" or plan.slow or any(event.pause_s for event in plan.events):
        return
    if len(said.usages) > 1 or len(said.text) > MAX_CHARACTERS:
        return
    upstream = said.usages[0] if said.usages else None
    if isinstance(upstream, dict) and 0 in (upstream.get("prompt_tokens"), upstream.get("completion_tokens")):
        return  # none for a text that is there: believed or not
    if upstream is not None and _believable(upstream):
        if (usage.prompt_tokens, usage.completion_tokens) != (upstream["prompt_tokens"], upstream["completion_tokens"]):
            yield f"billed {usage}, the upstream counted {upstream}"
        if usage.estimated:
            yield f"the upstream's own counts are marked as estimated ({upstream})"
    elif not usage.estimated:
        yield f"billed {usage} without a mark, the upstream said {upstream}"


def _believable(usage: Any) -> bool:
    """Whether these counts can be true: those of a request of this run are small, whatever the slack."""
    if not isinstance(usage, dict):
        return False
    counts = (usage.get("prompt_tokens"), usage.get("completion_tokens"))
    if not all(type(count) is int and count >= 0 for count in counts):
        return False
    return bool(usage["prompt_tokens"] <= CONTEXT_TOKENS and usage["completion_tokens"] <= MAX_OUTPUT_TOKENS)


def judge_seen(seen: Seen, outcome: Outcome) -> Iterator[str]:
    """What its client saw against the outcome."""
    yield from seen.problems
    text, status = _visible(outcome), STATUS[type(outcome)]
    if seen.answer.status >= 400:
        yield from judge_error(seen.answer)
        if status != "failed":
            yield f"answered {seen.answer.status} {seen.code}, and it is {status}"
        return
    if seen.text != text:
        yield f"its client saw {_short(seen.text)}, stored is {_short(text)}"
    if seen.status != status:
        yield f"its client was told {seen.status}, stored is {status}"
    if isinstance(outcome, GenerationFailed) and seen.code != outcome.failure.code:
        yield f"its client was told {seen.code}, stored is {outcome.failure.code}"
    if status == "completed" and seen.reason != _reason(outcome):
        yield f"its client was told {seen.reason}, stored is {_reason(outcome)}"
    if seen.usage is not None:
        counts = [seen.usage.get(name, seen.usage.get(other)) for name, other in _COUNTS]
        if counts != [outcome.usage.prompt_tokens, outcome.usage.completion_tokens]:
            yield f"its client was told {seen.usage}, stored is {outcome.usage}"


_COUNTS = (("prompt_tokens", "promptTokens"), ("completion_tokens", "completionTokens"))


def judge_stored(stored: StoredMessage | None, outcome: Outcome) -> Iterator[str]:
    """What the stores show of it."""
    if stored is None:
        yield "it is not in the stores"
        return
    if (stored.content, stored.status) != (_visible(outcome), STATUS[type(outcome)]):
        due = f"{STATUS[type(outcome)]} {_short(_visible(outcome))}"
        yield f"shown as {stored.status} {_short(stored.content)}, the outcome is {due}"
    if stored.finish_reason is not None and stored.finish_reason != reason_of(outcome):
        yield f"shown with {stored.finish_reason}, the outcome says {reason_of(outcome)}"
    if stored.usage is not None and _counts(stored.usage) != _counts(outcome.usage):
        yield f"shown with {stored.usage}, the outcome says {outcome.usage}"


def judge_error(answer: Answer) -> Iterator[str]:
    """An error has OpenAI's shape and is none of ours."""
    error = answer.error
    if answer.status == 500 or answer.code == "internal_error":
        yield f"answered {answer.status} {answer.code}"
    if error is None:
        yield f"answered {answer.status} in another shape: {answer.body[:100]!r}"
    elif not answer.headers.get("content-type", "").startswith("application/json"):
        yield f"an error of the type {answer.headers.get('content-type')}"
    if answer.status in (429, 503) and not answer.headers.get("retry-after", "").isdigit():
        yield f"a {answer.status} without a Retry-After in seconds"


def judge_body(case: BodyCase, answer: Answer) -> Iterator[str]:
    """What a request was answered.

    Who is refused before the last of several pieces is sent may lose the answer to the reset that the piece brings.
    """
    resets = answer.problem.endswith(("ConnectionResetError", "BrokenPipeError"))
    if answer.status == 0 and resets and case.expect != "ok" and case.framing in IN_PIECES:
        return
    if answer.status == 0 or answer.problem:
        if not (case.may_be_cut and answer.status == 0):
            yield f"no answer: {answer.problem}"
        return
    if answer.status >= 400 and case.method != "HEAD":
        yield from judge_error(answer)
    if case.expect == "ok" and answer.status >= 400 and answer.status != 409 and answer.code != "projections_behind":
        yield f"a right request was answered {answer.status} {answer.code}"
    if case.expect == "refused" and answer.status < 400:
        yield f"a wrong request was answered {answer.status}"


def _visible(outcome: Outcome) -> str:
    """What people are shown: reasoning is stored beside it."""
    return visible_text(plain(outcome.text), outcome.parts)


def _reason(outcome: Outcome) -> str | None:
    return outcome.finish_reason if isinstance(outcome, GenerationCompleted) else None


def _counts(usage: Any) -> tuple[int, int, int]:
    return usage.prompt_tokens, usage.completion_tokens, usage.cached_tokens


def _short(text: str) -> str:
    return repr(text) if len(text) <= 60 else f"{text[:30]!r}…{text[-20:]!r} ({len(text)} characters)"
