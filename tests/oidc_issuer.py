"""An issuer of our own for the tests: real keys, real tokens, and, where a test may use sockets, real HTTP.

`TestIssuer.handle` is the whole of it, without sockets: unit tests ask it through `IssuerWeb`. `served()` puts it
behind an HTTP server on the loopback, for the integration tests and for browsers. Whatever an issuer can do wrong, a
test makes it do by changing its fields, or the claims and headers of a token.
"""

from __future__ import annotations

import base64
import json
import secrets
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from joserfc import jws
from joserfc.jwk import ECKey, OctKey, RSAKey

from infra.issuers.errors import IssuerUnavailable
from infra.issuers.fetching import Answer

CLIENT, SECRET = "verbatim", "the client's secret"
AUDIENCE = "https://verbatim.test/api"
LOGOUT_EVENT = "http://schemas.openid.net/event/backchannel-logout"
_RSA = RSAKey.generate_key(2048, {"kid": "rsa-1", "use": "sig", "alg": "RS256"})
_OTHER_RSA = RSAKey.generate_key(2048, {"kid": "rsa-2", "use": "sig", "alg": "RS256"})
_EC = ECKey.generate_key("P-256", {"kid": "ec-1", "use": "sig", "alg": "ES256"})


@dataclass(frozen=True, slots=True)
class Reply:
    """What the issuer says: JSON, or the address to go to."""

    status: int
    body: Any = None
    location: str = ""


@dataclass(slots=True)
class TestIssuer:
    """`person`: the claims of whoever signs in. `asked`: how often each path was."""

    __test__ = False

    address: str = "https://id.test"
    person: dict[str, Any] = field(default_factory=lambda: {"sub": "248289761001", "preferred_username": "jane"})
    described: dict[str, Any] = field(default_factory=dict)
    keys: list[RSAKey | ECKey] = field(default_factory=lambda: [_RSA, _EC])
    away: bool = False
    asked: dict[str, int] = field(default_factory=dict)
    codes: dict[str, dict[str, Any]] = field(default_factory=dict)
    id_claims: dict[str, Any] = field(default_factory=dict)
    now_s: float | None = None
    last_sid: str = ""

    def time_s(self) -> int:
        return int(time.time() if self.now_s is None else self.now_s)

    def token(
        self,
        claims: Mapping[str, Any] | None = None,
        *,
        head: Mapping[str, Any] | None = None,
        key: RSAKey | ECKey | OctKey | None = None,
        drop: tuple[str, ...] = (),
    ) -> str:
        """A bearer token for the API. `claims` and `head` are put over the usual ones, `drop` taken out."""
        usual = {
            "iss": self.address,
            "aud": AUDIENCE,
            "sub": self.person["sub"],
            "iat": self.time_s(),
            "exp": self.time_s() + 300,
        }
        said = {name: value for name, value in (usual | dict(claims or {})).items() if name not in drop}
        header = {"typ": "JWT", "alg": "RS256", "kid": _RSA.kid} | dict(head or {})
        # JSON in ASCII, so that it may hold what no library would write.
        return jws.serialize_compact(
            {name: value for name, value in header.items() if value is not None},
            json.dumps(said),
            key or _RSA,
            algorithms=[header["alg"]],
        )

    def id_token(self, nonce: str, **claims: Any) -> str:
        usual = {**self.person, "aud": CLIENT, "nonce": nonce, "sid": self.last_sid, **self.id_claims, **claims}
        return self.token(usual)

    def logout_token(self, *, drop: tuple[str, ...] = (), head: Mapping[str, Any] | None = None, **claims: Any) -> str:
        usual = {"aud": CLIENT, "jti": secrets.token_hex(8), "events": {LOGOUT_EVENT: {}}, **claims}
        return self.token(usual, head={"typ": "logout+jwt", **(head or {})}, drop=drop)

    def authorized(self, query: Mapping[str, str]) -> str:
        """The address to which the browser goes back after signing in: what `authorization_endpoint` does."""
        code = secrets.token_urlsafe(12)
        self.last_sid = secrets.token_hex(8)
        self.codes[code] = dict(query)
        back = {"code": code, "state": query["state"], "iss": self.address}
        return f"{query['redirect_uri']}?{urlencode(back)}"

    def handle(self, method: str, url: str, form: Mapping[str, str], basic: tuple[str, str] | None) -> Reply:
        parts = urlsplit(url)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        self.asked[parts.path] = self.asked.get(parts.path, 0) + 1
        if self.away:
            return Reply(503, {})
        match method, parts.path:
            case "GET", "/.well-known/openid-configuration":
                return Reply(200, self._description())
            case "GET", "/jwks":
                return Reply(200, {"keys": [key.as_dict(private=False) for key in self.keys]})
            case "GET", "/authorize":
                return Reply(302, location=self.authorized(query))
            case "POST", "/token":
                return self._tokens(form, basic)
        return Reply(404, {})

    def _description(self) -> dict[str, Any]:
        return {
            "issuer": self.address,
            "authorization_endpoint": f"{self.address}/authorize",
            "token_endpoint": f"{self.address}/token",
            "jwks_uri": f"{self.address}/jwks",
            "code_challenge_methods_supported": ["S256"],
            "authorization_response_iss_parameter_supported": True,
        } | self.described

    def _tokens(self, form: Mapping[str, str], basic: tuple[str, str] | None) -> Reply:
        given = self.codes.pop(form.get("code", ""), None)
        if basic is not None and basic != (CLIENT, "the+client%27s+secret"):
            return Reply(401, {"error": "invalid_client"})
        digest = base64.urlsafe_b64encode(sha256(form.get("code_verifier", "").encode()).digest())
        challenged = given is not None and given["code_challenge"] == digest.rstrip(b"=").decode()
        if given is None or not challenged or form.get("redirect_uri") != given["redirect_uri"]:
            return Reply(400, {"error": "invalid_grant"})
        token = self.id_token(given["nonce"])
        return Reply(200, {"access_token": "opaque", "token_type": "Bearer", "id_token": token})


