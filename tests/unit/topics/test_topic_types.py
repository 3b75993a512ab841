"""The type checker sees a record that goes to another topic, or comes from one.

mypy is strict and reports an ignored error that is none: so each wrong use below is a test that `./verbatim check`
runs. If one of them type-checks one day, the check fails. Nothing here is called.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any, assert_type

from api.consistency.ports import CommandLog
from schemas.control import CancelRequested
from schemas.conversation import PromptSubmitted
from schemas.generation import GenerationEnded, GenerationRecord, GenerationRequested, TokenChunk
from streams.faust.app import OpenHandler, StreamApp, run_agent
from streams.metering.agent import RECORDS as BILLED
from streams.metering.agent import Billable
from topics.catalogue import CONTROL, CONVERSATION_EVENTS, GENERATION_OUTCOMES, TOKEN_CHUNKS, USAGE_RECORDS, jobs_topic
from topics.producer import LogProducer
from topics.topic import Topic

if TYPE_CHECKING:

    async def sent(
        log: LogProducer, port: CommandLog, prompt: PromptSubmitted, job: GenerationRequested, end: GenerationEnded
    ) -> None:
        jobs = jobs_topic("default", "interactive")
        await log.send(CONVERSATION_EVENTS, "key", prompt)
        await port.send(CONVERSATION_EVENTS, "key", prompt)
        await log.send(TOKEN_CHUNKS, "key", end)
        await log.send(jobs, "key", job)

        await log.send(CONTROL, "key", prompt)  # type: ignore[misc]  # a command is no cancel notice
        await log.send(TOKEN_CHUNKS, "key", prompt)  # type: ignore[misc]  # a command is no part of an answer
        await port.send(USAGE_RECORDS, "key", prompt)  # type: ignore[misc]  # a command costs nothing
        await log.send(jobs, "key", end)  # type: ignore[misc]  # an end is no job
        await log.send("control", "key", end)  # type: ignore[arg-type]  # a bare name knows no records

    def fired(log: LogProducer, notice: CancelRequested, end: GenerationEnded) -> None:
        log.fire(CONTROL, "key", CONTROL.bytes_of(notice))
        log.fire(CONTROL, "key", CONTROL.bytes_of(end))  # type: ignore[arg-type]  # an end is no cancel notice

    def read(value: bytes) -> None:
        assert_type(CONTROL.decode(value), CancelRequested)
        assert_type(jobs_topic("default", "interactive").decode(value), GenerationRequested)
        found = TOKEN_CHUNKS.decode(value)
        assert_type(found, GenerationRecord)

        job: GenerationRequested = CONTROL.decode(value)  # type: ignore[assignment]  # a cancel notice is no job
        print(job, found.seq)  # type: ignore[union-attr]  # only chunks have one

    def handled(app: StreamApp, bills: OpenHandler[Billable], notices: OpenHandler[CancelRequested]) -> None:
        run_agent(app, (GENERATION_OUTCOMES,), BILLED, bills)
        run_agent(app, (CONTROL,), BILLED, notices)  # type: ignore[arg-type]  # it would get outcomes

    def named() -> None:
        assert_type(TOKEN_CHUNKS.upper(), str)
        cancel_notices: Topic[CancelRequested] = CONTROL
        chunks: Topic[TokenChunk] = TOKEN_CHUNKS  # type: ignore[assignment]  # it holds starts and ends, too
        anything: Topic[object] = CONTROL  # type: ignore[assignment]  # or everything could be sent to it
        print(cancel_notices, chunks, anything)


def test_wrong_uses_are_looked_for() -> None:
    settings: dict[str, Any] = tomllib.loads((Path(__file__).parents[3] / "pyproject.toml").read_text("utf-8"))
    mypy = settings["tool"]["mypy"]
    assert mypy["strict"] is True and "tests" in mypy["packages"]
    assert mypy.get("warn_unused_ignores", True) is True
