"""Limits of a request for an answer: what it takes before its command is given, and what is corrected at its end."""

from __future__ import annotations

from api.access.limiting import RateLimits, Running
from api.access.rates import Slots
from api.access.refusals import refusal, tell
from api.consistency.commanding import Author
from api.http.metrics import LIMITED
from api.streaming.feed import Feed
from api.streaming.tail_hub import TailHub
from api.turns.intents import Intent, PromptIntent
from api.turns.joining import Opened


async def admitted(limits: RateLimits, author: Author, intent: Intent, choices: int) -> Running | None:
    """What the request has reserved; None where nothing of it is counted. Raises ApiError 429.

    The answer's head will tell what is left. Of a prompt in a conversation, only what was said now is counted
    beforehand; the end of its answer corrects that.
    """
    tokens = intent.tokens if isinstance(intent, PromptIntent) else 0
    sampling, spec = intent.sampling, intent.spec
    most = sampling.max_tokens if sampling.max_tokens is not None else spec.defaults.max_tokens
    admission = await limits.admit_message(author.limited, tokens, most, spec.max_output_tokens, choices)
    refused = refusal(admission.taken, admission.slots, admission.tokens)
    if refused is not None:
        because = admission.taken.refusing(admission.slots)
        LIMITED.labels("streams" if because is None or isinstance(because, Slots) else because.rate.kind).inc()
        raise refused
    tell(author.answer, admission.taken)
    return admission.running


class Watch:
    """Follows the answers of an admitted request to their ends, whoever else reads them, and settles it then."""

    def __init__(self, limits: RateLimits, hub: TailHub, running: Running) -> None:
        self._limits = limits
        self._hub = hub
        self._running = running
        self._feeds: list[Feed] = []
        self._open = 0

    def follow(self, opened: Opened) -> None:
        """From now on. Of a repeat nothing was begun here."""
        if opened.replayed:
            self._limits.give_back(self._running)
            return
        for each in opened.all:
            turn = each.turn
            self._feeds.append(self._hub.open(turn.generation_id, turn.conversation_id, turn.user_id))
        self._open = len(self._feeds)
        for feed in self._feeds:
            feed.when_over(self._one_over)

    def _one_over(self) -> None:
        self._open -= 1
        if self._open:
            return
        endings = [feed.ending for feed in self._feeds]
        used: int | None = 0
        for ending in endings:
            used = None if used is None or ending is None else used + ending.usage.completion_tokens
        first = endings[0]
        if used is not None and first is not None:
            used += first.usage.prompt_tokens
        self._limits.over(self._running, used)
        for feed in self._feeds:
            self._hub.close(feed)
