"""Error responses in OpenAI's shape: {"error": {"message", "type", "param", "code"}}.

The one place where an error becomes an HTTP status. Whatever is raised below the routes is listed in `as_api_error`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson
from pydantic import ValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from api.http.validation_words import in_words
from infra.cassandra.errors import StoreUnavailable
from infra.models.catalogue import ModelNotFound, WrongKindOfModel
from schemas.codec import NewerRecord
from schemas.envelope import SealedContent
from schemas.generation import Failure
from topics.errors import LogUnavailable

INVALID = "invalid_request_error"
SERVER = "server_error"
RETRY_AFTER_S = 1
FULL_RETRY_AFTER_S = 5


class ApiError(Exception):
    """An answer that is an error. `headers` go out with it."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        code: str | None = None,
        param: str | None = None,
        error_type: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.code = code
        self.param = param
        self.type = error_type or (SERVER if status >= 500 else INVALID)
        self.headers = dict(headers or {})

    @property
    def body(self) -> dict[str, Any]:
        return {"error": {"message": self.message, "type": self.type, "param": self.param, "code": self.code}}

    def response(self) -> Response:
        return Response(orjson.dumps(self.body), self.status, self.headers, "application/json")


class Overloaded(ApiError):
    """A bound of this process is reached. `what` says which, as the end of a sentence; nothing was done."""

    def __init__(self, what: str) -> None:
        super().__init__(
            503,
            f"The server is overloaded: {what}. Please retry.",
            code="overloaded",
            headers={"Retry-After": str(FULL_RETRY_AFTER_S)},
        )


class KeyReused(ApiError):
    """A key that came with another body before."""

    def __init__(self) -> None:
        super().__init__(
            422,
            "This Idempotency-Key was used with another request body. Use a new key for a new request.",
            code="idempotency_key_reused",
            param="Idempotency-Key",
        )


def bad_request(message: str, *, code: str | None = "invalid_value", param: str | None = None) -> ApiError:
    return ApiError(400, message, code=code, param=param)


def unsupported(param: str, message: str) -> ApiError:
    """For what is known and cannot be done here."""
    return bad_request(message, code="unsupported_parameter", param=param)


def not_found(what: str, *, param: str | None = None) -> ApiError:
    """The same for what does not exist and for what belongs to another user."""
    return ApiError(404, f"No such {what}.", code="not_found", param=param)


def model_not_found(model_id: str) -> ApiError:
    shown = model_id if len(model_id) <= 100 else model_id[:100] + "…"
    message = f"The model `{shown}` does not exist or you do not have access to it."
    return ApiError(404, message, code="model_not_found", param="model")


def wrong_kind_of_model(error: WrongKindOfModel) -> ApiError:
    does = "makes embeddings: use it with POST /v1/embeddings" if error.embeds else "makes no embeddings"
    return bad_request(f"The model `{error.model_id}` {does}.", code="unsupported_model", param="model")


def unauthorised(message: str, *, code: str = "invalid_api_key") -> ApiError:
    return ApiError(401, message, code=code, headers={"WWW-Authenticate": "Bearer"})


def unavailable(message: str, *, code: str = "unavailable", headers: Mapping[str, str] | None = None) -> ApiError:
    return ApiError(503, message, code=code, headers={"Retry-After": str(RETRY_AFTER_S), **(headers or {})})


def behind() -> ApiError:
    """For what is not there in projections that have not reached the position that was asked for: it may well be."""
    return unavailable(
        "The projections have not reached the position this request asks for, so what it names may not be there yet. "
        "Nothing was done. Please retry.",
        code="projections_behind",
    )


def not_accepted_for_sure(idempotency_key: str) -> ApiError:
    """A command whose produce was not acknowledged in time."""
    return unavailable(
        "The log did not acknowledge the command in time. It may have been accepted: retry with the header "
        f"Idempotency-Key: {idempotency_key}",
        code="log_unavailable",
        headers={"Idempotency-Key": idempotency_key},
    )


def context_length_exceeded(context_tokens: int, tokens: str, param: str) -> ApiError:
    """`tokens`: how many there are, as a number or "at least" one."""
    return bad_request(
        f"This model's maximum context length is {context_tokens} tokens. However, your messages resulted in "
        f"{tokens} tokens. Please reduce the length of the messages.",
        code="context_length_exceeded",
        param=param,
    )


