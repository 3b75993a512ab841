"""`python -m tests.golden.publish`: publish new record types and versions, and what holds them still.

For every record type whose shape no .avsc has yet it writes the next version and gives it an id; then it records the
new files' digests, the golden bytes of new versions and the tables of docs/events.md. What is there already is only
ever added to: a published schema, an id and golden bytes never change.
"""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path
from typing import Any

from schemas.derivation import NAMESPACE, avro_schema
from schemas.registry import RECORD_TYPES, WRITE_LEVEL, current_schema, registered_schemas, versions_of
from tests.golden.event_tables import EVENTS_PAGE, with_tables
from tests.golden.samples import as_json, samples

GOLDEN = Path(__file__).parent
RECORDS = GOLDEN / "records"
PUBLISHED = GOLDEN / "published.json"
AVRO = Path(__file__).parents[2] / "schemas" / "avro"


def without_docs(schema: Any) -> Any:
    """A schema without its prose, which may be improved without a new version."""
    if isinstance(schema, dict):
        return {key: without_docs(value) for key, value in schema.items() if key != "doc"}
    return [without_docs(item) for item in schema] if isinstance(schema, list) else schema


def digests() -> dict[str, dict[str, Any]]:
    """Every schema in the index by id, with its file's SHA-256."""
    index = json.loads((AVRO / "ids.json").read_text("utf-8"))["schemas"]
    return {
        str(entry["id"]): {**entry, "sha256": sha256((AVRO / entry["file"]).read_bytes()).hexdigest()}
        for entry in index
    }


def golden_file(record_name: str, version: int) -> Path:
    """Where the golden bytes of one version of a record type are kept."""
    return RECORDS / f"{record_name}.v{version}.json"


def written(content: Any) -> str:
    """JSON as all these files are written."""
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"


def _publish_schemas() -> None:
    index = json.loads((AVRO / "ids.json").read_text("utf-8"))
    for record_type in RECORD_TYPES:
        derived = avro_schema(record_type)
        mine = [schema for schema in registered_schemas().values() if schema.record_name == record_type.__name__]
        if mine and without_docs(dict(current_schema(record_type).definition)) == without_docs(derived):
            continue
        version = max((schema.version for schema in mine), default=0) + 1
        file = f"{record_type.__name__}.v{version}.avsc"
        (AVRO / file).write_text(written(derived), "utf-8")
        subject = f"{NAMESPACE}.{record_type.__name__}"
        following = max((entry["id"] for entry in index["schemas"]), default=0) + 1
        entry = {"id": following, "subject": subject, "version": version, "file": file, "writes": WRITE_LEVEL}
        index["schemas"].append(entry)
        print(f"published {file} as id {following}")
    (AVRO / "ids.json").write_text(written(index), "utf-8")
    registered_schemas.cache_clear()
    current_schema.cache_clear()
    versions_of.cache_clear()


def _record_golden_bytes() -> None:
    # Imported only now: the codec wants a schema for every record type.
    try:
        from schemas.codec import decode, encode
    except RuntimeError as error:  # the new version needs a step or a layout before it can be read
        raise SystemExit(f"{error}: add it and run this again") from None

    for record_type in RECORD_TYPES:
        version = current_schema(record_type).version
        for old in range(1, version):
            file = golden_file(record_type.__name__, old)
            content = json.loads(file.read_text("utf-8"))
            for case in content["cases"]:
                case["record"] = as_json(decode(bytes.fromhex(case["hex"])))
            file.write_text(written(content), "utf-8")
        file = golden_file(record_type.__name__, version)
        if not file.exists():
            frame = b"\0" + current_schema(record_type).id.to_bytes(4, "big")
            cases = [
                {"name": name, "hex": encode(record).hex(), "record": as_json(record)}
                for name, record in samples(record_type).items()
                if encode(record).startswith(frame)  # what an older version can hold is written in that
            ]
            content = {"record_type": record_type.__name__, "version": version, "cases": cases}
            file.write_text(written(content), "utf-8")
            print(f"recorded {file.name}")


def main() -> None:
    """Publish, record, write the tables."""
    _publish_schemas()
    known = json.loads(PUBLISHED.read_text("utf-8")) if PUBLISHED.exists() else {}
    PUBLISHED.write_text(written({**digests(), **known}), "utf-8")
    _record_golden_bytes()
    EVENTS_PAGE.write_text(with_tables(EVENTS_PAGE.read_text("utf-8")), "utf-8")


if __name__ == "__main__":
    main()
