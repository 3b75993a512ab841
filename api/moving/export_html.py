"""A conversation as one HTML file that needs nothing else: no script, nothing from any server. Browsers print it. Pure.

Text is rendered as Markdown in which HTML is text. Links are http, https and mailto; pictures are links.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any

from markdown_it import MarkdownIt

from api.moving.export_text import Part, minute, parts_of, remark, speaker, title_of, visible
from api.moving.exported import Exported
from projections.conversations.queries import ConversationRow
from schemas.envelope import plain

MAX_RENDERED_CHARACTERS = 200_000
"""Longer texts are shown as they are: rendering takes time by their length."""
_STYLE = """
:root { color-scheme: light dark; }
body { font: 16px/1.6 system-ui, sans-serif; max-width: 46rem; margin: 2rem auto; padding: 0 1rem; }
body { overflow-wrap: anywhere; }
h1 { font-size: 1.6rem; line-height: 1.25; }
.when, .remark { color: color-mix(in srgb, currentColor 70%, transparent); font-size: .875rem; }
article { border-block-start: 1px solid color-mix(in srgb, currentColor 20%, transparent); padding-block: .5rem; }
article > header { display: flex; gap: .6rem; align-items: baseline; flex-wrap: wrap; }
article[data-role=user] .text, pre { background: color-mix(in srgb, currentColor 7%, transparent); }
article[data-role=user] .text { border-radius: .7rem; padding: .1rem .9rem; }
pre { white-space: pre-wrap; border-radius: .5rem; padding: .6rem .8rem; }
code, pre { font-family: ui-monospace, monospace; font-size: .9em; }
pre code { font-size: inherit; }
table { border-collapse: collapse; }
td, th { border: 1px solid color-mix(in srgb, currentColor 25%, transparent); }
td, th { padding: .25rem .6rem; text-align: start; }
blockquote { margin-inline: 0; padding-inline-start: 1rem; }
blockquote { border-inline-start: 3px solid color-mix(in srgb, currentColor 25%, transparent); }
details { color: color-mix(in srgb, currentColor 70%, transparent); }
.plain { white-space: pre-wrap; }
@media print { body { margin: 0; max-width: none; } article > header { break-after: avoid; } }
"""
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
_SAFE = ("http://", "https://", "mailto:")


def head(row: ConversationRow, at_us: int) -> bytes:
    title = escape(title_of(row))
    prompt = ""
    if row.system_prompt is not None:
        prompt = f"<details><summary>System prompt</summary>{_plain(visible(plain(row.system_prompt)))}</details>\n"
    return (
        f'<!doctype html>\n<html>\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{title}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n"
        f'<h1 dir="auto">{title}</h1>\n<p class="when">{minute(row.created_at_us)} to {minute(row.updated_at_us)};'
        f" exported from Verbatim {minute(at_us)}</p>\n{prompt}"
    ).encode()


def page(messages: Sequence[Exported]) -> bytes:
    return "".join(map(_message, messages)).encode()


def tail() -> bytes:
    return b"</body>\n</html>\n"


def _message(each: Exported) -> str:
    said = remark(each)
    return (
        f'<article id="m{each.number}" data-role="{escape(each.row.role)}">\n'
        f'<header><b>{escape(speaker(each))}</b> <span class="when">{each.number} · {minute(each.row.created_at_us)}'
        f"</span>{f' <span class=remark>({escape(said)})</span>' if said else ''}</header>\n"
        f"{''.join(map(_part, parts_of(each)))}</article>\n"
    )


def _part(part: Part) -> str:
    match part.kind:
        case "reasoning":
            return f"<details><summary>Thought</summary>{_plain(part.text)}</details>\n"
        case "tool_call":
            return f"<p>Calls <code>{escape(part.name)}</code></p>\n<pre>{escape(part.text)}</pre>\n"
        case "tool_result":
            return f"<p>Result <code>{escape(part.name)}</code></p>\n<pre>{escape(part.text)}</pre>\n"
        case "image" | "file":
            return f"<p>({part.kind}: {escape(part.name)})</p>\n"
        case _ if len(part.text) > MAX_RENDERED_CHARACTERS:
            return _plain(part.text)
        case _:
            return f'<div class="text" dir="auto">{_MARKDOWN.render(part.text)}</div>\n'


def _plain(text: str) -> str:
    return f'<div class="plain" dir="auto">{escape(text)}</div>'


def _is_safe(url: str) -> bool:
    return url.strip().lower().startswith(_SAFE)


def _image(self: Any, tokens: Sequence[Any], index: int, options: Any, env: Any) -> str:
    token = tokens[index]
    address = str(token.attrGet("src") or "")
    name = escape(token.content or address)
    return f'<a href="{escape(address)}" rel="noopener noreferrer">{name}</a>'


def _made() -> MarkdownIt:
    markdown = MarkdownIt("commonmark", {"html": False, "breaks": True, "maxNesting": 30})
    markdown.enable(["table", "strikethrough"])
    markdown.validateLink = _is_safe  # type: ignore[method-assign]  # the library's own way to set it
    markdown.add_render_rule("image", _image)
    return markdown


_MARKDOWN = _made()
