"""models.toml: what is right becomes exact frozen objects, what is wrong names its file and line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from infra.models.catalogue import ModelCatalogue, ModelNotFound, ModelsFileError, WrongKindOfModel
from infra.models.models_file import read_models_file
from infra.models.toml_lines import key_lines, line_of
from infra.settings import load
from infra.settings.errors import SettingsError
from schemas.conversation import Sampling
from schemas.price import Usage

GOOD = """\
[[model]]
id = "one"
engine = "openai"
address = "http://127.0.0.1:1/v1"
context_tokens = 1000
price = { input = "0.15", output = 0.6 }
"""


def write(folder: Path, text: str, name: str = "models.toml") -> Path:
    file = folder / name
    file.write_text(text)
    return file


def mistake(folder: Path, text: str) -> str:
    """What is said about a file: its message without the file's name."""
    file = write(folder, text)
    with pytest.raises(ModelsFileError) as raised:
        ModelCatalogue.load([file], shipped=False)
    said = str(raised.value)
    assert said.startswith(f"{file}:")
    assert "\n" not in said
    return said.removeprefix(f"{file}:")


def test_the_shipped_file_has_both_dialects() -> None:
    catalogue = ModelCatalogue.load()
    assert [spec.id for spec in catalogue] == ["verbatim-local", "verbatim-local-llmapi", "verbatim-scripted"]
    assert catalogue.default_model.id == "verbatim-local"
    assert catalogue.get("verbatim-local").dialect == "trtllm_engine"
    assert catalogue.get("verbatim-local-llmapi").text_mode == "cumulative"
    assert catalogue.pools == ("default",)


def test_files_add_up_in_order_and_the_last_default_counts(tmp_path: Path) -> None:
    catalogue = ModelCatalogue.load([write(tmp_path, 'default_model = "one"\n' + GOOD)])
    assert [spec.id for spec in catalogue][-1] == "one"
    assert catalogue.default_model.id == "one"
    assert "one" in catalogue
    assert len(catalogue) == 4


def test_of_the_shipped_models_those_that_are_offered_are_listed_and_the_first_is_the_default() -> None:
    catalogue = ModelCatalogue.load(offered=["smollm2-135m-instruct", "verbatim-scripted"])
    assert catalogue.default_model.id == "smollm2-135m-instruct"
    assert [spec.id for spec in catalogue if spec.listed] == ["smollm2-135m-instruct", "verbatim-scripted"]
    # the older names answer whoever asks for them
    assert [spec.id for spec in catalogue if spec.deprecated] == ["verbatim-local", "verbatim-local-llmapi"]
    assert [spec.id for spec in catalogue.gguf_models] == ["smollm2-135m-instruct"]
    # serving a file takes memory: who does not want it does not have it
    assert "smollm2-135m-instruct" not in ModelCatalogue.load(offered=["verbatim-scripted"])


def test_the_older_names_are_the_scripted_model_at_its_price() -> None:
    catalogue = ModelCatalogue.load()
    scripted = catalogue.get("verbatim-scripted")
    for name in ("verbatim-local", "verbatim-local-llmapi"):
        assert catalogue.get(name).price == scripted.price
        assert catalogue.get(name).tokenizer == scripted.tokenizer
    assert catalogue.get("verbatim-local").upstream_model == scripted.upstream_model


