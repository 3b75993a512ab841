"""`response_format`: what it becomes in the record, and who may ask for it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from api.consistency.upgrading import FORMATS_FROM_LEVEL
from api.http.errors import ApiError
from api.openai.requests.asked import Asked, fit
from api.openai.requests.body import ChatCompletionRequest
from infra.models.catalogue import ModelCatalogue
from schemas.codec import set_write_level
from schemas.conversation import PromptSubmitted
from schemas.generation import GenerationRequested
from schemas.registry import WRITE_LEVEL, versions_of

SPEC = replace(ModelCatalogue.load().default_model, capabilities=("streaming", "json"))
SCHEMA = {"type": "object", "properties": {"größe": {"type": "integer"}}, "required": ["größe"]}


@pytest.fixture(autouse=True)
def level() -> Iterator[None]:
    yield
    set_write_level(WRITE_LEVEL)


def asked(response_format: Any) -> Asked:
    body = {"model": SPEC.id, "messages": [{"role": "user", "content": "q"}], "response_format": response_format}
    return Asked.of(ChatCompletionRequest.model_validate(body))


def formatted(schema: Any) -> dict[str, Any]:
    return {"type": "json_schema", "json_schema": {"name": "answer", "strict": True, "schema": schema}}


def test_a_schema_is_recorded_as_json() -> None:
    assert json.loads(asked(formatted(SCHEMA)).sampling.response_schema) == SCHEMA
    assert json.loads(asked({"type": "json_object"}).sampling.response_schema) == {"type": "object"}
    assert asked({"type": "text"}).sampling.response_schema == ""
    assert asked(None).sampling.response_schema == ""


def test_another_form_is_another_request() -> None:
    hashes = {asked(each).request_hash for each in (None, {"type": "json_object"}, formatted(SCHEMA), formatted({}))}
    assert len(hashes) == 4


def test_what_no_grammar_can_hold_is_a_400_that_names_the_keyword() -> None:
    with pytest.raises(
        ApiError, match="Invalid schema: the keyword 'uniqueItems' at /items is not supported"
    ) as raised:
        asked(formatted({"type": "array", "items": {"uniqueItems": True}}))
    assert raised.value.status == 400


def test_the_model_must_be_able_to_and_every_process_must_know_the_record() -> None:
    fit(SPEC, asked({"type": "json_object"}))
    with pytest.raises(ApiError, match="not supported by the model"):
        fit(replace(SPEC, capabilities=("streaming",)), asked({"type": "json_object"}))
    fit(replace(SPEC, capabilities=()), asked({"type": "text"}))
    set_write_level(FORMATS_FROM_LEVEL - 1)
    with pytest.raises(ApiError, match="until the upgrade is finished"):
        fit(SPEC, asked({"type": "json_object"}))


def test_the_level_is_that_of_the_records_that_say_it() -> None:
    assert {versions_of(record)[2].writes for record in (PromptSubmitted, GenerationRequested)} == {FORMATS_FROM_LEVEL}
