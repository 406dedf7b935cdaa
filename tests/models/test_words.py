"""How texts are cut into words, for every script, and which forms of a word are one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.errors import Invalid
from app.models.searches import MAX_SEARCH, Search
from app.models.words import (
    MAX_WORD,
    fold,
    forms,
    own_start,
    split_identifier,
    split_namespace,
    split_words,
    stem,
    without_generic,
)
from tests.effort import search as effort


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Web-Search, v2.0!", ["web", "search", "v2", "0"]),
        ("snake_case/path.name", ["snake", "case", "path", "name"]),
        ("Straße ÄÖÜ", ["strasse", "äöü"]),
        ("Cafe\u0301", ["café"]),
        ("मौसम सेवा", ["मौसम", "सेवा"]),
        ("网络搜索, 検索", ["网络搜索", "検索"]),
        ("the it's", ["the", "it", "s"]),
        ("🚀 % _", []),
        ("x" * 100, ["x" * MAX_WORD]),
    ],
)
def test_words_of_a_text(text: str, words: list[str]) -> None:
    assert split_words(text) == words


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("get_issue", ["get", "issue"]),
        ("getIssueById", ["getissuebyid", "get", "issue", "by", "id"]),
        ("HTTPServer2", ["httpserver2", "http", "server2"]),
        ("lower", ["lower"]),
    ],
)
def test_words_of_an_identifier(name: str, words: list[str]) -> None:
    assert split_identifier(name) == words


@pytest.mark.parametrize(
    ("namespace", "own"),
    [
        ("io.github.acme", "acme"),
        ("com.microsoft", "microsoft"),
        ("com.github", "github"),
        ("ai.exa.labs", "exa.labs"),
        ("postgres.example", "postgres.example"),
        ("io.github", "github"),
        ("io", "io"),
        ("org.github-tools.x", "github-tools.x"),
    ],
)
def test_own_part_of_a_namespace(namespace: str, own: str) -> None:
    assert namespace[own_start(namespace) :] == own
    assert split_namespace(namespace) == split_words(own)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("databases", "database"),
        ("database", "databases"),
        ("queries", "query"),
        ("query", "queries"),
        ("classes", "class"),
        ("mapping", "map"),
        ("scraping", "scrape"),
        ("searches", "search"),
        ("monitored", "monitor"),
        ("emails", "email"),
        ("boxes", "box"),
    ],
)
def test_a_word_finds_its_forms(one: str, other: str) -> None:
    assert other.startswith(stem(one)), "the one finds the other"


@pytest.mark.parametrize(
    "word", ["string", "spring", "redis", "status", "class", "aws", "need", "ing", "über", "s3", "es"]
)
def test_words_that_only_look_like_forms_stay(word: str) -> None:
    assert stem(word) == word


@effort(300)
@given(st.text(max_size=20))
def test_a_stem_is_never_empty_and_forms_begin_with_the_word(text: str) -> None:
    for word in split_words(text):
        assert stem(word)
        assert forms(word)[0] == word
        assert split_words(word) == [word], "what a search says is what is indexed"
        assert not set(word) & set("'\\%_ ")


@effort(300)
@given(st.text(max_size=20))
def test_folding_is_done_after_once(text: str) -> None:
    assert fold(fold(text)) == fold(text)


def test_generic_words_count_where_there_are_no_others() -> None:
    assert without_generic(["github", "mcp", "server"]) == ["github"]
    assert without_generic(["mcp", "server"]) == ["mcp", "server"]


@pytest.mark.parametrize(
    ("typed", "words", "needed"),
    [
        ("GitHub MCP server", ("github", "mcp", "server"), ("github",)),
        ("find the best of it", ("find", "best"), ("best",)),
        ("mcp", ("mcp",), ("mcp",)),
        ("the", ("the",), ("the",)),
        ("send", ("send",), ("send",)),
        ("send mcp", ("send", "mcp"), ("send",)),
        ("x x X", ("x",), ("x",)),
        ("%", (), ()),
    ],
)
def test_words_of_a_search(typed: str, words: tuple[str, ...], needed: tuple[str, ...]) -> None:
    search = Search.of(typed)
    assert search is not None
    assert (search.words, search.needed) == (words, needed)


def test_blank_and_long_searches() -> None:
    assert Search.of(" \t\u3000") is None
    assert Search.of("x" * MAX_SEARCH) is not None
    with pytest.raises(Invalid, match="search holds 257 characters; 256 at most"):
        Search.of("x" * (MAX_SEARCH + 1))


@effort(200)
@given(st.text("abc é%-/", min_size=1, max_size=12), st.booleans())
def test_a_correction_leads_to_the_search_it_tells(text: str, any_word: bool) -> None:
    found = Search.of(text)
    if found is None:
        return
    search = Search(found.text, any_word=any_word and len(found.words) > 1)
    told = Search.instead(search.told)
    assert (told.words, told.any_word) == (search.words, search.any_word)
    assert hash(told) == hash(Search.instead(search.told))
