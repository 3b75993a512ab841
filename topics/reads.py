"""What a member of a consumer group reads, said in its client id, so that an upgrade can tell who is older. Pure."""

from __future__ import annotations

import re

from schemas.registry import WRITE_LEVEL

_READS = re.compile(r"\.reads-([0-9]{1,6})$")
FIRST_LEVEL = 1
"""What a release reads that says nothing of it: it is older than these ids."""


def reading_id(name: str) -> str:
    """The client id of a consumer of this release: `name`, and the newest write level that it reads."""
    return f"{name}.reads-{WRITE_LEVEL}"


def level_read_by(client_id: str) -> int:
    """The newest write level that the release of a consumer reads."""
    found = _READS.search(client_id)
    return FIRST_LEVEL if found is None else int(found[1])
