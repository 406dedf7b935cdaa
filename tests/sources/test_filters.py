"""The decision table of a source's filter, and every token of a name pattern."""

from __future__ import annotations

import re
from contextlib import suppress
from itertools import product
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.core.errors import Invalid
from app.core.globs import translate_glob
from app.sources.filters import compile_filter

NAME = "io.github.acme/db"


def names(include: list[str] | None = None, exclude: list[str] | None = None) -> dict[str, Any]:
    return {"names": {"include": include, "exclude": exclude}}


def tags(include: list[str] | None = None, exclude: list[str] | None = None) -> dict[str, Any]:
    return {"tags": {"include": include, "exclude": exclude}}


# One axis, by what its lists hold: nothing, something that matches, or only what does not.
EMPTY, YES, NO = "empty", "match", "no match"
DECISIONS = [
    (EMPTY, EMPTY, True),
    (YES, EMPTY, False),
    (YES, YES, False),
    (YES, NO, False),
    (NO, EMPTY, True),
    (NO, YES, True),
    (NO, NO, False),
    (EMPTY, YES, True),
    (EMPTY, NO, False),
]
NAME_LISTS = {EMPTY: [], YES: ["x/*", "io.github.acme/*"], NO: ["x/*", "acme/*"]}
TAG_LISTS = {EMPTY: [], YES: ["x", "sql"], NO: ["x", "SQL"]}


def test_every_state_of_the_two_lists_is_decided() -> None:
    assert {row[:2] for row in DECISIONS} == set(product((EMPTY, YES, NO), repeat=2))


@pytest.mark.parametrize(("exclude", "include", "kept"), DECISIONS)
def test_axis_is_decided_by_its_lists(exclude: str, include: str, kept: bool) -> None:
    by_name = compile_filter(names(NAME_LISTS[include], NAME_LISTS[exclude]))
    by_tag = compile_filter(tags(TAG_LISTS[include], TAG_LISTS[exclude]))
    assert by_name.admits(NAME, ("sql", "read")) is kept
    assert by_tag.admits(NAME, ("sql", "read")) is kept


@pytest.mark.parametrize(("by_name", "by_tag"), list(product(DECISIONS, repeat=2)))
def test_both_axes_must_keep_an_entry(by_name: tuple[str, str, bool], by_tag: tuple[str, str, bool]) -> None:
    chosen = compile_filter(
        {
            **names(NAME_LISTS[by_name[1]], NAME_LISTS[by_name[0]]),
            **tags(TAG_LISTS[by_tag[1]], TAG_LISTS[by_tag[0]]),
        }
    )
    assert chosen.admits(NAME, ("sql", "read")) is (by_name[2] and by_tag[2])


@pytest.mark.parametrize(("exclude", "include", "kept"), DECISIONS)
def test_entry_without_tags_matches_no_list_of_them(exclude: str, include: str, kept: bool) -> None:
    """So an exclude list never takes it out, and an include list always."""
    chosen = compile_filter(tags(TAG_LISTS[include], TAG_LISTS[exclude]))
    assert chosen.admits(NAME, ()) is (include == EMPTY)


@pytest.mark.parametrize(
    ("include", "exclude", "name", "kept"),
    [
        (["io.github.acme/*"], [], "io.github.acme/db", True),
        (["*postgres*"], [], "com.x/postgres-ro", True),
        (["acme/*"], [], "io.github.acme/db", False),
        (["*"], ["*"], "io.github.acme/db", False),
        (["@modelcontextprotocol/*"], [], "io.modelcontextprotocol/everything", False),
        (["io.github.acme/[!a-c]*"], [], "io.github.acme/db", True),
        (["io.github.acme/[^d]b"], [], "io.github.acme/db", True),
        (["io.github.acme/[^e]b"], [], "io.github.acme/db", False),
    ],
)
def test_cases_that_are_easily_got_wrong(include: list[str], exclude: list[str], name: str, kept: bool) -> None:
    assert compile_filter(names(include, exclude)).admits(name, ()) is kept


@pytest.mark.parametrize(
    ("exclude", "include", "kept"),
    [
        ([], [], True),
        (["*/db"], [], False),
        (["*/db"], ["*/db"], False),
        (["*/db"], ["*/other"], False),
        (["*/other"], [], True),
        (["*/other"], ["*/x", "*/db"], True),
        (["*/other"], ["*/x"], False),
        ([], ["*/x", "*/db"], True),
        ([], ["*/x"], False),
    ],
)
def test_name_lists_decide(exclude: list[str], include: list[str], kept: bool) -> None:
    assert compile_filter(names(include, exclude)).admits(NAME, ()) is kept


@pytest.mark.parametrize(
    ("exclude", "include", "kept"),
    [
        ([], [], True),
        (["sql"], [], False),
        (["sql"], ["sql"], False),
        (["sql"], ["other"], False),
        (["other"], [], True),
        (["other"], ["x", "sql"], True),
        (["other"], ["x"], False),
        ([], ["x", "sql"], True),
        ([], ["x"], False),
        (["SQL", "s*", "sq"], [], True),
    ],
)
def test_tag_lists_decide(exclude: list[str], include: list[str], kept: bool) -> None:
    assert compile_filter(tags(include, exclude)).admits(NAME, ("sql", "read")) is kept


