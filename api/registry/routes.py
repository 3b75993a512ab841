"""The schemas of all topics for other tools: the read-only half of a Confluent Schema Registry API, at the root.

No key is asked for: the schemas stand in the repository and say nothing of anybody. Who asks is limited by address.
Nothing can be registered, changed or deleted here: the index is part of the code.
"""

from __future__ import annotations

from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Depends, Path, Query, Request, Response
from pydantic import ConfigDict, Field

from api.access.auth import admit_anybody
from api.http.bodies import ApiBody, Bodies, BodyReader
from api.http.errors import ApiError
from api.registry import schema_index as index
from api.registry.schema_index import Entry

MEDIA_TYPE = "application/vnd.schemaregistry.v1+json"
MAX_BODY_BYTES = 64 * 1024
"""Many times our largest schema: looking into one takes time."""
MAX_SUBJECT_CHARACTERS = 300
"""Many times our longest name of a subject."""
Subject = Annotated[str, Path(max_length=MAX_SUBJECT_CHARACTERS)]
"""Also of subjects that there are not."""
_FOR_EVER = {"cache-control": "public, max-age=86400, immutable"}
"""An id, once given, means its schema for ever."""
A_MINUTE = {"cache-control": "public, max-age=60"}
ROOTS = ("/subjects", "/schemas", "/config", "/mode", "/compatibility", "/contexts", "/v1/metadata")
_LATEST = ("latest", "-1")
_COMPATIBILITY = "BACKWARD_TRANSITIVE"

router = APIRouter(tags=["schemas"], dependencies=[Depends(admit_anybody)])


class RegistryError(ApiError):
    """An answer in the registry's own shape: {"error_code", "message"}."""

    def __init__(self, status: int, error_code: int, message: str) -> None:
        super().__init__(status, message)
        self.error_code = error_code

    @property
    def body(self) -> dict[str, Any]:
        return {"error_code": self.error_code, "message": self.message}

    def response(self) -> Response:
        return Response(orjson.dumps(self.body), self.status, self.headers, MEDIA_TYPE)


def in_registry_shape(path: str, error: ApiError) -> ApiError:
    """The error as it is told below the registry's paths, where tools look for its shape."""
    if isinstance(error, RegistryError) or not any(path == root or path.startswith(f"{root}/") for root in ROOTS):
        return error
    told = RegistryError(error.status, error.status, f"HTTP {error.status}: {error.message}")
    told.headers = error.headers
    return told


class LookUpSchema(ApiBody):
    """What clients of a registry send; nothing but `schema` and its type matters here."""

    model_config = ConfigDict(extra="ignore")

    text: str = Field(alias="schema")
    schema_type: str = "AVRO"


LOOK_UP_BODY = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {
                    "type": "object",
                    "required": ["schema"],
                    "properties": {
                        "schema": {"type": "string", "maxLength": MAX_BODY_BYTES},
                        "schemaType": {"type": "string", "maxLength": 100},
                    },
                }
            }
        },
    }
}


def answer(value: Any, headers: dict[str, str] = A_MINUTE) -> Response:
    return Response(orjson.dumps(value), 200, headers, MEDIA_TYPE)


def _schema(schema_id: str) -> Entry:
    entry = index.by_id().get(number_in(schema_id) or 0)
    if entry is None:
        raise RegistryError(404, 40403, f"Schema {schema_id[:20]} not found")
    return entry


def versions_of(subject: str) -> dict[int, Entry]:
    found = index.by_subject().get(subject)
    if found is None:
        raise RegistryError(404, 40401, f"Subject '{subject[:200]}' not found.")
    return dict(found)


def version_of(subject: str, version: str) -> Entry:
    versions = versions_of(subject)
    number = max(versions) if version in _LATEST else number_in(version)
    if not number:
        raise RegistryError(
            422,
            42202,
            f"The specified version '{version[:20]}' is not a valid version id. Allowed values are between [1, 2^31-1]"
            ' and the string "latest"',
        )
    if number not in versions:
        raise RegistryError(404, 40402, f"Version {number} not found.")
    return versions[number]