def test_the_settings_choose_the_models_and_the_default(tmp_path: Path) -> None:
    file = write(tmp_path, 'default_model = "one"\n' + GOOD)
    offered = load(shipped_models=["verbatim-scripted"], models=[file])
    assert ModelCatalogue.of(offered).default_model.id == "one"
    assert ModelCatalogue.of(load(shipped_models=["verbatim-scripted"])).default_model.id == "verbatim-scripted"
    chosen = load(shipped_models=["verbatim-scripted"], models=[file], default_model="verbatim-scripted")
    assert ModelCatalogue.of(chosen).default_model.id == "verbatim-scripted"
    assert ModelCatalogue.of(load(shipped_models=[], models=[file])).default_model.id == "one"


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"default_model": "none"}, "default_model: 'none' is not the id of a model"),
        ({"titles": "none"}, "titles: 'none' is not the id of a model that answers prompts"),
        (
            {"titles": "verbatim-embedding"},
            "titles: 'verbatim-embedding' is not the id of a model that answers prompts",
        ),
        ({"shipped_models": ["one"]}, "shipped_models: 'one' is not the id of a model that comes with Verbatim"),
    ],
)
def test_a_setting_that_names_no_model_is_said_so(tmp_path: Path, settings: dict[str, Any], said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        ModelCatalogue.of(load(models=[write(tmp_path, GOOD)], **settings))


def test_unknown_model() -> None:
    with pytest.raises(ModelNotFound, match="'nonesuch' does not exist"):
        ModelCatalogue.load().get("nonesuch")


@pytest.mark.parametrize(
    ("written", "micros"),
    [("0.15", 150_000), ('"0.15"', 150_000), ("3", 3_000_000), ("0.1000000", 100_000), ("0.000001", 1), ("0", 0)],
)
def test_prices_are_exact(tmp_path: Path, written: str, micros: int) -> None:
    text = GOOD.replace('"0.15"', written)
    price = ModelCatalogue.load([write(tmp_path, text)], shipped=False).get("one").price
    assert price.input_micros_per_million == micros
    assert price.cached_input_micros_per_million == micros
    assert price.cost_micros(Usage(1_000_000, 0)) == micros


def test_paths_are_relative_to_the_file(tmp_path: Path) -> None:
    (tmp_path / "t").mkdir()
    (tmp_path / "t" / "tokenizer.json").write_text("{}")
    spec = ModelCatalogue.load([write(tmp_path, GOOD + 'tokenizer = "t/tokenizer.json"\n')], shipped=False).get("one")
    assert spec.tokenizer == tmp_path / "t" / "tokenizer.json"


def test_defaults_fill_what_a_request_leaves_out(tmp_path: Path) -> None:
    text = GOOD + "max_output_tokens = 50\ndefaults = { temperature = 0.5, stop = ['x'], max_tokens = 20 }\n"
    spec = ModelCatalogue.load([write(tmp_path, text)], shipped=False).get("one")
    assert spec.sampling(Sampling()) == Sampling(max_tokens=20, temperature=0.5, stop=("x",))
    assert spec.sampling(Sampling(max_tokens=900, temperature=0.0)).max_tokens == 50
    assert spec.sampling(Sampling(temperature=0.0)).temperature == 0.0


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            ("context_tokens = 1000", "contxt_tokens = 1000"),
            "5: model 'one': unknown key 'contxt_tokens', did you mean",
        ),
        (("context_tokens = 1000", 'context_tokens = "many"'), "5: model 'one': context_tokens = 'many' is wrong"),
        (
            ("context_tokens = 1000", "context_tokens = 0"),
            "5: model 'one': context_tokens = 0 is wrong, expected: great",
        ),
        (("context_tokens = 1000\n", ""), "1: model 'one': the key 'context_tokens' is missing"),
        (('engine = "openai"', 'engine = "vllm"'), "3: model 'one': engine = 'vllm' is wrong, expected: 'triton', 'op"),
        (('address = "http://127.0.0.1:1/v1"\n', ""), "1: model 'one': address is needed, expected the base URL"),
        (('"0.15"', '"-1"'), "6: model 'one': input: -1 is out of range, expected a price"),
        (('"0.15"', "true"), "6: model 'one': input: True is not a price"),
        (('"0.15"', '"cheap"'), "6: model 'one': input: 'cheap' is not a price"),
        (('"0.15"', "0.00000015"), "6: model 'one': input: 1.5E-7 has too many decimals"),
        (('"0.15"', "nan"), "6: model 'one': input: NaN is out of range"),
        (("output = 0.6", "outputs = 0.6"), "6: model 'one': unknown key 'outputs', did you mean 'output'?"),
        (('engine = "openai"', 'engine = "triton"\ndialect = "trt"'), "4: model 'one': dialect = 'trt' is wrong"),
        (
            ('"http://127.0.0.1:1/v1"', '"http://127.0.0.1:1/v1"\ntokenizer = "no.json"'),
            "5: tokenizer 'no.json' is not a",
        ),
        (
            ('engine = "openai"', 'engine = "openai"\ngguf = "m.gguf"'),
            "1: model 'one': gguf is for engine triton alone",
        ),
        (('engine = "openai"', 'engine = "openai"\nthreads = 2'), "1: model 'one': slots and threads are of a gguf"),
        (
            ('engine = "openai"\naddress = "http://127.0.0.1:1/v1"', 'engine = "triton"\ngguf = "none.gguf"'),
            "4: model 'one': gguf 'none.gguf' is not a file, expected a path relative to",
        ),
        (
            ('engine = "openai"\naddress = "http://127.0.0.1:1/v1"', 'engine = "triton"\ngguf = "m"\naddress = "h:1"'),
            "1: model 'one': a gguf is served by the local Triton, expected neither address nor upstream_model",
        ),
        (('id = "one"', 'id = "one two"'), "2: model 'one two': id = 'one two' is wrong"),
        (('id = "one"', "id = "), "2: Invalid value, valid TOML is expected"),
        (("[[model]]", "[model]"), "1: model = {"),
        (("[[model]]", 'default_model = "two"\n[[model]]'), "1: default_model 'two' is not the id of a model"),
    ],
)
def test_a_wrong_entry_names_its_line(tmp_path: Path, change: tuple[str, str], said: str) -> None:
    assert change[0] in GOOD
    assert mistake(tmp_path, GOOD.replace(*change)).startswith(said)


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("http://user:secret@host/v1", "address holds a user or a password and api_key_env is set"),
        ("http://user@host/v1", "address holds a user or a password and api_key_env is set"),
        ("http://host/v1?key=secret", "address has a query string or a fragment"),
        ("http://host/v1#secret", "address has a query string or a fragment"),
        ("http://host/v1?", "address has a query string or a fragment"),
        ("http:///secret", "address has no valid host"),
        ("http://:80/secret", "address has no valid host"),
        ("http://user@/secret", "address has no valid host"),
        ("http://a..secret/v1", "address has no valid host"),
        ("http://{secret}/v1", "address has no valid host"),
        ("http://[secret/v1", "address has an invalid host or port"),
        ("http://host:secret/v1", "address has an invalid host or port"),
        ("http://host:70000/v1", "address has an invalid host or port"),
        ("http://host:0/secret", "address has an invalid port"),
        ("http://host:/secret", "address has an invalid port"),
        ("http://host /secret", "address holds a space"),
        ("http://host/secret ", "address holds a space"),
        ("http://host\\\\secret", "address holds a space, a backslash"),
        ("ftp://host/secret", "address is needed"),
        ("host:8000/secret", "address is needed"),
        ("", "address is needed"),
    ],
)
def test_an_address_that_can_never_work_is_refused_at_its_line(tmp_path: Path, address: str, said: str) -> None:
    text = GOOD.replace("http://127.0.0.1:1/v1", address).replace("price", 'api_key_env = "KEY"\nprice')
    found = mistake(tmp_path, text)
    assert found.startswith(f"4: model 'one': {said}")
    assert "expected" in found
    assert "secret" not in found


