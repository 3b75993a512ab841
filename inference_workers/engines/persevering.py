"""Waits for an engine that went away, within the request's deadlines, and continues the answer where it stopped.

One that refuses connections is waited for as long as the deadlines allow. One that answers "no" (HTTP 500) is asked a
handful of times, and one that took the request and broke is given it MAX_OUTAGES times more.

The tries are private to one attempt: it still owns the generation, and knows every token it has said. So nothing is
scanned, and readers see a pause.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from dataclasses import dataclass, replace

from inference_workers.metrics import ENGINE_GIVEN_UP, ENGINE_RETRIED
from inference_workers.ports import (
    Delta,
    Engine,
    EngineError,
    EngineEvent,
    EngineRequest,
    EngineUnavailable,
    Finish,
    Reasoning,
    is_held,
    may_continue,
)
from infra.logging import get_logger
from infra.models.catalogue import Deadlines, ModelSpec

FIRST_PAUSE_S = 0.1
MAX_PAUSE_S = 0.5
MAX_TRIES = 100
MAX_OUTAGES = 3
"""How often one answer outlives its engine. A request that kills every engine it meets must not go on doing so."""
MAX_REFUSALS = 5
"""How often an engine that was reached and said no is asked again, after pauses that double."""
REFUSAL_PAUSE_S = 0.25
INTERRUPTED = "interrupted"

_log = get_logger(__name__)


@dataclass(slots=True)
class Patience:
    """How long an answer waits for its engine. Pure: times are seconds of one clock.

    Silence counts over all tries: before the first token the first-token deadline bounds it, afterwards the
    inter-token deadline, and the total bounds everything.
    """

    deadlines: Deadlines
    began_s: float
    token_s: float | None = None
    failures: int = 0
    outages: int = 0
    refusals: int = 0

    def token(self, now_s: float) -> None:
        """A token came: the engine works, so its next end is a new one."""
        self.token_s, self.failures, self.refusals = now_s, 0, 0

    def left(self, now_s: float) -> Deadlines:
        """The deadlines of a call that begins now: what silence so far has left of them."""
        limits = self.deadlines
        total_s = limits.total_s - (now_s - self.began_s)
        if self.token_s is None:
            first_s = limits.first_token_s - (now_s - self.began_s)
        else:
            first_s = limits.inter_token_s - (now_s - self.token_s)
        least = 0.001
        return Deadlines(max(min(first_s, total_s), least), limits.inter_token_s, max(total_s, least))

    def pause_s(self, error: EngineUnavailable, now_s: float) -> float | None:
        """The pause before the next try after another failure; None: no try is left that could end in time."""
        self.failures += 1
        self.outages += error.accepted
        self.refusals += error.answered
        pause_s: float = min(FIRST_PAUSE_S * 2.0 ** min(self.failures - 1, 10), MAX_PAUSE_S)
        if error.answered:
            pause_s = REFUSAL_PAUSE_S * 2.0 ** (self.refusals - 1)
        left = self.left(now_s)
        if (
            self.failures >= MAX_TRIES
            or self.outages > MAX_OUTAGES
            or self.refusals > MAX_REFUSALS
            or pause_s >= min(left.first_token_s, left.total_s)
        ):
            return None
        return pause_s


class PerseveringEngine:
    """An Engine in front of another, which it calls again when that raises EngineUnavailable.

    An answer that has begun is continued only by an engine that `continues`, and only if it is text alone; another's
    ends with the error.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def continues(self, model: ModelSpec) -> bool:
        return self._engine.continues(model)

    async def check(self) -> None:
        await self._engine.check()

    async def aclose(self) -> None:
        await self._engine.aclose()

    async def generate(self, request: EngineRequest) -> AsyncGenerator[EngineEvent, None]:
        """See Engine.generate."""
        clock = asyncio.get_running_loop().time
        patience = Patience(request.deadlines, clock())
        sampling, tooling = request.sampling, request.tooling
        texts: list[str] = []
        only_text = True
        tokens = thoughts = 0
        before = (0, 0)
        accepted = False
        call, tries = request, 1
        while True:
            try:
                async with contextlib.aclosing(self._engine.generate(call)) as events:
                    async for event in events:
                        if type(event) is Delta:
                            patience.token(clock())
                            texts.append(event.text)
                            tokens += event.tokens
                        elif isinstance(event, Finish):
                            if tries > 1:
                                event = _over_all(event, *before, same_prompt=call.prefix == request.prefix)
                        else:
                            patience.token(clock())
                            if type(event) is Reasoning:
                                thoughts += event.tokens
                                only_text = only_text and not request.parts
                            else:
                                tokens += event.tokens
                                only_text = False
                        yield event
                return
            except EngineError as error:
                may_go_on = only_text and (not texts or may_continue(self._engine, request.model, sampling, tooling))
                pause_s = None
                if isinstance(error, EngineUnavailable) and may_go_on:
                    pause_s = patience.pause_s(error, clock())
                error.accepted = accepted = accepted or error.accepted or tokens + thoughts > 0
                if pause_s is None:
                    if isinstance(error, EngineUnavailable):
                        ENGINE_GIVEN_UP()
                        if not only_text or (texts and is_held(sampling, tooling)):
                            error.code = INTERRUPTED
                    raise
                ENGINE_RETRIED()
                if patience.failures == 1:
                    _log.warning("an engine went away, waiting for it", request=request.request_id, reason=str(error))
            await asyncio.sleep(pause_s)
            if tokens >= request.max_tokens:
                yield Finish("length", None, tokens + thoughts, None, thoughts or None)
                return
            tries, before = tries + 1, (tokens, thoughts)
            call = replace(
                request,
                # Engines mix up requests that share an id, and the earlier call may not have ended everywhere.
                request_id=f"{request.request_id}:{tries}",
                sampling=replace(request.sampling, max_tokens=request.max_tokens - tokens),
                deadlines=patience.left(clock()),
                prefix=request.prefix + "".join(texts),
            )


def _over_all(finish: Finish, tokens: int, thoughts: int, *, same_prompt: bool) -> Finish:
    """The end of the last call as the end of all, which said and thought so many tokens before it.

    A prompt that held answer text is not the prompt that was sent: its count is left out.
    """
    completion, reasoning = finish.completion_tokens, finish.reasoning_tokens
    return Finish(
        finish.reason,
        finish.prompt_tokens if same_prompt else None,
        None if completion is None else tokens + thoughts + completion,
        finish.cached_tokens if same_prompt else None,
        None if reasoning is None else thoughts + reasoning,
    )
