"""The bills that a lease has capped: what they count, for a re-pricing to rate that and no more. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from schemas.codec import UndecodableRecord, decode, record_type_of
from schemas.price import Usage
from schemas.usage import UsageRecorded
from topics.log import RawRecord

MAX_CAPPED = 1_000_000


class TooManyCapped(Exception):
    """More bills are capped than are kept in memory."""


def capped_bills(ledger: Iterable[list[RawRecord]]) -> dict[str, Usage]:
    """What each capped bill counts, by its generation; of several of a generation the first, in the log's order.

    Raises TooManyCapped, NewerRecord.
    """
    found: dict[str, Usage] = {}
    for batch in ledger:
        for raw in batch:
            if record_type_of(raw.value) is not UsageRecorded:
                continue
            try:
                bill = decode(raw.value)
            except UndecodableRecord:
                continue
            if isinstance(bill, UsageRecorded) and bill.unbilled_tokens:
                found.setdefault(bill.generation_id, bill.usage)
        if len(found) > MAX_CAPPED:
            raise TooManyCapped(f"more than {MAX_CAPPED} bills are capped by leases")
    return found
