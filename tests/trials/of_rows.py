"""What was right, and is to stay so; and the small ones of other judges."""

from __future__ import annotations

import asyncio
import json
import subprocess
from functools import partial
from types import SimpleNamespace
from typing import Any

from inference_workers.engines.triton_dialects import Contract
from inference_workers.engines.triton_responses import ResponseReader
from tests.e2e.stack import ROOT, free_port
from tests.eventually import eventually
from tests.fuzz.plans import Event, Plan
from tests.fuzz.upstream import paced, spoken
from tests.fuzz.wire import request
from tests.fuzz.world import ALLOWED_ORIGIN
from tests.trials.ground import STOP, Ground, say
from tests.trials.trial import Result, trial

USER = [{"role": "user", "content": "hi"}]


@trial("1", "a follow-up at once, three times", "the upstream gets all earlier turns")
async def follow_up(ground: Ground) -> Result:
    name = await ground.door.new_conversation()
    path = f"/api/v1/conversations/{name}/messages"
    for number in range(3):
        case = ground.put(spoken(f"answer {number}"))
        await ground.door.call("POST", path, {"content": f"fuzz case {case}", "model": "fuzz"})
    turns = [message["role"] for message in ground.upstream.bodies[case]["messages"]]
    return Result(" ".join(turns), turns == ["user", "assistant"] * 2 + ["user"])


@trial("6c", "a lone surrogate in a request", "400 invalid_json")
async def surrogate(ground: Ground) -> Result:
    answer, _ = await ground.posted(
        "/v1/chat/completions", b'{"model":"fuzz","messages":[{"role":"user","content":"a \\ud83d b"}]}'
    )
    return Result(f"{answer.status} {answer.code}", (answer.status, answer.code) == (400, "invalid_json"))


def _asking(fields: bytes) -> bytes:
    return b'{"model":"fuzz","messages":[{"role":"user","content":"x"}],' + fields + b"}"


_IMAGE = b'[{"role":"user","content":[{"type":"image_url","image_url":{"url":"http://127.0.0.1/"}}]}]'
REFUSED: tuple[tuple[str, str, bytes], ...] = (
    ("15", "the role banana", b'{"model":"fuzz","messages":[{"role":"banana","content":"x"}]}'),
    ("17a", "NaN", _asking(b'"temperature":NaN')),
    ("17b", "1e999", _asking(b'"temperature":1e999')),
    ("17c", "20,000 levels", _asking(b'"x":' + b"[" * 20_000 + b"]" * 20_000)),
    ("17d", "5,000 digits", _asking(b'"seed":' + b"9" * 5000)),
    ("17e", "a name twice", _asking(b'"model":"fuzz"')),
    ("34", "an image", b'{"model":"fuzz","messages":' + _IMAGE + b"}"),
    ("J2.7a", "top_logprobs without logprobs", _asking(b'"top_logprobs":3')),
)


def _put_refused(number: str, what: str, body: bytes) -> None:
    @trial(number, f"{what} in a request", "400 in OpenAI's shape")
    async def run(ground: Ground) -> Result:
        answer, _ = await ground.posted("/v1/chat/completions", body)
        return Result(f"{answer.status} {answer.code}", answer.status == 400 and answer.error is not None)


for _entry in REFUSED:
    _put_refused(*_entry)


@trial("18", "no key, a wrong one, an unknown scheme", "401 in OpenAI's shape")
async def keys(ground: Ground) -> Result:
    told = []
    for value in ("", "Bearer nonsense", "Basic eDp5", "Bearer " + "k" * 5000):
        headers = {"X-Forwarded-For": "10.1.1.1"} | ({"Authorization": value} if value else {})
        answer = await ground.raw(request("GET", "/v1/models", headers))
        told.append(answer.status if answer.error is not None else -1)
    return Result(f"{told}", told == [401] * 4)


@trial("27", "a stream read again from each place", "the same bytes")
async def resumed(ground: Ground) -> Result:
    seen, _ = await ground.play(paced(20, 0.01), "conversation", "paced")
    blocks = seen.answer.body.split(b"\n\n")
    path = f"/api/v1/generations/{seen.generation_id}/stream"
    for after in (0, 5, 20):
        again = await ground.door.call("GET", path, extra={"Last-Event-ID": str(after)})
        if again.body != b"\n\n".join(blocks[after + 1 :]):
            return Result(f"others after {after}", False)
    beyond = await ground.door.call("GET", path, extra={"Last-Event-ID": "999"})
    return Result(f"the same; beyond the end {beyond.status}", beyond.status == 400)


@trial("28", "deleted while it streams", "its reader is told; the upstream is left; 404 everywhere")
async def deleted(ground: Ground) -> Result:
    plan = Plan((Event(say("a")), *(Event(say("b"), 0.2) for _ in range(50)), Event(STOP)))
    conversation, case = await ground.door.new_conversation(), ground.put(plan)
    path = f"/api/v1/conversations/{conversation}"
    body = {"content": f"fuzz case {case}", "model": "wide"}
    reading = asyncio.ensure_future(ground.door.call("POST", f"{path}/messages", body))
    await eventually(lambda: ground.upstream.calls[case] == 1)
    await asyncio.sleep(0.5)
    gone = await ground.door.call("DELETE", path)
    answer = await reading
    left = await eventually(lambda: case in ground.upstream.left, 5)
    after = [(await ground.door.call("GET", at)).status for at in (path, f"{path}/messages")]
    told = b"deleted" in answer.body
    return Result(
        f"{gone.status}, told {told}, left {left}, then {after}", gone.status == 204 and told and after == [404, 404]
    )


