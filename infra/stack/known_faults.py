"""What is publicly known against a version of a server that Verbatim does not write itself, as of KNOWN_UNTIL. Pure.

Told by `doctor`. A distribution may have mended an older version without changing its number: `doctor` says that too.
Each figure was looked up in the place that its comment names. Whoever changes one looks up the others and sets the day.
"""

from __future__ import annotations

from collections.abc import Sequence

KNOWN_UNTIL = "2026-11-30"
# CVE records of these three, and the security bulletins of NVIDIA from August 2025 to that which asks for 26.07.
TRITON_FAULTS = (
    "CVE-2025-23319, CVE-2025-23320 and CVE-2025-23334 in its Python backend (mended in 25.07) and what NVIDIA's later "
    "bulletins name (up to 26.07), for programs of this host, which alone reach it; there is no wheel of those versions"
)
# OpenJDK vulnerability advisory of 2026-07-21.
NEWEST_JAVA_KNOWN = (17, 0, 20)
NEWEST_JAVA_DATE = "July 2026"
# CVE-2025-49844, a use after free that a Lua script of a client with a login can cause: the first version without it,
# by series. Release notes of 2025-10-03. Our access rules allow such scripts, so this one is told by its name.
_LUA_MENDED = {
    "Redis": {(6, 2): 20, (7, 2): 11, (7, 4): 6, (8, 0): 4, (8, 2): 2},
    "Valkey": {(7, 2): 11, (8, 0): 6, (8, 1): 4},
}
# The newest version with security fixes, by series; an older series without any here gets none any more.
# Redis: the record of CVE-2026-81934 (August 2026). Valkey: release notes of 2026-07-21 (7.2) and 2026-08-31.
_NEWEST = {
    "Redis": {(6, 2): 24, (7, 2): 16, (7, 4): 11, (8, 2): 9, (8, 4): 6, (8, 6): 6, (8, 8): 2, (8, 10): 1},
    "Valkey": {(7, 2): 14, (8, 0): 11, (8, 1): 10, (9, 0): 6, (9, 1): 2},
}
_NEWEST_DATE = "August 2026"


def java_faults(version: Sequence[int]) -> str:
    """In one line; empty if nothing is known, or the version is not."""
    if not version or tuple(version) >= NEWEST_JAVA_KNOWN:
        return ""
    return _missing(".".join(map(str, NEWEST_JAVA_KNOWN)), NEWEST_JAVA_DATE)


def redis_faults(kind: str, version: tuple[int, int, int]) -> tuple[str, ...]:
    """One line a fault; none if nothing is known. `kind` is Redis or Valkey."""
    return tuple(filter(None, (_lua_fault(kind, version), _missing_updates(kind, version))))


def _lua_fault(kind: str, version: tuple[int, int, int]) -> str:
    series, patch = version[:2], version[2]
    mended = _LUA_MENDED.get(kind, {})
    if series in mended:
        return "" if patch >= mended[series] else _lua(f"mended in {_named(series)}.{mended[series]}")
    return _lua("not mended in this series by its authors") if mended and series < max(mended) else ""


def _missing_updates(kind: str, version: tuple[int, int, int]) -> str:
    series, patch = version[:2], version[2]
    newest = _NEWEST.get(kind, {})
    if series in newest:
        return "" if patch >= newest[series] else _missing(f"{_named(series)}.{newest[series]}", _NEWEST_DATE)
    return f"{_named(series)} gets no security updates any more" if newest and series < max(newest) else ""


def _missing(newest: str, date: str) -> str:
    return f"security updates are missing (at least those up to {newest}, {date})"


def _lua(mended: str) -> str:
    return f"CVE-2025-49844 in its Lua, for clients that have the password ({mended})"


def _named(series: tuple[int, ...]) -> str:
    return ".".join(map(str, series))
