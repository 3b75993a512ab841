"""Prints dead letters for people and scripts. Content is shown only on request."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any

from rich.console import Console
from rich.table import Table

from infra.cli.tail_lines import Seen, as_json, read
from infra.cli.terminal import one_line, printable
from schemas.codec import NewerRecord, UndecodableRecord, decode, record_type_of
from schemas.dead_letter import DeadLetter
from topics.dead_letter_index import Listed

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_WIDTH = 160
_MAX_REASON = 100


def as_row(letter: Listed) -> dict[str, Any]:
    """A letter of the list for scripts."""
    resolution = letter.resolution
    return {
        "id": letter.id,
        "state": "open" if resolution is None else resolution.action,
        "parked_at": _time(letter.parked_at_us),
        "consumer": letter.consumer,
        "topic": letter.topic,
        "partition": letter.source_partition,
        "offset": letter.source_offset,
        "error_type": letter.error_type,
        "reason": letter.reason,
        "copies": letter.copies,
        "note": None if resolution is None else resolution.note,
        "resolved_at": None if resolution is None else _time(resolution.envelope.occurred_at_us),
        "resolved_by": None if resolution is None else resolution.envelope.actor,
    }


def print_list(letters: list[Listed]) -> None:
    """The list for people."""
    if not letters:
        print("there are no dead letters")
        return
    table = Table(box=None, pad_edge=False, show_edge=False)
    for column in ("id", "state", "parked at", "consumer", "record", "reason"):
        table.add_column(column, overflow="fold")
    for letter in letters:
        row = as_row(letter)
        reason = one_line(f"{letter.error_type}: {letter.reason}")[:_MAX_REASON]
        table.add_row(letter.id, row["state"], row["parked_at"], one_line(letter.consumer), letter.source, reason)
    console = Console(highlight=False, markup=False)
    if not console.is_terminal:
        console = Console(highlight=False, markup=False, width=_WIDTH)
    console.print(table)


def as_document(listed: Listed, letter: DeadLetter, *, content: bool) -> dict[str, Any]:
    """One letter, its record's own text only with `content`."""
    known = record_type_of(letter.value)
    document = {
        **as_row(listed),
        "key": None if letter.key is None else letter.key.decode(errors="replace"),
        "headers": [header.name for header in letter.headers],
        "value_bytes": None if letter.value is None else len(letter.value),
        "record_type": None if known is None else known.__name__,
        "readable_now": _is_readable(letter.value),
    }
    if content:
        seen = Seen(letter.topic, letter.partition, letter.offset, 0, letter.key, letter.value)
        document["record"] = json.loads(as_json(read(seen)))["record"]
        document["value"] = None if letter.value is None else base64.b64encode(letter.value).decode()
    return document


def print_letter(document: dict[str, Any]) -> None:
    """One letter for people: a field a line."""
    for name, value in document.items():
        if value is not None and value != []:
            shown = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
            if isinstance(value, dict):
                shown = json.dumps(value, ensure_ascii=False)
            print(f"{name.replace('_', ' '):13} {printable(shown)}")


def _is_readable(value: bytes | None) -> bool:
    try:
        decode(value)
    except (UndecodableRecord, NewerRecord):
        return False
    return True


def _time(at_us: int) -> str:
    try:
        return (_EPOCH + timedelta(microseconds=at_us)).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    except OverflowError:
        return "?"