def unsigned(head: Mapping[str, Any], claims: Mapping[str, Any], signature: str = "") -> str:
    """A token by hand, for heads that no library writes."""

    def part(value: Mapping[str, Any]) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()

    return f"{part(head)}.{part(claims)}.{signature}"


def stranger() -> RSAKey:
    """A key that is not the issuer's."""
    return _OTHER_RSA


def public_pem() -> bytes:
    """The issuer's public key, as whoever makes a secret of it has it."""
    return _RSA.as_pem(private=False)


def elliptic() -> ECKey:
    return _EC


class IssuerWeb:
    """The Web of infra.issuers.fetching, without sockets: asks the issuer of the address."""

    def __init__(self, *issuers: TestIssuer) -> None:
        self._issuers = {urlsplit(issuer.address).netloc: issuer for issuer in issuers}

    async def get(self, issuer: str, url: str) -> Answer:
        return self._answer(issuer, "GET", url, {}, None)

    async def post(self, issuer: str, url: str, form: Mapping[str, str], basic: tuple[str, str] | None) -> Answer:
        return self._answer(issuer, "POST", url, form, basic)

    def _answer(
        self, issuer: str, method: str, url: str, form: Mapping[str, str], basic: tuple[str, str] | None
    ) -> Answer:
        asked = self._issuers.get(urlsplit(url).netloc)
        reply = Reply(503) if asked is None else asked.handle(method, url, form, basic)
        if reply.status >= 500:
            raise IssuerUnavailable(issuer, f"answered with status {reply.status}")
        return Answer(reply.status, json.loads(json.dumps(reply.body)))


@contextmanager
def served(issuer: TestIssuer) -> Iterator[TestIssuer]:
    """`issuer`, at an address of the loopback, for the length of the block."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._reply(issuer.handle("GET", self.path, {}, None))

        def do_POST(self) -> None:
            content = self.rfile.read(int(self.headers.get("Content-Length", "0"))).decode()
            form = {name: values[0] for name, values in parse_qs(content).items()}
            sent = self.headers.get("Authorization", "")
            name, colon, secret = base64.b64decode(sent.removeprefix("Basic ")).decode().partition(":")
            self._reply(issuer.handle("POST", self.path, form, (name, secret) if colon else None))

        def _reply(self, reply: Reply) -> None:
            content = b"" if reply.body is None else json.dumps(reply.body).encode()
            self.send_response(reply.status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            if reply.location:
                self.send_header("Location", reply.location)
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    issuer.address = f"http://127.0.0.1:{server.server_port}"
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield issuer
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
