"""`python -m tests.releases.make NAME`: run this release in a folder of its own, leave turns open, keep the folder.

`--code DIR` runs another checkout's `./verbatim` instead: that of the release whose folder is kept.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import httpx

from infra.stack.layout import Layout
from tests.e2e.client import frames_of
from tests.e2e.stack import ROOT, Stack, free_port
from tests.releases.folder import pack
from tests.releases.said import all_said

T = TypeVar("T")
WITHIN_S = 30.0
# A model whose engine is nowhere: its turns fail, retryable.
UNREACHABLE = """
[[model]]
id = "nowhere"
engine = "openai"
address = "http://127.0.0.1:9/v1"
context_tokens = 4096
price = { version = "2026-11", currency = "USD", input = "0.10", cached_input = "0.05", output = "0.40" }
deadlines = { first_token_s = 2, inter_token_s = 2, total_s = 4 }
"""


class Old(Stack):
    """A stack of the release whose folder is kept."""

    code = ROOT

    def verbatim(self, *arguments: str, timeout_s: float = 170, **kwargs: Any) -> subprocess.CompletedProcess[str]:
        command = [str(self.code / "verbatim"), *arguments, "--state", str(self.state)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=timeout_s, check=False, **kwargs)
        if done.returncode != 0:
            raise SystemExit(f"{' '.join(arguments)}: {done.stdout}{done.stderr}")
        return done


def main() -> None:
    """Make a folder and keep it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name")
    parser.add_argument("--code", type=Path, default=ROOT)
    asked = parser.parse_args()
    Old.code = asked.code.resolve()
    with tempfile.TemporaryDirectory(prefix="verbatim-release-") as folder:
        stack = Old(Path(folder) / "state", free_port())
        models = Path(folder) / "models.toml"
        models.write_text(UNREACHABLE)
        up = ("up", "--detach", "--no-spare", "--port", str(stack.port), "--models", str(models))
        try:
            stack.verbatim(*up)
            keys = {"admin": stack.key, "ada": stack.verbatim("key", "create", "--user", "ada").stdout.strip()}
            opened = [_lived(stack, keys)]
            # No worker any more: what is asked now is accepted, and nobody answers it.
            stack.verbatim(*up, "--scale", "worker=0")
            opened.append(_asked_in_vain(stack, keys["ada"]))
            said = {"keys": keys, "open": opened, "said": {user: all_said(stack.url, keys[user]) for user in keys}}
        finally:
            stack.verbatim("down")
        pack(stack.state, asked.name, said)


def _lived(stack: Old, keys: dict[str, str]) -> str:
    """Everything a conversation can hold; in the end all processes are killed in the midst of an answer, whose id is
    returned."""
    with _client(stack, keys["admin"]) as admin, _client(stack, keys["ada"]) as ada:
        about = _begin(admin, title="Counting", system_prompt="Answer in one line.")
        first = _ask(admin, about, "Count to 12.")
        second = _ask(admin, about, "What is 19 * 3? Thank you.")
        _ok(admin.patch(f"/api/v1/conversations/{about}", json={"title": "Counting, renamed"}))
        again = frames_of(_ok(admin.post(f"/api/v1/conversations/{about}/messages/{second}/regenerate")).text)
        rated = (first, "up", "Exactly."), (second, "down", None), (str(again[0].data["messageId"]), "up", None)
        for message, rating, comment in rated:
            body = {"rating": rating, "comment": comment}
            _ok(admin.post(f"/api/v1/conversations/{about}/messages/{message}/feedback", json=body))
        _ask(admin, about, "And an older answer goes on here.", parent_message_id=first)

        gone = _begin(admin, title="To be deleted")
        _ask(admin, gone, "Say this is not kept.")
        _ok(admin.delete(f"/api/v1/conversations/{gone}"))

        ends = _begin(ada, title="Ends")
        _ask(ada, ends, "Say something to nobody.", model="nowhere")
        _cancelled(ada, ends)
        chat = {"model": "verbatim-local", "messages": [{"role": "user", "content": "Say stateless."}]}
        _ok(ada.post("/v1/chat/completions", json=chat))
        return _killed_in_the_midst(stack, ada, _begin(ada, title="Interrupted"))


def _cancelled(client: httpx.Client, conversation: str) -> None:
    body = {"content": "Count to 5000."}
    with client.stream("POST", f"/api/v1/conversations/{conversation}/messages", json=body) as answer:
        lines = answer.iter_lines()
        generation = _generation(lines)
        for _ in range(60):
            next(lines)
        _ok(client.post(f"/api/v1/generations/{generation}/cancel"))


def _killed_in_the_midst(stack: Old, client: httpx.Client, conversation: str) -> str:
    body = {"content": "Count to 20000."}
    with client.stream("POST", f"/api/v1/conversations/{conversation}/messages", json=body) as answer:
        lines = answer.iter_lines()
        generation = _generation(lines)
        for _ in range(90):
            next(lines)
        pid = Layout.at(stack.state).supervisor_pid()
        if not pid:
            raise SystemExit("the supervisor is gone")
        os.kill(pid, signal.SIGKILL)
    _until(lambda: None if _any_lives(stack) else True)
    return generation


def _any_lives(stack: Old) -> bool:
    return any(Path(f"/proc/{child['pid']}").exists() for child in stack.description["children"])


def _asked_in_vain(stack: Old, key: str) -> str:
    with _client(stack, key) as client:
        conversation = _begin(client, title="Unanswered")
        body = {"content": "Is anybody there?"}
        with client.stream("POST", f"/api/v1/conversations/{conversation}/messages", json=body) as answer:
            _ok(answer)
        found = _until(lambda: client.get(f"/api/v1/conversations/{conversation}/messages").json()["data"])
        return str(found[-1]["id"])


def _generation(lines: Any) -> str:
    import json

    line = next(line for line in lines if line.startswith("data: "))
    return str(json.loads(line.removeprefix("data: "))["messageId"])


def _client(stack: Old, key: str) -> httpx.Client:
    return httpx.Client(base_url=stack.url, headers={"Authorization": f"Bearer {key}"}, timeout=60)


def _begin(client: httpx.Client, **fields: str) -> str:
    return str(_ok(client.post("/api/v1/conversations", json=fields)).json()["id"])


def _ask(client: httpx.Client, conversation: str, content: str, **fields: str) -> str:
    """The answer's id, when the answer is read to its end and stands in the tables."""
    body = {"content": content, **fields}
    frames = frames_of(_ok(client.post(f"/api/v1/conversations/{conversation}/messages", json=body)).text)
    answer = str(frames[0].data["messageId"])

    def stored() -> bool | None:
        return client.get(f"/api/v1/generations/{answer}").json().get("status") not in (None, "running") or None

    _until(stored)
    return answer


def _ok(answer: httpx.Response) -> httpx.Response:
    if answer.is_error:
        answer.read()
        raise SystemExit(f"{answer.request.method} {answer.request.url.path}: {answer.status_code} {answer.text[:300]}")
    return answer


def _until(asked: Callable[[], T | None]) -> T:
    until_s = time.monotonic() + WITHIN_S
    while not (found := asked()):
        if time.monotonic() > until_s:
            raise SystemExit("what was waited for did not come")
        time.sleep(0.1)
    return found


if __name__ == "__main__":
    main()
