"""llama.cpp as an engine, and the Triton model in front of it, over a stand-in of its package."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from infra.local_model import backend
from infra.local_model.llama import (
    Asked,
    CannotLoad,
    End,
    LlamaEngine,
    LlamaError,
    LlamaSettings,
    Piece,
    Refused,
    TooLong,
)
from tests.eventually import eventually_sync
from tests.gguf_files import write_gguf

PACKAGES = Path(__file__).parents[2] / "fakes" / "llama_api"


@pytest.fixture(autouse=True)
def no_trace(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The stand-in is forgotten again, and what is set for OpenMP."""
    monkeypatch.setenv("GOMP_SPINCOUNT", "")
    monkeypatch.delenv("GOMP_SPINCOUNT")
    before = list(sys.path)
    yield
    sys.path[:] = before
    sys.modules.pop("xllamacpp", None)


def settings(folder: Path) -> LlamaSettings:
    return LlamaSettings(file=write_gguf(folder / "m.gguf"), context_tokens=512, slots=2, threads=1)


@pytest.fixture
def engine(tmp_path: Path) -> LlamaEngine:
    return LlamaEngine(settings(tmp_path), PACKAGES)


def said(engine: LlamaEngine, asked: Asked) -> tuple[list[Piece], End]:
    pieces: list[Piece] = []

    def take(piece: Piece) -> bool:
        pieces.append(piece)
        return False

    return pieces, engine.generate(asked, take)


def library() -> Any:
    return sys.modules["xllamacpp"]


def test_an_answer_streams_and_is_counted(engine: LlamaEngine) -> None:
    pieces, end = said(engine, Asked(prompt="one two three", max_tokens=10))
    assert pieces == [Piece("one "), Piece("two "), Piece("three ")]
    assert end == End("stop", prompt_tokens=3, cached_tokens=2, completion_tokens=4)
    assert said(engine, Asked(prompt="one two three", max_tokens=2))[1].reason == "length"


def test_what_was_not_asked_for_is_the_engines_own_choice(engine: LlamaEngine) -> None:
    said(engine, Asked(prompt="one", max_tokens=1))
    said(engine, Asked(prompt="one", max_tokens=1, temperature=0.0, seed=2**32 - 1, stops=("x",), top_p=0.5))
    plain, given = library().Server.asked
    assert plain == {"prompt": "one", "n_predict": 1, "stream": True, "cache_prompt": True}
    # llama.cpp would draw a seed of its own for the largest one
    assert given == plain | {"temperature": 0.0, "seed": 0, "stop": ["x"], "top_p": 0.5}


def test_it_listens_nowhere_but_in_a_folder_that_is_gone(engine: LlamaEngine) -> None:
    (place,) = library().Server.parameters.hostnames
    assert place.endswith(".sock")
    assert not Path(place).parent.exists()
    assert library().Server.parameters.n_ctx == 1024


def test_its_threads_do_not_spin_unless_the_user_wants_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    LlamaEngine(settings(tmp_path), PACKAGES)
    assert library().SPINS == "0"
    sys.modules.pop("xllamacpp")
    monkeypatch.setenv("GOMP_SPINCOUNT", "500")
    LlamaEngine(settings(tmp_path), PACKAGES)
    assert library().SPINS == "500"


def test_a_true_from_the_taker_ends_it(engine: LlamaEngine) -> None:
    pieces: list[Piece] = []

    def take(piece: Piece) -> bool:
        pieces.append(piece)
        return True

    end = engine.generate(Asked(prompt="one two three", max_tokens=10), take)
    assert (len(pieces), end.reason) == (1, "cancelled")


def test_what_the_taker_raises_is_raised(engine: LlamaEngine) -> None:
    def take(_: Piece) -> bool:
        raise ConnectionError

    with pytest.raises(ConnectionError):
        engine.generate(Asked(prompt="one two", max_tokens=10), take)


@pytest.mark.parametrize(
    ("prompt", "kind", "message"),
    [
        ("OVERLONG secret", TooLong, r"exceeds max_seq_len \(9 of 8 tokens\)"),
        ("BROKEN secret", LlamaError, "the engine failed"),
        ("NOTHING secret", LlamaError, "without an end"),
    ],
)
def test_errors_say_what_is_wrong_and_quote_nothing(
    engine: LlamaEngine, prompt: str, kind: type[LlamaError], message: str
) -> None:
    with pytest.raises(kind, match=message) as raised:
        said(engine, Asked(prompt=prompt, max_tokens=10))
    assert "secret" not in str(raised.value)


def test_an_answer_that_does_not_keep_to_its_schema_is_none(engine: LlamaEngine) -> None:
    pieces, end = said(engine, Asked(prompt='{"a": 1}', max_tokens=10, schema={}))
    assert ("".join(piece.text for piece in pieces), end.reason) == ('{"a": 1} ', "stop")
    for prompt in ("Sure: {}", '{"a": 1'):
        with pytest.raises(Refused, match="cannot keep to this JSON schema"):
            said(engine, Asked(prompt=prompt, max_tokens=10, schema={}))
    # cut off at its length, it is what it is
    assert said(engine, Asked(prompt='{"a": 1', max_tokens=1, schema={}))[1].reason == "length"


def test_a_file_that_is_none_cannot_be_loaded(tmp_path: Path) -> None:
    wrong = LlamaSettings(file=tmp_path / "none.gguf", context_tokens=512, slots=1, threads=1)
    with pytest.raises(CannotLoad, match=r"none\.gguf cannot be loaded, expected a whole GGUF file"):
        LlamaEngine(wrong, PACKAGES)


def test_an_engine_that_is_missing_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(CannotLoad, match=r"the engine llama\.cpp cannot be used: no xllamacpp for this Python"):
        LlamaEngine(settings(tmp_path), tmp_path)


