"""Makes a title of what a model said when it was asked for one. Pure.

A title is one plain line of at most MAX_TITLE_CLUSTERS visible characters. It is never cut, inside a word or elsewhere:
a longer line is a sentence, and one that the model has not finished is no title. Where the text gives none, there is
none: the conversation keeps the beginning of its first prompt.
"""

from __future__ import annotations

import re
import unicodedata

from schemas.graphemes import first_clusters

MAX_TITLE_CLUSTERS = 60
MAX_TITLE_CHARACTERS = 200
"""A visible character may consist of many; so many has a title that a user gives at most."""
_LOOKED_AT = 2000
_QUOTES = "\"'`´‘’‚‛“”„‟«»‹›「」『』〈〉《》＂＇"
_LINK = re.compile(r"!?\[([^\[\]]*)\]\([^()\s]*\)")
_TAG = re.compile(r"</?[A-Za-z][^<>]*>")
_LEAD = re.compile(r"^(?:[#>]+\s*|[-*+•–—]\s+|\d{1,3}[.)]\s+)+")
_MARKS = re.compile(r"(?<!\w)[*_~`]+(?=\S)|(?<=\S)[*_~`]+(?!\w)")
_LABEL = re.compile(
    r"^(?:(?:a|the|your|suggested|possible|short|chat|conversation)\s+){0,3}"
    r"(?:title|subject|topic|titel|titre|t[ií]tulo|titolo|заголовок|название|标题|標題|タイトル|제목)"
    r"(?:\s+(?:is|of (?:the|this) (?:chat|conversation)(?:\s+is)?))?\s*[:：–—-]\s*",
    re.IGNORECASE,
)
_USELESS = re.compile(
    r"(?:(?:untitled|title|none|n/?a|null|conversation|chat|answer|user|assistant)"
    r"|(?:i['’]?m (?:sorry|unable|not able)|sorry|i (?:can(?:no|['’])?t|am (?:sorry|unable|not able))|as an ai)\b.*"
    r"|(?:(?:hello|hi|hey)\b.*\b(?:help|assist)\b|dear\b).*)",
    re.IGNORECASE,
)
_ENDS = " .。．｡,，、;；:：…·-–—"


def title_of(text: str, *, is_whole: bool = True) -> str | None:
    """The title in `text`; None if there is none that is of use.

    `is_whole`: whether the model had finished; otherwise the last line of the text may be the beginning of one.
    """
    looked_at = text[:_LOOKED_AT]
    is_whole = is_whole and len(looked_at) == len(text)
    lines = looked_at.splitlines()
    for number, line in enumerate(lines, 1):
        plain = _plain(line)
        if not any(map(str.isalnum, plain)) or line.rstrip().endswith((":", "：")):
            continue  # decoration, or the announcement of what follows
        if number == len(lines) and not is_whole:
            return None
        title = _unquoted(plain.rstrip(_ENDS)).rstrip(_ENDS)
        return title if _is_of_use(title) else None
    return None


def _is_of_use(title: str) -> bool:
    if not any(map(str.isalnum, title)) or "\ufffd" in title or _USELESS.fullmatch(title):
        return False
    return len(title) <= MAX_TITLE_CHARACTERS and first_clusters(title, MAX_TITLE_CLUSTERS) == len(title)


def _plain(line: str) -> str:
    """The line without Markdown, label and quotes, its white space single."""
    visible = "".join(" " if char == "\t" else char for char in line if char == "\t" or _is_visible(char))
    bare = _LEAD.sub("", _TAG.sub("", _LINK.sub(r"\1", visible)).strip())
    bare = _unquoted(_MARKS.sub("", bare))
    return " ".join(_unquoted(_LABEL.sub("", bare)).split())


def _unquoted(text: str) -> str:
    """The text without the quotes that it stands in, nor one that is never closed."""
    text = text.strip()
    while len(text) > 1 and text[0] in _QUOTES and text[-1] in _QUOTES and not _closes_within(text):
        text = text[1:-1].strip()
    quotes = sum(char in _QUOTES for char in text)
    if quotes == 1 and text[0] in _QUOTES:
        text = text[1:]
    elif quotes == 1 and text[-1] in _QUOTES:
        text = text[:-1]
    return text.strip()


def _closes_within(text: str) -> bool:
    """Whether the quote that a text begins with ends before the text does."""
    at = next(at for at in range(1, len(text)) if text[at] in _QUOTES)
    return at < len(text) - 1 and not text[at + 1].isalnum() and not text[at - 1].isspace()


def _is_visible(char: str) -> bool:
    """Not a control character, nor one that turns the direction of text or hides; joiners belong to characters."""
    return char in "\u200c\u200d" or unicodedata.category(char) not in ("Cc", "Cf", "Cs", "Co", "Cn") or _is_tag(char)


def _is_tag(char: str) -> bool:
    """What flags of regions are written with."""
    return "\U000e0020" <= char <= "\U000e007f"
