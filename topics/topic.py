"""A topic's name with its record types, so that mypy finds a record sent to the wrong topic."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Any, Generic, Self, TypeVar

from schemas.families import members

R = TypeVar("R")


class Topic(str, Generic[R]):
    """The name of a topic, usable as a string, and the records that may stand in it: `R`, a union or one type.

    What takes a `str` and no subclass of it (`marshal`, a ConfigResource of the Kafka client) gets `str(topic)`, or the
    name in the catalogue, which is one.

    It is invariant in `R`, and has to be: otherwise any record could be sent to any topic, as records are objects.
    """

    record_types: tuple[type[Any], ...]
    """The members of `R` at run time."""

    def __new__(cls, name: str, records: object) -> Self:
        """`records`: what `R` is, a union or one record type."""
        topic = super().__new__(cls, name)
        topic.record_types = members(records)
        return topic

    @cached_property
    def decode(self) -> Callable[[bytes | None], R]:
        """Decodes what stands in this topic, as `schemas.codec.decode` does and as fast.

        Raises UndecodableRecord, which is MisplacedRecord for a record that the topic does not take; NewerRecord.
        """
        # Asked for here: naming a topic costs no process the codec.
        from schemas.codec import decoder_of

        return decoder_of(self.record_types, str(self))

    @cached_property
    def bytes_of(self) -> Callable[[R], bytes]:
        """The codec's `encode`, for records of this topic: for whoever fires bytes and does not `send` a record."""
        from schemas.codec import encode

        return encode

    def __reduce__(self) -> tuple[type[str], tuple[str]]:
        """A copy, as `dataclasses.asdict` makes one, is the bare name."""
        return str, (str(self),)