class Client:
    """What a request gets, as Triton would pass it on."""

    def __init__(self) -> None:
        self.responses: list[dict[str, Any]] = []
        self.errors: list[backend.TritonError] = []
        self.ended = False
        self.gone = False

    def deliver(self, response: backend.InferenceResponse | None, final: bool) -> None:
        self.ended = self.ended or final
        if response is not None and response.error is not None:
            self.errors.append(response.error)
        elif response is not None:
            self.responses.append({tensor.name(): tensor.as_numpy().reshape(-1)[0] for tensor in response.tensors})

    def request(self, **inputs: Any) -> backend.InferenceRequest:
        wanted = ["text_output", "num_input_tokens", "num_output_tokens", "kv_cache_reused_blocks", "output_log_probs"]
        tensors = {name: backend.Tensor(name, _array(value)) for name, value in inputs.items()}
        return backend.InferenceRequest(
            "1", tensors, wanted, {}, backend.ResponseSender(self.deliver, lambda: self.gone)
        )


def _array(value: Any) -> Any:
    if isinstance(value, str):
        return np.array([[value.encode()]], dtype=np.object_)
    return np.array([[value]])


@pytest.fixture
def model(tmp_path: Path) -> Iterator[Any]:
    backend.install()
    from infra.local_model.triton_gguf import GgufModel

    parameters = {
        "gguf": str(write_gguf(tmp_path / "m.gguf")),
        "packages": str(PACKAGES),
        "context_tokens": "512",
        "slots": "2",
        "threads": "1",
    }
    made = GgufModel()
    said = {name: {"string_value": value} for name, value in parameters.items()}
    made.initialize({"model_config": json.dumps({"parameters": said})})
    library().Server.go_on.set()
    yield made
    library().Server.go_on.set()
    made.finalize()


def answered(model: Any, **inputs: Any) -> Client:
    client = Client()
    model.execute([client.request(**inputs)])
    eventually_sync(lambda: client.ended)
    return client


def test_the_contract_has_deltas_then_counts_then_an_empty_end(model: Any) -> None:
    client = answered(model, text_input="one two", max_tokens=10)
    texts = [response["text_output"] for response in client.responses]
    assert texts == [b"one ", b"two ", b""]
    assert sum(response["num_output_tokens"] for response in client.responses) == 3
    assert client.responses[-1]["num_input_tokens"] == 2
    assert client.responses[-1]["kv_cache_reused_blocks"] == 1
    assert client.errors == []


def test_only_an_answer_at_its_length_has_as_many_tokens_as_were_asked_for(model: Any) -> None:
    # three words and the end of text: as many as were asked for, and yet the model stopped
    stopped = answered(model, text_input="one two three", max_tokens=4)
    assert sum(response["num_output_tokens"] for response in stopped.responses) == 3
    cut = answered(model, text_input="one two three", max_tokens=3)
    assert sum(response["num_output_tokens"] for response in cut.responses) == 3


def test_log_probabilities_come_where_they_are_asked_for(model: Any) -> None:
    client = answered(model, text_input="one", max_tokens=9, return_log_probs=True)
    assert client.responses[0]["output_log_probs"] == -0.5


def test_a_cancelled_request_ends(model: Any) -> None:
    library().Server.go_on.clear()
    client = Client()
    model.execute([client.request(text_input="SLOW one two three", max_tokens=100)])
    waiting = Client()
    waiting.gone = True
    client.gone = True
    model.execute([waiting.request(text_input="one", max_tokens=9)])
    eventually_sync(lambda: waiting.ended)
    assert [error.code for error in waiting.errors] == [backend.TritonError.CANCELLED]
    assert waiting.responses == []
    library().Server.go_on.set()
    eventually_sync(lambda: client.ended)


@pytest.mark.parametrize(
    ("inputs", "message", "code"),
    [
        ({"text_input": "q", "max_tokens": 0}, "max_tokens must be greater than 0", "INVALID_ARGUMENT"),
        ({"text_input": "OVERLONG", "max_tokens": 1}, "exceeds max_seq_len", "INVALID_ARGUMENT"),
        ({"text_input": "BROKEN", "max_tokens": 1}, "the engine failed", "INTERNAL"),
        (
            {
                "text_input": "q",
                "max_tokens": 9,
                "guided_decoding_guide_type": "json_schema",
                "guided_decoding_guide": '{"not": {}}',
            },
            "the keyword 'not' at the root is not supported",
            "INVALID_ARGUMENT",
        ),
        (
            {"text_input": "q", "max_tokens": 9, "guided_decoding_guide_type": "regex", "guided_decoding_guide": "a"},
            "must be json or json_schema",
            "INVALID_ARGUMENT",
        ),
        (
            {
                "text_input": "q",
                "max_tokens": 9,
                "guided_decoding_guide_type": "json_schema",
                "guided_decoding_guide": "{",
            },
            "guided_decoding_guide is not JSON",
            "INVALID_ARGUMENT",
        ),
    ],
)
def test_what_cannot_be_done_is_an_error_that_says_so(model: Any, inputs: Any, message: str, code: str) -> None:
    client = answered(model, **inputs)
    (error,) = client.errors
    assert message in str(error)
    assert error.code == code


def test_more_than_may_wait_are_refused_in_tritons_words(model: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    library().Server.go_on.clear()
    monkeypatch.setattr(model._waiting, "maxsize", 2)
    clients = [Client() for _ in range(9)]
    model.execute([client.request(text_input="SLOW", max_tokens=1) for client in clients])
    full = [client for client in clients if client.errors]
    assert full
    assert {str(client.errors[0]) for client in full} == {"Exceeds maximum queue size"}
    library().Server.go_on.set()
    eventually_sync(lambda: all(client.ended for client in clients))