@pytest.mark.parametrize("nothing", [None, {}, {"names": None, "tags": {}}, {"names": {"include": []}}])
def test_no_lists_admit_everything(nothing: dict[str, Any] | None) -> None:
    assert compile_filter(nothing).admits(NAME, ["x"])


@pytest.mark.parametrize(
    ("pattern", "matching", "others"),
    [
        ("", [""], ["a"]),
        ("a.c", ["a.c"], ["abc", "A.C", "a.cd", "xa.c"]),
        ("*", ["", "a", "a/b", "a\nb"], []),
        ("**", ["", "a/b"], []),
        ("a**d", ["ad", "a/b/c/d"], ["a/b/c"]),
        ("**/db", [NAME, "/db", "a/b/db"], ["db"]),
        ("*/*", [NAME, "a/b/c"], ["ab"]),
        ("a?b", ["a/b", "a\nb"], ["ab"]),
        ("[!a]", ["/", "\n"], ["a"]),
        ("{io,com}.*/{db,*-ro}", ["io.x/db", "com.x/pg-ro"], ["net.x/db", "io.x/pg"]),
        ("\\x\\/\\!", ["x/!"], ["\\x/!"]),
        ("io.github.acme/*", [NAME, "io.github.acme/"], ["io.github.acme", "xio.github.acme/db"]),
        ("*postgres*", ["com.x/postgres-ro", "postgres"], ["com.x/postgre"]),
        ("acme/*", ["acme/db"], [NAME]),
        ("a*b*c", ["abc", "a/b/c", "abcbc", "a--b--bc"], ["ac", "abcd"]),
        ("*a*", ["a", "bab"], ["b"]),
        ("a?c", ["abc", "a/c", "aéc"], ["ac", "abbc"]),
        ("[abc]", ["a", "c"], ["d", "ab", ""]),
        ("[a-c]x", ["ax", "cx"], ["dx"]),
        ("[a-c0-9_]", ["b", "7", "_"], ["d", "-"]),
        ("[!abc]", ["d", "/"], ["a", ""]),
        ("[!a-z]", ["A", "1"], ["q"]),
        ("[^a]", ["^", "a"], ["b"]),
        ("[a-]", ["a", "-"], ["b"]),
        ("[-a]", ["a", "-"], ["b"]),
        ("[\\]&]", ["]", "&"], ["\\"]),
        ("[.*?]", [".", "*", "?"], ["a"]),
        ("{ab,cd}x", ["abx", "cdx"], ["x", "ab,cdx"]),
        ("{a*,?b}c", ["ac", "axxc", "xbc"], ["bc"]),
        ("{a,b{c,d}}", ["a", "bc", "bd"], ["b", "c"]),
        ("a{,b}", ["a", "ab"], ["a,b"]),
        ("a,b}]", ["a,b}]"], ["a"]),
        ("\\*\\?\\[\\{\\\\", ["*?[{\\"], ["a"]),
        ("\\a", ["a"], ["\\a"]),
    ],
)
def test_pattern_tokens_mean_what_they_should(pattern: str, matching: list[str], others: list[str]) -> None:
    chosen = compile_filter(names([pattern]))
    assert [name for name in matching if not chosen.admits(name, ())] == []
    assert [name for name in others if chosen.admits(name, ())] == []


def test_braces_in_one_pattern_do_not_reach_into_the_next() -> None:
    chosen = compile_filter(names(["a{b,c}", "x"]))
    assert [name for name in ("ab", "ac", "x", "ax", "abx") if chosen.admits(name, ())] == ["ab", "ac", "x"]


@pytest.mark.parametrize(
    ("pattern", "reason"),
    [
        ("a[bc", "a [ is not closed"),
        ("a[", "a [ is not closed"),
        ("a[!", "a [ is not closed"),
        ("a[b\\", "a [ is not closed"),
        ("[]", "a class [] needs at least one character"),
        ("[!]", "a class [] needs at least one character"),
        ("[z-a]", "the range z-a runs backwards"),
        ("a\\", "it ends with a backslash"),
        ("{a,b", "a { is not closed"),
        ("{" * 30 + "}" * 30, "its braces are nested more than 20 deep"),
        ("{a,b}" * 10, "its braces stand for more than 1000 patterns"),
    ],
)
@pytest.mark.parametrize("side", ["include", "exclude"])
def test_bad_pattern_is_refused_by_place_and_name(pattern: str, reason: str, side: str) -> None:
    with pytest.raises(Invalid) as caught:
        compile_filter({"names": {side: ["*", pattern]}})
    assert str(caught.value).startswith(f"filter.names.{side}[1]: {pattern!r} is not a valid pattern: {reason}")


def test_pattern_of_many_stars_takes_no_endless_time() -> None:
    assert not compile_filter(names(["*a" * 40 + "b"])).admits("a" * 200, ())


@settings(deadline=None)
@given(pattern=st.text(alphabet="ab/*?", max_size=8), name=st.text(alphabet="ab/", max_size=8))
def test_stars_and_question_marks_match_like_their_plain_translation(pattern: str, name: str) -> None:
    plain = pattern.replace("?", ".").replace("*", ".*")
    assert bool(re.fullmatch(translate_glob(pattern), name)) == bool(re.fullmatch(plain, name))


@settings(deadline=None)
@given(pattern=st.text(alphabet="a-!^[]{},\\*?é\n"))
def test_any_pattern_is_compiled_or_refused(pattern: str) -> None:
    with suppress(Invalid):
        compile_filter(names([pattern])).admits(NAME, ())
