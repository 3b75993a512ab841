"""The one library of llama.cpp that a bare host may lack: OpenMP."""

from __future__ import annotations

import ctypes

LIBRARY = "libgomp.so.1"
INSTALL = "install the package libgomp1"


def has_openmp() -> bool:
    """Whether this host has the library."""
    try:
        ctypes.CDLL(LIBRARY)
    except OSError:
        return False
    return True
