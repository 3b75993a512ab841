"""Chooses the schema version for a record: the oldest that can hold it. Pure.

So a process of the release before reads every record that says nothing new.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

Holds = Callable[[Any], bool]
"""Whether a value says nothing that the older schema cannot say."""


def held_by(older: Mapping[str, Any], newest: Mapping[str, Any]) -> Holds:
    """The test whether a record of the type `newest` describes can be written as `older`, with nothing lost.

    It can if each field that `older` lacks, here or in a nested record, has its default. Raises ValueError if a field
    that `older` lacks has no default, or `older` has a field that is gone.
    """
    return _Comparison(older, newest).of(older, newest) or (lambda _: True)


class _Comparison:
    def __init__(self, older: Any, newest: Any) -> None:
        self._older: dict[str, Any] = {}
        self._newest: dict[str, Any] = {}
        _collect(older, self._older)
        _collect(newest, self._newest)

    def of(self, older: Any, newest: Any) -> Holds | None:
        """None: every value is held."""
        older, newest = _named(older, self._older), _named(newest, self._newest)
        if isinstance(newest, list):
            return self._of_union(older, newest)
        if not isinstance(newest, dict):
            return None
        if newest["type"] == "record":
            return self._of_record(older, newest)
        if newest["type"] == "array" and (inner := self.of(older["items"], newest["items"])) is not None:
            item: Holds = inner
            return lambda values: all(map(item, values))
        return None

    def _of_union(self, older: Any, newest: list[Any]) -> Holds | None:
        branches = [branch for branch in newest if branch != "null"]
        before = [branch for branch in older if branch != "null"] if isinstance(older, list) else [older]
        if len(branches) != 1 or len(before) != 1:
            return None
        inner = self.of(before[0], branches[0])
        return None if inner is None else lambda value: value is None or inner(value)

    def _of_record(self, older: Any, newest: dict[str, Any]) -> Holds | None:
        if newest["name"] == "Content":  # a str or Sealed in Python
            return None
        known = {field["name"]: field for field in older["fields"]}
        if gone := set(known) - {field["name"] for field in newest["fields"]}:
            raise ValueError(f"{newest['name']} has lost {', '.join(sorted(gone))}")
        tests: list[tuple[str, Holds]] = []
        for field in newest["fields"]:
            name = field["name"]
            test = self.of(known[name]["type"], field["type"]) if name in known else _is_default(newest, field)
            if test is not None:
                tests.append((name, test))
        return (lambda record: all(test(getattr(record, name)) for name, test in tests)) if tests else None


def _is_default(record: dict[str, Any], field: dict[str, Any]) -> Holds:
    if "default" not in field:
        raise ValueError(f"{record['name']}.{field['name']} has no default")
    default = tuple(field["default"]) if isinstance(field["default"], list) else field["default"]
    return lambda value: bool(value == default)


def _named(schema: Any, names: dict[str, Any]) -> Any:
    return names.get(schema, schema) if isinstance(schema, str) else schema


def _collect(schema: Any, names: dict[str, Any]) -> None:
    if isinstance(schema, list):
        for branch in schema:
            _collect(branch, names)
    elif isinstance(schema, Mapping):
        if schema["type"] == "record":
            names[f"{schema['namespace']}.{schema['name']}"] = schema
            for field in schema["fields"]:
                _collect(field["type"], names)
        elif schema["type"] == "array":
            _collect(schema["items"], names)