@pytest.mark.parametrize(
    "address",
    [
        *("https://api.example.com", "http://a_b.internal:8000/v1/", "http://[::1]:8000/v1", "http://user:pw@host/v1"),
        *("http://münchen.example/v1", "http://192.0.2.1:1/v1", "http://host/a%20b/v1"),
    ],
)
def test_addresses_that_can_work(tmp_path: Path, address: str) -> None:
    file = read_models_file(write(tmp_path, GOOD.replace("http://127.0.0.1:1/v1", address)))
    assert file.models[0].address == address


@pytest.mark.parametrize(
    "address", ["host", "host:", "host:0", "host:65536", "http://host:1", "u:p@host:1", "a b:1", ""]
)
def test_triton_s_address_is_a_host_and_a_port(tmp_path: Path, address: str) -> None:
    text = GOOD.replace("openai", "triton")
    found = mistake(tmp_path, text.replace("http://127.0.0.1:1/v1", address))
    assert found.startswith("4: model 'one': address is wrong, expected host:port")
    for good in ("host:1", "[::1]:8001"):
        assert read_models_file(write(tmp_path, text.replace("http://127.0.0.1:1/v1", good))).models[0].address == good


def test_the_first_mistake_of_the_right_model_is_told(tmp_path: Path) -> None:
    second = GOOD.replace('"one"', '"two"').replace("1000", "-5").replace("engine", "# a remark\nengine")
    assert mistake(tmp_path, GOOD + second).startswith("12: model 'two': context_tokens = -5 is wrong")


