"""The stack that fuzz runs and trials strike: the product as a user starts it, with models behind a raw upstream."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.e2e.stack import Stack, free_port
from tests.e2e.stack import running_stack as running

ALLOWED_ORIGIN = "https://app.example"
SETTINGS = {
    "VERBATIM_API__REQUESTS_PER_MINUTE": "10000000",
    "VERBATIM_API__CORS_ORIGINS": json.dumps([ALLOWED_ORIGIN]),
}
CONTEXT_TOKENS = 32_768
MAX_OUTPUT_TOKENS = 16_384
FIRST_TOKEN_S, INTER_TOKEN_S, TOTAL_S = 3, 2, 20

_MODEL = """
[[model]]
id = "{id}"
engine = "openai"
address = "{address}"
context_tokens = {context}
max_output_tokens = {most}
price = {{ input = "10", output = "100" }}
deadlines = {{ first_token_s = {first}, inter_token_s = {inter}, total_s = {total} }}
"""


def models_toml(address: str, dead: str) -> str:
    """`fuzz`: short deadlines; `paced`: the bystander's; `wide`: long ones, a large context; `dead`: nobody there."""

    def model(name: str, first: float, inter: float, total: float, context: int, at: str = address) -> str:
        return _MODEL.format(
            id=name, address=at, context=context, most=MAX_OUTPUT_TOKENS, first=first, inter=inter, total=total
        )

    return "".join(
        (
            model("fuzz", FIRST_TOKEN_S, INTER_TOKEN_S, TOTAL_S, CONTEXT_TOKENS),
            model("paced", 30, 30, 600, CONTEXT_TOKENS),
            model("wide", 8, 4, 60, 2_000_000),
            model("dead", 2, 2, 10, CONTEXT_TOKENS, dead),
        )
    )


@contextmanager
def fuzzed_stack(folder: Path, address: str, *, kept: bool = True) -> Iterator[Stack]:
    """The stack, its models' upstream at `address`; see `running_stack`."""
    models = folder / "fuzz.toml"
    models.write_text(models_toml(address, f"http://127.0.0.1:{free_port()}/v1"))
    with running(folder, ("--models", str(models)), SETTINGS, kept=kept) as stack:
        yield stack


def children(stack: Stack) -> dict[str, tuple[Any, Any]]:
    """(pid, restarts) of every child, as `./verbatim status` says."""
    said = json.loads(stack.verbatim("status", "--json").stdout)
    return {child["name"]: (child["pid"], child["restarts"]) for child in said["children"]}


def restarted(before: dict[str, tuple[Any, Any]], after: dict[str, tuple[Any, Any]]) -> list[str]:
    """The children that are not the ones they were."""
    names = sorted(before.keys() | after.keys())
    return [f"{name}: {before.get(name)} -> {after.get(name)}" for name in names if before.get(name) != after.get(name)]
