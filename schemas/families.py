"""The record types: each module of this folder names its own, in `RECORDS`.

A family is a union of records that stand together; a record type is added to its family's union, and that is the one
list it is in.
"""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules
from typing import Generic, TypeGuard, TypeVar, get_args

import schemas

R = TypeVar("R")

_READERS = frozenset({"registry"})
"""Modules that ask for the record types, so that they cannot name any. (Folders name none.)"""


def members(family: object) -> tuple[type, ...]:
    """The record types of a family; of a single record type, that type."""
    return get_args(family) or (family,)


class Family(Generic[R]):
    """Record types that somebody reads together: `R` for the type checker, `types` at run time."""

    def __init__(self, records: object) -> None:
        """`records`: what `R` is, a union or one record type."""
        self.types = members(records)
        self._types = frozenset(self.types)

    def holds(self, record: object) -> TypeGuard[R]:
        """Whether a record is of one of these types."""
        return type(record) in self._types

    def takes(self, record_type: type) -> bool:
        """Whether this is one of these types."""
        return record_type in self._types


def record_types() -> tuple[type, ...]:
    """All record types, each once, module by module."""
    names = sorted(info.name for info in iter_modules(schemas.__path__) if not info.ispkg and info.name not in _READERS)
    modules = [import_module(f"schemas.{name}") for name in names]
    return tuple(record_type for module in modules for record_type in getattr(module, "RECORDS", ()))
