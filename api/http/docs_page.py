"""The API page: /openapi.json as plain HTML, without scripts or external resources. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from html import escape
from typing import Any

STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; color: #1a1a1a;
  background: #fff; }
h2 { margin-top: 2.5rem; text-transform: capitalize; }
details { border: 1px solid #ccc; border-radius: 6px; margin: .5rem 0; padding: .5rem .75rem; }
summary { cursor: pointer; }
summary b { display: inline-block; min-width: 4.5rem; }
code, pre { font: 14px/1.45 ui-monospace, monospace; }
pre { overflow-x: auto; background: #f4f4f4; padding: .75rem; border-radius: 6px; }
table { border-collapse: collapse; }
td { padding: .1rem .75rem .1rem 0; vertical-align: top; }
@media (prefers-color-scheme: dark) {
  body { color: #e6e6e6; background: #161616; } details { border-color: #444; } pre { background: #222; }
}
"""


def page(document: Mapping[str, Any]) -> str:
    """The page of an OpenAPI document."""
    groups: dict[str, list[str]] = {}
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            groups.setdefault(operation.get("tags", ["other"])[0], []).append(_operation(method, path, operation))
    title = escape(document["info"]["title"])
    about = escape(document["info"].get("description", ""))
    sections = "".join(f"<h2>{escape(name)}</h2>{''.join(entries)}" for name, entries in groups.items())
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<link rel="stylesheet" href="/docs/style.css"></head>'
        f'<body><h1>{title}</h1><p>{about}</p><p><a href="/openapi.json">openapi.json</a></p>{sections}</body></html>'
    )


def _operation(method: str, path: str, operation: Mapping[str, Any]) -> str:
    parts = [f"<p>{escape(operation.get('description') or operation.get('summary', ''))}</p>"]
    if parameters := operation.get("parameters"):
        rows = "".join(
            f"<tr><td><code>{escape(parameter['name'])}</code></td><td>{escape(parameter['in'])}</td>"
            f"<td>{'required' if parameter.get('required') else ''}</td></tr>"
            for parameter in parameters
        )
        parts.append(f"<table>{rows}</table>")
    if body := operation.get("requestBody"):
        schema = body["content"]["application/json"]["schema"]
        parts.append(f"<p>Body:</p><pre>{escape(json.dumps(schema, indent=2))}</pre>")
    answers = "".join(
        f"<tr><td><code>{escape(status)}</code></td><td>{escape(answer.get('description', ''))}</td></tr>"
        for status, answer in operation["responses"].items()
    )
    parts.append(f"<p>Answers:</p><table>{answers}</table>")
    head = f"<summary><b>{escape(method.upper())}</b> <code>{escape(path)}</code></summary>"
    return f"<details>{head}{''.join(parts)}</details>"
