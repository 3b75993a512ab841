"""Error messages of the API, with advice what to do. Pure."""

from __future__ import annotations

import json

from infra.cli.terminal import UserError, one_line


class ApiRefused(UserError):
    """The API answered with an error. `str()` is one line that says what to do."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(_advice(status, code, one_line(message)))
        self.status = status
        self.code = code


class ApiAway(UserError):
    """The API does not answer, also not after the tries it is given."""

    def __init__(self, url: str, reason: str) -> None:
        super().__init__(f"the API at {url} does not answer ({one_line(reason)}): see ./verbatim status")


def refusal(status: int, body: bytes) -> ApiRefused:
    """The refusal in an answer with an error status; without a reason if its body is not of ours."""
    try:
        error = json.loads(body)["error"]
        return ApiRefused(status, str(error.get("code") or ""), str(error["message"]))
    except (ValueError, KeyError, TypeError, AttributeError):
        return ApiRefused(status, "", "no reason was given")


def _advice(status: int, code: str, message: str) -> str:
    said = message.rstrip(".")
    match status, code:
        case 401, _:
            return f"{said}: create another key with ./verbatim key create"
        case 404, "model_not_found":
            return f"{said}: /model lists the models"
        case 409, _:
            return f"{said}: wait for the answer that is being written, or /stop it"
        case 429, _:
            return f"{said}: ask again in a minute"
        case 503, _:
            return f"{said}: ask again, or see ./verbatim status"
        case _, "context_length_exceeded":
            return f"{said}: shorten the prompt"
        case _ if status >= 500:
            return f"{said} (HTTP {status}): ask again, or see ./verbatim logs api"
        case _:
            return f"{said} (HTTP {status})"