def number_in(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 10 and int(text) < 2**31 else None


async def schema_in(request: Request, bodies: Bodies) -> LookUpSchema:
    """The schema that a request brings. Raises RegistryError."""
    try:
        return await bodies.read(request, LookUpSchema, max_bytes=MAX_BODY_BYTES)
    except ApiError as error:
        raise RegistryError(error.status, 42201 if error.status == 400 else error.status, error.message) from None


def without_context(prefix: str) -> str:
    """A prefix of subjects; one context there is, and `:*:` means all of them."""
    return prefix.removeprefix(":*:").removeprefix(":.:")


def said(entry: Entry) -> dict[str, Any]:
    return {"subject": entry.subject, "version": entry.version, "id": entry.id, "schema": entry.text}


@router.get("/schemas/types")
async def schema_types() -> Response:
    """The supported schema types."""
    return answer(["AVRO"])


@router.get("/schemas/ids/{schema_id}")
async def schema_by_id(schema_id: str, fetch_max_id: Annotated[bool, Query(alias="fetchMaxId")] = False) -> Response:
    """The schema with this id, as a record's frame names it."""
    entry = _schema(schema_id)
    newest = {"maxId": max(index.by_id())} if fetch_max_id else {}
    return answer({"schema": entry.text, **newest}, A_MINUTE if fetch_max_id else _FOR_EVER)


@router.get("/schemas/ids/{schema_id}/schema")
async def schema_text_by_id(schema_id: str) -> Response:
    """The schema with this id, without a wrapper."""
    return Response(_schema(schema_id).text, 200, _FOR_EVER, MEDIA_TYPE)


@router.get("/schemas/ids/{schema_id}/versions")
async def versions_of_id(schema_id: str) -> Response:
    """The subject and version of a schema id."""
    entry = _schema(schema_id)
    return answer([{"subject": entry.subject, "version": entry.version}])


@router.get("/schemas/ids/{schema_id}/subjects")
async def subjects_of_id(schema_id: str) -> Response:
    """The subject of a schema id."""
    return answer([_schema(schema_id).subject])


@router.get("/subjects")
async def subjects(
    prefix: Annotated[str, Query(alias="subjectPrefix", max_length=MAX_SUBJECT_CHARACTERS)] = "",
) -> Response:
    """All subjects: the full names of the record types."""
    return answer([subject for subject in index.by_subject() if subject.startswith(without_context(prefix))])


@router.get("/subjects/{subject}/versions")
async def versions(subject: str) -> Response:
    """The versions of a subject."""
    return answer(list(versions_of(subject)))


@router.get("/subjects/{subject}/versions/{version}")
async def version_of_subject(subject: str, version: str) -> Response:
    """One version of a subject; `latest` (or -1) is the newest."""
    return answer(said(version_of(subject, version)))


@router.get("/subjects/{subject}/versions/{version}/schema")
async def schema_of_version(subject: str, version: str) -> Response:
    """The schema of a version, without a wrapper."""
    return Response(version_of(subject, version).text, 200, A_MINUTE, MEDIA_TYPE)


@router.get("/subjects/{subject}/versions/{version}/referencedby")
async def referenced_by(subject: str, version: str) -> Response:
    """The ids of schemas that reference this one: always none, our schemas are self-contained."""
    version_of(subject, version)
    return answer([])


@router.post("/subjects/{subject}", openapi_extra=LOOK_UP_BODY)
async def look_up(request: Request, bodies: BodyReader, subject: str) -> Response:
    """Look up a schema under a subject: its id and version."""
    versions_of(subject)
    body = await schema_in(request, bodies)
    try:
        found = index.find(subject, body.text) if body.schema_type == "AVRO" else None
    except index.NotAvro as error:
        raise RegistryError(422, 42201, f"Invalid schema: {error}") from None
    if found is None:
        raise RegistryError(404, 40403, "Schema not found")
    return answer(said(found))


@router.get("/config")
async def config() -> Response:
    """The compatibility level of all subjects."""
    return answer({"compatibilityLevel": _COMPATIBILITY})


@router.get("/config/{subject}")
async def config_of_subject(
    subject: Subject, or_global: Annotated[bool, Query(alias="defaultToGlobal")] = False
) -> Response:
    """The compatibility level of a subject: none of its own, the global one applies."""
    if not or_global:
        raise RegistryError(
            404, 40408, f"Subject '{subject[:200]}' does not have subject-level compatibility configured"
        )
    return answer({"compatibilityLevel": _COMPATIBILITY})


@router.get("/mode")
async def mode() -> Response:
    """Refused: this registry is read-only."""
    return answer({"mode": "READONLY"})


@router.get("/mode/{subject}")
async def mode_of_subject(subject: Subject) -> Response:
    """Refused: this registry is read-only."""
    return answer({"mode": "READONLY"})


async def _refuse() -> Response:
    raise RegistryError(
        422,
        42205,
        "This registry is in read-only mode: its schemas are part of the code. To have them in a registry of your own, "
        "run ./verbatim replay schemas push --registry URL",
    )


for _method, _path in (
    ("POST", "/subjects/{subject}/versions"),
    ("DELETE", "/subjects/{subject}"),
    ("DELETE", "/subjects/{subject}/versions/{version}"),
    ("PUT", "/config"),
    ("PUT", "/config/{subject}"),
    ("DELETE", "/config/{subject}"),
    ("PUT", "/mode"),
    ("PUT", "/mode/{subject}"),
    ("DELETE", "/mode/{subject}"),
):
    router.add_api_route(_path, _refuse, methods=[_method], include_in_schema=False)