def test_duplicates_are_errors_in_a_file_and_across_files(tmp_path: Path) -> None:
    assert mistake(tmp_path, GOOD + GOOD).startswith("8: the model id 'one' is already declared at")
    first, second = write(tmp_path, GOOD, "a.toml"), write(tmp_path, GOOD, "b.toml")
    with pytest.raises(ModelsFileError, match=rf"b\.toml:2: the model id 'one' is already declared at {first}:2"):
        ModelCatalogue.load([first, second])


def test_no_model_no_file_no_text(tmp_path: Path) -> None:
    assert "at least one [[model]]" in mistake(tmp_path, "# nothing\n")
    with pytest.raises(ModelsFileError, match="No such file"):
        ModelCatalogue.load([tmp_path / "none.toml"])
    binary = tmp_path / "b.toml"
    binary.write_bytes(b"\xff\xfe")
    with pytest.raises(ModelsFileError, match=r"b\.toml:1: is not UTF-8"):
        ModelCatalogue.load([binary])


def test_lines_are_found_behind_long_values_and_in_sub_tables() -> None:
    text = '''\
title = """
[[model]]
id = 3
""" # not a table
list = [
  "a", # ]
  "[[model]]",
]
[[model]]
id = "a"
[model.price]
input = 1
[[model]]
id = 'b'
price.input = 2
"quoted key" = { x = "]" }
after = 1
'''
    lines = key_lines(text)
    assert lines[("list",)] == 5
    assert lines[("model", 0)] == 9
    assert lines[("model", 0, "price", "input")] == 12
    assert lines[("model", 1, "id")] == 14
    assert lines[("model", 1, "price", "input")] == 15
    assert lines[("model", 1, "quoted key")] == 16
    assert lines[("model", 1, "after")] == 17
    assert line_of(lines, ("model", 1, "nothing")) == 13
    assert line_of(lines, ("nothing",)) == 1


EMBEDDING = """\
[[embedding]]
id = "vectors"
engine = "openai"
address = "http://127.0.0.1:1/v1"
dimensions = 1536
max_input_tokens = 8192
price = { input = "0.02" }
"""


def test_the_shipped_embedding_model_needs_nothing() -> None:
    (spec,) = ModelCatalogue.load().embeddings
    assert (spec.id, spec.engine, spec.dimensions, spec.shortens) == ("verbatim-embedding", "static", 256, True)
    assert spec.price.cost_micros(Usage(1_000_000, 0)) == 10_000


