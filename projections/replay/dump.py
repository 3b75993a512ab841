"""The canonical dump of tables: one line per row, in ring order, every cell with type and timestamp. Pure.

Two stores hold the same if and only if their dumps are equal byte for byte.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from projections.rows import Table

_MAX_SHOWN = 120
_to_json = json.JSONEncoder(separators=(",", ":"), ensure_ascii=True).encode


def line_of(table: Table, key: Sequence[Any], cells: Mapping[str, Sequence[Any]]) -> bytes:
    """A row's line. `cells`: by column the timestamp and the value, whatever else follows."""
    shown = {name: [cells[name][0], _typed(cells[name][1])] for name in table.cells if name in cells}
    return (_to_json([table.name, list(key), shown]) + "\n").encode("ascii")


def _typed(value: Any) -> Any:
    # JSON tells text, numbers and booleans apart; bytes it does not know.
    return {"bytes": value.hex()} if isinstance(value, bytes) else value


def shown(value: Any) -> str:
    """A value in one short line that no terminal takes for an order."""
    text = _to_json(_typed(value[: _MAX_SHOWN * 4] if isinstance(value, str | bytes) else value))
    if len(text) > _MAX_SHOWN:
        length = f" ({len(value)} {'bytes' if isinstance(value, bytes) else 'characters'})"
        return text[:_MAX_SHOWN] + "…" + length
    return text
