"""The list of processors for backfills: named and pure."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from schemas.envelope import Position
from schemas.outcome import GenerationCancelled, GenerationCompleted, GenerationFailed, GenerationRefused
from schemas.price import Price
from schemas.usage import UsageRerated
from streams.backfill.reactor import Produced, Repricing, reprice
from topics.catalogue import GENERATION_OUTCOMES, USAGE_RECORDS


@dataclass(frozen=True, slots=True)
class Processor:
    """Reads `record_types` of `topics`; `process(record, position, parameters)` makes records for `target`.

    `process` is pure: the same record at the same place gives the same records, with the same event ids. A record goes
    to the partition of `key(record)`.
    """

    name: str
    topics: tuple[str, ...]
    record_types: tuple[type, ...]
    produces: tuple[type, ...]
    target: str
    key: Callable[[Any], str]
    process: Callable[[Any, Position, Any], Produced]


def _user(record: UsageRerated) -> str:
    return record.user_id


REPRICE = Processor(
    "reprice",
    (GENERATION_OUTCOMES,),
    (GenerationCompleted, GenerationFailed, GenerationCancelled, GenerationRefused),
    (UsageRerated,),
    USAGE_RECORDS,
    _user,
    reprice,
)
PROCESSORS: Mapping[str, Processor] = {processor.name: processor for processor in (REPRICE,)}


def repricing_text(prices: Mapping[str, Price]) -> str:
    """The parameters of a re-pricing as its shadow keeps them: equal prices give equal texts."""
    return json.dumps({model: asdict(price) for model, price in prices.items()}, sort_keys=True, ensure_ascii=False)


def repricing_of(name: str, text: str) -> Repricing:
    """The parameters back from their text, for the backfill `name`."""
    return Repricing(name, {model: Price(**price) for model, price in json.loads(text).items()})