def test_embedding_models_are_apart_from_those_that_answer(tmp_path: Path) -> None:
    catalogue = ModelCatalogue.load([write(tmp_path, GOOD + EMBEDDING)], shipped=False)
    spec = catalogue.embedding("vectors")
    assert (spec.upstream_model, spec.dimensions, spec.max_input_tokens, spec.shortens) == (
        "vectors",
        1536,
        8192,
        False,
    )
    assert (spec.price.input_micros_per_million, spec.price.output_micros_per_million) == (20_000, 0)
    assert spec.declared_at == f"{tmp_path / 'models.toml'}:8"
    assert [model.id for model in catalogue] == ["one"]
    assert "vectors" not in catalogue
    with pytest.raises(WrongKindOfModel) as asked:
        catalogue.get("vectors")
    assert asked.value.embeds
    with pytest.raises(WrongKindOfModel) as asked:
        catalogue.embedding("one")
    assert not asked.value.embeds
    with pytest.raises(ModelNotFound):
        catalogue.embedding("nonesuch")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            EMBEDDING.replace("dimensions", "dimension"),
            "11: embedding 'vectors': unknown key 'dimension', did you mean",
        ),
        (EMBEDDING.replace("1536", "0"), "11: embedding 'vectors': dimensions = 0 is wrong"),
        (EMBEDDING.replace('address = "http://127.0.0.1:1/v1"\n', ""), "7: embedding 'vectors': address is needed"),
        (EMBEDDING.replace("max_input_tokens = 8192\n", ""), "7: embedding 'vectors': the key 'max_input_tokens' is"),
        (EMBEDDING.replace('"openai"', '"static"'), "7: embedding 'vectors': address is for engine openai alone"),
        (
            EMBEDDING.replace('"openai"', '"gguf"').replace("address", "# address"),
            "7: embedding 'vectors': engine gguf and",
        ),
        (
            EMBEDDING + 'gguf = "m.gguf"\n',
            "7: embedding 'vectors': engine gguf and the key gguf, its file, need each other",
        ),
        (EMBEDDING.replace('"openai"', '"triton"'), "9: embedding 'vectors': engine = 'triton' is wrong"),
        (EMBEDDING.replace('"0.02"', '"0.02", output = 1'), "13: embedding 'vectors': unknown key 'output'"),
        (EMBEDDING + EMBEDDING, "15: the model id 'vectors' is already declared at"),
        (EMBEDDING.replace('"vectors"', '"one"'), "8: the model id 'one' is already declared at"),
        ('default_model = "vectors"\n' + EMBEDDING, "default_model 'vectors' is not the id of a model"),
    ],
)
def test_mistakes_in_an_embedding_model(tmp_path: Path, text: str, said: str) -> None:
    whole = text + GOOD if text.startswith("default") else GOOD + text
    assert said in mistake(tmp_path, whole)


def test_an_id_may_not_be_used_in_two_files(tmp_path: Path) -> None:
    one = write(tmp_path, GOOD, "one.toml")
    two = write(tmp_path, EMBEDDING.replace('"vectors"', '"one"'), "two.toml")
    with pytest.raises(ModelsFileError, match="'one' is already declared at"):
        ModelCatalogue.load([one, two], shipped=False)


def test_titles_are_made_by_the_language_model_that_computes_here_or_by_whom_the_setting_names(tmp_path: Path) -> None:
    file = write(tmp_path, GOOD)

    def by(**named: Any) -> str | None:
        made = ModelCatalogue.of(load(models=[file], **named)).titles
        return None if made is None else made.id

    assert by(shipped_models=["smollm2-135m-instruct"]) == "smollm2-135m-instruct"
    assert by(shipped_models=["smollm2-135m-instruct"], default_model="one") == "smollm2-135m-instruct"
    assert by(shipped_models=["smollm2-135m-instruct"], titles="off") is None
    # Never another unasked: it may be a paid one.
    assert by(shipped_models=["verbatim-scripted"]) is None
    assert by(shipped_models=[]) is None
    assert by(shipped_models=[], titles="one") == "one"
    assert by(shipped_models=["verbatim-scripted"], titles="verbatim-local") == "verbatim-local"
