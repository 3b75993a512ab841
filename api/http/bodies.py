"""Request bodies: read up to a limit, parsed strictly, validated. Every refusal says why and quotes nothing.

What a body makes the server do is bounded before it is done (`json_structure.py`), and large bodies are parsed and
parsed in a thread, so that no stream waits for a body.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import Annotated, Any, TypeVar

import orjson
from fastapi import Depends
from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic.alias_generators import to_camel
from starlette.requests import ClientDisconnect, Request

from api.http.errors import ApiError, bad_request, of_validation
from api.http.json_structure import BadStructure, check_structure
from api.http.providing import provided

Body = TypeVar("Body", bound=BaseModel)
Understood = TypeVar("Understood")

ARRIVE_S = 60.0
"""How long a body may take to arrive."""
INLINE_BYTES = 65_536
"""Bodies up to this size are parsed on the loop; larger ones in a thread."""
MAX_LARGE_AT_ONCE = 2
MAX_WITH_IMAGES_AT_ONCE = 4
"""Bodies that are longer than others may be, for the images in them."""
MAX_IMAGES_SEEN = 64
"""Data URLs in one body that its limit makes room for: more than any request may hold."""


class StrictBody(BaseModel):
    """A body in which nothing is guessed: unknown fields and values of other types are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


class ApiBody(StrictBody):
    """A body of /api/v1: snake_case, and camelCase as well."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True)


class CommandBody(ApiBody):
    """A body that may carry its idempotency key itself; it is no part of what is asked for."""

    request_id: str | None = None

    def asked(self) -> dict[str, Any]:
        """What the caller asks for."""
        return self.model_dump(exclude={"request_id"})


class Bodies:
    """Reads the bodies of requests, up to `max_bytes`; so many large ones at once are parsed."""

    def __init__(self, max_bytes: int, max_large: int = MAX_LARGE_AT_ONCE) -> None:
        self._max_bytes = max_bytes
        self._large = asyncio.Semaphore(max_large)
        self._with_images = asyncio.Semaphore(MAX_WITH_IMAGES_AT_ONCE)

    async def read(
        self, request: Request, model: type[Body], *, max_bytes: int | None = None, empty_is_object: bool = False
    ) -> Body:
        """The request's JSON body as `model`; with `empty_is_object` no body is `{}`. `max_bytes`: a limit of its own.

        Raises ApiError 400, 408, 413 or 415.
        """
        return await self.read_as(
            request, model, lambda body: body, max_bytes=max_bytes, empty_is_object=empty_is_object
        )

    async def read_as(
        self,
        request: Request,
        model: type[Body],
        understand: Callable[[Body], Understood],
        *,
        max_bytes: int | None = None,
        images_bytes: int = 0,
        empty_is_object: bool = False,
    ) -> Understood:
        """What `understand` makes of the request's body. It runs where the body is parsed: for a large one in a thread.

        `images_bytes`: what data URLs of images may add to the limit. Raises as `read` does, and what `understand`
        raises.
        """
        async with contextlib.AsyncExitStack() as held:
            limit = self._max_bytes if max_bytes is None else max_bytes
            raw = await _read(request, limit, images_bytes, held, self._with_images)
            return await self._understood(request, raw, model, understand, empty_is_object)

    async def _understood(
        self,
        request: Request,
        raw: bytes,
        model: type[Body],
        understand: Callable[[Body], Understood],
        empty_is_object: bool,
    ) -> Understood:
        if not raw and empty_is_object:
            return understand(model.model_validate({}))
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind != "application/json" and not kind.endswith("+json"):
            raise ApiError(
                415, "The body must be JSON: send Content-Type: application/json.", code="unsupported_media_type"
            )
        if request.headers.get("content-encoding", "identity").lower() != "identity":
            raise ApiError(415, "The body must not be compressed.", code="unsupported_media_type")
        return await self.apart(len(raw), lambda: understand(_validated(raw, model)))

    async def apart(self, size: int, work: Callable[[], Understood]) -> Understood:
        """What `work` makes of a body of this size: of a large one in a thread, a few at once."""
        if size <= INLINE_BYTES:
            return work()
        async with self._large:
            return await asyncio.to_thread(work)


BodyReader = Annotated[Bodies, Depends(provided(Bodies))]


def _validated(raw: bytes, model: type[Body]) -> Body:
    try:
        return model.model_validate(parse(raw))
    except ValidationError as error:
        raise of_validation(error) from None


def parse(raw: bytes) -> dict[str, Any]:
    """A JSON object of bounded structure, each name once. Raises ApiError 400."""
    if not raw.strip():
        raise bad_request("The body is empty; a JSON object is expected.", code="invalid_json")
    try:
        check_structure(raw)
        value = orjson.loads(raw)
    except BadStructure as error:
        raise bad_request(f"The body is not accepted: {error}.", code="invalid_json") from None
    except orjson.JSONDecodeError as error:
        raise bad_request(f"The body is not valid JSON: {error}.", code="invalid_json") from None
    if not isinstance(value, dict):
        raise bad_request("The body must be a JSON object.", code="invalid_json")
    return value


async def _read(
    request: Request,
    most_bytes: int,
    images_bytes: int,
    held: contextlib.AsyncExitStack,
    turns: asyncio.Semaphore,
) -> bytes:
    """The body, of `most_bytes` beside its images. One that is longer than that waits for its turn and keeps it."""
    too_large = ApiError(
        413,
        f"The body is larger than {most_bytes} bytes{' without its images' if images_bytes else ''}.",
        code="request_too_large",
        headers={"connection": "close"},
    )
    declared = request.headers.get("content-length", "")
    if declared.isdigit() and len(declared) <= 20 and int(declared) > most_bytes + images_bytes:
        raise too_large
    parts: list[bytes] = []
    size, longer = 0, False
    try:
        async with asyncio.timeout(ARRIVE_S):
            async for part in request.stream():
                size += len(part)
                if size > most_bytes + images_bytes:
                    raise too_large
                if size > most_bytes and not longer:
                    longer = True
                    await held.enter_async_context(turns)
                parts.append(part)
    except TimeoutError:
        raise ApiError(
            408,
            f"The body did not arrive within {ARRIVE_S:.0f} s.",
            code="request_timeout",
            headers={"connection": "close"},
        ) from None
    except ClientDisconnect:
        raise bad_request("The client left before its body had arrived.", code="invalid_json") from None
    raw = b"".join(parts)
    if longer and size - _images_bytes(raw) > most_bytes:
        raise too_large
    return raw


def _images_bytes(raw: bytes) -> int:
    """How much of a body is data URLs of images, as far as that is seen without parsing it.

    It takes a bounded number of steps whatever the body holds, for the loop waits for it.
    """
    size = at = 0
    for _ in range(MAX_IMAGES_SEEN):
        begin = raw.find(b'"data:image', at)
        end = -1 if begin < 0 else raw.find(b'"', begin + 1)
        if end < 0:
            break
        size += end - begin - 1
        at = end + 1
    return size
