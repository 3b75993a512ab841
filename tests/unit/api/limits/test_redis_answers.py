"""A Redis that answers what no script of ours does: it is taken for one that is away, and nobody is let through."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import pytest
from redis.exceptions import ConnectionError as Gone
from redis.exceptions import ResponseError

from api.access.buckets import BucketsAway
from api.access.key_uses import RedisKeyUses
from api.access.rates import HOUR_US, Draw, Rate
from api.access.redis_buckets import RedisBuckets
from api.signin.slowing import ACCOUNT, Tries
from infra.redis import RedisScripts, RedisUnavailable
from infra.stack.redis import COMMANDS

GARBAGE: tuple[Any, ...] = (
    None,
    7,
    b"OK",
    [],
    [1],
    [1, b"now", [b"0"], []],
    [1, b"5", [b"x"], []],
    [1, b"5", [b"nan"], []],
    [0, b"5", [b"inf"], []],
    [1, b"5", [], []],
    [1, b"5", [b"0", b"0"], []],
    [1, b"5", [b"0"]],
    [2, b"5", [99]],
    [2, b"5", None],
)
DRAWS = (Draw(Rate("user:a", "messages", 10, HOUR_US)),)


class Answering:
    def __init__(self, answer: Any) -> None:
        self.answer = answer

    async def run(self, script: str, keys: Sequence[str], arguments: Sequence[Any]) -> Any:
        return self.answer


def scripts(answer: Any) -> RedisScripts:
    return cast("RedisScripts", Answering(answer))


@pytest.mark.parametrize("answer", GARBAGE, ids=repr)
async def test_buckets_are_asked_here_then(answer: Any) -> None:
    with pytest.raises(BucketsAway):
        await RedisBuckets(scripts(answer)).take(DRAWS)


@pytest.mark.parametrize("answer", [None, b"soon", [], [1]], ids=repr)
async def test_tries_are_counted_here_then(answer: Any) -> None:
    tries = Tries(scripts(answer))
    waits = [await tries.begin("alice", "192.0.2.1") for _ in range(ACCOUNT.free + 2)]
    assert waits[0] == 0
    assert waits[-1] > 0


@pytest.mark.parametrize("answer", [[], [None], [b"x"], [b"9" * 40], [7], [[b"1"]]], ids=repr)
async def test_when_a_key_was_used_is_not_known_then(answer: Any) -> None:
    assert await RedisKeyUses(scripts(answer)).last(["k"]) == {}


def test_scripts_give_only_commands_that_the_stacks_server_allows() -> None:
    """What it refuses is a Redis that is away, for all limits."""
    root = Path(__file__).parents[4]
    called = {
        (path.name, command.lower())
        for folder in ("api", "infra")
        for path in sorted((root / folder).rglob("*.py"))
        for command in re.findall(r"redis\.call\('(\w+)'", path.read_text("utf-8"))
    }
    assert len(called) > 10
    assert {(name, command) for name, command in called if command not in COMMANDS} == set()


async def test_what_redis_refuses_takes_it_from_nobody_else(monkeypatch: pytest.MonkeyPatch) -> None:
    async def say(error: Exception | None) -> Any:
        if error is not None:
            raise error
        return 1

    guarded = RedisScripts("redis://127.0.0.1:1/0")
    with pytest.raises(RedisUnavailable):
        await guarded._guarded(say(ResponseError("NOPERM")))
    assert await guarded._guarded(say(None)) == 1
    with pytest.raises(RedisUnavailable):
        await guarded._guarded(say(Gone("gone")))
    with pytest.raises(RedisUnavailable, match="a moment ago"):
        await guarded._guarded(say(None))
    await guarded.aclose()
