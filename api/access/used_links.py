"""Remembers in Redis which one-time links were used, for as long as a link is valid.

A Redis that loses its memory forgets that too: then a link of the last hour is good once more. One that is away lets
no one in by link; keys still do.
"""

from __future__ import annotations

from api.access.ports import LinksUnavailable
from infra.redis import RedisScripts, RedisUnavailable

SCRIPT = "return redis.call('SET', KEYS[1], '', 'NX', 'EX', ARGV[1])"
_FORGET = "return redis.call('PEXPIRE', KEYS[1], 1)"


KEY_PREFIX = "verbatim:link:"


class RedisLinks:
    """The Links of api.access.ports, in Redis."""

    def __init__(self, scripts: RedisScripts, prefix: str = KEY_PREFIX) -> None:
        self._scripts = scripts
        self._prefix = prefix

    async def take(self, nonce: str, for_s: int) -> bool:
        try:
            return bool(await self._scripts.run(SCRIPT, [self._prefix + nonce], [for_s]))
        except RedisUnavailable as error:
            raise LinksUnavailable from error

    async def give_back(self, nonce: str) -> None:
        try:
            await self._scripts.run(_FORGET, [self._prefix + nonce], [])
        except RedisUnavailable as error:
            raise LinksUnavailable from error
