"""`python -m tests.unit.schemas.walk TYPE TOPIC`: take a record of a type through every place that takes all types.

Prints what was seen on the way, as JSON. Fails where a place does not know the type.
"""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

import topics.catalogue
from api.log_view.events import event_json, event_of
from infra.cli.tail_lines import Seen, as_line, read
from projections.registry import PROJECTIONS, RECORDS, fold_all
from schemas.codec import decode, encode, record_type_of
from schemas.envelope import Position
from schemas.registry import RECORD_TYPES, current_schema
from tests.golden.samples import samples
from tests.unit.api.world import World, saying
from topics.log import RawRecord
from topics.slices.references import moved
from topics.topic import Topic

AT_MS = 1_763_692_800_123


async def registry_says(subject: str) -> Any:
    """What the API's schema registry answers when asked for a subject."""
    world = World(script=saying("Hello"))
    async with world.client(None) as anybody:
        answer = await anybody.get(f"/subjects/{subject}/versions/latest")
        answer.raise_for_status()
        return answer.json()


def walk(type_name: str, topic_name: str) -> dict[str, Any]:
    record_type = next(found for found in RECORD_TYPES if found.__name__ == type_name)
    topic = next(found for found in vars(topics.catalogue).values() if isinstance(found, Topic) and found == topic_name)
    record = samples(record_type)["full"]
    value = encode(record)
    assert record_type_of(value) is record_type
    assert decode(value) == topic.decode(value) == record
    assert topics.catalogue.catalogue()[topic].record_types == topic.record_types
    assert moved(record, lambda _, place: place) == record
    projected = tuple(projection for projection in PROJECTIONS if topic in projection.topics)
    if topic in RECORDS:
        fold_all(projected, record, Position(0, 0, 7))
    event = event_json(event_of(RawRecord(topic, 0, 7, AT_MS, b"key", value)), "cut")
    registered = current_schema(record_type)
    assert asyncio.run(registry_says(registered.subject))["id"] == registered.id
    return {
        "subject": registered.subject,
        "version": registered.version,
        "type": event["type"],
        "summary": event["summary"],
        "line": as_line(read(Seen(topic, 0, 7, AT_MS, b"key", value))),
        "projected": len(projected),
    }


if __name__ == "__main__":
    print(json.dumps(walk(*sys.argv[1:])))
