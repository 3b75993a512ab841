"""`python -m infra.cli.renew`: rebuilds tables with an older definition. A child of `up`, beside the running stack.

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

from infra.cassandra.errors import StoreRefused, StoreUnavailable
from infra.cassandra.session import CassandraSession
from infra.cli.replay.opened import open_log
from infra.cli.replay.progress import Interrupted, Report, Stop, interruptible, step_back
from infra.cli.replay.projections import store_session
from infra.cli.replay.rebuild_work import Telling, rebuild_with
from infra.cli.terminal import UserError, one_line
from infra.lifesign import LifeSign
from infra.logging import configure, get_logger
from infra.settings import Settings, load
from infra.speaking import speak
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
    """Rebuild what is behind, together; how to end. One that is refused keeps none of the others from it."""
    refused: dict[str, str] = {}
    async with store_session(settings) as session:
        renewal = _Renewal(session, settings, records, saying, stop)
        names = await behind_now(session, settings.cassandra.keyspace)
        if await renewal.refusal(names) is not None:
            for name in await behind_now(session, settings.cassandra.keyspace):
                if (reason := await renewal.refusal((name,))) is not None:
                    log.error("not rebuilt", projection=name, reason=reason)
                    refused[name] = reason
    told = "; ".join(f"{name}: {reason}" for name, reason in refused.items())
    saying.say(told or (f"{', '.join(names)} rebuilt" if names else "nothing to rebuild"))
    return REFUSED if refused else 0


class _Renewal:
    def __init__(self, session: CassandraSession, settings: Settings, records: Log, saying: Saying, stop: Stop) -> None:
        self._session = session
        self._settings = settings
        self._records = records
        self._saying = saying
        self._stop = stop

    async def refusal(self, names: tuple[str, ...]) -> str | None:
        """Rebuild these, in one pass over the log. None: they are read now; else why one of them is not."""
        try:
            await self._rebuild(names)
        except (AtWork, LogUnavailable):
            raise
        except (LogError, Refused, SchemaMismatch, ScratchError, StoreRefused, UserError) as error:
            return one_line(str(error))
        return None

    async def _rebuild(self, names: tuple[str, ...]) -> None:
        if not names:
            return
        keyspace = self._settings.cassandra.keyspace
        for name in names:
            await clear_way(self._session, keyspace, name)
        telling = Telling(self._progress, self._say)
        done, filled = await rebuild_with(self._session, self._settings, self._records, names, telling, self._stop)
        for rebuilt in done:
            gone = await retire(self._session, keyspace, rebuilt.name, rebuilt.before)
            log.info("rebuilt", projection=rebuilt.name, version=rebuilt.version, before=rebuilt.before, dropped=gone)
        if filled.parked_count:
            log.warning("records made no row; the projector has them in dead-letters", records=filled.parked_count)

    def _say(self, line: str) -> None:
        log.info(line)
        self._saying.say(line)

    @contextmanager
    def _progress(self, what: str) -> Iterator[Report]:
        yield lambda done, total, lag: self._saying.say(f"{what}, {done:,} of {total:,}", in_passing=True)


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
    speak(settings)
    configure("rebuild", settings.log_level)
    step_back()
    with interruptible() as stop:
        sys.exit(asyncio.run(run(settings, Saying.from_env(), stop)))


if __name__ == "__main__":
    main()
