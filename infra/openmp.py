"""How threads of llama.cpp wait for each other: asleep. OpenMP's own way, to spin, needs a free core for each thread.

With two threads on two cores that other programs used as well, spinning made a small model write 2 tokens/s, not 90.
"""

from __future__ import annotations

import os

_SPINS = "GOMP_SPINCOUNT"


def let_threads_sleep() -> None:
    """Call before OpenMP is loaded: it reads this once. A number of spins that the user has set stays."""
    os.environ.setdefault(_SPINS, "0")
