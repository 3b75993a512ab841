"""The record types: each module of this folder names its own, in `RECORDS`.

A family is a union of records that stand together; a record type is added to its family's union, and that is the one
list it is in.
"""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules
from typing import get_args

import schemas

_READERS = frozenset({"registry"})
"""Modules that ask for the record types, so that they cannot name any. (Folders name none.)"""


def members(family: object) -> tuple[type, ...]:
    """The record types of a family; of a single record type, that type."""
    return get_args(family) or (family,)


def record_types() -> tuple[type, ...]:
    """All record types, each once, module by module."""
    names = sorted(info.name for info in iter_modules(schemas.__path__) if not info.ispkg and info.name not in _READERS)
    modules = [import_module(f"schemas.{name}") for name in names]
    return tuple(record_type for module in modules for record_type in getattr(module, "RECORDS", ()))
