"""GGUF files as models of the local Triton: what is served, and what is said of a file that cannot be."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from google.protobuf import text_format
from tritonclient.grpc import model_config_pb2

from infra.models.catalogue import ModelCatalogue, ModelSpec
from infra.models.chat_templates import render_prompt
from infra.models.tokenizers import TokenCounter
from infra.stack.errors import StackError
from infra.stack.gguf_models import check_gguf, model_repository, packaged, usual_threads
from infra.stack.local_models import packages_folder
from infra.stack.pinned_packages import STAMP
from infra.stack.triton import MODELS
from schemas.conversation import ChatMessage
from tests.gguf_files import ARCHITECTURE, VOCABULARY, write_gguf

ENTRY = """\
[[model]]
id = "my/model"
engine = "triton"
gguf = "m.gguf"
context_tokens = 256
slots = 3
price = { input = 0, output = 0 }
"""


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache in which the packages are already."""
    folder = tmp_path / "cache"
    monkeypatch.setenv("VERBATIM_CACHE", str(folder))
    packages_folder(folder).mkdir(parents=True)
    (packages_folder(folder) / STAMP).touch()
    return folder


def spec(folder: Path, entry: str = ENTRY) -> ModelSpec:
    (folder / "models.toml").write_text(entry)
    (model,) = ModelCatalogue.load([folder / "models.toml"], shipped=False).gguf_models
    return model


def test_a_model_folder_is_made_for_it(tmp_path: Path) -> None:
    write_gguf(tmp_path / "m.gguf")
    made = model_repository(tmp_path / "repository", MODELS, [spec(tmp_path)], lambda _: None)
    assert {folder.name for folder in made.iterdir()} == {"tensorrt_llm", "tensorrt_llm_bls", "my-model"}
    config = text_format.Parse((made / "my-model" / "config.pbtxt").read_text(), model_config_pb2.ModelConfig())
    said = {name: value.string_value for name, value in config.parameters.items()}
    assert config.name == "my-model"
    assert said["gguf"] == str(tmp_path / "m.gguf")
    assert (said["context_tokens"], said["slots"]) == ("256", "3")
    assert "kv_cache_reused_blocks" in {output.name for output in config.output}
    compile((made / "my-model" / "1" / "model.py").read_text(), "model.py", "exec")


def test_a_path_with_any_character_is_written_so_that_triton_reads_it(tmp_path: Path) -> None:
    folder = tmp_path / 'a "quoted" \\ földer'
    folder.mkdir()
    write_gguf(folder / "m.gguf")
    made = model_repository(tmp_path / "repository", MODELS, [spec(folder)], lambda _: None)
    config = text_format.Parse((made / "my-model" / "config.pbtxt").read_text(), model_config_pb2.ModelConfig())
    assert config.parameters["gguf"].string_value == str(folder / "m.gguf")


def test_without_such_models_the_shipped_repository_is_served(tmp_path: Path) -> None:
    assert model_repository(tmp_path / "repository", MODELS, [], lambda _: None) == MODELS
    assert not (tmp_path / "repository").exists()


def test_tokenizer_and_template_are_its_own_once_they_were_derived(tmp_path: Path) -> None:
    write_gguf(tmp_path / "m.gguf")
    before = spec(tmp_path)
    assert (before.tokenizer, before.chat_template) == (None, None)
    model_repository(tmp_path / "repository", MODELS, [before], lambda _: None)
    after = spec(tmp_path)
    messages = (ChatMessage("user", " the <|end|>"),)
    assert render_prompt(after, messages) == "user:  the <\u2060|end|><|end|>"
    assert TokenCounter.of(after).count(" the") == 2


def test_control_tokens_are_neutralised_where_no_tokenizer_can_be_derived(tmp_path: Path) -> None:
    write_gguf(tmp_path / "m.gguf", ARCHITECTURE | VOCABULARY | {"tokenizer.ggml.model": "llama"})
    model_repository(tmp_path / "repository", MODELS, [spec(tmp_path)], lambda _: None)
    after = spec(tmp_path)
    assert after.tokenizer is None
    assert render_prompt(after, (ChatMessage("user", "<|end|>"),)) == "user: <\u2060|end|><|end|>"


def test_a_context_larger_than_the_models_is_refused_with_the_limit(tmp_path: Path) -> None:
    write_gguf(tmp_path / "m.gguf")
    with pytest.raises(
        StackError, match=r"models.toml:2: model 'my/model': context_tokens = 513 is more than .*most 512"
    ):
        check_gguf(spec(tmp_path, ENTRY.replace("256", "513")))


def test_a_file_too_large_for_the_memory_is_refused_with_both_sizes(tmp_path: Path) -> None:
    write_gguf(tmp_path / "m.gguf")
    with pytest.raises(StackError, match=r"is too large for the memory: it needs about 0.1 GiB, 0.0 GiB are free; exp"):
        check_gguf(spec(tmp_path), lambda: 1000)
    assert check_gguf(spec(tmp_path), lambda: None).context_tokens == 512


def test_a_file_that_is_none_is_one_line_with_the_entry(tmp_path: Path) -> None:
    (tmp_path / "m.gguf").write_text("a text")
    with pytest.raises(StackError, match=r"models.toml:2: model 'my/model': .*m.gguf is not a GGUF file") as raised:
        check_gguf(spec(tmp_path))
    assert "\n" not in str(raised.value)


def test_the_name_of_a_shipped_model_is_refused(tmp_path: Path) -> None:
    write_gguf(tmp_path / "m.gguf")
    taken = replace(spec(tmp_path), upstream_model="tensorrt_llm")
    with pytest.raises(StackError, match="its id is the name of a shipped model of Triton"):
        model_repository(tmp_path / "repository", MODELS, [taken], lambda _: None)


def test_packaged_files_need_not_be_there_yet(tmp_path: Path, cache: Path) -> None:
    own = spec(tmp_path, ENTRY.replace('"m.gguf"', '"packaged:some/model.gguf"'))
    assert own.gguf == packages_folder(cache) / "some" / "model.gguf"
    assert packaged([own]) == (own,)
    write_gguf(tmp_path / "m.gguf")
    assert packaged([spec(tmp_path)]) == ()


@pytest.mark.parametrize(("cores", "threads"), [(1, 1), (2, 1), (3, 1), (4, 2), (64, 4)])
def test_threads_leave_the_pipeline_its_cores(cores: int, threads: int) -> None:
    assert usual_threads(cores) == threads
