"""What `chat` remembers between runs: conversation, model, and position. One file per state folder."""

from __future__ import annotations

import contextlib
import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from api.consistency.position_tokens import MAX_PARTS, BadPositionToken, PositionToken, join, parse
from infra.stack.layout import Layout, write_private

FILE = "chat.json"
_MAX_GENERATIONS = 8


@dataclass(frozen=True, slots=True)
class Memory:
    """`position`: a position token that covers all this client wrote and saw; "" before the first."""

    conversation_id: str | None = None
    model: str | None = None
    position: str = ""

    def having_seen(self, header: str | None, generation: str | None = None) -> Memory:
        """With the position of an answer's header and a finished generation added. A damaged header changes nothing."""
        try:
            token = join(parse(self.position), parse(header), PositionToken((), (generation,) if generation else ()))
        except BadPositionToken:
            return self
        # Bounded: the newest generations imply the older ones for everyone who reads in order.
        generations = token.generations[-_MAX_GENERATIONS:]
        offsets = token.offsets[: MAX_PARTS - len(generations)]
        return replace(self, position=str(PositionToken(offsets, generations)))


def remembered(state: Path) -> Memory:
    """What was remembered in a state folder; an empty Memory if nothing was or the file is damaged."""
    try:
        found = json.loads((state / FILE).read_text("utf-8"))
        fields = {name: found.get(name) for name in ("conversation_id", "model")}
        position = found.get("position", "")
        parse(position)
    except (OSError, ValueError, AttributeError, TypeError, BadPositionToken):
        return Memory()
    known = {name: value for name, value in fields.items() if isinstance(value, str)}
    return Memory(**known, position=position)


def remember(state: Path, memory: Memory) -> None:
    """Keep `memory`, mode 0600. Does nothing where there is no state folder of ours, or where it cannot be written."""
    layout = Layout.at(state)
    if layout.marker.is_file():
        # Forgetting where one was is a smaller evil than a conversation that ends over a full disk.
        with contextlib.suppress(OSError):
            write_private(layout.root / FILE, json.dumps(asdict(memory)) + "\n")
