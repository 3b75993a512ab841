"""Blue/green: fills a projection's next version beside the live one, then switches readers to it.

1. A row for the new version, its tables, then the row says `filling`: from now on the projector learns of it.
2. When every projector must have learned of it, the log's end is the cut. A record at or above the cut came later than
   that, so every writer writes the new version too, without confirmation.
3. The batch shell fills everything below the cut.
4. The new version's watermarks are brought up to the live ones': it holds as much.
5. It is compared with the log, the pointer moves, and the row says `ready`.

A killed run leaves a row that says how far it came; the same command goes on there.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from infra.cassandra.session import CassandraSession
from infra.clock import monotonic_s
from infra.crash_points import crash_point
from projections.order import order_key
from projections.registry import TOPICS, Projection, newest
from projections.replay.bulk import BulkWriter
from projections.replay.count_fill import CountFill
from projections.replay.fill import Fill, Filled, least, watermarks
from projections.replay.lease import Lease, is_gone
from projections.replay.moves import Moves
from projections.replay.pace import Pace
from projections.replay.rules import Done, GoOn, Make, Refused, at_work, rebuild_plan, runs_left
from projections.replay.spooling import Report, Stop
from projections.schema import create_tables
from projections.versions import SETTLED_S, Version
from projections.watermarks import LIVE, REBUILD, watermark_rows
from projections.writer import RowWriter
from topics.catalogue import Catalogue
from topics.cuts import Cut, TopicPartition, parse_cut
from topics.log import RawRecord

FOLLOW_WITHIN_S = 15.0
_FOLLOW_PAUSE_S = 0.1


class ReadableLog(Protocol):
    """topics.log.Log, as far as it is needed here. Blocking; one call at a time."""

    def read(self, start: Cut, stop: Cut) -> Iterator[list[RawRecord]]:
        """The records between two cuts, in batches."""

    def held(self, topics: Mapping[str, int]) -> tuple[dict[TopicPartition, int], dict[TopicPartition, int]]:
        """(first offset, end offset) of every partition."""


Verify = Callable[[Projection, Cut], Awaitable[None]]
"""Compares a version with the log up to a cut. Raises Refused if they differ."""


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """A projection whose version `version` is read now instead of `before`, which is kept."""

    name: str
    version: int
    before: int


class Rebuild:
    """Rebuilds projections of one keyspace from one log, in one pass over it."""

    def __init__(
        self,
        session: CassandraSession,
        keyspace: str,
        log: ReadableLog,
        partitions: Mapping[str, int],
        topics: Catalogue,
        lease: Lease,
        *,
        scratch: Callable[[Projection], Path],
        verify: Verify,
        progress: Callable[[str], AbstractContextManager[Report]],
        say: Callable[[str], None],
        stop: Stop,
        max_rate: int | None = None,
    ) -> None:
        """`partitions`: of each topic. `scratch`: a file that a version may be counted in.
        `progress` shows a long step, `say` is told the others.

        `max_rate`: rows a second; None: as many as there can be, few while answers are streamed.
        """
        self._session = session
        self._keyspace = keyspace
        self._log = log
        self._all_partitions = partitions
        self._partitions = {topic: partitions[topic] for topic in TOPICS}
        self._topics = topics
        self._lease = lease
        self._scratch = scratch
        self._verify = verify
        self._progress = progress
        self._say = say
        self._stop = stop
        self._max_rate = max_rate
        self._moves = Moves(session, keyspace)
        self.filled = Filled()

    def check(self) -> None:
        """Raises what ends the run, if it is to end."""
        self._lease.check()
        self._stop.check()

    async def run(self, names: Sequence[str]) -> list[Rebuilt]:
        """Rebuild all of `names`. Raises Refused, LogError, StoreError, and what `verify` and `stop` raise."""
        await self._look_at_log(names)
        left = runs_left([row for name in names for row in await self._moves.versions(name)])
        # All are asked before anything is changed.
        for name in names:
            await self._plan(name, left)
        return await self._lease.during(lambda: self._rebuild(names, left))

    async def _look_at_log(self, names: Sequence[str]) -> None:
        wanted = {topic for name in names for topic in newest(name).topics}
        first, _ = await asyncio.to_thread(self._log.held, {t: n for t, n in self._partitions.items() if t in wanted})
        for (topic, partition), offset in sorted(first.items()):
            if offset > 0:
                raise Refused(
                    f"{topic}[{partition}] begins at offset {offset}: what came before is neither in the topic nor in"
                    " an archive, and tables made without it would lack rows"
                )

    async def _plan(self, name: str, left: frozenset[str]) -> Make | GoOn | Done:
        versions = await self._moves.versions(name)
        return rebuild_plan(name, versions, await self._moves.live(name), newest(name).definition, left, is_gone)

    async def _taken(self, name: str, left: frozenset[str]) -> Version | None:
        """The version to fill, held: an earlier run's, or a new one. None: there is nothing left to do."""
        plan = await self._plan(name, left)
        if isinstance(plan, Done):
            return None
        if isinstance(plan, Make):
            definition = newest(name).definition
            await self._moves.add(name, plan.version, definition, min(left, default=self._lease.owner))
            crash_point("rebuild.after_row")
            row = Version(name, plan.version, definition, "making")
        else:
            row = plan.version
        await self._lease.take(row)
        held = await self._moves.version(name, row.version)
        if held is None or held.owner != self._lease.owner or held.state not in ("making", "filling"):
            raise Refused(f"the versions of {name} changed a moment ago: run the same command again")
        return held

    async def _rebuild(self, names: Sequence[str], left: frozenset[str]) -> list[Rebuilt]:
        rows = [row for name in names if (row := await self._taken(name, left)) is not None]
        projections = tuple(newest(row.projection).at(row.version) for row in rows)
        self._say("making tables of " + ", ".join(f"{p.name} version {p.version}" for p in projections))
        for row, projection in zip(rows, projections, strict=True):
            if row.state == "making":
                await create_tables(self._session, self._keyspace, projection)
                crash_point("rebuild.after_tables")
                self._need(await self._moves.advance(row, "making", "filling", self._lease.owner), row)
                crash_point("rebuild.after_filling")
        cuts = await self._cuts(rows)
        await self._fill(tuple(p for p in projections if not p.counts), cuts)
        crash_point("rebuild.after_fill")
        done = []
        for row, projection in zip(rows, projections, strict=True):
            cut: Cut = cuts[row.projection]
            if projection.counts and await self._moves.live(projection.name) != projection.version:
                cut = await self._count(projection, cut)
            done.append(await self._turn_to(row, projection, cut))
        return done

    async def _count(self, projection: Projection, cut: Cut) -> Cut:
        """Fill a version that counts; returns up to where its rows count, which the projector goes on from.

        The projector counts into it once it knows that the version says from where on. So what came until then is
        counted here too.
        """
        self._say(f"counting: {sum(cut.values()):,} records for {projection.name}")
        fill = CountFill(projection, self._topics, self._session, self._keyspace, self._scratch(projection))
        rate = self._max_rate
        writer = BulkWriter(self._session, self._keyspace, max_rate=rate, check=self.check)
        try:
            with self._progress("counting") as report:
                total = sum(cut.values())
                await fill.up_to(cut, self._log.read, writer, self, lambda done: report(done, total, 0))
                crash_point("rebuild.counted")
                await asyncio.sleep(SETTLED_S)
                self.check()
                _, end = await asyncio.to_thread(self._log.held, {t: self._partitions[t] for t in projection.topics})
                await fill.up_to(end, self._log.read, writer, self, lambda done: report(total + done, total + done, 0))
        finally:
            await asyncio.to_thread(fill.close)
        return end

    async def _cuts(self, rows: list[Version]) -> dict[str, dict[TopicPartition, int]]:
        """Of each projection what it has to be filled up to: the log's end once all write the new version."""
        cuts = {row.projection: parse_cut(row.cut) for row in rows if row.cut}
        missing = [row for row in rows if row.projection not in cuts]
        if missing:
            await asyncio.sleep(SETTLED_S)
            self.check()
            _, end = await asyncio.to_thread(self._log.held, self._partitions)
            for row in missing:
                cut = {place: at for place, at in end.items() if place[0] in newest(row.projection).topics}
                self._need(await self._moves.keep_cut(row, self._lease.owner, cut), row)
                cuts[row.projection] = cut
            crash_point("rebuild.after_cut")
        return cuts

    async def _fill(self, projections: tuple[Projection, ...], cuts: Mapping[str, Cut]) -> None:
        if not projections:
            return
        stop_at: dict[TopicPartition, int] = {}
        for cut in (cuts[p.name] for p in projections):
            for place, offset in cut.items():
                stop_at[place] = max(offset, stop_at.get(place, 0))
        reached = {
            p.name: await watermarks(self._session, self._keyspace, REBUILD, p.name, p.version) for p in projections
        }
        start = {
            place: least([reached[p.name] for p in projections if place[0] in p.topics], place) for place in stop_at
        }
        passed = sum(start.values())
        total = sum(stop_at.values())
        self._say(f"filling: {total - passed:,} records" + (f", {passed:,} are done already" if passed else ""))
        pace = Pace(lambda topics: self._log.held(topics)[1], self._all_partitions, stop_at, self._max_rate)
        await asyncio.to_thread(pace.look)
        writer = BulkWriter(self._session, self._keyspace, max_rate=pace.rate, check=self.check)
        fill = Fill(projections, self._topics, writer)
        self.filled = fill.filled
        with self._progress("filling") as report:

            def came_to(done: int) -> None:
                pace.look()
                writer.max_rate = pace.rate
                report(done, total - passed, pace.lag)

            await asyncio.to_thread(fill.run, self._log.read, start, stop_at, report=came_to, stop=self)

    async def _turn_to(self, row: Version, projection: Projection, cut: Cut) -> Rebuilt:
        name, version = projection.name, projection.version
        before = await self._moves.live(name)
        if before != version:
            if not projection.counts:
                await self._raise_watermarks(projection, before, cut)
            crash_point("rebuild.after_watermarks")
            self._say(f"verifying {name} version {version}")
            await self._verify(projection, cut)
            crash_point("rebuild.after_verify")
            self.check()
            # The version must not be dropped while the pointer is about to move to it.
            self._need(await self._moves.hold(row, self._lease.owner, row.holder or ""), row)
            if not await self._moves.point(name, before, version):
                raise Refused(
                    f"the pointer of {name} was moved meanwhile; version {version} is complete: run the same command"
                    " again, and it becomes the live one"
                )
            crash_point("rebuild.after_pointer")
        self._need(await self._moves.advance(row, "filling", "ready", self._lease.owner), row)
        crash_point("rebuild.after_ready")
        return Rebuilt(name, version, before)

    async def _raise_watermarks(self, projection: Projection, live: int, cut: Cut) -> None:
        """Once the projector is seen to write the new version wherever it went beyond the cut, say what that holds."""
        until_s = monotonic_s() + FOLLOW_WITHIN_S
        while True:
            old = await watermarks(self._session, self._keyspace, LIVE, projection.name, live)
            new = await watermarks(self._session, self._keyspace, LIVE, projection.name, projection.version)
            behind = [place for place, at in old.items() if place in cut and at > max(cut[place], new.get(place, 0))]
            if not behind:
                break
            if monotonic_s() > until_s:
                topic, partition = behind[0]
                raise Refused(
                    f"the projector goes on in {topic}[{partition}] without writing version {projection.version} of"
                    f" {projection.name}: is it of an older release? Restart it, then run the same command again"
                )
            await asyncio.sleep(_FOLLOW_PAUSE_S)
        keys = {
            (topic, partition): order_key(
                self._topics.position(topic, partition, max(at, old.get((topic, partition), 0)))
            )
            for (topic, partition), at in cut.items()
        }
        rows = watermark_rows((projection,), keys)
        await RowWriter(self._session, self._keyspace).write([(0, put) for put in rows])

    def _need(self, done: bool, row: Version) -> None:
        if not done:
            raise at_work(row)
