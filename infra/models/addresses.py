"""Whether the address of a model can work at all: what can never work is refused before anything starts.

No message repeats an address: it may hold a password.
"""

from __future__ import annotations

import re
from urllib.parse import SplitResult, urlsplit

_TRITON = re.compile(r"([^\s:/@?#\[\]]+|\[[0-9A-Fa-f:.]+\]):(\d{1,5})")
_EXPECTED = "expected the base URL of the upstream, like http://127.0.0.1:8000/v1"


def check_address(engine: str, address: str | None, *, has_key: bool) -> None:
    """Raises ValueError, which says what is wrong and what is expected, for an address that this engine cannot use.

    `has_key`: the entry names a key as well, which goes where a user and a password in the address would go.
    """
    if engine == "openai":
        _check_url(address or "", has_key=has_key)
    if engine == "triton" and address is not None:
        match = _TRITON.fullmatch(address)
        if match is None or not 0 < int(match[2]) < 65536:
            raise ValueError("address is wrong, expected host:port of Triton's gRPC service")


def _check_url(address: str, *, has_key: bool) -> None:
    if not re.match(r"https?://", address):
        raise ValueError(f"address is needed, {_EXPECTED}")
    if re.search(r"[\s\x00-\x1f\x7f\\]", address):
        raise ValueError(f"address holds a space, a backslash or a control character, {_EXPECTED}")
    if "?" in address or "#" in address:
        raise ValueError(f"address has a query string or a fragment, which the path would come behind, {_EXPECTED}")
    try:
        parts = urlsplit(address)
        port = parts.port
    except ValueError:
        raise ValueError(f"address has an invalid host or port, {_EXPECTED}") from None
    if port == 0 or parts.netloc.endswith(":"):
        raise ValueError(f"address has an invalid port, {_EXPECTED}")
    if not _is_host(parts):
        raise ValueError(f"address has no valid host, {_EXPECTED}")
    if has_key and "@" in parts.netloc:
        raise ValueError("address holds a user or a password and api_key_env is set too, expected one of the two")


def _is_host(parts: SplitResult) -> bool:
    host = parts.hostname or ""
    if ":" in host:
        return True  # an IPv6 address, which urlsplit has read
    try:
        return bool(host) and bool(host.encode("idna")) and not re.search(r"[^\w.-]", host)
    except UnicodeError:
        return False
