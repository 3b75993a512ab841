"""Where downloads are kept, and what is made of them."""

from __future__ import annotations

import os
from pathlib import Path

CACHE_VARIABLE = "VERBATIM_CACHE"


def cache_dir() -> Path:
    """VERBATIM_CACHE, else `verbatim` in the user's XDG cache folder."""
    named = os.environ.get(CACHE_VARIABLE)
    if named:
        return Path(named).absolute()
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "verbatim"