async def _finds(ground: Ground, words: str, conversation: str) -> bool:
    hits = (await ground.door.call("GET", f"/api/v1/search?q={words}")).json()["data"]
    return any(hit["conversation"]["id"] == conversation for hit in hits)


@trial("45", "search for CJK, emoji, metacharacters", "found literally")
async def search(ground: Ground) -> Result:
    name = await ground.door.new_conversation()
    case = ground.put(spoken("日本 🧘 (a+)+$ ſtraße"))
    await ground.door.call(
        "POST", f"/api/v1/conversations/{name}/messages", {"content": f"fuzz case {case}", "model": "fuzz"}
    )
    found: list[bool] = []
    for words in ("%E6%97%A5", "%F0%9F%A7%98", "(a%2B)%2B%24"):
        found.append(await eventually(partial(_finds, ground, words, name), 8))
    return Result(f"{found}", all(found))


@trial("F18", "Triton's delta mode: half characters", "held back until they are whole")
async def half_characters(ground: Ground) -> Result:
    model = SimpleNamespace(text_mode="delta")
    asked: Any = SimpleNamespace(max_tokens=100, model=model, sampling=SimpleNamespace(stop=()), prefix="")
    contract = Contract("trtllm_engine", frozenset({"text_input"}), frozenset({"text_output"}))
    reader, texts = ResponseReader(contract, asked), []
    for text in ("a", "\ufffd", "\ufffd", "🧘", "b"):
        data = text.encode()
        outputs = [SimpleNamespace(name="text_output")]
        response = SimpleNamespace(outputs=outputs, raw_output_contents=[len(data).to_bytes(4, "little") + data])
        if (delta := reader.feed(response)) is not None:
            texts.append(delta.text)
    if (rest := reader.rest()) is not None:
        texts.append(rest.text)
    return Result(repr("".join(texts)), "".join(texts) == "a🧘b")


WRONG_ADDRESSES = ("http://user:pw@127.0.0.1/v1", "http://127.0.0.1/v1?key=K", "http://127.0.0.1/v1#x", "http:///v1")
WRONG_MODEL = """[[model]]
id = "wrong"
engine = "openai"
address = "{address}"
context_tokens = 64
price = {{ input = "1", output = "1" }}
"""


@trial("F16", "addresses that can never work", "refused at start, with file and line", quick=False)
async def addresses(ground: Ground) -> Result:
    told = []
    for number, address in enumerate(WRONG_ADDRESSES):
        file = ground.stack.state.parent / f"wrong-{number}.toml"
        keyed = 'api_key_env = "HOME"\n' if number == 0 else ""
        file.write_text(WRONG_MODEL.format(address=address) + keyed)
        elsewhere = ground.stack.state.parent / f"never-{number}"
        done = await asyncio.to_thread(_up, str(file), str(elsewhere))
        told.append(f"{file.name}:4" in done)
        if not told[-1]:
            break  # it came up
    return Result(f"named: {told}", all(told))


def _up(models: str, state: str) -> str:
    """What `up` says to these models; it must not come up."""
    verbatim = str(ROOT / "verbatim")
    where = ["--port", str(free_port()), "--models", models, "--state", state]
    try:
        done = subprocess.run(
            [verbatim, "up", "--detach", *where], capture_output=True, text=True, timeout=20, check=False
        )
    except subprocess.TimeoutExpired:
        return ""
    finally:
        subprocess.run([verbatim, "down", "--state", state], capture_output=True, timeout=60, check=False)
    return done.stderr + done.stdout if done.returncode else ""


REGISTRY = ("/contexts", "/schemas", "/v1/metadata/id", "/compatibility/subjects/x/versions/1", "/schemas/guids/x")


@trial("J2.4", "what other tools ask a schema registry", "its own shape of errors, or an answer")
async def registry(ground: Ground) -> Result:
    told = {}
    for path in REGISTRY:
        answer = await ground.raw(request("GET", path, {}))
        body = json.loads(answer.body) if answer.body else {}
        told[path] = answer.status if not isinstance(body, dict) or "error" not in body else "OpenAI's shape"
    return Result(f"{told}", all(status != "OpenAI's shape" for status in told.values()))


def _put_origin(number: str, origin: str, allowed: bool) -> None:
    due = "preflight and errors say so" if allowed else "no header of CORS"

    @trial(number, f"a page of {origin}", due)
    async def run(ground: Ground) -> Result:
        asks = {"Origin": origin, "Access-Control-Request-Method": "POST"}
        preflight = await ground.raw(request("OPTIONS", "/v1/chat/completions", asks))
        keyless = await ground.raw(request("POST", "/v1/chat/completions", {"Origin": origin}, b"{}"))
        told = [one.headers.get("access-control-allow-origin") for one in (preflight, keyless)]
        credentials = preflight.headers.get("access-control-allow-credentials")
        right = told == ([origin] * 2 if allowed else [None] * 2) and credentials is None and keyless.status == 401
        return Result(f"{preflight.status} {keyless.status}, allow-origin {told}", right)


_put_origin("J2.5a", ALLOWED_ORIGIN, True)
_put_origin("J2.5b", "https://other.example", False)
_put_origin("J2.5c", "null", False)


@trial("J2.7b", "GET /v1/models/, HEAD /v1/models", "the list's words; a head")
async def models(ground: Ground) -> Result:
    slash = await ground.door.call("GET", "/v1/models/")
    head = await ground.raw(request("HEAD", "/v1/models", ground.door.headers()))
    message = str((slash.error or {}).get("message"))
    return Result(f"{slash.status} {message!r}, HEAD {head.status}", "``" not in message and head.status == 200)
