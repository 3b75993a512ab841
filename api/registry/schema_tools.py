"""What registry tools ask beside a schema: whether another one would fit, and lists. All of it reads."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response

from api.access.auth import admit_anybody
from api.http.errors import Overloaded
from api.registry import schema_index as index
from api.registry.routes import (
    LOOK_UP_BODY,
    RegistryError,
    answer,
    said,
    schema_in,
    version_of,
    versions_of,
    without_context,
)
from api.registry.schema_index import Entry

WITHIN_S = 5.0
"""How long a check waits for the one before it."""

router = APIRouter(tags=["schemas"], dependencies=[Depends(admit_anybody)])


@router.post("/compatibility/subjects/{subject}/versions/{version}", openapi_extra=LOOK_UP_BODY)
async def fits_version(request: Request, subject: str, version: str, verbose: bool = False) -> Response:
    """Check whether a reader with this schema can read data of that version. Registers nothing."""
    return await _checked(request, [version_of(subject, version)], verbose=verbose)


@router.post("/compatibility/subjects/{subject}/versions", openapi_extra=LOOK_UP_BODY)
async def fits_all(request: Request, subject: str, verbose: bool = False) -> Response:
    """Check whether a reader with this schema can read data of every version of the subject."""
    return await _checked(request, versions_of(subject).values(), verbose=verbose)


async def _checked(request: Request, entries: Iterable[Entry], *, verbose: bool) -> Response:
    body = await schema_in(request)
    if body.schema_type != "AVRO":
        return answer(_verdict(["this registry holds only Avro schemas"], verbose=verbose))
    gate: asyncio.Semaphore = request.app.state.schema_checks
    try:
        async with asyncio.timeout(WITHIN_S):
            await gate.acquire()
    except TimeoutError:
        raise Overloaded("another schema check is running") from None
    try:
        # Of a schema of somebody else's: in a thread, so that it keeps nobody's tokens waiting.
        reasons = await asyncio.to_thread(index.unreadable, list(entries), body.text)
    except index.NotAvro as error:
        raise RegistryError(422, 42201, f"Invalid schema: {error}") from None
    finally:
        gate.release()
    return answer(_verdict(reasons, verbose=verbose))


def _verdict(reasons: list[str], *, verbose: bool) -> dict[str, Any]:
    return {"is_compatible": not reasons, **({"messages": reasons} if verbose else {})}


@router.get("/schemas")
async def schemas(
    prefix: Annotated[str, Query(alias="subjectPrefix")] = "",
    latest_only: Annotated[bool, Query(alias="latestOnly")] = False,
    offset: Annotated[int, Query(ge=0)] = 0,
    limit: Annotated[int, Query(ge=-1)] = -1,
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
