"""Row changes in the store's protocol: statements by id, values as bytes. Pure, made for bulk.

The driver binds a row in about 20 µs, looking at every value's type again; here each kind of statement gets its
encoders once.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from operator import call
from typing import Any, NamedTuple

from projections.rows import Erase, Put, RowChange, Table

Encoder = Callable[[Any], bytes]
Shape = tuple[Table, int, tuple[str, ...] | None]
"""A kind of statement: a table, its version, and the columns it writes; None: it erases a partition."""

_ENCODERS: dict[str, Encoder] = {
    "text": str.encode,
    "blob": lambda value: value,
    "bigint": struct.Struct(">q").pack,
    "int": struct.Struct(">i").pack,
    "boolean": {False: b"\0", True: b"\1"}.__getitem__,
}
# What a statement and each of its values cost beside their bytes: in the frame, and as a cell of a mutation.
_STATEMENT_BYTES = 40
_VALUE_BYTES = 24


class Statement(NamedTuple):
    """A prepared statement and how its values become bytes. `overhead`: what a row of it costs beside them."""

    query_id: bytes
    encoders: tuple[Encoder, ...]
    overhead: int


class Encoded(NamedTuple):
    """A change ready to be sent. `size`: about its bytes in the store's own count, rather more than less."""

    query_id: bytes
    values: Sequence[bytes]
    size: int


def shape_of(version: int, change: RowChange) -> Shape:
    """The kind of statement that a change needs."""
    return change.table, version, tuple(change.cells) if isinstance(change, Put) else None


def statement(query_id: bytes, shape: Shape) -> Statement:
    """The statement of a shape that was prepared as `query_id`."""
    table, _, columns = shape
    kinds = table.columns
    if columns is None:
        named = tuple(kinds[column] for column in table.partition_key)
        encoders = (_ENCODERS["bigint"], *(_ENCODERS[kind] for kind in named))
    else:
        encoders = (*(_ENCODERS[kinds[column]] for column in (*table.key, *columns)), _ENCODERS["bigint"])
    return Statement(query_id, encoders, _STATEMENT_BYTES + _VALUE_BYTES * len(encoders))


def encoded(statement: Statement, change: RowChange) -> Encoded:
    """A change by its shape's statement. Raises struct.error or UnicodeEncodeError for impossible values."""
    query_id, encoders, overhead = statement
    if isinstance(change, Erase):
        values = list(map(call, encoders, (change.timestamp, *change.key)))
    else:
        # A loop in C: this is the hottest line of a rebuild.
        values = list(map(call, encoders, (*change.key, *change.cells.values(), change.timestamp)))
    return Encoded(query_id, values, overhead + sum(map(len, values)))


def routing_of(change: RowChange, row: Encoded) -> tuple[bytes, ...]:
    """The values of an encoded change's partition key."""
    first = 1 if isinstance(change, Erase) else 0
    return tuple(row.values[first : first + len(change.table.partition_key)])
