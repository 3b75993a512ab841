"""Compares our schemas with a registry, and pushes the missing ones under our ids."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from fastavro import parse_schema
from fastavro.schema import to_parsing_canonical_form

from infra.cli.replay.registry_http import quoted
from infra.cli.terminal import UserError, one_line
from schemas.registry import RegisteredSchema

State = Literal["same", "missing", "conflict"]


class Registry(Protocol):
    """A schema registry of Confluent's kind. HttpRegistry is one."""

    @property
    def name(self) -> str: ...

    def call(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        """The status and JSON of an answer. Raises UserError if none comes."""


@dataclass(frozen=True, slots=True)
class Compared:
    """How one of our schemas stands in the registry; `why` says what conflicts."""

    schema: RegisteredSchema
    state: State
    why: str = ""


def compare(registry: Registry, schemas: Iterable[RegisteredSchema]) -> list[Compared]:
    """Look up each schema under its subject and version, and under its id. Raises UserError."""
    return [_compared(registry, schema) for schema in sorted(schemas, key=lambda schema: schema.id)]


def push(registry: Registry, compared: Iterable[Compared]) -> list[RegisteredSchema]:
    """Register what is missing, each under its very id and version; returns what was.

    Nothing is changed if anything conflicts. Raises UserError; what was registered before that stays, and the next
    push goes on there.
    """
    found = list(compared)
    conflicts = [one for one in found if one.state == "conflict"]
    if conflicts:
        more = f" (and {len(conflicts) - 1} more)" if len(conflicts) > 1 else ""
        raise UserError(f"nothing was changed in {registry.name}: {conflicts[0].why}{more}")
    missing: dict[str, list[RegisteredSchema]] = {}
    for one in found:
        if one.state == "missing":
            missing.setdefault(one.schema.subject, []).append(one.schema)
    pushed = []
    for subject, schemas in missing.items():
        with _importing(registry, subject):
            for schema in sorted(schemas, key=lambda schema: schema.version):
                body = {"schema": _text(schema), "schemaType": "AVRO", "id": schema.id, "version": schema.version}
                answer = _done(registry, "POST", f"/subjects/{quoted(subject)}/versions", body)
                if answer.get("id") != schema.id:
                    raise UserError(
                        f"{registry.name} gave {subject} version {schema.version} the id {answer.get('id')}, not "
                        f"{schema.id}: it does not keep given ids, so our records cannot be read with it"
                    )
                pushed.append(schema)
    return pushed


def _compared(registry: Registry, schema: RegisteredSchema) -> Compared:
    what = f"{schema.subject} version {schema.version} (id {schema.id})"
    status, there = registry.call("GET", f"/subjects/{quoted(schema.subject)}/versions/{schema.version}")
    if status == 200:
        if there.get("id") != schema.id:
            return Compared(schema, "conflict", f"{what} has the id {there.get('id')} there")
        if _form(there.get("schema")) != _form(_text(schema)):
            return Compared(schema, "conflict", f"{what} is another schema there")
        return Compared(schema, "same")
    _expect(registry, status, there, 404)
    status, there = registry.call("GET", f"/schemas/ids/{schema.id}")
    if status == 200 and _form(there.get("schema")) != _form(_text(schema)):
        return Compared(schema, "conflict", f"id {schema.id}, which is {what}, belongs to another schema there")
    _expect(registry, status, there, 200, 404)
    return Compared(schema, "missing")


@contextmanager
def _importing(registry: Registry, subject: str) -> Iterator[None]:
    """Within the block the subject takes given ids; afterwards its mode is what it was."""
    path = f"/mode/{quoted(subject)}"
    status, before = registry.call("GET", path)
    _expect(registry, status, before, 200, 404)
    # `force`: also where the subject has versions already.
    status, answer = registry.call("PUT", f"{path}?force=true", {"mode": "IMPORT"})
    if status != 200:
        raise UserError(
            f"{registry.name} does not let {subject} be imported ({_why(status, answer)}): schemas keep their ids only"
            " in mode IMPORT, which the registry must allow (mode.mutability=true)"
        )
    try:
        yield
    finally:
        if status == 200 and isinstance(before, dict) and before.get("mode") not in (None, "IMPORT"):
            _done(registry, "PUT", f"{path}?force=true", {"mode": before["mode"]})
        else:
            registry.call("DELETE", path)


def _done(registry: Registry, method: str, path: str, body: Any) -> dict[str, Any]:
    status, answer = registry.call(method, path, body)
    _expect(registry, status, answer, 200)
    return dict(answer or {})


def _expect(registry: Registry, status: int, answer: Any, *good: int) -> None:
    if status not in good:
        raise UserError(f"{registry.name} refuses: {_why(status, answer)}")


def _why(status: int, answer: Any) -> str:
    said = one_line(str(answer.get("message", "")))[:200] if isinstance(answer, dict) else ""
    return f"{status} {said}".rstrip()


def _text(schema: RegisteredSchema) -> str:
    return json.dumps(dict(schema.definition), ensure_ascii=False, separators=(",", ":"))


def _form(text: Any) -> str:
    """The canonical form of a schema; of what is none, the text itself."""
    try:
        return str(to_parsing_canonical_form(parse_schema(json.loads(text), named_schemas={})))
    except Exception:  # fastavro raises whatever the mistake leads to; no IO happens here
        return f"no schema: {text}"
