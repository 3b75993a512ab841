"""What the page's modules say, read from their source: message ids, and texts that are written where they are shown.

A reading of JavaScript that is good enough for the style of the page, not for any JavaScript.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

_COMMENT = re.compile(r"^\s*(//|/?\*).*$|\s//\s.*$", re.M)
_LITERAL = re.compile(r"'((?:[^'\\\n]|\\.)*)'")
_PREFIX = re.compile(r"`([a-z]+\.[\w.-]*)\$\{")
_CALL = re.compile(r"\b(?:t|tt|tOr)\(\s*'([^']+)'")
_ARGUMENT = re.compile(r"\b(?:t|tt|tOr)\(([^(){}]*)")
_EITHER = re.compile(r"[?:]\s*'([\w.-]+)'")
_ID = re.compile(r"[a-z]+\.[\w.-]+")
_FILE = re.compile(r"\.(?:css|m?js|json|svg)$")
_SHOWN_ATTRIBUTE = re.compile(
    r"""\b(?:aria-label|aria-description|aria-valuetext|title|placeholder|label|alt)="([^"]*)\""""
)
_TAG = re.compile(r"<[^<>]*>")
_CODE = re.compile(r"<(code|kbd|style)\b.*?</\1>", re.S)
_WORDS = re.compile(r"[^\W\d_]{2,}")
# What reads like something for people: it begins with a capital letter and has another word, or is a sentence.
_SENTENCE = re.compile(r"[A-Z][a-z’]+(?:(?: [\w’“”‹›,:–-]+)+[.…?!:]?|[.…?!])")
_SAYS = re.compile(r"(?:textContent|announcement\.value|label|text|message)\s*[:=]\s*'([^']*[^\W\d_]{2,}[^']*)'")
_CONSOLE = re.compile(r"console\.\w+\([^;]*;")
_EXPRESSION = "\0"
# They are called so in every language.
NAMES = frozenset({"Verbatim", "vk_…", "Open WebUI", "ChatGPT", "LibreChat"})


def without_comments(source: str) -> str:
    return _COMMENT.sub("", source)


def ids_named(source: str, areas: set[str]) -> set[str]:
    """The message ids that a module names: what `t` is called with, and all literals that look like one."""
    code = without_comments(source)
    called = set(_CALL.findall(code))
    called |= {one for argument in _ARGUMENT.findall(code) for one in _EITHER.findall(argument)}
    literals = {text for text in _LITERAL.findall(code) if _ID.fullmatch(text) and not _FILE.search(text)}
    return called | {text for text in literals if text.partition(".")[0] in areas}


def prefixes_named(source: str) -> set[str]:
    """The beginnings of ids that are made of what a server says."""
    return set(_PREFIX.findall(without_comments(source)))


def literal_texts(source: str) -> list[str]:
    """Texts for people that stand in a module itself."""
    code = _CONSOLE.sub("", without_comments(source))
    found = []
    for template in _templates(code):
        markup = _CODE.sub("", template)
        found += [text for text in _SHOWN_ATTRIBUTE.findall(markup) if _WORDS.search(text.replace(_EXPRESSION, ""))]
        found += [
            text.strip() for text in _TAG.sub("\n", markup).replace(_EXPRESSION, " ").split("\n") if _WORDS.search(text)
        ]
    found += [text for text in _LITERAL.findall(code) if _SENTENCE.fullmatch(text)]
    found += [text for text in _SAYS.findall(code) if not _ID.fullmatch(text) and text not in found]
    return [text for text in found if text not in NAMES]


def _templates(code: str) -> Iterator[str]:
    """The markup of each html`…`, those within others too, with a mark in place of each expression."""
    for start in re.finditer(r"\bhtml`", code):
        yield _template(code, start.end())


def _template(code: str, at: int) -> str:
    made = ""
    while code[at] != "`":
        if code[at] == "\\":
            at += 1
        elif code.startswith("${", at):
            at = _end_of_expression(code, at + 2)
            made += _EXPRESSION
        else:
            made += code[at]
        at += 1
    return made


def _end_of_expression(code: str, at: int) -> int:
    """Where the brace stands that ends an expression of a template."""
    depth = 0
    while depth > 0 or code[at] != "}":
        character = code[at]
        if character in "{}":
            depth += 1 if character == "{" else -1
        elif character in "'\"":
            at += 1
            while code[at] != character:
                at += 2 if code[at] == "\\" else 1
        elif character == "`":
            at = _end_of_template(code, at + 1)
        at += 1
    return at


def _end_of_template(code: str, at: int) -> int:
    while code[at] != "`":
        if code[at] == "\\":
            at += 1
        elif code.startswith("${", at):
            at = _end_of_expression(code, at + 2)
        at += 1
    return at


@dataclass(frozen=True, slots=True)
class Message:
    """A text, or one for each plural category."""

    forms: dict[str, str]

    @property
    def plural(self) -> bool:
        return set(self.forms) != {""}

    @property
    def placeholders(self) -> set[str]:
        """The names in all of its forms."""
        return {name for text in self.forms.values() for name in re.findall(r"\{(\w+)\}", text)}


_ENTRY = re.compile(r"^  '(?P<id>[\w.-]+)': (?:'(?P<text>(?:[^'\\]|\\.)*)'|\{ (?P<forms>.*) \}),$")
_FORM = re.compile(r"(\w+): '((?:[^'\\]|\\.)*)'(?:, )?")


def messages_of(source: str) -> dict[str, Message]:
    """The messages of a file of words. Raises ValueError for a line that is none, and for an id that comes twice."""
    lines = source.strip("\n").split("\n")
    if (lines[0], lines[-1]) != ("export default {", "};"):
        raise ValueError("a file of words begins with `export default {` and ends with `};`")
    found: dict[str, Message] = {}
    for line in lines[1:-1]:
        if not line:
            continue
        entry = _ENTRY.match(line)
        if entry is None or entry["id"] in found:
            raise ValueError(f"not a message, or one that was there before: {line}")
        forms = {"": entry["text"]} if entry["forms"] is None else dict(_FORM.findall(entry["forms"]))
        if entry["forms"] is not None and _FORM.sub("", entry["forms"]):
            raise ValueError(f"not the plural forms of a message: {line}")
        found[entry["id"]] = Message(forms)
    return found
