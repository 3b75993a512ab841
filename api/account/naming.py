"""Which snippets a text names, and whether one names itself. Pure.

A text names a snippet by a slash and its name, at its beginning or behind a space, as it is typed into the composer:
`/brief`. The name ends where a letter, digit, hyphen or underscore does not follow; before another slash it is a path.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

_NAME = re.compile(r"[\w-]{1,40}")
_NAMED = re.compile(rf"(?<!\S)/({_NAME.pattern})(?![\w/-])")


def is_name(text: str) -> bool:
    """Whether a snippet may be called so: 1 to 40 letters, digits, hyphens and underscores."""
    return _NAME.fullmatch(text) is not None


def folded(name: str) -> str:
    """What names are compared as: case makes no difference."""
    return name.casefold()


def named_in(text: str) -> tuple[str, ...]:
    """The folded names in a text, each once; also of snippets that are not there."""
    return tuple(dict.fromkeys(folded(found) for found in _NAMED.findall(text)))


def way_back(name: str, texts: Mapping[str, str]) -> tuple[str, ...] | None:
    """How a snippet names itself: the folded names on the way, its own last; None: it does not.

    `texts`: of all snippets, by their folded names.
    """
    start = folded(name)
    came_from: dict[str, str] = {}
    pending = [start]
    while pending:
        at = pending.pop()
        for following in named_in(texts.get(at, "")):
            if following == start:
                way = [start, at]
                while way[-1] != start:
                    way.append(came_from[way[-1]])
                return tuple(reversed(way[:-1]))
            if following in texts and following not in came_from:
                came_from[following] = at
                pending.append(following)
    return None
