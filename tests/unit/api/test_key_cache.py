"""Whose a key is, between what the projections say and what the log has said since."""

from __future__ import annotations

import struct

import pytest

from api.access.auth import hash_of
from api.access.key_cache import MAX_MISSED, KeyCache
from api.access.people import People
from infra.cassandra.errors import StoreUnavailable
from projections.accounts.queries import ApiKeyRow
from schemas import ids
from schemas.account import ApiKeyCreated, ApiKeyRevoked
from schemas.codec import encode
from schemas.envelope import Envelope
from schemas.registry import registered_schemas
from tests.unit.api.memory_log import AT, TOPICS, MemoryLog, MemoryRecord
from tests.unit.api.memory_reads import MemoryReads
from topics.catalogue import ACCOUNT_EVENTS

DIGEST = hash_of("vk_" + "a" * 43)
USER = ids.user_id("alice")
KEY = ids.user_id("a key")
ENVELOPE = Envelope(ids.event_id(KEY, "Test"), AT, None, "r", "system:test")
CREATED = ApiKeyCreated(envelope=ENVELOPE, user_id=USER, key_id=KEY, key_sha256=DIGEST, label="", hint="aaaa")
REVOKED = ApiKeyRevoked(ENVELOPE, USER, KEY, DIGEST)


class CountingReads(MemoryReads):
    asked = 0
    away = False

    async def api_key(self, key_sha256: str) -> ApiKeyRow | None:
        self.asked += 1
        if self.away:
            raise StoreUnavailable("away")
        return await super().api_key(key_sha256)


class Scene:
    def __init__(self, ttl_s: float = 5.0) -> None:
        self.log = MemoryLog()
        self.reads = CountingReads(self.log)
        self.ended: list[str] = []
        self.people = People(self.reads, TOPICS, lambda user_id, revision, which: None)
        self.cache = KeyCache(self.reads, self.people, self.ended.append, ttl_s)

    async def holder(self) -> str | None:
        principal = await self.cache.principal(DIGEST)
        return None if principal is None else principal.user_id


async def test_the_projections_are_asked_once_in_a_while() -> None:
    scene = Scene()
    scene.log.append(ACCOUNT_EVENTS, USER, CREATED)
    assert [await scene.holder() for _ in range(3)] == [USER] * 3
    assert scene.reads.asked == 1


async def test_an_answer_grows_old() -> None:
    scene = Scene(ttl_s=0)
    scene.log.append(ACCOUNT_EVENTS, USER, CREATED)
    assert [await scene.holder() for _ in range(3)] == [USER] * 3
    assert scene.reads.asked == 3


async def test_a_revoked_key_opens_nothing_whatever_the_projections_say() -> None:
    scene = Scene()
    scene.log.append(ACCOUNT_EVENTS, USER, CREATED)
    assert await scene.holder() == USER
    scene.cache.on_batch([MemoryRecord((ACCOUNT_EVENTS, 0, 1), b"", encode(REVOKED))])
    assert await scene.holder() is None
    assert scene.ended == [DIGEST]
    scene.cache.created(CREATED)
    assert await scene.holder() is None


async def test_a_key_opens_before_the_projections_know_it() -> None:
    scene = Scene()
    scene.cache.on_batch([MemoryRecord((ACCOUNT_EVENTS, 0, 0), b"", encode(CREATED))])
    assert await scene.holder() == USER
    assert scene.reads.asked == 0


async def test_a_guess_is_remembered_for_seconds_and_not_once_the_key_is_made() -> None:
    scene = Scene()
    assert [await scene.holder() for _ in range(3)] == [None] * 3
    assert scene.reads.asked == 1
    scene.cache.on_batch([MemoryRecord((ACCOUNT_EVENTS, 0, 0), b"", encode(CREATED))])
    assert await scene.holder() == USER
    late = Scene(ttl_s=0)
    assert await late.holder() is None
    late.log.append(ACCOUNT_EVENTS, USER, CREATED)
    assert await late.holder() == USER


async def test_guesses_push_out_nothing_but_guesses() -> None:
    scene = Scene()
    scene.log.append(ACCOUNT_EVENTS, USER, CREATED)
    assert await scene.holder() == USER
    for number in range(MAX_MISSED + 10):
        await scene.cache.principal(f"{number:064}", f"10.0.{number // 250}.{number % 250}")
    assert len(scene.cache._missed) == MAX_MISSED
    scene.reads.asked = 0
    assert await scene.holder() == USER
    assert scene.reads.asked == 0


async def test_nobody_is_let_in_while_nobody_can_be_asked() -> None:
    scene = Scene()
    scene.log.append(ACCOUNT_EVENTS, USER, CREATED)
    scene.reads.away = True
    with pytest.raises(StoreUnavailable):
        await scene.holder()


async def test_a_record_that_is_too_new_may_be_a_revocation() -> None:
    scene = Scene()
    scene.log.append(ACCOUNT_EVENTS, USER, CREATED)
    assert await scene.holder() == USER
    newer = struct.pack(">bI", 0, max(registered_schemas()) + 1) + b"?"
    scene.log.append(ACCOUNT_EVENTS, USER, REVOKED)
    scene.cache.on_batch([MemoryRecord((ACCOUNT_EVENTS, 0, 1), b"", newer)])
    assert await scene.holder() is None
    assert scene.reads.asked == 2


async def test_damaged_records_are_passed_over() -> None:
    scene = Scene()
    scene.cache.on_batch([MemoryRecord((ACCOUNT_EVENTS, 0, 0), b"", b"garbage")])
    assert await scene.holder() is None
