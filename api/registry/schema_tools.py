"""Routes for registry tools: compatibility checks and lists. Read-only."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response

from api.access.auth import admit_anybody
from api.http.bodies import Bodies, BodyReader
from api.http.providing import provided
from api.registry import schema_index as index
from api.registry.checks import SchemaChecks
from api.registry.routes import (
    LOOK_UP_BODY,
    MAX_SUBJECT_CHARACTERS,
    RegistryError,
    answer,
    said,
    schema_in,
    version_of,
    versions_of,
    without_context,
)
from api.registry.schema_index import Entry

router = APIRouter(tags=["schemas"], dependencies=[Depends(admit_anybody)])

MAX_LISTED = 2**31 - 1
"""What the registry of others takes for an offset or a limit."""

Checks = Annotated[SchemaChecks, Depends(provided(SchemaChecks))]


@router.post("/compatibility/subjects/{subject}/versions/{version}", openapi_extra=LOOK_UP_BODY)
async def fits_version(
    request: Request, bodies: BodyReader, checks: Checks, subject: str, version: str, verbose: bool = False
) -> Response:
    """Check whether a reader with this schema can read data of that version. Registers nothing."""
    return await _checked(request, bodies, checks, [version_of(subject, version)], verbose=verbose)


@router.post("/compatibility/subjects/{subject}/versions", openapi_extra=LOOK_UP_BODY)
async def fits_all(
    request: Request, bodies: BodyReader, checks: Checks, subject: str, verbose: bool = False
) -> Response:
    """Check whether a reader with this schema can read data of every version of the subject."""
    return await _checked(request, bodies, checks, versions_of(subject).values(), verbose=verbose)


async def _checked(
    request: Request, bodies: Bodies, checks: SchemaChecks, entries: Iterable[Entry], *, verbose: bool
) -> Response:
    body = await schema_in(request, bodies)
    if body.schema_type != "AVRO":
        return answer(_verdict(["this registry holds only Avro schemas"], verbose=verbose))
    try:
        reasons = await checks.unreadable(entries, body.text)
    except index.NotAvro as error:
        raise RegistryError(422, 42201, f"Invalid schema: {error}") from None
    return answer(_verdict(reasons, verbose=verbose))


def _verdict(reasons: list[str], *, verbose: bool) -> dict[str, Any]:
    return {"is_compatible": not reasons, **({"messages": reasons} if verbose else {})}


@router.get("/schemas")
async def schemas(
    prefix: Annotated[str, Query(alias="subjectPrefix", max_length=MAX_SUBJECT_CHARACTERS)] = "",
    latest_only: Annotated[bool, Query(alias="latestOnly")] = False,
    offset: Annotated[int, Query(ge=0, le=MAX_LISTED)] = 0,
    limit: Annotated[int, Query(ge=-1, le=MAX_LISTED)] = -1,
) -> Response:
    """All versions of all subjects."""
    found = [
        entry
        for subject, versions in index.by_subject().items()
        if subject.startswith(without_context(prefix))
        for number, entry in versions.items()
        if not latest_only or number == max(versions)
    ]
    return answer([said(entry) for entry in (found[offset:] if limit < 0 else found[offset : offset + limit])])


@router.get("/contexts")
async def contexts() -> Response:
    """The contexts of the registry: only the default one."""
    return answer(["."])


@router.get("/v1/metadata/id")
async def metadata_id() -> Response:
    """The cluster of this registry: none."""
    return answer({"scope": {"path": [], "clusters": {}}, "id": ""})
