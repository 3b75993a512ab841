"""One attempt at one generation: look back if needed, start, stream, end."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass, replace

from inference_workers.answering import Said, answer
from inference_workers.attempts import Answer, EndOnly, NothingToDo, Plan, owns, plan
from inference_workers.counting import NOTHING, counted_usage
from inference_workers.failing import BROKEN, EXPIRED, MOVED, NO_TOKENS
from inference_workers.job_table import Interrupt, Job
from inference_workers.leases import LeaseKeeper, Leases
from inference_workers.lookback import Lookback, Past
from inference_workers.metrics import OVERTAKEN, TOKENS, WORN_OUT
from inference_workers.ports import Engine, EngineRequest, may_continue
from inference_workers.publishing import AttemptWriter, Outlet
from infra.clock import now_us
from infra.crash_points import crash_point
from infra.ids import draw_attempt_id
from infra.logging import get_logger
from infra.models.catalogue import Deadlines, ModelCatalogue, ModelNotFound, ModelSpec
from schemas import ids
from schemas.bounding import bounded
from schemas.codec import write_level
from schemas.conversation import Sampling
from schemas.envelope import Envelope, Position
from schemas.generation import AttemptStarted, Failure, FinishReason, GenerationRequested
from schemas.price import Usage
from topics.errors import LogError, LogUnavailable, RecordRefused

MAX_STARTS = 5
"""How often a start may lose its number to another worker's before the job is taken up again later."""
HAND_OVER_WAIT_S = 2.0

MAX_ENGINE_CALLS = 4
"""How often one worker begins a generation whose records the log does not take, before it ends it."""
MAX_TRIES_AT_FAULT = 2
"""How often a worker asks an engine for a job at which it fails because of the job itself; then it only ends it."""
PARTS_FROM_LEVEL = 4
"""The write level from which on chunks say which part of the answer they are."""
PICKS_FROM_LEVEL = 6
"""The write level from which on attempts say why they were picked."""
_log = get_logger(__name__)


class NotOwner(Exception):
    """The job is another worker's by now."""


@dataclass(frozen=True, slots=True)
class WorkerContext:
    """What all attempts of a worker share."""

    engine: Engine
    models: ModelCatalogue
    lookback: Lookback
    outlet: Outlet
    worker: str
    still_owner: Callable[[Job], bool]
    pool: str
    leases: Leases | None = None


