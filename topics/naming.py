"""The names of topics and consumer groups on a shared cluster. Pure.

Everywhere else a topic has one name: in the code, in records, cuts, archives and slices. The prefix stands on the
cluster alone, so a slice or an archive can be read by an installation with another prefix, or with none.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

MARK = "_"
"""Between prefix and name. A prefix holds none, and no topic of ours has one before its first dot or hyphen."""
_PREFIXED = re.compile(r"[a-z][a-z0-9]{0,19}_.")


@dataclass(frozen=True, slots=True)
class Names:
    """The names of one installation. `prefix` "": the only one without, whose names are the same on the cluster."""

    prefix: str = ""

    def physical(self, name: str) -> str:
        """What a topic or group of ours is called on the cluster."""
        return f"{self.prefix}{MARK}{name}" if self.prefix else name

    def logical(self, found: str) -> str | None:
        """What we call a topic or group of the cluster; None for one that is another's."""
        if self.prefix:
            ours = f"{self.prefix}{MARK}"
            return found.removeprefix(ours) if found.startswith(ours) and len(found) > len(ours) else None
        return None if found.startswith("__") or _PREFIXED.match(found) else found
