"""What readers ask about generations."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from infra.cassandra.session import Row
from projections.generations.asked_cell import NOTHING, Asked, asked_from_cell
from projections.generations.attribution_cell import attribution_from_cell
from projections.generations.price_cell import price_from_cell
from projections.order import turn_key
from projections.reading import Tables
from schemas import ids
from schemas.conversation import TurnKind
from schemas.envelope import Position
from schemas.generation import Turn
from schemas.price import Attribution, Price
from schemas.turns import MAX_CHOICES

_NAME = "generations"
COLUMNS = (
    "generation_id, user_id, conversation_id, message_id, prompt_message_id, kind, model, request_hash, asked_at_us,"
    " deadline_at_us, cause_epoch, cause_partition, cause_offset, tail_epoch, tail_partition, tail_offset"
)
NEW_COLUMNS = ("price", "asked", "attribution")
"""What older definitions have not, in the order in which they came."""
_SELECTION = COLUMNS + "".join(f"{{+{name}}}" for name in NEW_COLUMNS)
_NAMES = (*COLUMNS.split(", "), *NEW_COLUMNS)
_ONE = f"SELECT {_SELECTION} FROM {{generations}} WHERE generation_id = ?"  # noqa: S608 - our own columns
_SOME = f"SELECT {_SELECTION} FROM {{generations}} WHERE generation_id IN ?"  # noqa: S608 - our own columns
_AT_ONCE = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerationRow:
    """A generation as its first command asked for it. `tail`: a lower bound of its records in token-chunks.

    `price`: what the command names; None: it names none, or the row is of definition 1.
    `asked`: what else its request said; of a row of an older definition no more than which of several answers it is.
    `attribution`: who asked and who pays; None: its user, or the row is of an older definition.
    """

    generation_id: str
    user_id: str
    conversation_id: str
    message_id: str
    prompt_message_id: str
    kind: TurnKind
    model: str
    request_hash: str
    asked_at_us: int
    deadline_at_us: int
    cause: Position
    tail: Position
    price: Price | None = None
    asked: Asked = NOTHING
    attribution: Attribution | None = None

    @property
    def key(self) -> int:
        """The key of its turn's row."""
        return turn_key(self.cause, self.asked.choice)

    def turn(self, price: Price) -> Turn:
        """The turn, at what infra.models.prices.price_of says of this row."""
        return Turn(
            generation_id=self.generation_id,
            conversation_id=self.conversation_id,
            user_id=self.user_id,
            message_id=self.message_id,
            prompt_message_id=self.prompt_message_id,
            kind=self.kind,
            model=self.model,
            price=price,
            request_hash=self.request_hash,
            cause=self.cause,
            tail=self.tail,
            choice=self.asked.choice,
            attribution=self.attribution,
        )


def row_of(values: Row) -> GenerationRow:
    """The generation in a row of COLUMNS and as many of NEW_COLUMNS as there are."""
    row = dict(zip(_NAMES, values, strict=False))
    cause = Position(row.pop("cause_epoch"), row.pop("cause_partition"), row.pop("cause_offset"))
    tail = Position(row.pop("tail_epoch"), row.pop("tail_partition"), row.pop("tail_offset"))
    price = price_from_cell(row.pop("price", None), cause)
    asked = asked_from_cell(row.pop("asked", None), cause)
    attribution = attribution_from_cell(row.pop("attribution", None), cause)
    if asked is NOTHING and row["kind"] == "stateless":
        asked = _asked_by_ids(row["message_id"], row["generation_id"])
    return GenerationRow(**row, cause=cause, tail=tail, price=price, asked=asked, attribution=attribution)


def _asked_by_ids(message_id: str, generation_id: str) -> Asked:
    """Which of a command's answers this is, told by its id: another one's row has another one's outcome."""
    if generation_id == ids.generation_id(message_id):
        return NOTHING
    others = (choice for choice in range(1, MAX_CHOICES) if ids.choice_id(message_id, choice) == generation_id)
    return replace(NOTHING, choice=next(others, 0))


async def generation(tables: Tables, generation_id: str) -> GenerationRow | None:
    """The generation, also one of a deleted conversation: a caller that shows it must check the conversation."""
    values = await tables.one(_NAME, _ONE, (generation_id,))
    return None if values is None else row_of(values)


async def generations(tables: Tables, generation_ids: Sequence[str]) -> list[GenerationRow]:
    """Those of the generations that are there."""
    found = []
    for start in range(0, len(generation_ids), _AT_ONCE):
        some = list(generation_ids[start : start + _AT_ONCE])
        found += [row_of(values) for values in await tables.select(_NAME, _SOME, (some,))]
    return found
