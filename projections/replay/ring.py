"""The order of rows in Cassandra: by the token of the partition key, then by the clustering. Pure.

A fold sorted like this and a table read token by token can be laid side by side, however long both are.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from cassandra.metadata import Murmur3Token

from projections.rows import Table

FIRST_TOKEN = -(1 << 63)
LAST_TOKEN = (1 << 63) - 1
_TOKENS = 1 << 64
_PERCENT = re.compile(r"([0-9]{1,2}(?:\.[0-9]{1,6})?)%")
_SLICE = re.compile(r"([0-9]{1,6})/([0-9]{1,6})")

SortKey = tuple[int, tuple[Any, ...]]
"""A row's token, and its key such that it sorts as the table does."""


class BadSample(ValueError):
    """A text that names no part of a table. The message is one line."""


@dataclass(frozen=True, slots=True)
class Span:
    """The tokens above `after` up to `last`."""

    after: int = FIRST_TOKEN
    last: int = LAST_TOKEN

    def __contains__(self, token: int) -> bool:
        return self.after < token <= self.last

    @property
    def is_whole(self) -> bool:
        return self == Span()

    def parts(self, count: int) -> list[Span]:
        """The span in so many about equal parts, in order."""
        edges = [self.after + (self.last - self.after) * n // count for n in range(count + 1)]
        return [Span(low, high) for low, high in pairwise(edges) if low < high]


def parse_sample(text: str) -> Span:
    """The part of all partitions that `5%` (the first 5 of 100) or `3/16` (the third sixteenth) names.

    Which partitions these are, their keys' hash alone decides: the same ones every time. Raises BadSample.
    """
    if found := _SLICE.fullmatch(text.strip()):
        number, of = int(found[1]), int(found[2])
        if 1 <= number <= of:
            return Span().parts(of)[number - 1]
    elif (found := _PERCENT.fullmatch(text.strip())) and float(found[1]) > 0:
        return Span(FIRST_TOKEN, FIRST_TOKEN + int(_TOKENS * float(found[1]) / 100))
    raise BadSample(f"{text.strip()[:40]!r} is not a sample: use 5% (of all partitions) or 3/16 (the third sixteenth)")


class RingOrder:
    """A table's own order."""

    def __init__(self, table: Table) -> None:
        self._partition_columns = len(table.partition_key)
        self._to_bytes = [_to_bytes(kind) for kind in table.partition_key.values()]
        self._turned = [index for index, column in enumerate(table.key) if column in table.descending]

    def token(self, partition: tuple[Any, ...]) -> int:
        """The token of a partition key's values."""
        if len(self._to_bytes) == 1:
            routing = self._to_bytes[0](partition[0])
        else:
            parts = [convert(value) for convert, value in zip(self._to_bytes, partition, strict=True)]
            routing = b"".join(struct.pack(">H", len(part)) + part + b"\0" for part in parts)
        token: int = Murmur3Token.hash_fn(routing)
        return token

    def sort_key(self, key: tuple[Any, ...]) -> SortKey:
        """Of a whole key, or of a partition's alone: that one comes first."""
        return self.token(key[: self._partition_columns]), self.turned(key)

    def turned(self, key: tuple[Any, ...]) -> tuple[Any, ...]:
        """A key with its descending numbers negated; again, and it is as it was."""
        if not self._turned or len(key) == self._partition_columns:
            return key
        return tuple(-value if index in self._turned else value for index, value in enumerate(key))


def _to_bytes(kind: str) -> Callable[[Any], bytes]:
    match kind:
        case "text":
            return str.encode
        case "int":
            return struct.Struct(">i").pack
        case "bigint":
            return struct.Struct(">q").pack
        case _:
            raise ValueError(f"no partition key of ours is a {kind}")
