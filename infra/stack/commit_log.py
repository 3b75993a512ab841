"""Repairs what a full disk leaves of Cassandra's commit log: a segment without a header.

Cassandra writes a segment's descriptor first. Where the disk had no room for it the node ends, and refuses every later
start ("Could not read commit log descriptor"), although nothing can stand in such a segment: it holds zeros alone.
"""

from __future__ import annotations

from pathlib import Path

from infra.logging import get_logger

HEAD_BYTES = 14
"""Version, id and the length of the parameters: the least a descriptor has (CommitLogDescriptor.writeHeader)."""
_BLOCK_BYTES = 1 << 20

log = get_logger(__name__)


def drop_unbegun_segments(folder: Path) -> list[str]:
    """Remove the segments in `folder` that hold nothing; returns their names. One with any byte but zero stays.

    Call before the node starts. A folder that is not there has none. Raises OSError.
    """
    dropped = []
    for segment in sorted(folder.glob("CommitLog-*.log")):
        if _is_blank(segment):
            segment.unlink()
            dropped.append(segment.name)
            log.warning("removed a commit log segment that was never begun", segment=segment.name)
    return dropped


def _is_blank(segment: Path) -> bool:
    with segment.open("rb") as file:
        if any(file.read(HEAD_BYTES)):
            return False
        while block := file.read(_BLOCK_BYTES):
            if block.count(0) != len(block):
                return False
    return True
