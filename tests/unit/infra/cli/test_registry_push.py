"""Our schemas in somebody else's registry: what is missing goes there under its own id, and nothing is overwritten."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from infra.cli.replay.registry_push import compare, push
from infra.cli.replay.schema_checks import problems, stray_files
from infra.cli.terminal import UserError
from schemas.generation import TokenChunk
from schemas.registry import RegisteredSchema, registered_schemas, versions_of

OURS = [registered_schemas()[id_] for id_ in (1, 2, 10)]


class MemoryRegistry:
    """A Confluent registry's rules, as far as they matter here. `mutable`: whether modes may be changed."""

    name = "http://registry"

    def __init__(self, *, mutable: bool = True, keeps_ids: bool = True) -> None:
        self.by_id: dict[int, str] = {}
        self.subjects: dict[str, dict[int, int]] = {}
        self.modes: dict[str, str] = {}
        self.calls: list[str] = []
        self.mutable, self.keeps_ids = mutable, keeps_ids

    def add(self, subject: str, version: int, schema_id: int, text: str) -> None:
        self.by_id[schema_id] = text
        self.subjects.setdefault(subject, {})[version] = schema_id

    def call(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        self.calls.append(f"{method} {path}")
        match method, path.partition("?")[0].strip("/").split("/"):
            case "GET", ["subjects", subject, "versions", version]:
                schema_id = self.subjects.get(subject, {}).get(int(version))
                if schema_id is None:
                    return 404, {"error_code": 40402, "message": "Version not found."}
                return 200, {"id": schema_id, "schema": self.by_id[schema_id]}
            case "GET", ["schemas", "ids", schema_id]:
                text = self.by_id.get(int(schema_id))
                return (200, {"schema": text}) if text else (404, {"error_code": 40403, "message": "not found"})
            case "GET", ["mode", subject]:
                return (200, {"mode": self.modes[subject]}) if subject in self.modes else (404, {"message": "no mode"})
            case "PUT", ["mode", subject]:
                if not self.mutable:
                    return 422, {"error_code": 42205, "message": "Mode is not\nmutable"}
                self.modes[subject] = body["mode"]
                return 200, body
            case "DELETE", ["mode", subject]:
                return 200, self.modes.pop(subject)
            case "POST", ["subjects", subject, "versions"]:
                if self.modes.get(subject) != "IMPORT":
                    return 422, {"error_code": 42205, "message": "Subject is not in import mode"}
                schema_id = body["id"] if self.keeps_ids else 100_001 + len(self.by_id)
                self.add(subject, body["version"], schema_id, body["schema"])
                return 200, {"id": schema_id}
            case other:
                raise AssertionError(other)

    @property
    def writes(self) -> list[str]:
        return [call for call in self.calls if not call.startswith("GET")]


def text_of(schema: RegisteredSchema) -> str:
    return json.dumps(dict(schema.definition))


def test_what_is_missing_is_pushed_under_its_own_id_and_again_nothing_happens() -> None:
    registry = MemoryRegistry()
    registry.add(OURS[1].subject, 1, 2, json.dumps(dict(OURS[1].definition), indent=3))
    assert [one.state for one in compare(registry, OURS)] == ["missing", "same", "missing"]
    assert registry.writes == []
    assert push(registry, compare(registry, OURS)) == [OURS[0], OURS[2]]
    assert registry.subjects == {s.subject: {1: s.id} for s in OURS}
    assert registry.modes == {}
    registry.calls.clear()
    assert push(registry, compare(registry, OURS)) == []
    assert registry.writes == []


def test_a_subjects_own_mode_is_put_back() -> None:
    registry = MemoryRegistry()
    registry.modes[OURS[0].subject] = "READONLY"
    push(registry, compare(registry, OURS))
    assert registry.modes == {OURS[0].subject: "READONLY"}


@pytest.mark.parametrize(
    ("subject", "version", "schema_id", "text", "says"),
    [
        (OURS[2].subject, 1, 77, text_of(OURS[2]), "has the id 77 there"),
        (OURS[2].subject, 1, 10, '"string"', "is another schema there"),
        (OURS[2].subject, 1, 10, "no schema at all", "is another schema there"),
        ("theirs", 1, 10, '"string"', "id 10, which is verbatim.TokenChunk version 1"),
    ],
)
def test_a_conflict_changes_nothing(subject: str, version: int, schema_id: int, text: str, says: str) -> None:
    registry = MemoryRegistry()
    registry.add(subject, version, schema_id, text)
    with pytest.raises(UserError, match="nothing was changed in http://registry") as caught:
        push(registry, compare(registry, OURS))
    assert says in str(caught.value)
    assert registry.writes == []


def test_a_registry_that_does_not_let_ids_be_given_is_told() -> None:
    with pytest.raises(UserError, match=r"Mode is not mutable\).*mode.mutability=true"):
        push(MemoryRegistry(mutable=False), compare(MemoryRegistry(), OURS))
    unfit = MemoryRegistry(keeps_ids=False)
    with pytest.raises(UserError, match=r"gave verbatim\.ConversationStarted version 1 the id 100001, not 1"):
        push(unfit, compare(unfit, OURS))
    assert unfit.modes == {}


def test_the_committed_schemas_hold_together() -> None:
    assert stray_files() == []
    assert problems(registered_schemas()) == []


def test_what_does_not_hold_together_is_named() -> None:
    chunk = registered_schemas()[10]
    following = versions_of(TokenChunk)[-1].version + 1
    renamed = dict(chunk.definition)
    renamed["fields"] = [{**field, "name": f"{field['name']}_"} for field in renamed["fields"]]
    newer = RegisteredSchema(len(registered_schemas()) + 1, chunk.subject, following, renamed)
    found = "\n".join(problems({**registered_schemas(), newer.id: newer}))
    assert f"verbatim.TokenChunk: version {following} cannot read version {following - 1}" in found
    assert f"verbatim.TokenChunk: schemas/upcast.py has no step from version {following - 1} to {following}" in found
    assert f"verbatim.TokenChunk: the type differs from version {following}" in found
    found = "\n".join(problems({**registered_schemas(), 10: replace(chunk, subject="verbatim.Chunk")}))
    assert "id 10 is verbatim.Chunk by the index, and verbatim.TokenChunk by its file" in found
    assert "verbatim.TokenChunk has the versions 2: they must be 1 to 1, each once" in found
    assert "verbatim.Chunk belongs to no record type" in found
    found = "\n".join(problems({id_: s for id_, s in registered_schemas().items() if id_ != 3}))
    assert "an id was given twice or taken back" in found
