"""The ASGI application, put together from its parts."""

from __future__ import annotations

import asyncio
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from api.access import keys, session_routes
from api.conversations import branches, search
from api.conversations import routes as conversations
from api.http import operations
from api.http.answers import ERROR_SCHEMA
from api.http.cross_origin import CrossOrigin
from api.http.errors import ApiError, as_api_error, bad_request
from api.http.head_requests import HeadRequests
from api.http.middleware import AnswerHeaders
from api.log_view import routes as log_view
from api.openai import chat, models
from api.page import routes as web_pages
from api.parts import Parts
from api.pulse import routes as pulse
from api.registry import routes as schema_registry
from api.registry import schema_tools
from api.turns import generations, messages, model_listing
from infra.cassandra import StoreUnavailable
from infra.models.catalogue import ModelNotFound
from schemas.codec import NewerRecord
from schemas.envelope import SealedContent
from topics.errors import LogUnavailable

_ERRORS: dict[int | str, dict[str, Any]] = {
    status: {"description": meaning, "content": {"application/json": {"schema": ERROR_SCHEMA}}}
    for status, meaning in {
        400: "The request is invalid; `param` names the field.",
        401: "The key is missing, wrong or revoked, or the browser is no longer signed in.",
        403: "A change by session cookie that may come from another site.",
        404: "Not found, or it belongs to another user.",
        409: "The request depends on something that is still running.",
        413: "The body is too large.",
        415: "The body is not plain JSON.",
        422: "The Idempotency-Key was used with another body.",
        429: "Too many requests; Retry-After says when to try again.",
        502: "The model's engine refuses the request; the operator must fix the cause, which `code` names.",
        503: "A backend server is not reachable; retry with the same Idempotency-Key.",
        504: "The model's engine missed a deadline.",
    }.items()
}


def create_app(parts: Parts) -> FastAPI:
    """The application; it opens and closes nothing itself."""
    app = FastAPI(
        title="Verbatim",
        version="1",
        description="A self-hosted chat platform in which the log is the truth.",
        docs_url=None,
        redoc_url=None,
        openapi_url="/openapi.json",
        redirect_slashes=False,
    )
    app.state.parts = parts
    app.state.searches = asyncio.Semaphore(search.MOST_AT_ONCE)
    app.state.schema_checks = asyncio.Semaphore(1)
    for router in (conversations.router, messages.router, generations.router, keys.router, chat.router, models.router):
        app.include_router(router, responses=_ERRORS)
    for router in (session_routes.router, model_listing.router):
        app.include_router(router, responses=_ERRORS)
    for router in (branches.router, search.router):
        app.include_router(router, responses=_ERRORS)
    for router in (log_view.router, pulse.router):
        app.include_router(router, responses=_ERRORS)
    app.include_router(web_pages.router)
    app.include_router(operations.router)
    app.include_router(schema_registry.router)
    app.include_router(schema_tools.router)
    for kind in (ApiError, HTTPException, LogUnavailable, StoreUnavailable, ModelNotFound, SealedContent, NewerRecord):
        app.add_exception_handler(kind, _answer_error)
    app.add_exception_handler(RequestValidationError, _answer_wrong_parameter)
    app.add_middleware(HeadRequests)
    app.add_middleware(AnswerHeaders, cross_origin=CrossOrigin.of(parts.settings.cors_origins))
    return app


async def _answer_error(request: Request, error: Exception) -> Response:
    return schema_registry.in_registry_shape(request.url.path, as_api_error(error)).response()


async def _answer_wrong_parameter(request: Request, error: Exception) -> Response:
    """A path or query parameter that does not fit; bodies are checked by api.http.bodies."""
    first = error.errors()[0] if isinstance(error, RequestValidationError) else {}
    param = str(first.get("loc", ("", "?"))[-1])
    wrong = bad_request(f"Invalid value for '{param}': {first.get('msg', 'wrong')}.", param=param)
    return schema_registry.in_registry_shape(request.url.path, wrong).response()
