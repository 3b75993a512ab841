"""usage-records -> usage_sums, usage_bills: what can be told of a record alone. Pure.

The rows are made of the rows before (rules.py): `countable` says whether a record can be counted at all.
"""

from __future__ import annotations

from projections.rows import RowChange
from projections.usage_rollups.rules import countable
from schemas.envelope import Position
from schemas.usage import UsageEntry


def fold(record: UsageEntry, position: Position) -> tuple[RowChange, ...]:
    """Nothing. Raises Unprojectable for a record that cannot be counted."""
    countable(record, position)
    return ()
