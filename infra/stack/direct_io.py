"""Checks whether files in a folder can be written past the page cache."""

from __future__ import annotations

import mmap
import os
from pathlib import Path

# A multiple of every disk's block.
_PAGE_BYTES = 4096


def takes_direct_writes(folder: Path) -> bool:
    """Whether a file in `folder` was opened with O_DIRECT and written. Not on every file system it can be: tmpfs before
    Linux 6.6 and some network ones refuse.
    """
    flag = getattr(os, "O_DIRECT", 0)
    if not flag:
        return False
    probe = folder / "direct-write.probe"
    try:
        file = os.open(probe, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | flag, 0o600)
    except OSError:
        # Some file systems make the file, and then refuse.
        probe.unlink(missing_ok=True)
        return False
    try:
        # A mapping of its own begins at a page's edge, as such a write must.
        with mmap.mmap(-1, _PAGE_BYTES) as page:
            return os.write(file, page) == _PAGE_BYTES
    except OSError:
        return False
    finally:
        os.close(file)
        probe.unlink(missing_ok=True)
