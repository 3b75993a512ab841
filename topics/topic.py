"""A topic's name that knows which records stand in the topic, so that mypy sees a record sent to another one."""

from __future__ import annotations

from typing import Any, Generic, Self, TypeVar

from schemas.families import members

R = TypeVar("R")


class Topic(str, Generic[R]):
    """The name of a topic, usable as any string is, and the records that may stand in it: `R`, a union or one type.

    It is invariant in `R`, and has to be: otherwise any record could be sent to any topic, as records are objects.
    """

    record_types: tuple[type[Any], ...]
    """The members of `R` at run time."""

    def __new__(cls, name: str, records: object) -> Self:
        """`records`: what `R` is, a union or one record type."""
        topic = super().__new__(cls, name)
        topic.record_types = members(records)
        return topic

    def __reduce__(self) -> tuple[type[str], tuple[str]]:
        """A copy, as `dataclasses.asdict` makes one, is the bare name."""
        return str, (str(self),)
