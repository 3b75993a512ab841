"""Every word that the page says is a message, in each of its languages."""

from __future__ import annotations

import re

import pytest

from api.page.files import FOLDER
from scripts.preload_web import imported
from tests.unit.api.page_texts import Message, ids_named, literal_texts, messages_of, prefixes_named

WORDS = FOLDER / "words"
MODULES = {
    path.relative_to(FOLDER / "js").as_posix(): path.read_text() for path in sorted((FOLDER / "js").rglob("*.js"))
}
LANGUAGES = sorted(folder.name for folder in WORDS.iterdir())
FILES = ("page.js", "more.js")
# Which forms a language has (CLDR), for whole numbers and the others that the page counts.
PLURALS = {
    "en": {"one", "other"},
    "de": {"one", "other"},
    "es": {"one", "many", "other"},
    "fr": {"one", "many", "other"},
    "zh": {"other"},
    "ar": {"zero", "one", "two", "few", "many", "other"},
}


def words(language: str, name: str) -> dict[str, Message]:
    return messages_of((WORDS / language / name).read_text())


def all_words(language: str) -> dict[str, Message]:
    return words(language, "page.js") | words(language, "more.js")


AREAS = {name.partition(".")[0] for name in all_words("en") if "." in name}
FIRST = {
    path.relative_to(FOLDER / "js").as_posix()
    for path in imported(FOLDER / "js" / "main.js")
    if path.is_relative_to(FOLDER / "js")
}


def test_no_message_is_in_two_files() -> None:
    for language in LANGUAGES:
        assert set(words(language, "page.js")) & set(words(language, "more.js")) == set()


def test_every_message_that_is_asked_for_is_there() -> None:
    known = set(all_words("en"))
    assert {
        name: sorted(ids_named(source, AREAS) - known)
        for name, source in MODULES.items()
        if ids_named(source, AREAS) - known
    } == {}
    beginnings = {
        prefix for source in MODULES.values() for prefix in prefixes_named(source) if prefix.partition(".")[0] in AREAS
    }
    assert [prefix for prefix in beginnings if not any(name.startswith(prefix) for name in known)] == []


def test_what_the_first_load_says_is_in_its_own_file() -> None:
    """Another module's words come later; until then their ids would be shown."""
    later = set(words("en", "more.js"))
    assert {
        name: sorted(ids_named(MODULES[name], AREAS) & later)
        for name in sorted(FIRST)
        if ids_named(MODULES[name], AREAS) & later
    } == {}


def test_every_message_is_asked_for() -> None:
    named = {name for source in MODULES.values() for name in ids_named(source, AREAS)}
    beginnings = tuple(prefix for source in MODULES.values() for prefix in prefixes_named(source))
    assert [name for name in all_words("en") if name not in named and not name.startswith(beginnings)] == []


def test_the_languages_that_can_be_chosen_are_those_that_are_there() -> None:
    offered = re.search(r"LANGUAGES = \{(.*?)\}", MODULES["words.js"], re.S)
    assert offered is not None
    assert sorted(re.findall(r"(\w+):", offered[1])) == LANGUAGES
    assert set(LANGUAGES) <= set(PLURALS)


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_is_counted_has_each_form_of_its_language(language: str) -> None:
    wrong = {
        name: sorted(message.forms)
        for name, message in all_words(language).items()
        if message.plural and set(message.forms) != PLURALS[language]
    }
    assert wrong == {}


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("file", FILES)
def test_another_language_says_all_of_it_and_nothing_else(language: str, file: str) -> None:
    english, own = words("en", file), words(language, file)
    assert sorted(own) == sorted(english)
    different = {
        name: (sorted(message.placeholders), sorted(own[name].placeholders))
        for name, message in english.items()
        if message.placeholders - {"count"} != own[name].placeholders - {"count"} or message.plural != own[name].plural
    }
    assert different == {}


def test_no_text_for_people_stands_in_a_module() -> None:
    assert {name: literal_texts(source) for name, source in MODULES.items() if literal_texts(source)} == {}


@pytest.mark.parametrize(
    ("source", "texts"),
    [
        ("html`<p>Good morning</p>`", ["Good morning"]),
        ("html`<p>${t('a.b')} <b>${x ? html`<i>yes</i>` : ''}</b></p>`", ["yes"]),
        ('html`<input placeholder="Search" type="search" class="big one" />`', ["Search"]),
        ("html`<input placeholder=${t('a.b')} aria-label=${`x ${y}`} />`", []),
        ("html`<code>./verbatim key link</code> · <kbd>Ctrl</kbd> × 12`", []),
        ("toast('This cannot be done.'); go('/c/x')", ["This cannot be done."]),
        ("button.textContent = 'Copied';", ["Copied"]),
        ("// It says 'Not a text here.'\nconst a = 'TokenChunk'; throw new Error('x is not y');", []),
    ],
)
def test_texts_are_found_where_they_stand(source: str, texts: list[str]) -> None:
    assert literal_texts(source) == texts


def test_a_file_of_words_that_is_none_is_told() -> None:
    for source in (
        "export default {\n  'a': t('b'),\n};\n",
        "export default {\n  'a': 'x',\n  'a': 'y',\n};\n",
        "const a = 1;",
    ):
        with pytest.raises(ValueError, match=r"message|words"):
            messages_of(source)
