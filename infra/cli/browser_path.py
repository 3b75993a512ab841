"""The browser for the page's tests: CHROMIUM if set, else the first one installed under a usual name."""

from __future__ import annotations

import os
import shutil

NAMES = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")


class NoBrowser(Exception):
    """There is no browser to test with. The message says how to get one."""


def browser_path() -> str:
    """The path of a Chromium. Raises NoBrowser."""
    named = os.environ.get("CHROMIUM")
    found = shutil.which(named) if named else next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        tried = f"CHROMIUM={named}" if named else ", ".join(NAMES)
        raise NoBrowser(
            f"the page's tests need Chromium, which was not found ({tried}): install it "
            "(Debian: apt-get install chromium), or set CHROMIUM to its path"
        )
    return found
