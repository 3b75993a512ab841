"""Reading event streams in tests, as a browser would (WHATWG: lines end with \\n, \\r\\n or \\r)."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Event:
    id: str | None
    event: str
    data: str

    @property
    def json(self) -> Any:
        return json.loads(self.data)


def events_of(stream: bytes) -> list[Event]:
    events = []
    for block in re.split(r"(?:\r\n|\r|\n){2}", stream.decode()):
        fields: dict[str, list[str]] = {}
        for line in re.split(r"\r\n|\r|\n", block):
            name, colon, value = line.partition(":")
            if name and colon:
                fields.setdefault(name, []).append(value.removeprefix(" "))
        if "data" in fields:
            named = fields.get("event", ["message"])[0]
            events.append(Event(fields.get("id", [None])[0], named, "\n".join(fields["data"])))
    return events