QUOTA = "insufficient_quota"
QUOTA_SAID = "You exceeded your current quota: the budget is spent. Ask your operator for more."


def quota_exceeded(message: str = QUOTA_SAID) -> ApiError:
    """For what a hard budget does not cover. Asking again does not help: `Retry-After` would say that it does."""
    return ApiError(429, message, code=QUOTA, error_type=QUOTA, headers={"x-should-retry": "false"})


_FAILURE_STATUS = {
    "budget_currency": 400,
    "context_length_exceeded": 400,
    "invalid_request": 400,
    "content_filter": 400,
    "model_not_found": 404,
    "conversation_deleted": 404,
    "content_sealed": 410,
    "rate_limit_exceeded": 429,
    "unrecordable": 502,
    "engine_timeout": 504,
}


def of_failure(failure: Failure) -> ApiError:
    """The answer for a turn that failed before anything of it was sent. An upstream's 429 is ours, with its wait."""
    if failure.code == QUOTA:
        return quota_exceeded()
    # What an engine refuses for good is the operator's to mend (engine_auth, engine_misconfigured), no fault of ours.
    final = 502 if failure.code.startswith("engine_") else 500
    status = _FAILURE_STATUS.get(failure.code, 503 if failure.retryable else final)
    wait_s = failure.retry_after_s
    if failure.code == "engine_overloaded" and wait_s is not None:
        status = 429
    retry = {"Retry-After": str(RETRY_AFTER_S if wait_s is None else wait_s)} if status in (429, 503) else {}
    headers = {"x-should-retry": "true" if failure.retryable else "false", **retry}
    return ApiError(status, failure.message, code=failure.code, headers=headers)


_VALIDATION_CODES = {
    "unsupported": "unsupported_parameter",
    "missing": "missing_required_parameter",
    "extra_forbidden": "unknown_parameter",
    "string_too_long": "string_above_max_length",
    "string_too_short": "string_below_min_length",
    "too_long": "array_above_max_length",
    "too_short": "array_below_min_length",
    "less_than_equal": "number_above_max_value",
    "greater_than_equal": "number_below_min_value",
}


def of_validation(error: ValidationError) -> ApiError:
    """The first mistake, with the parameter named. Holds nothing of what the caller wrote."""
    first = error.errors(include_input=False, include_url=False)[0]
    param = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in first["loc"]).lstrip(".")[:100]
    kind = first["type"]
    if kind == "missing":
        message = f"Missing required parameter: '{param}'."
    elif kind == "extra_forbidden":
        message = f"Unknown parameter: '{param}'."
    else:
        message = f"Invalid value for '{param}': {in_words(kind, first.get('ctx') or {}, first['msg'])}."
    code = _VALIDATION_CODES.get(kind) or ("invalid_type" if kind.endswith("_type") else "invalid_value")
    return bad_request(message, code=code, param=param or None)


def as_api_error(error: Exception) -> ApiError:
    """What is answered for an error from below. Unknown errors are a bug and say nothing of themselves."""
    match error:
        case ApiError():
            return error
        case ValidationError():
            return of_validation(error)
        case WrongKindOfModel():
            return wrong_kind_of_model(error)
        case ModelNotFound():
            return model_not_found(error.model_id)
        case StoreUnavailable():
            return unavailable("The projections (Cassandra) are not reachable. Please retry.", code="store_unavailable")
        case LogUnavailable():
            return unavailable("The log (Kafka) is not reachable. Please retry.", code="log_unavailable")
        case NewerRecord():
            return unavailable(
                "A newer release wrote a part of this, which this process cannot read before it is upgraded. "
                "Please retry: others may be.",
                code="newer_record",
            )
        case SealedContent():
            return ApiError(410, "This content is sealed and its key no longer exists.", code="content_sealed")
        case HTTPException(status_code=404):
            return ApiError(404, "No such route.", code="unknown_url")
        case HTTPException(status_code=405):
            return ApiError(405, "This route does not support that method.", code="method_not_allowed")
        case HTTPException():
            return ApiError(error.status_code, str(error.detail))
        case _:
            return ApiError(500, "The server had an error while processing your request.", code="internal_error")
