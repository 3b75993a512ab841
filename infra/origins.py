"""Origins that a setting may name: web pages whose scripts may call the API. Pure."""

from __future__ import annotations

import re

ANY_ORIGIN = "*"
_ORIGIN = re.compile(r"([a-z][a-z0-9+.-]*)://([a-z0-9._-]+|\[[0-9a-f:.]+\])(?::([0-9]{1,5}))?")
_DEFAULT_PORTS = {"http": "80", "https": "443"}


def checked_origins(origins: tuple[str, ...]) -> tuple[str, ...]:
    """`origins` as browsers write them, or "*" alone. Raises ValueError that says what is wrong with which."""
    for origin in origins:
        wrong = _what_is_wrong(origin, alone=len(origins) == 1)
        if wrong is not None:
            raise ValueError(f"{origin[:200]!r}: {wrong}")
    return origins


def _what_is_wrong(origin: str, *, alone: bool) -> str | None:
    if origin == ANY_ORIGIN:
        return None if alone else "* means every origin: give it alone"
    if origin.lower() == "null":
        return "null is not accepted, because any page can send it; name the page's own origin"
    if "*" in origin:
        return "wildcards inside an origin are not supported; * alone means every origin"
    scheme, separator, rest = origin.partition("://")
    if not separator or not scheme:
        return "an origin is scheme://host or scheme://host:port, such as https://chat.example.org"
    if "/" in rest or "?" in rest or "#" in rest:
        return "an origin has no path and no slash at its end"
    if "@" in rest:
        return "an origin has no user and no password"
    if origin != origin.lower() or not origin.isascii():
        return "write the origin in small ASCII letters, as browsers do (other hosts as xn--…)"
    found = _ORIGIN.fullmatch(origin)
    if found is None or int(found[3] or 0) > 65535:
        return "an origin is scheme://host or scheme://host:port, such as https://chat.example.org"
    if found[3] is not None and found[3] == _DEFAULT_PORTS.get(found[1]):
        return f"leave out the default port of {found[1]}, as browsers do"
    return None
