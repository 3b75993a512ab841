"""What a release that may still run does not know is not asked for until the upgrade is finished."""

from __future__ import annotations

from api.http.errors import unsupported
from schemas.codec import write_level

FORMATS_FROM_LEVEL = 3
"""The write level from which records say what form an answer must have."""
PARTS_FROM_LEVEL = 4
"""The write level from which records hold parts, and what else a request asks for."""


def check_written(param: str, level: int = PARTS_FROM_LEVEL) -> None:
    """Raises ApiError 400 where records of this level are not written yet. `param`: what needs them."""
    if write_level() < level:
        raise unsupported(param, f"'{param}' is not supported until the upgrade is finished.")
