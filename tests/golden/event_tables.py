"""The tables of docs/events.md, made from the catalogue and the record types. Their words are today's, those of a
published .avsc stay as they were."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from schemas.derivation import avro_schema
from schemas.registry import current_schema
from topics.catalogue import catalogue, shadow_spec
from topics.spec import DAY_MS, FOR_EVER_MS, TopicSpec

EVENTS_PAGE = Path(__file__).parents[2] / "docs" / "events.md"
BEGIN = "<!-- tables: begin (python -m tests.golden.publish writes them) -->"
END = "<!-- tables: end -->"


def with_tables(page: str) -> str:
    """The page with its tables as the catalogue and the schemas say today."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n\n{_tables()}\n{END}{after}"


def _tables() -> str:
    topics = [*catalogue(), shadow_spec("NAME")]
    lines = ["| topic | key | kept | largest record | written by |", "|---|---|---|---|---|"]
    lines += [
        f"| {spec.name} | {spec.key} | {_kept(spec)} | {spec.max_record_bytes // 2**20} MiB | {spec.written_by} |"
        for spec in topics
    ]
    shared: dict[str, dict[str, Any]] = {}
    described: set[type] = set()
    for spec in topics:
        types = [record_type for record_type in spec.record_types if record_type not in described]
        described.update(types)
        if types:
            lines += ["", f"## {spec.name}"]
        for record_type in types:
            registered = current_schema(record_type)
            lines += [
                "",
                f"### {record_type.__name__}",
                "",
                f"Schema id {registered.id}, version {registered.version}.",
            ]
            lines += _record(avro_schema(record_type), shared)
    lines += ["", "## Shapes that several records share"]
    for name in sorted(shared):
        lines += ["", f"### {name}", *_record(shared[name], {})]
    return "\n".join(lines) + "\n"


def _kept(spec: TopicSpec) -> str:
    return "for ever" if spec.retention_ms == FOR_EVER_MS else f"{spec.retention_ms // DAY_MS} d"


def _record(schema: dict[str, Any], shared: dict[str, dict[str, Any]]) -> list[str]:
    rows = [f"| {field['name']} | {_type(field['type'], shared)} |" for field in schema["fields"]]
    doc = ["", schema["doc"]] if "doc" in schema else []
    return [*doc, "", "| field | type |", "|---|---|", *rows]


def _type(avro: Any, shared: dict[str, dict[str, Any]]) -> str:
    if isinstance(avro, list):
        return " or ".join(_type(item, shared) for item in avro)
    if isinstance(avro, str):
        return avro.removeprefix("verbatim.")
    if avro["type"] == "record":
        if avro["name"] not in shared:
            shared[avro["name"]] = avro
            _record(avro, shared)
        return str(avro["name"])
    if avro["type"] == "array":
        return f"list of {_type(avro['items'], shared)}"
    return f"{avro['type']} ({avro['logicalType']})"
