"""`python -m infra.cli.renew`: rebuild what an older release's tables lack. A child of `up`, beside the running stack.

It says how far it is in its saying's file (infra.stack.job), and the same in its log. Ends with 0 when nothing is left
to do, with TRY_AGAIN when log or tables are away, another one is at it or the log has records of a newer release, with
REFUSED when it cannot be done: the old versions go on being read. A kill at any point costs nothing: the next run goes
on.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from infra.cassandra import CassandraSession, StoreRefused, StoreUnavailable
from infra.cli.replay.opened import open_log
from infra.cli.replay.progress import Interrupted, Report, Stop, interruptible, step_back
from infra.cli.replay.projections import store_session
from infra.cli.replay.rebuild_work import Telling, rebuild_with
from infra.cli.terminal import UserError, one_line
from infra.lifesign import LifeSign
from infra.logging import configure, get_logger
from infra.settings import Settings, load
from infra.stack.job import REFUSED, TRY_AGAIN, Saying
from projections import SchemaMismatch
from projections.replay.renewing import behind_now, clear_way, retire
from projections.replay.rules import AtWork, Refused
from projections.replay.spool import ScratchError
from schemas.codec import NewerRecord
from topics.errors import LogError, LogUnavailable
from topics.log import Log

log = get_logger(__name__)


async def renew(settings: Settings, records: Log, saying: Saying, stop: Stop) -> int:
    """Rebuild what is behind, one projection after the other; how to end. One that is refused keeps none from it."""
    keyspace = settings.cassandra.keyspace
    refused: list[str] = []
    async with store_session(settings) as session:
        names = await behind_now(session, keyspace)
        for name in names:
            try:
                await _renew(session, settings, records, name, saying, stop)
            except AtWork:
                raise
            except (LogError, Refused, SchemaMismatch, ScratchError, StoreRefused, UserError) as error:
                if isinstance(error, LogUnavailable):
                    raise
                log.error("not rebuilt", projection=name, reason=one_line(str(error)))
                refused.append(f"{name}: {one_line(str(error))}")
    saying.say("; ".join(refused) or (f"{', '.join(names)} rebuilt" if names else "nothing to rebuild"))
    return REFUSED if refused else 0


async def _renew(
    session: CassandraSession, settings: Settings, records: Log, name: str, saying: Saying, stop: Stop
) -> None:
    def say(line: str) -> None:
        log.info(line, projection=name)
        saying.say(f"{name}: {line}")

    @contextmanager
    def progress(what: str) -> Iterator[Report]:
        yield lambda done, total, lag: saying.say(f"{name}: {what}, {done:,} of {total:,}", in_passing=True)

    await clear_way(session, settings.cassandra.keyspace, name)
    done, filled = await rebuild_with(session, settings, records, (name,), Telling(progress, say), stop)
    for rebuilt in done:
        gone = await retire(session, settings.cassandra.keyspace, name, rebuilt.before)
        log.info(
            "rebuilt",
            projection=name,
            version=rebuilt.version,
            before=rebuilt.before,
            parked=filled.parked_count,
            dropped=gone,
        )


async def run(settings: Settings, saying: Saying, stop: Stop) -> int:
    """As `renew`, from connecting on, with a sign of life."""
    ended = asyncio.Event()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(LifeSign.from_env().run_beats(ended))
        try:
            return await _run(settings, saying, stop)
        finally:
            ended.set()


async def _run(settings: Settings, saying: Saying, stop: Stop) -> int:
    try:
        with open_log(settings) as records:
            return await renew(settings, records, saying, stop)
    except Interrupted:
        return TRY_AGAIN
    except (AtWork, LogUnavailable, NewerRecord, StoreUnavailable) as error:
        log.warning("tried again later", reason=one_line(str(error)))
        saying.say(one_line(str(error)))
        return TRY_AGAIN


def main() -> None:
    """The child's whole life."""
    settings = load()
    configure("rebuild", settings.log_level)
    step_back()
    with interruptible() as stop:
        sys.exit(asyncio.run(run(settings, Saying.from_env(), stop)))


if __name__ == "__main__":
    main()
