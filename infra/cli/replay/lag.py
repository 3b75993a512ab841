"""`./verbatim replay lag`: how far every reader of the log is behind, and how old its unread records are."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from infra.cli.state_option import StateOption
from infra.cli.terminal import UserError, complain, one_line

if TYPE_CHECKING:
    from infra.settings import Settings
    from topics.cuts import TopicPartition

_ANSWER_S = 10.0
_LOOK_S = 3.0
"""How long the oldest unread records are waited for; one that does not come has no age."""


@dataclass(frozen=True, slots=True)
class Reader:
    """A reader's place in a partition: a consumer group by what it committed, a projection's version by its watermark.

    `oldest_age_s`: how long ago the first record it has not read was appended; None if it has read all, or if that
    record is not to be had. `below`: that much of what it has not read is gone from the topic.
    """

    kind: str
    name: str
    topic: str
    partition: int
    at: int
    end: int
    lag: int
    below: int
    oldest_age_s: float | None


def register(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command()(lag)


def lag(
    topic: Annotated[str | None, typer.Argument(metavar="[TOPIC]", help="Only readers of this topic.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object for each reader and partition.")] = False,
    most: Annotated[
        int | None,
        typer.Option("--most", min=0, metavar="N", help="Exit with 1 if any reader is more than N records behind."),
    ] = None,
    state: StateOption = None,
) -> None:
    """Show each consumer group's and each projection's place in every partition, how many records are unread, and how
    old the oldest of them is."""
    try:
        readers = _readers(state, topic)
    except UserError as error:
        complain(error)
    _show(readers, as_json)
    if most is not None and any(reader.lag > most for reader in readers):
        raise SystemExit(1)


def _readers(state: Path | None, topic: str | None) -> list[Reader]:
    from infra.cli.replay.opened import log_errors, open_log
    from infra.cli.stack_file import connected_settings
    from infra.clock import now_us
    from topics.groups import committed

    settings = connected_settings(state)
    properties = settings.kafka.client_properties()
    with log_errors(), open_log(settings) as log:
        places = [
            ("group", group, *place, at)
            for place, groups in committed(properties).items()
            for group, at in groups.items()
        ]
        places += _projections(settings)
        there = log.topics()
        if topic is not None and topic not in there:
            known = ", ".join(sorted(there)) or "none yet"
            raise UserError(f"there is no topic {one_line(topic)[:100]!r}. The topics are: {known}")
        places = [place for place in places if place[2] in there and topic in (None, place[2])]
        named = {place[2] for place in places}
        _, ends = log.held({name: there[name] for name in named})
        lows = _lows(properties, {(place[2], place[3]) for place in places})
        unread = {(p[2], p[3], max(p[4], lows[p[2], p[3]])) for p in places if p[4] < ends[p[2], p[3]]}
        times = _times(properties, unread)
    now_ms = now_us() / 1000
    found = []
    for kind, name, its_topic, partition, at in sorted(places):
        end, low = ends[its_topic, partition], lows[its_topic, partition]
        appended_ms = times.get((its_topic, partition, max(at, low)))
        age_s = None if appended_ms is None or at >= end else round(max(now_ms - appended_ms, 0) / 1000, 1)
        behind = max(end - at, 0)
        found.append(Reader(kind, name, its_topic, partition, at, end, behind, max(low - at, 0), age_s))
    return found


def _projections(settings: Settings) -> list[tuple[str, str, str, int, int]]:
    """(kind, name, topic, partition, next offset) of every version that is written. Raises StoreError."""
    import asyncio

    from infra.cassandra.session import CassandraSession
    from projections.order import place
    from projections.versions import read_pointers, read_versions
    from projections.watermarks import LIVE, WATERMARKS

    async def read() -> list[tuple[str, str, str, int, int]]:
        session = await CassandraSession.connect(settings.cassandra)
        keyspace = settings.cassandra.keyspace
        try:
            pointers = await read_pointers(session, keyspace)
            written = {
                (row.projection, row.version) for row in await read_versions(session, keyspace) if row.is_written
            }
            select = await session.prepare(
                f"SELECT projection, version, topic, partition, next FROM {keyspace}.{WATERMARKS.name} WHERE scope = ?"  # noqa: S608 - a checked setting
            )
            rows = await session.execute(select, (LIVE,))
        finally:
            await session.aclose()
        return [
            ("projection", f"{name} v{version}{_mark(version, pointers.get(name))}", topic, partition, place(key)[1])
            for name, version, topic, partition, key in rows
            if (name, version) in written
        ]

    return asyncio.run(read())


def _mark(version: int, live: int | None) -> str:
    return " (live)" if version == live else ""


def _lows(properties: Mapping[str, str], places: Iterable[TopicPartition]) -> dict[TopicPartition, int]:
    """The first offset that each topic itself still holds. Raises LogUnavailable."""
    from topics.consumer import assigned_consumer, bounds

    consumer = assigned_consumer({**properties, "log_level": "0"})
    try:
        return {place: bounds(consumer, *place, _ANSWER_S)[0] for place in places}
    finally:
        consumer.close()


def _times(properties: Mapping[str, str], wanted: Iterable[tuple[str, int, int]]) -> dict[tuple[str, int, int], int]:
    """When the records at these places were appended, in milliseconds since 1970; those that come in time."""
    from confluent_kafka import TopicPartition as Place

    from infra.clock import monotonic_s
    from topics.consumer import assigned_consumer, next_batch

    found: dict[tuple[str, int, int], int] = {}
    consumer = assigned_consumer({**properties, "log_level": "0", "queued.max.messages.kbytes": "4096"})
    # Of one partition one place at a time: a consumer cannot stand at two.
    left = sorted(wanted, reverse=True)
    until_s = monotonic_s() + _LOOK_S
    try:
        while left and monotonic_s() < until_s:
            now: dict[tuple[str, int], int] = {(topic, partition): offset for topic, partition, offset in left}
            consumer.assign([Place(topic, partition, offset) for (topic, partition), offset in now.items()])
            while now and monotonic_s() < until_s:
                for message in next_batch(consumer, 500, 0.2):
                    place = message.topic() or "", message.partition() or 0
                    if place in now:
                        found[*place, now.pop(place)] = message.timestamp()[1]
            left = [place for place in left if place not in found]
    finally:
        consumer.close()
    return found


def _show(readers: list[Reader], as_json: bool) -> None:
    import json

    if as_json:
        for reader in readers:
            print(json.dumps(asdict(reader)))
        return
    from infra.cli.replay.tables import age, shown, table

    rows = table("reader", "topic", "partition>", "read up to>", "end>", "unread>", "oldest unread>")
    for reader in readers:
        gone = f" ({reader.below:,} gone)" if reader.below else ""
        rows.add_row(
            f"{reader.kind} {reader.name}",
            reader.topic,
            str(reader.partition),
            f"{reader.at:,}",
            f"{reader.end:,}",
            f"{reader.lag:,}{gone}",
            age(reader.oldest_age_s),
        )
    shown(rows)
