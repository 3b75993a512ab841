"""Free loopback ports, kept from start to start because clients hold addresses."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Iterable
from pathlib import Path

from infra.stack.errors import CannotStart
from infra.stack.layout import write_private

# Below the kernel's usual ephemeral range (32768…), whose ports any outgoing connection may take between two starts.
FIRST, LAST = 20_000, 32_000


def is_free(port: int, host: str = "127.0.0.1") -> bool:
    """Whether a server could listen on the port now (connections in TIME_WAIT do not count)."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
            # bind alone succeeds beside a listener that also set SO_REUSEADDR
            probe.listen(1)
        except OSError:
            return False
        return True


def choose(
    names: Iterable[str], kept: dict[str, int], seed: str, free: Callable[[int], bool] = is_free
) -> dict[str, int]:
    """A free port for every name: the kept one while it is free, else the next free one.

    `seed` (hex) is where the search begins, so that two stacks starting at once do not race for the same ports.
    Raises CannotStart when the range is used up.
    """
    chosen: dict[str, int] = {}
    width = LAST - FIRST
    start = int(seed[:8], 16) % width
    candidates = iter(FIRST + (start + step) % width for step in range(width))
    for name in names:
        port = kept.get(name)
        if port is None or port in chosen.values() or not free(port):
            taken = set(chosen.values()) | set(kept.values())
            port = next((p for p in candidates if p not in taken and free(p)), None)
            if port is None:
                raise CannotStart(f"no free port between {FIRST} and {LAST} for {name}")
        chosen[name] = port
    return chosen


def assign(names: Iterable[str], file: Path, seed: str) -> dict[str, int]:
    """`choose` with the kept ports in `file`, which is brought up to date."""
    try:
        kept = {str(name): int(port) for name, port in json.loads(file.read_text()).items()}
    except (OSError, ValueError, AttributeError):
        kept = {}
    chosen = choose(names, kept, seed)
    write_private(file, json.dumps(kept | chosen) + "\n")
    return chosen
