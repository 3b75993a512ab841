"""Content as one text cell, and excerpts of it. Pure.

Plain text is itself. A NUL in front says otherwise: NUL NUL is a plain text that begins with NUL, NUL s is sealed.
One cell, so that a repeated write can never mix two contents.
"""

from __future__ import annotations

import base64
import json

from schemas.envelope import Content, Sealed
from schemas.graphemes import without_last_cluster

PREVIEW_CHARACTERS = 120


def to_cell(content: Content) -> str:
    """The cell of a content."""
    if isinstance(content, str):
        return "\0" + content if content.startswith("\0") else content
    parts = (content.key_id, base64.b64encode(content.nonce).decode(), base64.b64encode(content.ciphertext).decode())
    return "\0s" + json.dumps(parts)


def to_optional_cell(content: Content | None) -> str:
    """The cell of a content that may be absent: empty then. Empty content reads as absent."""
    return "" if content is None else to_cell(content)


def from_cell(cell: str) -> Content:
    """The content of a cell."""
    if not cell.startswith("\0"):
        return cell
    if cell.startswith("\0\0"):
        return cell[1:]
    key_id, nonce, ciphertext = json.loads(cell[2:])
    return Sealed(key_id, base64.b64decode(nonce), base64.b64decode(ciphertext))


def from_optional_cell(cell: str | None) -> Content | None:
    """The content of a cell that may be absent."""
    return from_cell(cell) if cell else None


def excerpt(content: Content | None) -> str:
    """The first PREVIEW_CHARACTERS of plain content in one line; empty for content that is sealed or absent."""
    if not isinstance(content, str):
        return ""
    # White space shrinks, so a little more than the excerpt is looked at, never the whole of a long text.
    return " ".join(content[: 4 * PREVIEW_CHARACTERS].split())[:PREVIEW_CHARACTERS]


def shown_excerpt(cell: str | None) -> str | None:
    """An excerpt as people see it: one that may have been cut in the middle of an emoji or a letter with accents ends
    before it. None for an empty one."""
    if cell and len(cell) >= PREVIEW_CHARACTERS:
        cell = without_last_cluster(cell).rstrip()
    return cell or None


def shown_title(cell: str | None) -> Content | None:
    """A title that a user gave; a blank one counts as none."""
    title = from_optional_cell(cell)
    return None if isinstance(title, str) and not title.strip() else title
