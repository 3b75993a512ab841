"""What is publicly known against a version of a server that Verbatim does not write itself. Pure; as of this release.

Told by `doctor`. A distribution may have mended an older version without changing its number: `doctor` says that too.
"""

from __future__ import annotations

from collections.abc import Sequence

TRITON_FAULTS = (
    "CVE-2025-23319, CVE-2025-23320 and CVE-2025-23334 in its Python backend, for programs of this host, which alone "
    "reach it (mended in 25.07, of which there is no wheel)"
)
NEWEST_JAVA_KNOWN = (17, 0, 17)
NEWEST_JAVA_DATE = "October 2025"
# CVE-2025-49844, a use after free that a Lua script of a client with a login can cause: the first version without it,
# by series.
_LUA_MENDED = {
    "Redis": {(6, 2): 20, (7, 2): 11, (7, 4): 6, (8, 0): 4, (8, 2): 2},
    "Valkey": {(7, 2): 11, (8, 0): 6, (8, 1): 4},
}


def java_faults(version: Sequence[int]) -> str:
    """In one line; empty if nothing is known, or the version is not."""
    if not version or tuple(version) >= NEWEST_JAVA_KNOWN:
        return ""
    newest = ".".join(map(str, NEWEST_JAVA_KNOWN))
    return f"security updates are missing (at least those up to {newest}, {NEWEST_JAVA_DATE})"


def redis_faults(kind: str, version: tuple[int, int, int]) -> str:
    """In one line; empty if nothing is known. `kind` is Redis or Valkey."""
    series, patch = version[:2], version[2]
    mended = _LUA_MENDED.get(kind, {})
    if series in mended:
        return "" if patch >= mended[series] else _lua(f"mended in {series[0]}.{series[1]}.{mended[series]}")
    return _lua("not mended in this series by its authors") if mended and series < max(mended) else ""


def _lua(mended: str) -> str:
    return f"CVE-2025-49844 in its Lua, for clients that have the password ({mended})"
