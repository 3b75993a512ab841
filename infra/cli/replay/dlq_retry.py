"""Which consumer a dead letter goes back to, and how: this command runs the consumer's own agent."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace

from infra.cli.terminal import UserError
from infra.models.catalogue import ModelCatalogue
from infra.processes.mistakes import MISTAKES
from infra.settings import Settings
from schemas.codec import NewerRecord, UndecodableRecord, decode
from schemas.generation import GenerationRequested
from schemas.turns import Command
from streams.faust.app import StreamApp
from streams.faust.retrying import Again, NotTaken, Original, StillPoison, retrying
from topics.catalogue import TOKEN_CHUNKS, Catalogue
from topics.counts import configured, on_broker
from topics.producer import LogProducer
from topics.slices.selection import JOBS_PREFIX
from topics.topic import Topic

WORKER = "worker"
RECORDER = "streams.recorder"


class CannotRetry(UserError):
    """A consumer that takes no record outside its process. The message says why, and what to do."""


def topics_of(settings: Settings, models: ModelCatalogue) -> Catalogue:
    """The topics of the installation, as they are on the broker. Raises LogError."""
    return on_broker(settings.kafka.client_properties(), configured(settings.kafka, models.pools))


def consumers_of(topic: str, settings: Settings) -> list[str]:
    """The consumers of a topic, by their names in dead letters. Raises UserError for wrong settings."""
    if topic.startswith(JOBS_PREFIX):
        return [WORKER]
    found = [RECORDER] if topic == TOKEN_CHUNKS else []
    for name, make in _AGENTS.items():
        parts = _made(make, settings).agent_parts
        if parts is not None and topic in parts.topics:
            found.append(name)
    return found


def _made(make: Callable[[Settings], StreamApp], settings: Settings) -> StreamApp:
    try:
        return make(settings)
    except MISTAKES as error:
        raise UserError(str(error)) from None


@asynccontextmanager
async def opened(
    consumer: str, settings: Settings, producer: LogProducer, models: ModelCatalogue
) -> AsyncIterator[Again]:
    """Open a consumer by its name in dead letters. Raises CannotRetry, UserError for wrong settings."""
    if consumer == WORKER:

        async def to_the_workers(original: Original) -> str:
            return await _job_again(producer, original)

        yield to_the_workers
        return
    make = _AGENTS.get(consumer)
    if make is None:
        raise CannotRetry(_WHY_NOT.get(consumer, f"no consumer of this release is called {consumer!r}: drop it"))
    app = _made(make, settings)
    app.topics_catalogue = producer.topics  # as the broker has them: its process asks at its start
    async with retrying(app, producer) as again:

        async def checked(original: Original) -> str:
            _refuse_unknown_model(consumer, original, models)
            return await again(original)

        yield checked


async def _job_again(producer: LogProducer, original: Original) -> str:
    """A job goes to the workers as a copy: its place in its topic means nothing, and they look back first."""
    try:
        job = decode(original.value)
    except NewerRecord as error:
        raise StillPoison(f"a newer release wrote it, upgrade first: {error}") from error
    except UndecodableRecord as error:
        raise StillPoison(f"{type(error).__name__}: {error}") from error
    if not isinstance(job, GenerationRequested):
        raise StillPoison(f"it is a {type(job).__name__}, which is not a job")
    try:
        jobs: Topic[GenerationRequested] = Topic(original.topic, GenerationRequested)
        await producer.send(jobs, job.turn.conversation_id, replace(job, maybe_repeat=True))
    except KeyError:
        raise NotTaken(f"no model that is known here has the pool of {original.topic}") from None
    return "it was sent to the workers again"


def _refuse_unknown_model(consumer: str, original: Original, models: ModelCatalogue) -> None:
    # The agent would answer the user that there is no such model, although the stack's own process may know it.
    if consumer != "streams.conversation":
        return
    try:
        record = decode(original.value)
    except (UndecodableRecord, NewerRecord):
        return  # the agent says what is wrong with it
    if isinstance(record, Command) and record.model not in {m.id for m in models}:
        raise NotTaken(
            f"its model {record.model!r} is not known here: give this command the stack's own files by --models"
        )


def _metering(settings: Settings) -> StreamApp:
    from streams.metering.agent import make_metering_app

    return make_metering_app(settings, ModelCatalogue.of(settings).pools)


def _watchdog(settings: Settings) -> StreamApp:
    from streams.watchdog.agent import make_watchdog_app

    return make_watchdog_app(settings, ModelCatalogue.of(settings))


def _conversation(settings: Settings) -> StreamApp:
    from infra.processes.conversation import conversation_app

    return conversation_app(settings)


def _projections(settings: Settings) -> StreamApp:
    from projections.agent import make_projections_app

    return make_projections_app(settings)


_AGENTS: dict[str, Callable[[Settings], StreamApp]] = {
    "streams.metering": _metering,
    "streams.watchdog": _watchdog,
    "streams.conversation": _conversation,
    "streams.projections": _projections,
}
_WHY_NOT = {
    RECORDER: "the recorder reads a generation as a whole, and has passed this one: its outcome stands, or the "
    "watchdog has ended it. The letter is information: drop it, and ask again in the conversation",
}
