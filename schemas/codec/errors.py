"""Errors of the codec: bytes that are not a record, and records that cannot be encoded.

UndecodableRecord      damage, or no record of ours: it goes to dead-letters
└── MisplacedRecord    a record of ours that stands in the wrong topic
NewerRecord            no damage: a newer release wrote it, and this one stops at it
UnencodableRecord      values that the record's schema does not allow
"""

from __future__ import annotations


class UndecodableRecord(Exception):
    """Bytes that are no record of ours: no frame, an unknown schema id, or a body its schema does not fit."""


class MisplacedRecord(UndecodableRecord):
    """A record that can be decoded and is of no type that its topic takes."""


class NewerRecord(Exception):
    """A record that a newer release wrote: its schema id is just above the newest that this process knows.

    It is not damaged. A process that must act on it stops and leaves it unacknowledged for one that can read it.
    """

    def __init__(self, schema_id: int) -> None:
        super().__init__(f"this record was written by a newer release (schema id {schema_id}): upgrade")
        self.schema_id = schema_id


class UnencodableRecord(ValueError):
    """A record whose values its schema does not allow. The message holds no content."""
