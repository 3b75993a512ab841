"""The write level of an installation: kept in its state folder, raised when no older release runs.

Every life of a child is told the level that is kept then, so that raising it needs nothing but a restart of each.
"""

from __future__ import annotations

from infra.settings import Settings
from infra.stack.addresses import external_servers
from infra.stack.layout import Layout, write_private
from schemas.registry import READ_BEFORE, WRITE_LEVEL

WRITES_VARIABLE = "VERBATIM_LOG__WRITES"


def settled_level(settings: Settings, layout: Layout) -> int:
    """The level at which a stack that starts now writes; the folder keeps it.

    The settings' own, if they name one. Else, with a broker of its own, the newest: everything that writes there is
    started now, with today's code. On an external broker others may still run the release before: there it stays as
    it is until `./verbatim upgrade finish`. A level that a newer release left is kept, and not reached.
    """
    kept = _kept(layout)
    if settings.log.writes is not None:
        wanted = settings.log.writes
    elif "kafka" in external_servers(settings):
        wanted = READ_BEFORE if kept is None else kept
    else:
        wanted = WRITE_LEVEL if kept is None else max(kept, WRITE_LEVEL)
    if wanted != kept:
        keep_level(layout, wanted)
    return min(wanted, WRITE_LEVEL)


def keep_level(layout: Layout, level: int) -> None:
    """What starts in this folder from now on writes at this level."""
    write_private(layout.write_level_file, f"{level}\n")


def level_of(layout: Layout) -> int:
    """The level at which what starts in this folder writes; what the release before reads where nothing is kept."""
    kept = _kept(layout)
    return READ_BEFORE if kept is None else min(kept, WRITE_LEVEL)


def level_variable(layout: Layout) -> dict[str, str]:
    """What a child is told of it."""
    return {WRITES_VARIABLE: str(level_of(layout))}


def _kept(layout: Layout) -> int | None:
    """None: no level is kept, or what is kept is damaged."""
    try:
        text = layout.write_level_file.read_text("utf-8").strip()
    except (OSError, ValueError):
        return None
    return int(text) if text.isascii() and text.isdigit() and 1 <= len(text) <= 6 and int(text) >= 1 else None
