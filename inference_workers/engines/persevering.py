"""An engine that went away is waited for, within the request's deadlines, and the answer goes on where it stopped.

The tries are private to one attempt: it still owns the generation, and knows every token it has said. So nothing is
scanned, and readers see a pause.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from dataclasses import dataclass, replace

from inference_workers.ports import Delta, Engine, EngineEvent, EngineRequest, EngineUnavailable, Finish
from infra.logging import get_logger
from infra.models import Deadlines, ModelSpec

FIRST_PAUSE_S = 0.1
MOST_PAUSE_S = 0.5
MOST_TRIES = 100
MOST_OUTAGES = 3
"""How often one answer outlives its engine. A request that kills every engine it meets must not go on doing so."""

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

    def token(self, now_s: float) -> None:
        """A token came: the engine works, so its next end is a new one."""
        self.token_s, self.failures = now_s, 0

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

    def pause_s(self, now_s: float) -> float | None:
        """The pause before the next try after another failure; None: no try is left that could end in time."""
        self.failures += 1
        self.outages += self.failures == 1
        pause_s: float = min(FIRST_PAUSE_S * 2.0 ** min(self.failures - 1, 10), MOST_PAUSE_S)
        left = self.left(now_s)
        if (
            self.failures >= MOST_TRIES
            or self.outages > MOST_OUTAGES
            or pause_s >= min(left.first_token_s, left.total_s)
        ):
            return None
        return pause_s


class PerseveringEngine:
    """An Engine in front of another, which it calls again when that raises EngineUnavailable.

    An answer that has begun is continued only by an engine that `continues`; another's ends with the error.
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
        texts: list[str] = []
        tokens = tokens_before = 0
        call, tries = request, 1
        while True:
            try:
                async with contextlib.aclosing(self._engine.generate(call)) as events:
                    async for event in events:
                        if type(event) is Delta:
                            patience.token(clock())
                            texts.append(event.text)
                            tokens += event.tokens
                        elif isinstance(event, Finish) and call.prefix != request.prefix:
                            event = _over_all(event, tokens_before)
                        yield event
                return
            except EngineUnavailable as error:
                if texts and not self._engine.continues(request.model):
                    raise
                pause_s = patience.pause_s(clock())
                if pause_s is None:
                    raise
                if patience.failures == 1:
                    _log.warning("an engine went away, waiting for it", request=request.request_id, reason=str(error))
            await asyncio.sleep(pause_s)
            if tokens >= request.max_tokens:
                yield Finish("length", None, tokens)
                return
            tries, tokens_before = tries + 1, tokens
            call = replace(
                request,
                # Engines mix up requests that share an id, and the earlier call may not have ended everywhere.
                request_id=f"{request.request_id}:{tries}",
                sampling=replace(request.sampling, max_tokens=request.max_tokens - tokens),
                deadlines=patience.left(clock()),
                prefix=request.prefix + "".join(texts),
            )


def _over_all(finish: Finish, tokens_before: int) -> Finish:
    """The end of the last call as the end of all: a prompt that held answer text is not the prompt that was sent."""
    counted = finish.completion_tokens
    return Finish(finish.reason, None, None if counted is None else tokens_before + counted)
