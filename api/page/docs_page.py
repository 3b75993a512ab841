"""The API page: /openapi.json as plain HTML in the page's style, without scripts or external resources. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

SHEETS = ("css/tokens.css", "css/docs.css")
"""The style sheets, among the page's own files: colours and letters are the same."""
# A full stop ends the first sentence; one within a number, a name or a path does not.
_SENTENCE = re.compile(r".*?[.?!](?=\s|$)", re.S)


def page(document: Mapping[str, Any], static: str) -> str:
    """The page of an OpenAPI document. `static`: the path below which the page's files are."""
    groups: dict[str, list[str]] = {}
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            groups.setdefault(operation.get("tags", ["other"])[0], []).append(_operation(method, path, operation))
    title = escape(document["info"]["title"])
    about = escape(document["info"].get("description", ""))
    links = "".join(f'<li><a href="#{_id_of(name)}">{escape(_title_of(name))}</a></li>' for name in groups)
    sections = "".join(
        f'<section aria-labelledby="{_id_of(name)}"><h2 id="{_id_of(name)}">{escape(_title_of(name))}</h2>'
        f"{''.join(entries)}</section>"
        for name, entries in groups.items()
    )
    sheets = "".join(f'<link rel="stylesheet" href="{static}/{sheet}">' for sheet in SHEETS)
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>API – {title}</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="color-scheme" content="light dark">'
        f'<link rel="icon" type="image/svg+xml" href="{static}/favicon.svg">{sheets}</head><body>'
        f'<header><a class="brand" href="/"><span class="mark" aria-hidden="true">”</span>{title}</a>'
        '<a class="back" href="/">Back to the chat</a></header>'
        f"<main><h1>API</h1><p>{about} A key is sent as <code>Authorization: Bearer KEY</code>. "
        'The same as a document for programs: <a href="/openapi.json">openapi.json</a></p>'
        f'<nav aria-label="Subjects"><ul>{links}</ul></nav>{sections}</main></body></html>'
    )


def _title_of(group: str) -> str:
    return "OpenAI" if group == "openai" else group.capitalize()


def _id_of(group: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", group.lower())


def _operation(method: str, path: str, operation: Mapping[str, Any]) -> str:
    texts = (operation.get("description") or operation.get("summary", "")).split("\n\n")
    said, *others = (" ".join(text.split()) for text in texts)
    first = _SENTENCE.match(said)
    summary = first[0] if first else said
    rest = said[len(summary) :].strip()
    parts = ["".join(f"<p>{_marked(text)}</p>" for text in (rest, *others) if text)]
    if parameters := operation.get("parameters"):
        rows = [
            (parameter["name"], parameter["in"], "required" if parameter.get("required") else "optional")
            for parameter in parameters
        ]
        parts.append(_table("Parameters", ("Name", "In", ""), rows))
    if body := operation.get("requestBody"):
        schema = next(iter(body["content"].values()))["schema"]
        shown = escape(json.dumps(schema, indent=2))
        parts.append(f'<h3>Body</h3><pre tabindex="0" role="region" aria-label="Schema of the body">{shown}</pre>')
    answers = [(status, answer.get("description", "")) for status, answer in operation["responses"].items()]
    parts.append(_table("Answers", ("Status", "Meaning"), answers))
    head = f"<b>{escape(method.upper())}</b> <code>{_breakable(path)}</code> <span>{_marked(summary)}</span>"
    return f"<details><summary>{head}</summary><div>{''.join(parts)}</div></details>"


def _marked(text: str) -> str:
    """A text with what stands between backticks as code."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(text))


def _table(title: str, head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    heads = "".join(f'<th scope="col">{name}</th>' if name else "<td></td>" for name in head)
    body = "".join(
        f"<tr><td><code>{escape(row[0])}</code></td>{''.join(f'<td>{escape(cell)}</td>' for cell in row[1:])}</tr>"
        for row in rows
    )
    return f"<h3>{title}</h3><table><thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table>"


def _breakable(path: str) -> str:
    """A path that may be broken where its parts begin."""
    return escape(path).replace("/", "<wbr>/")
