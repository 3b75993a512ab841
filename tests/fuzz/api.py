"""Every operation of a running stack against its own /openapi.json: right requests and wrong ones, from a seed.

    python -m tests.fuzz.api --examples 5 --seed 7

The stack is of its own, in a temporary folder. What is not as documented is printed; then the exit status is 1.
"""

from __future__ import annotations

import argparse
import http.client
import secrets
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

import httpx

from infra.clock import monotonic_s
from tests.e2e.stack import running_stack as running
from tests.fuzz.asgi import Answered
from tests.fuzz.documented import Asked, operations_of, tried

MODEL = "verbatim-local"
WAIT_S = 60.0
MAX_READ_BYTES = 4 * 1024 * 1024
SETTINGS = {"VERBATIM_API__REQUESTS_PER_MINUTE": "10000000"}
# It would end the key that all others are asked with.
KEPT_OUT = ("DELETE /api/v1/keys/{key_id}",)


class Door:
    """Asks a stack over HTTP, with its first user's key where a request is not to be without one."""

    def __init__(self, url: str, key: str) -> None:
        self._netloc = urlsplit(url).netloc
        self._own = (b"Authorization", f"Bearer {key}".encode())

    def ask(self, asked: Asked) -> Answered:
        """Ask. Of a stream of events the head is read, and its client leaves."""
        headers = list(asked.headers)
        if not asked.keyless:
            headers = [*(each for each in headers if each[0].lower() != b"authorization"), self._own]
        connection = http.client.HTTPConnection(self._netloc, timeout=WAIT_S)
        try:
            connection.putrequest(asked.method, asked.target.decode("ascii"), skip_accept_encoding=True)
            for name, value in headers:
                if name.lower() not in (b"host", b"content-length", b"connection"):
                    connection.putheader(name, value)
            connection.putheader("content-length", str(len(asked.body)))
            connection.endheaders(asked.body)
            answer = connection.getresponse()
            found = {name.lower(): value for name, value in answer.getheaders()}
            streams = found.get("content-type", "").startswith("text/event-stream")
            return Answered(answer.status, found, b"" if streams else answer.read(MAX_READ_BYTES), not streams)
        finally:
            connection.close()


def names_in(url: str, key: str) -> dict[str, str]:
    """What there is after one turn, by the names of path parameters."""
    headers = {"Authorization": f"Bearer {key}"}
    with httpx.Client(base_url=url, headers=headers, timeout=WAIT_S) as client:
        conversation = client.post("/api/v1/conversations", json={}).json()["id"]
        client.post(f"/api/v1/conversations/{conversation}/messages", json={"content": "hi"}).raise_for_status()
        messages = client.get(f"/api/v1/conversations/{conversation}/messages").json()["data"]
        folder = client.post("/api/v1/folders", json={"name": secrets.token_hex(4)}).json()["id"]
        snippet = client.post("/api/v1/snippets", json={"name": secrets.token_hex(4), "text": "Hi."}).json()["id"]
    answer = messages[-1]["id"]
    return {
        "conversation_id": conversation,
        "message_id": answer,
        "generation_id": answer,
        "response_id": "resp_" + answer.replace("-", ""),
        "folder_id": folder,
        "snippet_id": snippet,
        "model_id": MODEL,
    }


def run(url: str, key: str, examples: int, seed: int) -> int:
    """How many operations were not as documented."""
    document = httpx.get(f"{url}/openapi.json", timeout=WAIT_S).json()
    door, statuses, wrong, count = Door(url, key), Counter[int](), 0, 0
    for operation in operations_of(document):
        if operation.label in KEPT_OUT:
            continue
        names = names_in(url, key) if "{" in operation.path else {}
        if operation.path.startswith("/v1/") and names:
            names["conversation_id"] = "conv_" + names["conversation_id"].replace("-", "")
        result = tried(operation, door.ask, names, examples, seed)
        count += 1
        statuses += result.statuses
        wrong += bool(result.wrong)
        for what, shown in result.wrong.items():
            print(f"{operation.label}: {what}\n    {shown}", flush=True)
    print(f"{count} operations, {statuses.total()} requests: {dict(sorted(statuses.items()))}", flush=True)
    return wrong


def main(arguments: Sequence[str] | None = None) -> int:
    """0: all is as documented; 1: something is not."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz.api", description=__doc__)
    parser.add_argument("--examples", type=int, default=5, help="how many right and wrong requests an operation gets")
    parser.add_argument("--seed", type=int, help="what they are drawn from (default: another one each time)")
    given = parser.parse_args(arguments)
    seed = secrets.randbelow(1_000_000) if given.seed is None else given.seed
    began_s = monotonic_s()
    print(f"seed {seed}", flush=True)
    with (
        tempfile.TemporaryDirectory(prefix="verbatim-api-") as folder,
        running(Path(folder), (), SETTINGS, kept=False) as stack,
    ):
        print(f"{monotonic_s() - began_s:.1f} s  the stack is up", flush=True)
        wrong = run(stack.url, stack.key, given.examples, seed)
    print(f"{monotonic_s() - began_s:.1f} s  {wrong} operations are not as documented (seed {seed})")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
