"""Requests drawn from an OpenAPI document, right ones and wrong ones, and whether each answer is as the document says.

schemathesis draws and judges: no 5xx, no status, content type or shape that is not documented, and nothing accepted
that the document forbids. Who calls the API is left to the caller.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import FailureGroup
from schemathesis.core.parameters import ParameterLocation
from schemathesis.core.result import Ok
from schemathesis.core.transport import Response
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_schema_conformance,
    status_code_conformance,
)

from tests.fuzz.asgi import Answered

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    negative_data_rejection,
]
MAX_SHOWN = 300
_HOST = "http://verbatim"


@dataclass(frozen=True, slots=True)
class Asked:
    """A request as it goes out, but for its key. `target`: path and query. `keyless`: it must have no good key."""

    method: str
    target: bytes
    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes
    keyless: bool


@dataclass
class Tried:
    """What came of an operation. `wrong`: what is not as documented, each kind once; empty is right."""

    label: str
    statuses: Counter[int] = field(default_factory=Counter)
    wrong: dict[str, str] = field(default_factory=dict)


Call = Callable[[Asked], Answered]
Names = Mapping[str, str]


def operations_of(document: Mapping[str, Any]) -> Iterator[Any]:
    """The operations of a document, as schemathesis knows them."""
    schema = schemathesis.openapi.from_dict(json.loads(json.dumps(document)))
    for found in schema.get_all_operations():
        assert isinstance(found, Ok), found
        yield found.ok()


def tried(operation: Any, call: Call, names: Names, examples: int, chosen_seed: int) -> Tried:
    """Try an operation with so many right requests and as many wrong ones.

    `names`: what there is, by the names of path parameters; every second request names it.
    """
    result = Tried(operation.label)
    for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):
        if mode is GenerationMode.NEGATIVE and not _takes_anything(operation):
            continue
        count = 0

        @seed(chosen_seed)
        @settings(
            max_examples=examples,
            database=None,
            deadline=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy(generation_mode=mode))
        def run(case: Case[Any]) -> None:
            nonlocal count
            count += 1
            if count % 2 and not _is_wrong(case, ParameterLocation.PATH):
                case.path_parameters = {**case.path_parameters, **_known(case.path_parameters, names)}
            _try(case, call, result)

        try:
            run()
        except Unsatisfiable:
            result.wrong["nothing can be drawn"] = mode.name
    return result


def _takes_anything(operation: Any) -> bool:
    raw = operation.definition.raw
    return any(raw.get(part) for part in ("parameters", "requestBody", "security"))


def _is_wrong(case: Case[Any], part: ParameterLocation) -> bool:
    """Whether this part of a request was drawn so that it does not fit."""
    drawn = case.meta.components.get(part) if case.meta is not None else None
    return drawn is not None and drawn.mode is GenerationMode.NEGATIVE


def _known(asked: Mapping[str, Any], names: Names) -> dict[str, str]:
    return {name: names[name] for name in asked if name in names}


def _try(case: Case[Any], call: Call, result: Tried) -> None:
    prepared = _prepared(case)
    target = (prepared.path_url or "/").encode("ascii")
    headers = tuple((_bytes(name), _bytes(value)) for name, value in prepared.headers.items())
    keyless = _is_wrong(case, ParameterLocation.HEADER)
    body = b"" if prepared.body is None else prepared.body
    assert isinstance(body, bytes | str)
    body = _bytes(body)
    answered = call(Asked(prepared.method or "GET", target, headers, body, keyless))
    result.statuses[answered.status] += 1
    if answered.kind == "text/event-stream" and answered.status == 200:
        # Its status and type are all that is documented of a stream.
        answered = Answered(answered.status, answered.headers, b"", whole=True)
    response = Response(
        status_code=answered.status,
        headers={name: [value] for name, value in answered.headers.items()},
        content=answered.body,
        request=prepared,
        elapsed=0.0,
        verify=False,
    )
    try:
        case.validate_response(response, checks=CHECKS)
    except FailureGroup as failures:
        for failure in failures.exceptions:
            what = failure.title
            shown = (
                f"{prepared.method} {target.decode()[:MAX_SHOWN]} {body[:MAX_SHOWN]!r} -> {answered.body[:MAX_SHOWN]!r}"
            )
            result.wrong.setdefault(f"{answered.status} {what}", shown)


def _prepared(case: Case[Any]) -> requests.PreparedRequest:
    said = case.as_transport_kwargs(base_url=_HOST)
    kept = {
        name: said[name] for name in ("method", "url", "headers", "params", "data", "json", "cookies") if name in said
    }
    return requests.Request(**kept).prepare()


def _bytes(value: str | bytes) -> bytes:
    return value if isinstance(value, bytes) else value.encode("utf-8", "surrogateescape")