class Attempt:
    """`run` returns when the generation has an end in the log that this worker wrote or found.

    Interrupted, it leaves by asyncio.CancelledError, after a hand-over if that is the reason. Raises LogError when the
    log does not take or give what is needed, NotOwner when the job is not ours to answer.
    """

    def __init__(self, context: WorkerContext, job: Job, job_position: Position) -> None:
        self._context = context
        self._job = job
        self._position = job_position
        self._request: GenerationRequested = job.request
        self._writer: AttemptWriter | None = None
        self._started: asyncio.Future[int] | None = None
        self._prefix_tokens = self._prefix_reasoning = 0
        self._max_tokens = 1
        self._resumed = False
        self._said = Said(taken=False)
        self.already_ended = False

    async def run(self) -> None:
        model, failure = self._model()
        sampling = self._sampling(model)
        try:
            if not self._job.old:
                step: Plan = Answer(1)
                writer = self._begin(1)
            else:
                found = await self._begin_after_others(model, sampling)
                if found is None:
                    self.already_ended = True
                    return
                writer, step = found
            if failure is None and self._remaining_s() <= 0:
                failure = EXPIRED
            worn_out = self._job.engine_calls >= MAX_ENGINE_CALLS or self._job.faults >= MAX_TRIES_AT_FAULT
            if failure is None and worn_out:
                WORN_OUT()
                failure = BROKEN
            if isinstance(step, EndOnly):
                await self._end(writer, failure or step.failure)
            elif failure is not None or model is None or not isinstance(step, Answer):
                await self._end(writer, failure or BROKEN)
            else:
                await self._answer(writer, model, sampling, step)
        except asyncio.CancelledError:
            if self._job.interrupt is Interrupt.HANDED_OVER and self._writer is not None:
                await self._hand_over(self._writer)
            raise
        finally:
            if self._writer is not None:
                self._writer.close()
                TOKENS.inc(self._writer.tokens)

    async def _answer(self, writer: AttemptWriter, model: ModelSpec, sampling: Sampling, step: Answer) -> None:
        limits = model.deadlines
        self._max_tokens = (sampling.max_tokens or 1) - step.prefix_tokens
        left_s = max(self._remaining_s(), 0.001)
        parts = write_level() >= PARTS_FROM_LEVEL
        call = EngineRequest(
            request_id=f"{self._request.turn.generation_id}:{step.number}:{writer.attempt_id}",
            model=model,
            messages=self._request.messages,
            sampling=replace(sampling, max_tokens=self._max_tokens),
            deadlines=Deadlines(
                first_token_s=min(_wait_s(self._request.first_token_timeout_ms, limits.first_token_s), left_s),
                inter_token_s=min(_wait_s(self._request.inter_token_timeout_ms, limits.inter_token_s), left_s),
                total_s=min(limits.total_s, left_s),
            ),
            prefix=step.prefix,
            tooling=self._request.tooling if parts and "tools" in model.capabilities else None,
            parts=parts,
        )
        self._job.engine_calls += 1
        lease = self._keeper(step.prefix_tokens)
        try:
            said = self._said = await answer(self._context.engine, call, writer, step.room, lease)
        finally:
            if lease is not None:
                lease.close()
        if said.failure is not None:
            await self._end(writer, said.failure)
            return
        await self._acknowledged_start()
        crash_point("worker.before_attempt_ended")
        reason: FinishReason = said.finish.reason if said.finish is not None else "length"
        await writer.end("budget" if said.spent else reason, self._usage(writer))
        crash_point("worker.after_attempt_ended")

    def _keeper(self, said: int) -> LeaseKeeper | None:
        """Of the lease that the job runs on, if its account has a hard budget."""
        leases, lease = self._context.leases, self._request.lease
        if lease is None:
            return None
        if leases is None:
            raise LogUnavailable("this worker reads no leases")
        return leases.keeper(self._request, lease, said)

    async def _end(self, writer: AttemptWriter, failure: Failure | None) -> None:
        """The end without an engine's finish: by a failure, or at the length that was reached before."""
        await self._acknowledged_start()
        await writer.end("failed" if failure else "length", self._usage(writer), failure)

    async def _hand_over(self, writer: AttemptWriter) -> None:
        """Tell the log that the next attempt may begin; bounded, since that attempt fences us anyway."""
        with contextlib.suppress(LogError, TimeoutError):
            async with asyncio.timeout(HAND_OVER_WAIT_S):
                await self._acknowledged_start()
                await writer.end("handed_over", self._usage(writer))

    async def _begin_after_others(
        self, model: ModelSpec | None, sampling: Sampling
    ) -> tuple[AttemptWriter, Plan] | None:
        """The writer of an attempt that owns the generation, and what is left to do; None if it has its end."""
        context, turn = self._context, self._request.turn
        continues = model is not None and may_continue(context.engine, model, sampling, self._request.tooling)
        past = await context.lookback.past(turn)
        for _ in range(MAX_STARTS):
            step = self._plan(past, sampling, continues=continues)
            if isinstance(step, NothingToDo):
                return None
            if not context.still_owner(self._job):
                raise NotOwner
            writer = self._begin(step.number)
            await context.lookback.read_on(past, await self._acknowledged_start() + 1)
            if owns(past.fold, writer.attempt_id):
                # The attempt before ours may have gone on until our start: what is there now counts.
                step = self._plan(past, sampling, continues=continues)
                if isinstance(step, Answer | EndOnly):
                    # An answer may have begun without a text: with a call that has no arguments yet.
                    self._prefix_tokens, self._resumed = step.prefix_tokens, step.first_seq > 1
                    if isinstance(step, EndOnly):
                        self._prefix_reasoning = step.reasoning_tokens
                    writer.resume_at(step.first_seq, step.prefix, step.parts if isinstance(step, EndOnly) else ())
                    writer.open()
                return writer, step
        OVERTAKEN()
        raise LogUnavailable(f"{MAX_STARTS} attempts in a row were overtaken by others")

    def _plan(self, past: Past, sampling: Sampling, *, continues: bool) -> Plan:
        return plan(past.fold, max_tokens=sampling.max_tokens or 1, continues=continues)

    def _begin(self, number: int) -> AttemptWriter:
        """Publish the start of a new attempt. Its chunks leave once it is acknowledged (a look back opens later)."""
        context, request = self._context, self._request
        attempt_id = draw_attempt_id()
        started_by = self._job.started
        writer = AttemptWriter(
            context.outlet,
            request.turn,
            attempt_id,
            on_broken=self._broken,
        )
        at_us, cause = now_us(), request.envelope
        started = AttemptStarted(
            envelope=Envelope(
                event_id=ids.event_id(attempt_id, "AttemptStarted"),
                occurred_at_us=at_us,
                causation_id=cause.event_id,
                correlation_id=cause.correlation_id,
                actor="system:worker",
            ),
            turn=request.turn,
            attempt_id=attempt_id,
            number=number,
            prompt_tokens=request.prompt_tokens,
            worker=context.worker,
            job=self._position,
            pick=started_by.pick if started_by is not None and write_level() >= PICKS_FROM_LEVEL else None,
        )
        if self._writer is not None:
            self._writer.close()
        self._writer = writer
        crash_point("worker.before_attempt_started")
        self._started = writer.begin(started, open_when_acknowledged=not self._job.old)
        if started_by is not None:
            started_by.writers.append(writer)
            started_by.told = True
        return writer

    def _broken(self, error: LogError) -> None:
        self._job.broken = error
        if isinstance(error, RecordRefused):
            self._job.failed_at(error)
        self._job.stop(Interrupt.BROKEN)

    async def _acknowledged_start(self) -> int:
        if self._started is None:
            raise LogUnavailable("the attempt was never begun")
        # Shielded: an interrupt must not cancel what the hand-over waits for again.
        return await asyncio.shield(self._started)

    def _usage(self, writer: AttemptWriter) -> Usage:
        """Over all attempts. Zero if no engine took the request."""
        said, models = self._said, self._context.models
        if not (said.taken or writer.tokens or self._resumed):
            return NOTHING
        model = self._request.turn.model
        return counted_usage(
            said.finish if said.failure is None else None,
            prompt=self._request.prompt_tokens,
            said=writer.tokens - writer.thought,
            thought=max(said.thought, writer.thought),
            before=self._prefix_tokens,
            thought_before=self._prefix_reasoning,
            resumed=self._resumed,
            max_tokens=self._max_tokens,
            context_tokens=models.get(model).context_tokens if model in models else 0,
        )

    def _model(self) -> tuple[ModelSpec | None, Failure | None]:
        try:
            model = self._context.models.get(self._request.turn.model)
        except ModelNotFound as error:
            return None, bounded(Failure("model_not_found", str(error), False))
        if model.pool != self._context.pool:
            return None, MOVED
        asked = self._request.sampling.max_tokens
        return (model, None) if asked is None or asked >= 0 else (None, NO_TOKENS)

    def _sampling(self, model: ModelSpec | None) -> Sampling:
        """With the model's defaults, and no more tokens than its context has left."""
        if model is None:
            return replace(self._request.sampling, max_tokens=max(self._request.sampling.max_tokens or 1, 1))
        sampling = model.sampling(self._request.sampling)
        room = max(model.context_tokens - max(self._request.prompt_tokens, 0), 1)
        return replace(sampling, max_tokens=min(sampling.max_tokens or room, room))

    def _remaining_s(self) -> float:
        """Seconds to the deadline."""
        return (self._request.deadline_at_us - now_us()) / 1e6


def _wait_s(asked_ms: int, usual_s: float) -> float:
    """A deadline as a job names it; the model's where it names none that can be meant."""
    return asked_ms / 1000 if asked_ms > 0 else usual_s
