"""An HTTP client for Confluent-compatible schema registries."""

from __future__ import annotations

import base64
import http.client
import json
import ssl
from typing import Any
from urllib.parse import quote, unquote, urlsplit

from infra.cli.terminal import UserError, one_line

MEDIA_TYPE = "application/vnd.schemaregistry.v1+json"
_ANSWER_S = 15.0
_MAX_BYTES = 16 * 1024 * 1024


class HttpRegistry:
    """A registry at a base URL; a user and password in the URL are sent as basic authentication and never shown."""

    def __init__(self, url: str) -> None:
        """Raises UserError for what is no base URL."""
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError:
            parts, port = urlsplit(""), None
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
            raise UserError("--registry needs the base URL of a schema registry, like http://127.0.0.1:8081")
        self._tls = parts.scheme == "https"
        self._host, self._port = parts.hostname, port
        self._base = parts.path.rstrip("/")
        self._headers = {"Accept": MEDIA_TYPE, "Content-Type": MEDIA_TYPE}
        if parts.username is not None:
            secret = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
            self._headers["Authorization"] = f"Basic {base64.b64encode(secret.encode()).decode()}"
        self.name = f"{parts.scheme}://{parts.hostname}{f':{port}' if port else ''}{self._base}"

    def call(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        """The status and JSON of an answer; an error's status is an answer too. Raises UserError if none comes."""
        connection: http.client.HTTPConnection
        if self._tls:
            context = ssl.create_default_context()
            connection = http.client.HTTPSConnection(self._host, self._port, timeout=_ANSWER_S, context=context)
        else:
            connection = http.client.HTTPConnection(self._host, self._port, timeout=_ANSWER_S)
        try:
            sent = None if body is None else json.dumps(body).encode()
            connection.request(method, f"{self._base}{path}", sent, self._headers)
            answer = connection.getresponse()
            raw = answer.read(_MAX_BYTES)
            status = answer.status
        except (OSError, http.client.HTTPException) as error:
            raise UserError(f"the registry at {self.name} does not answer: {one_line(str(error))[:200]}") from None
        finally:
            connection.close()
        try:
            return status, json.loads(raw) if raw else None
        except ValueError:
            if status < 400:
                raise UserError(f"{self.name} is not a schema registry: unexpected answer to {path}") from None
            return status, None


def quoted(subject: str) -> str:
    """A subject as a part of a path."""
    return quote(subject, safe="")
