"""Log positions as numbers: the order of rows, and the timestamps of Cassandra cells. Pure.

Cassandra keeps, a cell at a time, the value with the greatest timestamp. With timestamps made of log positions a
write may come twice, late or out of order, and the cell is the same in the end. Four bands, one above the other:

    0 … 2^60         last_wins: grows with the position
    2^60 … 2^61      first_wins: shrinks as the position grows
    ERASED           deletes of what a ConversationDeleted makes go: above every write, whenever that write comes
    AFTER_ERASURE    what says so

The rows of a command's answers are sorted by (command, choice): choice 0 has the command's own order key, choice i that
plus i * 2^52, above all that an epoch and an offset take.
"""

from __future__ import annotations

from typing import Final

from schemas.envelope import Position

_OFFSET_BITS: Final = 40
_NTH_BITS: Final = 8
_KEY_BITS: Final = 52
_CHOICES: Final = 256
_EPOCHS: Final = 1 << 12
_LAST_WINS_END: Final = 1 << 60
_FIRST_WINS_TOP: Final = 1 << 61
ERASED: Final = _FIRST_WINS_TOP + 1
AFTER_ERASURE: Final = _FIRST_WINS_TOP + 2


class ImpossiblePosition(ValueError):
    """An epoch or offset that no topic of ours can have."""

    def __init__(self, epoch: int, offset: int) -> None:
        super().__init__(f"epoch {epoch}, offset {offset} is not a position in a topic")


def order_key(position: Position) -> int:
    """Where a record stands among those of its key: rows sort by it. Raises ImpossiblePosition."""
    epoch, offset = position.epoch, position.offset
    if not (0 <= epoch < _EPOCHS and 0 <= offset < 1 << _OFFSET_BITS):
        raise ImpossiblePosition(epoch, offset)
    return epoch << _OFFSET_BITS | offset


def turn_key(cause: Position, choice: int) -> int:
    """The key of a turn's row: of the command at `cause`, and which of its answers. Raises ImpossiblePosition."""
    if not 0 <= choice < _CHOICES:
        raise ImpossiblePosition(cause.epoch, cause.offset)
    return choice << _KEY_BITS | order_key(cause)


def place(key: int) -> tuple[int, int]:
    """Epoch and offset of an `order_key`, and of a `turn_key`."""
    return (key & ((1 << _KEY_BITS) - 1)) >> _OFFSET_BITS, key & ((1 << _OFFSET_BITS) - 1)


def last_wins(position: Position, nth: int = 0) -> int:
    """The timestamp of a cell that shows the newest record. `nth` (< 256): which write of the record it is.

    Raises ImpossiblePosition.
    """
    return order_key(position) << _NTH_BITS | nth


def first_wins(position: Position, nth: int = 0) -> int:
    """The timestamp of a cell that keeps what the oldest record said. Raises ImpossiblePosition."""
    return _FIRST_WINS_TOP - last_wins(position, nth)


def key_of(timestamp: int) -> int | None:
    """The order key of the record that wrote a cell of this timestamp; None for an erasure's, and for any other that no
    position gives."""
    last = timestamp if timestamp < _LAST_WINS_END else _FIRST_WINS_TOP - timestamp
    return last >> _NTH_BITS if 0 <= last < _LAST_WINS_END else None


def position_of(timestamp: int) -> tuple[int, int] | None:
    """Epoch and offset of that record."""
    key = key_of(timestamp)
    return None if key is None else place(key)
