"""`python -m tests.integration.streams_probe.app`: notes every handled record in a file.

A record's `name` says what happens: `crash-once:X` ends the handler with an error the first time, `poison` is given up,
`retry:N` asks for N more attempts, `slow:S` takes S seconds.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from infra.processes.runner import run
from infra.settings import Settings
from schemas.account import UserCreated
from schemas.families import Family
from streams.faust.app import Handler, Poison, Retry, Source, StreamApp, make_app, run_agent
from streams.faust.running import run_app
from topics.producer import LogProducer

TOPIC = os.environ["PROBE_TOPIC"]
NOTES = Path(os.environ["PROBE_NOTES"])
USERS: Family[UserCreated] = Family(UserCreated)
MAX_IN_FLIGHT = int(os.environ.get("PROBE_IN_FLIGHT", "1"))


class _Wrong(Exception):
    """An error nobody expects."""


def _note(line: str) -> None:
    with NOTES.open("a") as file:
        file.write(f"{line}\n")


@asynccontextmanager
async def _opened(_: LogProducer) -> AsyncIterator[Handler[UserCreated]]:
    attempts: Counter[str] = Counter()

    async def handle(record: UserCreated, source: Source) -> None:
        what, _, argument = record.name.partition(":")
        attempts[record.user_id] += 1
        match what:
            case "crash-once":
                marker = NOTES.with_name(argument)
                if not marker.exists():
                    marker.touch()
                    raise _Wrong("as the record says")
            case "poison":
                raise Poison("as the record says")
            case "retry" if attempts[record.user_id] <= int(argument):
                raise Retry("as the record says")
            case "slow":
                await asyncio.sleep(float(argument))
        _note(f"{record.user_id} {source.partition}/{source.offset} {source.maybe_repeat}")

    try:
        yield handle
    finally:
        _note("closed")


def probe(settings: Settings) -> StreamApp:
    app = make_app(os.environ["PROBE_NAME"], settings)
    run_agent(app, (TOPIC,), USERS, _opened, most_in_flight=MAX_IN_FLIGHT)
    return app


if __name__ == "__main__":
    sys.exit(run("probe", lambda settings: run_app(lambda: probe(settings))))
