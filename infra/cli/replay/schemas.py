"""`./verbatim replay schemas`: list, check and push the schemas."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer

from infra.cli.terminal import UserError, complain

if TYPE_CHECKING:
    from infra.cli.replay.registry_push import Compared

Registry = Annotated[
    str | None,
    typer.Option("--registry", metavar="URL", help="Also compare with a Confluent-compatible registry there."),
]
AsJson = Annotated[bool, typer.Option("--json", help="JSON, one object a line.")]


def register(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    schemas = typer.Typer(
        help="The schemas of all records: list, check, or push them to a registry.",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
    )
    schemas.command(name="list")(list_schemas)
    schemas.command()(check)
    schemas.command()(push)
    app.add_typer(schemas, name="schemas")


def list_schemas(as_json: AsJson = False) -> None:
    """List every schema ever published: id, subject, version, fields."""
    from schemas.registry import registered_schemas

    found = sorted(registered_schemas().values(), key=lambda schema: schema.id)
    if as_json:
        for schema in found:
            names = [field["name"] for field in schema.definition["fields"]]
            line = {"id": schema.id, "subject": schema.subject, "version": schema.version, "fields": names}
            print(json.dumps(line))
        return
    from infra.cli.replay.tables import shown, table

    rows = table("id>", "subject", "version>", "fields")
    for schema in found:
        listed = ", ".join(field["name"] for field in schema.definition["fields"])
        rows.add_row(str(schema.id), schema.subject, str(schema.version), listed)
    shown(rows)


def check(registry: Registry = None, as_json: AsJson = False) -> None:
    """Check the index of schemas, its files, and that every version can be read; exit 1 if anything is wrong.

    Versions must be BACKWARD_TRANSITIVE: each reads all before it. With --registry, it must have all of them too,
    under the same ids.
    """
    from infra.cli.replay.schema_checks import problems, stray_files

    wrong, number = stray_files(), 0
    try:
        if not wrong:
            from schemas.registry import registered_schemas

            wrong = problems(registered_schemas())
            number = len(registered_schemas())
        if registry is not None and not wrong:
            wrong = [_line(registry, one) for one in _compared(registry) if one.state != "same"]
    except UserError as error:
        complain(error)
    if as_json:
        print(json.dumps({"schemas": number, "problems": wrong}))
    else:
        for line in wrong:
            print(line)
        if not wrong:
            there = "" if registry is None else ", and the registry has them all"
            print(f"{number} schemas are consistent: ids, files, types, BACKWARD_TRANSITIVE compatibility{there}")
    if wrong:
        raise SystemExit(1)


def push(
    registry: Annotated[
        str, typer.Option("--registry", metavar="URL", help="The registry: http://[USER:PASSWORD@]HOST:PORT.")
    ],
    as_json: AsJson = False,
) -> None:
    """Register all schemas under their ids in a Confluent-compatible registry (its mode IMPORT).

    A repeat does no harm. If the registry has another schema under an id or version, nothing is changed.
    """
    from infra.cli.replay.registry_http import HttpRegistry
    from infra.cli.replay.registry_push import push as push_missing

    try:
        compared = _compared(registry)
        pushed = push_missing(HttpRegistry(registry), compared)
    except UserError as error:
        complain(error)
    same = sum(one.state == "same" for one in compared)
    if as_json:
        print(json.dumps({"pushed": [schema.id for schema in pushed], "there_already": same}))
    else:
        print(f"{len(pushed)} schemas pushed, {same} were there already")


def _compared(url: str) -> list[Compared]:
    from infra.cli.replay.registry_http import HttpRegistry
    from infra.cli.replay.registry_push import compare
    from schemas.registry import registered_schemas

    return compare(HttpRegistry(url), registered_schemas().values())


def _line(registry: str, one: Compared) -> str:
    if one.state == "conflict":
        return one.why
    return f"{one.schema.subject} version {one.schema.version} (id {one.schema.id}) is missing: push it"
