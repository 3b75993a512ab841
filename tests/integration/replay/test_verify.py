"""Verify and time travel on real servers: live writes are no differences, damage is named, the past is shown."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from infra.cassandra.session import CassandraSession
from infra.settings import Settings
from projections import Projections
from projections.order import AFTER_ERASURE, first_wins, last_wins
from projections.registry import PROJECTIONS, Projection
from projections.replay.as_of import Past
from projections.replay.comparing import WHOLE_ROW
from projections.replay.fill import watermarks
from projections.replay.stored import StoredRows
from projections.replay.verify import Verdict, verify
from projections.watermarks import LIVE
from schemas import ids
from schemas.conversation import ConversationDeleted, ConversationRenamed, PromptSubmitted
from schemas.envelope import Position
from tests.eventually import eventually
from tests.fakes.cassandra_rows import own_keyspace
from tests.fakes.projection_logs import TOPICS
from tests.fakes.projection_records import envelope, outcome, prompt, turn_of, used
from tests.integration.replay.commands import Replay
from tests.integration.replay.live_projector import projecting
from topics.admin import create_topics
from topics.catalogue import CONVERSATION_EVENTS, GENERATION_OUTCOMES, USAGE_RECORDS
from topics.cuts import format_cut
from topics.log import Log
from topics.producer import LogProducer

pytestmark = [pytest.mark.stack, pytest.mark.timeout(300), pytest.mark.asyncio(loop_scope="module")]

BY_NAME = {projection.name: projection for projection in PROJECTIONS}


class Never:
    def check(self) -> None:
        pass


@dataclass
class Ground:
    settings: Settings
    session: CassandraSession
    reads: Projections
    producer: LogProducer
    log: Log
    folder: Path
    before: dict[tuple[str, int], int]
    said: list[PromptSubmitted] = field(default_factory=list)

    @property
    def user(self) -> str:
        return ids.user_id(self.settings.cassandra.keyspace)

    @property
    def keyspace(self) -> str:
        return self.settings.cassandra.keyspace

    async def chat(self, conversation: str, key: str) -> PromptSubmitted:
        """One turn, from the prompt to its bill."""
        asked = prompt(conversation, key, self.user)
        ended = outcome(turn_of(asked, await self.producer.send(CONVERSATION_EVENTS, conversation, asked)), text=key)
        place = await self.producer.send(GENERATION_OUTCOMES, conversation, ended)
        await self.producer.send(USAGE_RECORDS, self.user, used(ended, place))
        self.said.append(asked)
        return asked

    async def settled(self) -> None:
        """Returns when the tables hold all that was said."""
        end = self.ends()

        async def reached() -> bool:
            for projection in PROJECTIONS:
                there = await self.reached(projection)
                if any(there.get(p, 0) < at for p, at in end.items() if p[0] in projection.topics and at):
                    return False
            return True

        shown: bool = await eventually(reached, 60)
        assert shown

    def ends(self) -> dict[tuple[str, int], int]:
        topics = {topic for projection in PROJECTIONS for topic in projection.topics}
        return self.log.held({topic: TOPICS[topic].partitions for topic in topics})[1]

    async def reached(self, projection: Projection) -> dict[tuple[str, int], int]:
        """The watermarks; what a shared log held before this test was filled in without them."""
        there = await watermarks(self.session, self.keyspace, LIVE, projection.name, 1)
        return {p: max(at, there.get(p, 0)) for p, at in self.before.items() if p[0] in projection.topics}

    async def verified(self, projection: Projection) -> Verdict:
        """Up to the watermarks, as the command does it."""
        return await verify(
            self.log.read,
            StoredRows(self.session, self.keyspace),
            projection,
            1,
            await self.reached(projection),
            ends=self.ends,
            scratch=self.folder / f"scratch-{projection.name}",
            report=lambda done, total, lag: None,
            stop=Never(),
            topics=TOPICS,
        )

    async def run(self, cql: str, *values: Any) -> None:
        await self.session.execute(await self.session.prepare(cql.format(k=self.keyspace)), values)


@asynccontextmanager
async def ground_in(servers: Settings, folder: Path) -> AsyncIterator[Ground]:
    create_topics(servers.kafka.client_properties(), TOPICS)
    async with own_keyspace(servers) as (settings, session):
        reads = await Projections.connect(settings.cassandra)
        producer = LogProducer(settings.kafka.client_properties(), TOPICS)
        await producer.start()
        log = Log(settings.kafka.client_properties())
        try:
            topics = {topic for projection in PROJECTIONS for topic in projection.topics}
            _, before = log.held({topic: TOPICS[topic].partitions for topic in topics})
            async with projecting(settings, session):
                yield Ground(settings, session, reads, producer, log, folder, before)
        finally:
            await asyncio.to_thread(log.close)
            await producer.aclose()
            await reads.aclose()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def ground(servers: Settings, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Ground]:
    async with ground_in(servers, tmp_path_factory.mktemp("verify")) as made:
        for n in range(30):
            await made.chat(ids.conversation_id(made.user, str(n % 7)), f"{n}")
        yield made


@pytest.mark.slow("a verification of everything runs under load")
async def test_tables_that_are_written_meanwhile_are_equal_all_the_same(ground: Ground) -> None:
    stop = asyncio.Event()

    async def talk() -> None:
        for n in range(10_000):
            if stop.is_set():
                return
            conversation = ids.conversation_id(ground.user, f"live {n % 5}")
            await ground.chat(conversation, f"live {n}")
            await ground.producer.send(
                CONVERSATION_EVENTS,
                conversation,
                ConversationRenamed(envelope(f"r{n}"), conversation, ground.user, f"{n}"),
            )
            if n % 20 == 19:
                gone = ids.conversation_id(ground.user, f"gone {n}")
                await ground.chat(gone, f"gone {n}")
                await ground.producer.send(
                    CONVERSATION_EVENTS, gone, ConversationDeleted(envelope(f"d{n}"), gone, ground.user)
                )

    async with asyncio.TaskGroup() as group:
        group.create_task(talk())
        for _ in range(3):
            for projection in PROJECTIONS:
                verdict = await ground.verified(projection)
                assert verdict.differences == ()
                assert verdict.hash_log == verdict.hash_tables
        stop.set()
    await ground.settled()
    told = await asyncio.to_thread(
        Replay(ground.settings).process, "verify", "all", "--json", "--state", str(ground.folder)
    )
    verdicts = [json.loads(line) for line in told.splitlines()]
    assert [v["projection"] for v in verdicts] == [p.name for p in PROJECTIONS]
    assert all(v["equal"] and v["hash_log"] == v["hash_tables"] for v in verdicts)
    assert next(v["rows"] for v in verdicts if v["projection"] == "generations") >= len(ground.said)


async def test_planted_damage_is_named(ground: Ground) -> None:
    asked = await ground.chat(ids.conversation_id(ground.user, "damaged"), "damaged")
    await ground.settled()
    conversation, generation = asked.conversation_id, asked.generation_id
    row = await ground.reads.generation(generation)
    assert row is not None
    cause = row.cause

    async def named(name: str) -> list[tuple[Any, ...]]:
        verdict = await ground.verified(BY_NAME[name])
        assert verdict.hash_log != verdict.hash_tables
        return [
            (d.table, d.key, d.column, d.expected, d.found, d.topic, d.partition, d.offset) for d in verdict.differences
        ]

    place = (CONVERSATION_EVENTS, cause.partition, cause.offset)
    # A changed value, under the very timestamp it was written with: Cassandra keeps the greater one.
    await ground.run(
        "UPDATE {k}.conversations_v1 USING TIMESTAMP ? SET model = ? WHERE conversation_id = ?",
        last_wins(cause), "zzz", conversation,
    )  # fmt: skip
    assert await named("conversations") == [
        ("conversations", (conversation,), "model", '"local"', '"zzz"', *place),
    ]
    # A wrong timestamp.
    await ground.run(
        "UPDATE {k}.users_v1 USING TIMESTAMP ? SET name = ? WHERE user_id = ?", AFTER_ERASURE, "nobody's", "planted"
    )
    (extra,) = await named("accounts")
    assert extra[:5] == ("users", ("planted",), WHOLE_ROW, "no row", "a row of 1 cells")
    later = first_wins(Position(0, cause.partition, 0)) + 1
    await ground.run(
        "UPDATE {k}.generations_v1 USING TIMESTAMP ? SET kind = ? WHERE generation_id = ?", later, "chat", generation
    )
    (wrong,) = await named("generations")
    assert wrong[:3] == ("generations", (generation,), "kind")
    assert wrong[3] == f'"chat" of offset {cause.offset} (timestamp {first_wins(cause)})'
    assert str(later) in wrong[4]
    assert wrong[5:] == place
    # A missing row.
    await ground.run(
        "DELETE FROM {k}.message_places_v1 USING TIMESTAMP ? WHERE conversation_id = ? AND message_id = ?",
        AFTER_ERASURE, conversation, generation,
    )  # fmt: skip
    (missing,) = await named("messages")
    assert missing[:3] == ("message_places", (conversation, generation), WHOLE_ROW)
    assert (missing[3], missing[4], missing[5:]) == ("a row of 3 cells", "no row", place)

    replay = Replay(ground.settings)
    await asyncio.to_thread(replay.process, "verify", "generations", "--state", str(ground.folder), status=1)


async def test_the_past_is_what_the_queries_read(ground: Ground) -> None:
    await ground.settled()
    past = Past(TOPICS)
    for batch in ground.log.read({}, ground.ends()):
        for raw in batch:
            past.take(raw)
    for conversation in {asked.conversation_id for asked in ground.said[:20]}:
        then = past.conversation(conversation)
        assert then.row == await ground.reads.conversation(conversation)
        assert then.messages == (await ground.reads.messages(conversation, limit=1000)).rows
    for asked in ground.said[:5]:
        assert past.generation(asked.generation_id) == await ground.reads.generation(asked.generation_id)


async def test_show_and_diff_before_and_after_a_rename_and_a_deletion(ground: Ground) -> None:
    conversation = ids.conversation_id(ground.user, "shown")
    asked = await ground.chat(conversation, "shown")
    before = format_cut(ground.ends())
    await ground.producer.send(
        CONVERSATION_EVENTS, conversation, ConversationRenamed(envelope("n"), conversation, ground.user, "Another name")
    )
    renamed = format_cut(ground.ends())
    await ground.producer.send(
        CONVERSATION_EVENTS, conversation, ConversationDeleted(envelope("d"), conversation, ground.user)
    )

    async def told(*arguments: str) -> str:
        replay = Replay(ground.settings)
        return await asyncio.to_thread(replay.process, *arguments, "--state", str(ground.folder))

    async with asyncio.TaskGroup() as group:
        tasks = [
            group.create_task(told("show", "conversation", conversation, "--as-of", before, "--json")),
            group.create_task(told("show", "conversation", conversation, "--as-of", renamed)),
            group.create_task(told("show", "conversation", conversation)),
            group.create_task(told("diff", "conversation", conversation, "--from", before, "--to", renamed)),
            group.create_task(told("show", "generation", asked.generation_id, "--json")),
        ]
    at_first, then, now, changed, generation = [task.result() for task in tasks]
    state = json.loads(at_first)
    assert (state["title"], state["state"]) == ("What is an event log?", "there")
    assert "deleted at" in state["deleted"]
    assert state["messages"][asked.generation_id]["content"] == "shown"
    assert "title: Another name" in then
    assert "state: deleted" in now
    assert "Another name" not in now
    assert "~ title: What is an event log? -> Another name" in changed
    assert (json.loads(generation)["state"], json.loads(generation)["text"]) == ("completed", "shown")
